import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { expect } from 'chai';
import { logCommand } from '../../src/cli/log.ts';
import { columnOf } from '../../src/core/batch.ts';
import { readArrow as loadBatch } from '../../src/log/arrow-file.ts';
import { verifyRun } from '../../src/log/verify.ts';
import { inProcess } from '../support/in-process.ts';

const recording = 'fixtures/recordings/smoke-v1';

const log = (...args: readonly string[]) => inProcess(logCommand, ['log', ...args]);

describe('rlev log', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rlev-cli-log-'));
    // as where nobody is there to ask
    Object.defineProperty(process.stdin, 'isTTY', { value: false, configurable: true });
  });
  after(() => {
    Reflect.deleteProperty(process.stdin, 'isTTY');
    return rm(folder, { recursive: true, force: true });
  });

  it('cat shows rows as a table, with columns of earlier stages where they are named', async () => {
    const { code, out } = await log(
      'cat',
      `${recording}@1/reward`,
      '--columns',
      'response,reward',
      '--rows',
      '0..1',
    );
    expect(code).to.equal(0);
    expect(out.split('\n').map((line) => line.split(/ {2,}/))).to.deep.equal([
      ['response', 'reward'],
      ['39+14=53 53+4=57 #57', '1.6'],
      ['39+14=53 53+4=55 #55', '0'],
      [''],
    ]);
  });

  it('cat saves a batch in the format that the name of the file says', async () => {
    const file = join(folder, 'verified.arrow');
    expect(await log('cat', `${recording}@3/eval:heldOut/verify`, '-o', file)).to.deep.equal({
      code: 0,
      out: '',
      err: '',
    });
    expect([...columnOf(await loadBatch(file), 'correct')]).to.have.length(8);
  });

  it('cat refuses a file whose name says no format, and leaves what is there', async () => {
    for (const name of ['x.yaml', 'x.xlsx', 'x']) {
      const file = join(folder, name);
      await writeFile(file, 'mine');
      const { code, err } = await log('cat', `${recording}@1/reward`, '-o', file);
      expect(code).to.equal(2);
      expect(err).to.include('end in .jsonl, .csv, .arrow or .parquet');
      expect(await readFile(file, 'utf8')).to.equal('mine');
    }
  });

  it('cat says where it cannot write', async () => {
    for (const output of [join(folder, 'no', 'such.csv'), folder]) {
      const { code, err } = await log('cat', `${recording}@1/reward`, '--format', 'csv', '-o', output);
      expect(code).to.equal(2);
      expect(err).to.include(`usage/arguments: ${output} cannot be written: `);
    }
    expect(await readdir(dirname(folder))).to.not.include(`${basename(folder)}.part`);
  });

  it('cat says what is there instead of a stage that is not', async () => {
    const { code, err } = await log('cat', `${recording}@1/verfy`);
    expect(code).to.equal(1);
    expect(err).to.include('run/not-found').and.to.include('prompts, rollout, verify');
  });

  it('verify and repair: a damaged run fails, is not cut unasked, and verifies once it is cut', async () => {
    const run = join(folder, 'damaged');
    await cp(recording, run, { recursive: true });
    const file = join(run, 'events/value.0001.arrows');
    const bytes = await readFile(file);
    bytes[bytes.length - 8]! ^= 1;
    await writeFile(file, bytes);

    const verified = await log('verify', run);
    expect(verified.code).to.equal(1);
    expect(verified.out).to.match(/value\.0001\.arrows: run\/corrupt: .* \(byte \d+\)/);
    expect(verified.out).to.include(`rlev log repair ${run}\n`);

    const unasked = await log('repair', run);
    expect(unasked.code).to.equal(2);
    expect(unasked.out).to.match(/event \d+ and every event after it/);
    expect(unasked.err).to.include('--yes');
    expect((await verifyRun(run)).findings).to.have.length(1);

    const repaired = await log('repair', run, '--yes');
    expect(repaired.code).to.equal(0);
    expect(repaired.out).to.match(/: verified: \d+ events/);
    expect((await verifyRun(run)).findings).to.deep.equal([]);
  });

  it('list shows a line a step, as a table or as JSON', async () => {
    const { out } = await log('list', recording);
    expect(out.split('\n')[0]).to.match(/scope +step +events +rows +bytes +prompts +rollout/);
    expect(out.trimEnd().split('\n')).to.have.length(6);
    const json = (await log('list', recording, '--json')).out.trimEnd().split('\n');
    const steps = json.map((line) => JSON.parse(line));
    expect(steps.find((s) => s.scope === 'train' && s.step === 2)).to.include({ rows: 16, events: 7 });
  });

  it('prune says where there is nothing to remove, and asks before it removes', async () => {
    const run = join(folder, 'pruned');
    await cp(recording, run, { recursive: true });
    expect((await log('prune', run, '--checkpoints', '1')).out).to.include('nothing to remove');
    expect((await log('prune', run, '--before', '3')).code).to.equal(2);
    expect((await log('prune', run, '--before', '3', '--yes')).out).to.include('events/rollout.0001.arrows');
    expect((await log('verify', run)).out).to.match(/verified: 30 events, .* files of columns pruned/);
    expect((await log('cat', `${run}@1/rollout`)).err).to.include('were pruned');
  });
});
