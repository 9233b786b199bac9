import { expect } from 'chai';
import { raggedFloat32 } from '../../src/core/columns.ts';
import type { EventDraft, JournalEntry } from '../../src/log/event-log.ts';
import { toLine } from '../../src/log/lines.ts';
import { planRepair, repairRun } from '../../src/log/repair.ts';
import { createRun, openRun } from '../../src/log/run-directory.ts';
import { verifyRun } from '../../src/log/verify.ts';
import { errorOf } from '../support/stage.ts';
import { damages, smallRun } from './damage.ts';
import { all, columnsDraft, origin, pipeline, rolloutColumns, updateDraft } from './events.ts';
import { FakeFiles } from './fake-files.ts';
import { nobodyRuns, survivals } from './faults.ts';

describe('log/verify', () => {
  it('counts what it found good', async () => {
    const { files, entries } = await smallRun();
    const bytes = entries.reduce((n, { segment }) => n + (segment?.length ?? 0), 0);
    expect(await verifyRun('/run', { files })).to.deep.equal({
      directory: '/run',
      events: 5,
      rows: 8,
      bytes,
      checkpoints: [{ path: 'checkpoints/000001', seq: 3 }],
      pruned: [],
      unkept: 0,
      findings: [],
      remnants: [],
    });
  });

  it('takes the empty folder of a recorded checkpoint for one that is gone, as opening does', async () => {
    const { files } = await smallRun();
    await files.remove('/run/checkpoints/000001');
    await files.mkdir('/run/checkpoints/000001');
    const { checkpoints, findings, remnants } = await verifyRun('/run', { files });
    expect({ checkpoints, findings, remnants }).to.deep.equal({
      checkpoints: [],
      findings: [],
      remnants: [],
    });
    const log = await openRun('/run', { files, write: false });
    expect(log.recovery).to.deep.equal([]);
    await log.close();
  });

  it('names every damaged event, file and checkpoint', async () => {
    const { files, entries } = await smallRun();
    const flip = (path: string, at: number): void => {
      const bytes = Uint8Array.from(files.content(path));
      bytes[at]! ^= 1;
      files.put(path, bytes);
    };
    const [first, , , second] = entries.map((e) => e.segment);
    flip('/run/events/rollout.0001.arrows', first!.offset + 100);
    flip('/run/events/rollout.0001.arrows', second!.offset + 100);
    flip('/run/checkpoints/000001/model.safetensors', 3);
    const { findings } = await verifyRun('/run', { files });
    expect(findings.map(({ seq, checkpoint, error }) => [seq, checkpoint, error.place?.file])).to.deep.equal([
      [undefined, 'checkpoints/000001', '/run/checkpoints/000001/model.safetensors'],
      [1, undefined, '/run/events/rollout.0001.arrows'],
      [4, undefined, '/run/events/rollout.0001.arrows'],
    ]);
    expect(findings[2]!.error.value).to.equal(second!.offset);
  });

  const wrong: [string, Partial<EventDraft>, RegExp][] = [
    ['rows of another step', { columns: rolloutColumns(7) }, /row_id 7\.0\.0\.0 is not of step 1/],
    ['a row twice', { columns: { row_id: ['1.0.0.0', '1.0.0.0'] } }, /two rows are 1\.0\.0\.0/],
    ['a row from nowhere', { columns: { row_id: ['1.0.9.0'] } }, /row 1\.0\.9\.0 comes from no row above/],
    ['too few rows', { columns: { reward: new Float64Array(3) } }, /3 rows follow 4/],
    ['rows left out', { columns: { row_id: ['1.0.0.1'] } }, /1 rows follow 4/],
    [
      'a selection of rows that are not there',
      { kind: 'select', columns: undefined, data: { keep: ['1.0.0.9'] } } as never,
      /row 1\.0\.0\.9 comes from no row above/,
    ],
    [
      'a column of no vocabulary',
      { columns: { points_: ['x'] }, specs: { points_: { kind: 'utf8', nullable: false, doc: '' } } },
      /column points_ is not in the vocabulary/,
    ],
  ];
  for (const [what, more, message] of wrong) {
    it(`finds ${what}`, async () => {
      const files = new FakeFiles();
      const log = await createRun('/run', origin, pipeline, { files });
      await log.append(columnsDraft(1));
      const key = { step: 1, round: 0, part: 0, stage: 'next', scope: 'train' } as const;
      await log.append(columnsDraft(1, { key, ...more }));
      await log.close();
      const { findings } = await verifyRun('/run', { files });
      expect(findings.map((f) => f.seq)).to.deep.equal([2]);
      expect(findings[0]!.error.message).to.match(message);
      expect(findings[0]!.error.place).to.deep.equal({ file: '/run/journal.ndjson', line: 3 });
    });
  }

  it('takes columns that were not kept for unknown rows between those above and those below', async () => {
    const files = new FakeFiles();
    const log = await createRun('/run', origin, pipeline, { files });
    const stage = (id: string, more: Partial<EventDraft>): Promise<unknown> =>
      log.append(
        columnsDraft(1, { key: { step: 1, round: 0, part: 0, stage: id, scope: 'train' }, ...more }),
      );
    const keep = { kind: 'select', columns: undefined } as never as Partial<EventDraft>;
    await stage('prompts', { columns: { row_id: ['1.0.0.0', '1.0.1.0'] } });
    await stage('rollout', { keep: false });
    await stage('verify', { columns: { correct: new Float32Array(4) } });
    await stage('filter', { ...keep, data: { keep: ['1.0.0.0', '1.0.0.1', '1.0.1.0'] } });
    await stage('value', { columns: { value: new Float64Array(3) }, keep: false });
    await stage('reward', { columns: { reward: new Float64Array(3) } });
    const before = await verifyRun('/run', { files });
    expect(before.findings.map((f) => f.error.summary)).to.deep.equal([]);
    expect([before.unkept, before.rows]).to.deep.equal([2, 9]);
    await stage('odd', { ...keep, data: { keep: ['1.0.2.0'] } });
    await stage('few', { columns: { advantage: raggedFloat32([[1], [2]]) } });
    await log.close();
    const { findings } = await verifyRun('/run', { files });
    expect(findings.map((f) => [f.seq, f.error.summary])).to.deep.equal([
      [7, 'Event 7 (odd, step 1 of train): row 1.0.2.0 comes from no row above.'],
      [8, 'Event 8 (few, step 1 of train): 2 rows follow 3.'],
    ]);
  });

  it('finds an event that is recorded twice, and one that stands too late to be read with its step', async () => {
    const { files, entries } = await smallRun();
    const recordAgain = (entry: JournalEntry): void => {
      const journal = Buffer.from(files.content('/run/journal.ndjson'));
      const lines = journal.toString().trim().split('\n');
      const { text } = toLine({ ...entry, seq: lines.length, prev: lines.at(-1)!.slice(-10, -2) });
      files.put('/run/journal.ndjson', Buffer.concat([journal, Buffer.from(text)]));
    };
    recordAgain(entries[1]!);
    recordAgain(entries[2]!);
    const twice = await verifyRun('/run', { files });
    expect(twice.findings.map((f) => [f.seq, f.error.summary])).to.deep.equal([
      [7, 'Event 7 (checkpoint, step 1 of train): it is recorded twice.'],
      [6, 'Event 6 (optimize, step 0 of train): it is recorded twice.'],
    ]);
    await repairRun(planRepair(twice)!, { files });
    expect((await verifyRun('/run', { files })).events).to.equal(5);

    const log = await openRun('/run', { files, write: true });
    await Promise.all(Array.from({ length: 80 }, (_, i) => log.append(updateDraft(2 + i))));
    await log.close();
    recordAgain({ ...entries[1]!, key: { ...entries[1]!.key, stage: 'another' } });
    const late = await verifyRun('/run', { files });
    expect(late.findings.map((f) => [f.seq, f.error.summary])).to.deep.equal([
      [86, 'Event 86 (another, step 0 of train): it stands among those of much later steps.'],
    ]);
  });

  it('takes what a stop left for no damage, and tells who writes', async () => {
    const { files } = await smallRun();
    await files.append('/run/journal.ndjson', new Uint8Array(9).fill(65));
    await files.append('/run/events/rollout.0001.arrows', new Uint8Array(5));
    const { findings, remnants } = await verifyRun('/run', { files });
    expect(findings).to.deep.equal([]);
    expect(remnants.map((r) => [r.why, r.bytes])).to.deep.equal([
      ['torn line', 9],
      ['data without a journal line', 5],
    ]);
    const writer = await openRun('/run', { files, write: true });
    expect((await verifyRun('/run', { files })).writer?.pid).to.equal(process.pid);
    await writer.close();
  });

  it('says that no run is there', async () => {
    await errorOf(() => verifyRun('/none', { files: new FakeFiles() }), 'run/not-found');
  });
});

