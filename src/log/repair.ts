import { removeCheckpoint } from './checkpoints.ts';
import type { Remnant } from './event-log.ts';
import type { LogFiles } from './files.ts';
import { readLines } from './lines.ts';
import { openRun, underLock } from './run-directory.ts';
import type { Verification, VerifyOptions } from './verify.ts';

/** What a repair takes away; nothing else changes. */
export interface Repair {
  readonly directory: string;
  /** The first event that goes: it and all after it. */
  readonly from?: number;
  /** Events that go as far as they can be counted: behind a damaged line they cannot. */
  readonly events: number;
  /** Checkpoints that go: damaged ones, and those of events that go. */
  readonly checkpoints: readonly string[];
  /** What no event owns. */
  readonly remnants: readonly Remnant[];
}

/**
 * What would make a run verify again: cut back to the event before the first damaged one, and drop damaged
 * checkpoints. Undefined where there is nothing to do.
 *
 * @throws RlevError the finding itself where cutting does not help: the header, the pipeline, a lock.
 */
export function planRepair({
  directory,
  findings,
  checkpoints,
  events,
  remnants,
}: Verification): Repair | undefined {
  const hopeless = findings.find((f) => f.seq === undefined && !f.checkpoint);
  if (hopeless) throw hopeless.error;
  if (findings.length === 0 && remnants.length === 0) return undefined;
  const seqs = findings.flatMap((f) => f.seq ?? []);
  const from = seqs.length > 0 ? Math.min(...seqs) : undefined;
  const going = checkpoints.filter(
    ({ path, seq }) => findings.some((f) => f.checkpoint === path) || (from !== undefined && seq >= from),
  );
  return {
    directory,
    ...(from !== undefined && { from }),
    events: from === undefined ? 0 : Math.max(0, events - from + 1),
    checkpoints: going.map((c) => c.path),
    remnants,
  };
}

/**
 * Does what the plan says. Stopped midway, it leaves a run that can be repaired again.
 *
 * @throws RlevError `run/locked` where a process has the run; `run/io`.
 */
export async function repairRun(plan: Repair, options: VerifyOptions = {}): Promise<void> {
  const { directory, from, checkpoints } = plan;
  const journal = `${directory}/journal.ndjson`;
  await underLock(directory, options, async (files) => {
    if (from !== undefined) {
      await files.truncate(journal, await endBefore(files, journal, from));
      await files.sync(journal);
    }
    for (const path of checkpoints) await removeCheckpoint(files, directory, path);
  });
  // cuts what no event owns any more
  await (await openRun(directory, { ...options, write: true })).close();
}

/** Where the line before that of event `seq` ends; the latter is not looked at, it may be the damaged one. */
async function endBefore(files: LogFiles, journal: string, seq: number): Promise<number> {
  let end = 0;
  for await (const { lines } of readLines(files, journal)) {
    for (const { number, offset, bytes } of lines) {
      end = offset + bytes.length + 1;
      if (number === seq) return end;
    }
  }
  return end;
}
