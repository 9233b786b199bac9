import { expect } from 'chai';
import { RlevError } from '../../src/core/errors.ts';
import type { EventLog, JournalEntry } from '../../src/log/event-log.ts';
import { createRun, openRun } from '../../src/log/run-directory.ts';
import { all, columnsDraft, origin, pipeline, rewardDraft, updateDraft } from './events.ts';
import { FakeFiles, type Fault, type Survival } from './fake-files.ts';

export const survivals: readonly Survival[] = ['all', 'synced', 'half'];

/** A small run with everything in it: several streams, rotation, appends in flight together, checkpoints. */
export async function script(files: FakeFiles, acknowledged: JournalEntry[]): Promise<void> {
  const ok = (entry: JournalEntry): number => acknowledged.push(entry);
  const log = await createRun('/runs/a', origin, pipeline, { files, rotateAt: 1500, processes: nobodyRuns });
  try {
    ok(await log.append(columnsDraft(0)));
    await checkpoint(log, files, 0).then(ok);
    const unkept = { ...rewardDraft(2), keep: false };
    const together = [columnsDraft(1), rewardDraft(1), updateDraft(1), columnsDraft(2), unkept];
    const settled = await Promise.allSettled(together.map((d) => log.append(d)));
    for (const s of settled) {
      if (s.status === 'rejected') throw s.reason;
      ok(s.value);
    }
    ok(await log.append(updateDraft(2)));
    await checkpoint(log, files, 2).then(ok);
    await log.note({ what: 'finished' });
  } finally {
    await log.close();
  }
}

/** What `script` records, in order, where nothing fails. */
export async function wholeScript(): Promise<{ identities: string[]; operations: number }> {
  const files = new FakeFiles();
  const entries: JournalEntry[] = [];
  await script(files, entries);
  return { identities: entries.map((e) => e.identity), operations: files.operations };
}

/** Runs `script` with one operation failing; the disk after it, and what had been acknowledged. */
export async function failing(
  at: number,
  fault: Fault,
): Promise<{ files: FakeFiles; acknowledged: JournalEntry[]; error: unknown }> {
  const files = new FakeFiles();
  files.failAt(at, fault);
  const acknowledged: JournalEntry[] = [];
  const error = await script(files, acknowledged).then(
    () => undefined,
    (e: unknown) => e,
  );
  return { files, acknowledged, error };
}

/**
 * Opens what a stop left and holds it against what was acknowledged: all of that is there, nothing is there that was
 * not appended, all of it can be read, and the run goes on.
 */
export async function recovers(
  files: FakeFiles,
  acknowledged: readonly JournalEntry[],
  script: readonly string[],
): Promise<void> {
  const log = await openRun('/runs/a', { files, write: true, processes: nobodyRuns }).catch(
    (error: unknown) => {
      const never = error instanceof RlevError && error.code === 'run/not-found' && acknowledged.length === 0;
      if (!never) throw error;
      return undefined;
    },
  );
  if (!log) return;
  const entries = await all(log);
  expect(entries.slice(0, acknowledged.length)).to.deep.equal(acknowledged);
  expect(entries.map((e) => e.identity)).to.deep.equal(script.slice(0, entries.length));
  for (const entry of entries) if (entry.segment) await log.read(entry);
  const next = await log.append(columnsDraft(9));
  await log.close();
  const again = await openRun('/runs/a', { files, write: false });
  expect(again.recovery).to.deep.equal([]);
  expect((await all(again)).at(-1)).to.deep.equal(next);
}

/** The process that held the lock is gone. */
export const nobodyRuns = {
  self: () => ({ pid: 2, started: '2', boot: 'b', host: 'h' }),
  runs: () => false,
};

function checkpoint(log: EventLog, files: FakeFiles, step: number): Promise<JournalEntry> {
  return log.checkpoint({
    key: { step, round: 0, part: 0, stage: 'checkpoint', scope: 'train' },
    use: 'checkpoint',
    params: {},
    parents: [],
    keep: 1,
    write: async (directory) => {
      await files.append(`${directory}/model.safetensors`, new Uint8Array(64).fill(step));
      await files.mkdir(`${directory}/stages`);
      await files.append(`${directory}/stages/optimize.json`, new TextEncoder().encode(`{"step":${step}}`));
    },
  });
}