describe('log/repair', () => {
  it('does nothing to a run that verifies', async () => {
    const { files } = await smallRun();
    expect(planRepair(await verifyRun('/run', { files }))).to.equal(undefined);
  });

  it('says what goes, and cuts back to the last good event and its checkpoints', async () => {
    const { files, entries } = await smallRun();
    const path = '/run/journal.ndjson';
    const bytes = Uint8Array.from(files.content(path));
    const lines = new TextDecoder().decode(bytes).split(/(?<=\n)/);
    bytes[lines.slice(0, 3).join('').length + 10]! ^= 2;
    files.put(path, bytes);
    const plan = planRepair(await verifyRun('/run', { files }))!;
    expect([plan.from, plan.events]).to.deep.equal([3, 0]);
    await repairRun(plan, { files });
    const log = await openRun('/run', { files, write: false });
    expect(await all(log)).to.deep.equal(entries.slice(0, 2));
    expect(files.paths().filter((p) => p.includes('checkpoints'))).to.deep.equal([]);
  });

  it('drops a damaged checkpoint and keeps its event', async () => {
    const { files, entries } = await smallRun();
    files.put('/run/checkpoints/000001/model.safetensors', new Uint8Array(64).fill(9));
    const plan = planRepair(await verifyRun('/run', { files }))!;
    expect(plan.checkpoints).to.deep.equal(['checkpoints/000001']);
    await repairRun(plan, { files });
    const after = await verifyRun('/run', { files });
    expect([after.findings, after.events]).to.deep.equal([[], entries.length]);
  });

  it('stopped at any operation, leaves a run that can be repaired again', async () => {
    const whole = await smallRun();
    const damaged = (): FakeFiles => {
      const files = whole.files.restarted('all');
      const path = '/run/events/rollout.0001.arrows';
      const bytes = Uint8Array.from(files.content(path));
      bytes[whole.entries[3]!.segment!.offset + 50]! ^= 1;
      files.put(path, bytes);
      files.put('/run/checkpoints/000001/model.safetensors', new Uint8Array(64).fill(9));
      return files;
    };
    const repair = async (files: FakeFiles): Promise<void> => {
      const plan = planRepair(await verifyRun('/run', { files, processes: nobodyRuns }));
      if (plan) await repairRun(plan, { files, processes: nobodyRuns });
    };
    const counted = damaged();
    await repair(counted);
    for (let at = 1; at <= counted.operations; at++) {
      const files = damaged();
      files.failAt(at, 'killed');
      await repair(files).catch(() => undefined);
      for (const survival of survivals) {
        const left = files.restarted(survival);
        await repair(left);
        const { findings, events } = await verifyRun('/run', { files: left, processes: nobodyRuns });
        expect([findings, events], `operation ${at}, ${survival}`).to.deep.equal([[], 3]);
      }
    }
  });

  it('refuses a run that a process writes', async () => {
    const { files } = await smallRun();
    await files.append('/run/journal.ndjson', new Uint8Array(1));
    const plan = planRepair(await verifyRun('/run', { files }))!;
    const writer = await openRun('/run', { files, write: true });
    await errorOf(() => repairRun(plan, { files }), 'run/locked');
    await writer.close();
  });

  it('mends flips and cuts, or says that it cannot: a sample', async () => {
    const { shorter, repaired, hopeless } = await damages((n) => n % 151 === 0);
    expect(repaired).to.be.greaterThan(50);
    expect(shorter).to.be.greaterThan(3);
    expect(hopeless).to.be.greaterThan(5);
  });
});
