import { existsSync } from 'node:fs';
import { join, relative, resolve as resolvePath } from 'node:path';
import { RlevError } from '../../core/errors.ts';
import type { EventLog } from '../../log/event-log.ts';
import { createRun } from '../../log/run-directory.ts';
import { pastOf } from '../../streams/recall.ts';
import type { Pipeline } from '../file/resolve.ts';
import type { Assembly } from './assemble.ts';
import { type Beginning, type CarryOutOptions, carryOut, type RunResult } from './carry-out.ts';
import { checkpointFolder, loadCheckpoint, saveCheckpoint } from './checkpoint.ts';
import { type ForkPoint, firstCheckpoint, forkPoint, originOfRun, type RunStep } from './fork.ts';

export type { RunEvent, RunResult } from './carry-out.ts';

export interface RunOptions extends CarryOutOptions {
  /** Where the run is recorded; must not exist. Default: the first free of `runs/<name>`, `runs/<name>-2`, ... */
  readonly directory?: string;
  /** Folder of the default directory. */
  readonly runs?: string;
  /** False records nothing and writes nothing. */
  readonly record?: boolean;
  /** Go on from a checkpoint of another run, from its step on: with its policy, optimizer and stages. */
  readonly from?: RunStep;
}

/**
 * Runs a pipeline from its first step to its last: opens and checks everything, makes the run directory, trains,
 * evaluates and writes checkpoints. Everything that was opened is closed when the promise settles.
 *
 * @throws RlevError before anything is written for what cannot work; `run/cancelled` when the signal fires, with a valid
 * run left behind
 */
export async function train(pipeline: Pipeline, options: RunOptions = {}): Promise<RunResult> {
  if (options.directory !== undefined) refuseExisting(options.directory);
  const fork = options.from && (await forkPoint(options.from, pipeline.run.steps));
  return carryOut(pipeline, options, async (assembly) => {
    if (fork) await loadCheckpoint(fork.run, fork.entry, assembly);
    const log = options.record === false ? undefined : await openLog(pipeline, assembly, options, fork);
    try {
      return await beginning(log, assembly, fork);
    } catch (error) {
      await log?.close();
      throw error;
    }
  });
}

/** A fork's first event is a checkpoint of its own, so that it needs the run that it came from no more. */
async function beginning(
  log: EventLog | undefined,
  assembly: Assembly,
  fork: ForkPoint | undefined,
): Promise<Beginning> {
  const step = fork?.entry.key.step ?? 0;
  const entry = log && fork && (await saveCheckpoint(log, assembly, firstCheckpoint(fork)));
  return {
    log,
    base: step,
    origin: entry?.identity,
    from: step,
    again: 0,
    past: pastOf(),
    checkpoint: entry && checkpointFolder(log.directory, entry),
    note: { what: 'started', ...(fork && { from: `${fork.run}@${step}` }) },
  };
}

async function openLog(
  pipeline: Pipeline,
  assembly: Assembly,
  options: RunOptions,
  fork: ForkPoint | undefined,
): Promise<EventLog> {
  const origin = await originOfRun(assembly, fork?.entry.identity);
  const create = (directory: string): Promise<EventLog> =>
    createRun(directory, origin, pipeline.toYaml(relative(resolvePath(directory), pipeline.base) || '.'));
  if (options.directory !== undefined) return create(options.directory);
  for (;;) {
    try {
      return await create(freeDirectory(options.runs ?? 'runs', pipeline.name));
    } catch (error) {
      // another run took the name first
      if (!(error instanceof RlevError && error.code === 'run/exists')) throw error;
    }
  }
}

function refuseExisting(directory: string): void {
  if (!existsSync(directory)) return;
  throw new RlevError({
    code: 'run/exists',
    message: `The run directory ${directory} exists.`,
    value: directory,
    help: 'Name another with --run, or leave --run out for a new one under runs/. A run that was stopped goes on with `rlev resume`.',
  });
}

function freeDirectory(runs: string, name: string): string {
  for (let n = 1; ; n++) {
    const directory = join(runs, n === 1 ? name : `${name}-${n}`);
    if (!existsSync(directory)) return directory;
  }
}
