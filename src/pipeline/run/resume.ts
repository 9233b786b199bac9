import { basename, join, resolve as resolvePath } from 'node:path';
import { RlevError } from '../../core/errors.ts';
import type { PolicyInfo } from '../../core/services.ts';
import type { Catalogue } from '../../core/stage.ts';
import { verifyCheckpoint } from '../../log/checkpoints.ts';
import type { EventLog, JournalEntry, RunOrigin } from '../../log/event-log.ts';
import { nodeFiles } from '../../log/files.ts';
import { headerDifferences, originOf } from '../../log/origin.ts';
import { openRun, requireRun } from '../../log/run-directory.ts';
import { pastOf } from '../../streams/recall.ts';
import { loadPipeline, type Pipeline } from '../file/resolve.ts';
import { type Beginning, type CarryOutOptions, carryOut, isFinished, type RunResult } from './carry-out.ts';
import { checkpointFolder, keptCheckpoints, loadCheckpoint } from './checkpoint.ts';
import { forkOf, originOfRun } from './fork.ts';

export interface ResumeOptions extends CarryOutOptions {
  readonly catalogue: Catalogue;
}

/**
 * Continues a run that was stopped at any moment, from its newest checkpoint or else from its beginning. What is
 * recorded is not done again: batches are read from the log, and updates since the checkpoint, which bring the policy
 * back to where it was, must come out as they are recorded. So identities and weights are those of a run that was
 * never stopped. A finished run is read, and nothing is written.
 *
 * @throws RlevError `run/not-found` where no run is; `run/locked` with the pid of the process that has it; `run/corrupt`;
 * `run/mismatch` where versions, processor, data or starting policy are not those of the run, or where an engine that
 * does not promise the same bits twice would have to repeat updates
 */
export async function resume(directory: string, options: ResumeOptions): Promise<RunResult> {
  const log = await openRun(directory, { write: true });
  try {
    const memory = await recollect(log);
    const { checkpoint, fork } = memory;
    const pipeline = await pipelineOf(directory, options);
    const beginning = beginningOf(log, memory);
    const finished = isFinished(pipeline, beginning);
    const { data, policy } = log.header;
    // versions and processor first: with others, nothing may open at all
    if (!finished) refuseAnother(log, await originOf({ data, policy }));
    if (checkpoint) await verifyCheckpoint(nodeFiles(), directory, checkpoint);
    return await carryOut(pipeline, options, async (assembly) => {
      if (!finished) {
        refuseAnother(log, await originOfRun(assembly, fork && String(fork.data?.forkedFrom)));
        if (assembly.policy) refuseUnsteady(directory, assembly.policy.info, beginning);
      }
      if (checkpoint) await loadCheckpoint(directory, checkpoint, assembly);
      return beginning;
    });
  } finally {
    await log.close();
  }
}

/**
 * The pipeline that a run was made with.
 *
 * @throws RlevError `run/not-found` where no run is
 */
export async function pipelineOf(
  directory: string,
  options: { readonly catalogue: Catalogue; readonly set?: readonly string[] },
): Promise<Pipeline> {
  await requireRun(nodeFiles(), directory);
  const pipeline = await loadPipeline(join(directory, 'pipeline.yaml'), options);
  return { ...pipeline, name: pipeline.run.name ?? basename(resolvePath(directory)) };
}

/** What a journal says of the way that is left. */
interface Memory {
  /** The events that are still needed: evaluations, and what came after the checkpoint. */
  readonly entries: readonly JournalEntry[];
  /** The newest checkpoint that was not pruned. */
  readonly checkpoint: JournalEntry | undefined;
  /** The checkpoint that a fork begins with. */
  readonly fork: JournalEntry | undefined;
}

async function recollect(log: EventLog): Promise<Memory> {
  const checkpoint = (await keptCheckpoints(log)).at(-1);
  const from = checkpoint?.key.step ?? 0;
  const entries: JournalEntry[] = [];
  for await (const entry of log.entries(({ key }) => key.scope !== 'train' || key.step >= from)) {
    entries.push(entry);
  }
  return { entries, checkpoint, fork: await forkOf(log) };
}

function beginningOf(log: EventLog, { entries, checkpoint, fork }: Memory): Beginning {
  const from = checkpoint?.key.step ?? 0;
  return {
    log,
    base: fork?.key.step ?? 0,
    origin: fork?.identity,
    from,
    again: entries.filter(({ kind }) => kind === 'update').length,
    past: pastOf(entries, log),
    checkpoint: checkpoint && checkpointFolder(log.directory, checkpoint),
    note: { what: 'resumed', from },
  };
}

function refuseAnother(log: EventLog, now: RunOrigin): void {
  const differences = headerDifferences(log.header, now);
  if (differences.length === 0) return;
  throw new RlevError({
    code: 'run/mismatch',
    message: `The run was made by something else than what would continue it: ${differences.join('; ')}.`,
    value: differences,
    place: { file: log.directory },
    help: 'Bring back what the run was made with, or go on from a checkpoint in a new run: rlev train --from RUN@STEP.',
  });
}

/**
 * Updates are repeated to bring the policy back; only some engines come to the same bits.
 *
 * @throws RlevError `run/mismatch` for the others.
 */
export function refuseUnsteady(
  directory: string,
  info: Pick<PolicyInfo, 'engine' | 'device'>,
  { from, again }: Pick<Beginning, 'from' | 'again'>,
): void {
  if (again === 0 || info.engine === 'reference' || (info.engine === 'onnx' && info.device === 'cpu')) return;
  throw new RlevError({
    code: 'run/mismatch',
    message: `${again} ${again === 1 ? 'step is' : 'steps are'} recorded after the ${from === 0 ? 'beginning' : `checkpoint of step ${from}`}, and the engine ${info.engine} (${info.device}) does not promise to come to the same weights again.`,
    value: info.engine,
    place: { file: directory },
    help:
      from === 0
        ? 'Start a new run, with run.checkpoint.every set.'
        : `Go on from the checkpoint in a new run: rlev train --from ${directory}@${from}`,
  });
}
