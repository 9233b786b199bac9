import { cp, readFile } from 'node:fs/promises';
import { tableFromIPC as flechette } from '@uwdata/flechette';
import { expect } from 'chai';
import { columnOf } from '../../src/core/batch.ts';
import { readArrow as loadBatch } from '../../src/log/arrow-file.ts';
import { cohortAt, joinedBatch } from '../../src/log/join.ts';
import { listCohorts } from '../../src/log/list.ts';
import { openRun } from '../../src/log/run-directory.ts';
import { verifyRun } from '../../src/log/verify.ts';
import { errorOf } from '../support/stage.ts';
import { all } from './events.ts';
import { scratch } from './scratch.ts';

const recording = 'fixtures/recordings/smoke-v1';

describe('a recording of format 1', () => {
  const scratchCopy = scratch();

  it('verifies', async () => {
    const { events, rows, findings, remnants } = await verifyRun(recording);
    expect(findings).to.deep.equal([]);
    expect(remnants).to.deep.equal([]);
    expect([events, rows]).to.deep.equal([30, 316]);
  });

  it('is read: every event, and the columns of every stage joined', async () => {
    const log = await openRun(recording, { write: false });
    expect(log.header.format).to.equal(1);
    expect((await all(log)).at(-1)!.key).to.include({ step: 3, stage: 'value', scope: 'eval:heldOut' });
    const cohort = await cohortAt(log, 1);
    const batch = await joinedBatch(log, cohort!);
    expect(batch.numRows).to.equal(16);
    expect(columnOf(batch, 'prompt').slice(3, 5)).to.deep.equal(['39+14+4=?\n', '43-?=31\n']);
    expect(columnOf(batch, 'response')[0]).to.equal('39+14=53 53+4=57 #57');
    expect([...columnOf(batch, 'correct')]).to.deep.equal([1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0]);
    await log.close();
  });

  it('is listed by cohort, without its columns being read', async () => {
    const log = await openRun(recording, { write: false });
    const lines: string[] = [];
    for await (const { scope, step, events, rows } of listCohorts(log))
      lines.push(`${scope} ${step}: ${events} events, ${rows} rows`);
    expect(lines).to.have.members([
      ...[0, 3].map((step) => `eval:heldOut ${step}: 4 events, 8 rows`),
      ...[0, 1, 2].map((step) => `train ${step}: 7 events, 16 rows`),
    ]);
    await log.close();
  });

  it('has streams that another implementation of Arrow reads', async () => {
    const table = flechette(await readFile(`${recording}/events/rollout.0001.arrows`));
    expect(table.numRows).to.equal(48);
    expect(table.getChild('response')!.at(16)).to.equal('39+14=53 53+4=57 #57');
    expect(Array.from(table.getChild('response_tokens')!.at(18) as Int32Array)).to.have.length(4);
  });

  it('goes on when it is opened for writing', async () => {
    const copy = scratchCopy('goes-on');
    await cp(recording, copy, { recursive: true });
    const log = await openRun(copy, { write: true });
    expect(log.count).to.equal(30);
    await log.append({
      key: { step: 3, round: 0, part: 0, stage: 'optimize', scope: 'train' },
      kind: 'update',
      use: 'optimize/policy-gradient',
      params: {},
      parents: [],
      data: { version: 4 },
    });
    await log.close();
    expect((await verifyRun(copy)).findings).to.deep.equal([]);
  });
});

describe('log/arrow-file', () => {
  it('loads what log cat saved', async () => {
    const batch = await loadBatch('fixtures/recordings/rewarded.arrow');
    expect(batch.numRows).to.equal(16);
    expect(columnOf(batch, 'row_id')[5]).to.equal('1.0.1.1');
  });

  it('refuses a file that is not there or no Arrow stream', async () => {
    await errorOf(() => loadBatch('fixtures/recordings/none.arrow'), 'data/missing-file');
    await errorOf(() => loadBatch('fixtures/recordings/README.md'), 'data/syntax');
  });
});
