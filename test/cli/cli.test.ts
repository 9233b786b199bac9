import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { openRun } from '../../src/log/run-directory.ts';
import { rlev, startRlev } from '../support/cli.ts';

describe('rlev', function () {
  this.timeout(60_000);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rlev-cli-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('alone says how to start', async () => {
    const { code, out } = await rlev([]);
    expect(code).to.equal(0);
    expect(out).to.include('rlev train pipelines/rlev.yaml');
  });

  it('refuses a command it does not know with exit code 2', async () => {
    const { code, err } = await rlev(['trian']);
    expect(code).to.equal(2);
    expect(err).to.include('train');
  });

  it('train prints plain lines where stdout is no terminal, where the run is, and exits with 0', async () => {
    const directory = join(folder, 'plain');
    const { code, out, err } = await rlev([
      'train',
      'pipelines/smoke.yaml',
      '--set',
      'policy.engine.use=onnx',
      '--run',
      directory,
    ]);
    expect(err).to.equal('');
    expect(code).to.equal(0);
    expect(out)
      .to.match(/^step 1\/2 .*reward/m)
      .and.to.include(`recorded in ${directory}`);
    expect(out).to.not.include('\x1b');
  });

  it('train --json leaves stdout to JSON', async () => {
    const { code, out, err } = await rlev([
      'train',
      'pipelines/smoke.yaml',
      '--json',
      '--run',
      join(folder, 'json'),
      '--set',
      'evaluate={e: {through: value}}',
      '--set',
      'policy.engine.use=onnx',
    ]);
    expect(code).to.equal(0);
    const result = JSON.parse(out);
    expect(result.steps).to.equal(2);
    expect(result.evaluations.map((e: { step: number }) => e.step)).to.deep.equal([0, 2]);
    expect(result.evaluations[0]).to.include.keys('n', 'accuracy', 'h_accuracy', 'by_value', 'intervals');
    expect(result.comparisons[0].difference).to.include.keys('h_accuracy');
    expect(err).to.match(/^step 1\/2/m);
  });

  it('train shows every fault of a pipeline file, writes nothing and exits with 1', async () => {
    const file = join(folder, 'bad.yaml');
    await writeFile(file, 'rlev: 1\nrun: { stepz: 3 }\nstages: {}\n');
    const directory = join(folder, 'bad');
    const { code, out, err } = await rlev(['train', file, '--run', directory]);
    expect(code).to.equal(1);
    expect(out).to.equal('');
    expect(err).to.include(`${file}:2:8: config/unknown-key`).and.to.include('Did you mean `steps`?');
    expect(err).to.not.include(' at ');
    expect(existsSync(directory)).to.equal(false);
  });

  it('ends on Ctrl-C with exit code 130, a valid run, and how to go on', async () => {
    const directory = join(folder, 'cut');
    let interrupted = false;
    const { code, out, err } = await rlev(
      [
        ...['train', 'pipelines/smoke.yaml', '--run', directory],
        ...['--set', 'run.steps=500', '--set', 'policy.engine.use=onnx'],
      ],
      (printed, interrupt) => {
        if (interrupted || !printed.includes('step   1/500')) return;
        interrupted = true;
        interrupt();
      },
    );
    expect(code).to.equal(130);
    expect(err).to.include('run/cancelled');
    expect(out).to.include(`What was recorded until now is in ${directory}`);
    const log = await openRun(directory, { write: false });
    expect(log.count).to.be.at.least(7);
    await log.close();
  });

  it('ends on SIGTERM with exit code 143, as a shell gives it', async () => {
    const child = startRlev([
      ...['train', 'pipelines/smoke.yaml'],
      ...['--set', 'run.steps=500', '--run', join(folder, 'terminated')],
    ]);
    child.stdout.once('data', () => child.kill('SIGTERM'));
    const [code] = await once(child, 'exit');
    expect(code).to.equal(143);
  });

  it('ends at once on a second Ctrl-C, by the signal', async () => {
    const child = startRlev([
      ...['train', 'pipelines/smoke.yaml'],
      ...['--set', 'run.steps=500', '--run', join(folder, 'cut-twice')],
    ]);
    child.stdout.once('data', () => {
      child.kill('SIGINT');
      setTimeout(() => child.kill('SIGINT'), 1);
    });
    const [code, signal] = await once(child, 'exit');
    // where the first was quicker, the second found nobody
    expect([130, 'SIGINT']).to.include(code ?? signal);
  });

  it('ends as on Ctrl-C, with a valid run, where nobody reads its output any more', async () => {
    const directory = join(folder, 'unread');
    const child = startRlev([
      ...['train', 'pipelines/smoke.yaml'],
      ...['--set', 'run.steps=500', '--set', 'policy.engine.use=onnx', '--run', directory],
    ]);
    let err = '';
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk;
    });
    child.stdout.once('data', () => child.stdout.destroy());
    const [code] = await once(child, 'exit');
    expect(code).to.equal(130);
    expect(err).to.match(/^run\/cancelled/);
    await (await openRun(directory, { write: false })).close();
  });

  it('eval grades a policy on a file of questions', async () => {
    const { code, out, err } = await rlev([
      'eval',
      '--policy',
      'fixtures/models/tiny-llama',
      '--data',
      'fixtures/exams/smoke.jsonl',
      '--max-tokens',
      '4',
      '--json',
    ]);
    expect(err).to.equal('');
    expect(code).to.equal(0);
    const summary = JSON.parse(out);
    expect(summary.n).to.equal(4);
    expect(summary).to.include.keys(
      'accuracy',
      'h_accuracy',
      'mean_length',
      'value_density',
      'intervals',
      'by_value',
    );
  });

  it('eval names a policy that is not there', async () => {
    const { code, err } = await rlev(['eval', '--policy', 'nowhere', '--data', 'fixtures/exams/smoke.jsonl']);
    expect(code).to.equal(1);
    expect(err).to.include('nowhere');
  });
});
