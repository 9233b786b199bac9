import { existsSync } from 'node:fs';
import { join, relative, resolve as resolvePath } from 'node:path';
import { lastValueFrom, tap } from 'rxjs';
import { RlevError } from '../core/errors.ts';
import type { TrainMetrics } from '../core/services.ts';
import type { Scope, StageEvent } from '../core/stage.ts';
import type { EventLog } from '../log/event-log.ts';
import { originOf } from '../log/origin.ts';
import { createRun } from '../log/run-directory.ts';
import type { Evaluation } from '../report/evaluation.ts';
import type { Cohort, WiredStage } from '../streams/cohort.ts';
import { type Recorder, recordInto, recordNothing } from '../streams/record.ts';
import { runOnce, trainingLoop } from '../streams/training-loop.ts';
import { type Assembly, assemble, type Branch } from './assemble.ts';
import { evaluationOf } from './evaluation.ts';
import type { Pipeline } from './resolve.ts';

/** What a run tells while it runs, in the order in which it happens. */
export type RunEvent =
  | { readonly type: 'opened'; readonly directory: string | undefined; readonly assembly: Assembly }
  | {
      readonly type: 'stage';
      readonly scope: Scope;
      readonly step: number;
      readonly stage: string;
      readonly rows: number;
      readonly milliseconds: number;
    }
  | {
      readonly type: 'step';
      readonly step: number;
      readonly of: number;
      readonly cohort: Cohort;
      readonly metrics: TrainMetrics;
    }
  | { readonly type: 'evaluating'; readonly branch: string; readonly step: number }
  | {
      readonly type: 'evaluated';
      readonly branch: string;
      readonly step: number;
      readonly evaluation: Evaluation;
    }
  | { readonly type: 'checkpoint'; readonly step: number; readonly directory: string };

export interface RunOptions {
  /** Where the run is recorded; must not exist. Default: the first free of `runs/<name>`, `runs/<name>-2`, ... */
  readonly directory?: string;
  /** Folder of the default directory. */
  readonly runs?: string;
  /** False records nothing and writes nothing. */
  readonly record?: boolean;
  readonly signal?: AbortSignal;
  onEvent?(event: RunEvent): void;
  notice?(message: string): void;
}

export interface RunResult {
  readonly directory: string | undefined;
  readonly steps: number;
  /** Every evaluation, in order of branch and step. */
  readonly evaluations: readonly {
    readonly branch: string;
    readonly step: number;
    readonly evaluation: Evaluation;
  }[];
  /** The last checkpoint. */
  readonly checkpoint: string | undefined;
}

/** Milliseconds that stages have to end by themselves once a run is cancelled; then the policy is closed under them. */
const patience = 500;

/**
 * Runs a pipeline from its first step to its last: opens and checks everything, makes the run directory, trains,
 * evaluates and writes checkpoints. Everything that was opened is closed when the promise settles.
 *
 * @throws RlevError before anything is written for what cannot work; `run/cancelled` when the signal fires, with a valid
 * run left behind
 */
export async function train(pipeline: Pipeline, options: RunOptions = {}): Promise<RunResult> {
  const tell = (event: RunEvent): void => options.onEvent?.(event);
  const abort = new AbortController();
  const cancel = (): void => abort.abort(cancelled());
  let overdue: NodeJS.Timeout | undefined;
  options.signal?.addEventListener('abort', cancel, { once: true });
  if (options.signal?.aborted) cancel();
  if (options.directory !== undefined) refuseExisting(options.directory);
  const assembly = await assemble(pipeline, { notice: options.notice ?? (() => undefined) });
  let log: EventLog | undefined;
  abort.signal.addEventListener('abort', () => {
    overdue = setTimeout(() => void assembly.close(), patience);
  });
  try {
    abort.signal.throwIfAborted();
    log = options.record === false ? undefined : await openLog(pipeline, assembly, options);
    tell({ type: 'opened', directory: log?.directory, assembly });
    await log?.note({ what: 'started', pid: process.pid });
    return await runAll(pipeline, assembly, log, abort, tell);
  } catch (error) {
    const fault = abort.signal.aborted ? abort.signal.reason : error;
    await log
      ?.note({ what: 'stopped', why: fault instanceof Error ? fault.message : String(fault) })
      .catch(() => undefined);
    throw fault;
  } finally {
    options.signal?.removeEventListener('abort', cancel);
    await assembly.close();
    clearTimeout(overdue);
    await log?.close();
  }
}

async function runAll(
  pipeline: Pipeline,
  assembly: Assembly,
  log: EventLog | undefined,
  abort: AbortController,
  tell: (event: RunEvent) => void,
): Promise<RunResult> {
  const { steps, seed, inFlight, checkpoint } = pipeline.run;
  const record: Recorder = log ? recordInto(log) : recordNothing;
  const evaluations: { branch: string; step: number; evaluation: Evaluation }[] = [];
  let lastCheckpoint: string | undefined;
  const watch = (wired: WiredStage, cohort: Cohort, milliseconds: number): void =>
    tell({
      type: 'stage',
      scope: cohort.event.scope,
      step: cohort.event.step,
      stage: wired.id,
      rows: cohort.batch.numRows,
      milliseconds,
    });
  const evaluate = async ({ id, stages }: Branch, step: number, version: number): Promise<void> => {
    const scope: Scope = `eval:${id}`;
    tell({ type: 'evaluating', branch: id, step });
    const event: StageEvent = { step, round: 0, scope, seed, policyVersion: version, signal: abort.signal };
    const { batch } = await runOnce(stages, event, { record, watch });
    const evaluation = evaluationOf(batch);
    evaluations.push({ branch: id, step, evaluation });
    tell({ type: 'evaluated', branch: id, step, evaluation });
  };
  const afterStep = async (cohort: Cohort): Promise<void> => {
    const step = cohort.event.step + 1;
    const last = step === steps;
    if (log && assembly.policy && (last || (checkpoint.every && step % checkpoint.every === 0))) {
      lastCheckpoint = await saveCheckpoint(log, assembly, cohort, step, checkpoint.keep);
      tell({ type: 'checkpoint', step, directory: lastCheckpoint });
    }
    for (const branch of assembly.branches) {
      if (last || (branch.every && step % branch.every === 0)) {
        await evaluate(branch, step, cohort.update?.version ?? cohort.event.policyVersion);
      }
    }
    tell({ type: 'step', step, of: steps, cohort, metrics: cohort.update?.metrics ?? {} });
  };
  for (const branch of assembly.branches) await evaluate(branch, 0, 0);
  const loop = trainingLoop({
    stages: assembly.stages,
    record,
    seed,
    from: 0,
    steps,
    inFlight,
    signal: abort.signal,
    watch,
    afterStep,
  });
  await lastValueFrom(loop.pipe(tap({ error: (error) => abort.abort(error) })));
  return { directory: log?.directory, steps, evaluations, checkpoint: lastCheckpoint };
}

async function openLog(pipeline: Pipeline, assembly: Assembly, options: RunOptions): Promise<EventLog> {
  const directory = options.directory ?? freeDirectory(options.runs ?? 'runs', pipeline.name);
  const base = relative(resolvePath(directory), pipeline.base) || '.';
  const data = Object.fromEntries([...assembly.datasets].map(([scope, { hash }]) => [scope, hash]));
  const origin = await originOf({ data, policy: assembly.policy?.info.weightsHash ?? '' });
  return createRun(directory, origin, pipeline.toYaml(base));
}

/** Saves policy, optimizer and stages; answers the checkpoint's folder. */
async function saveCheckpoint(
  log: EventLog,
  assembly: Assembly,
  cohort: Cohort,
  step: number,
  keep: number,
): Promise<string> {
  const { update, producers } = cohort;
  const entry = await log.checkpoint({
    key: { step, round: 0, part: 0, stage: 'checkpoint', scope: 'train' },
    use: 'checkpoint',
    params: {},
    parents: [producers.get('') ?? ''].filter(Boolean),
    data: { version: update?.version ?? 0, hash: update?.hash ?? '' },
    keep,
    async write(directory) {
      await assembly.policy?.trainer.save(directory);
      for (const { id, stage } of assembly.stages) await stage.save?.(join(directory, 'stages', id));
    },
  });
  return join(log.directory, String(entry.data?.directory));
}

function refuseExisting(directory: string): void {
  if (!existsSync(directory)) return;
  throw new RlevError({
    code: 'run/exists',
    message: `The run directory ${directory} exists.`,
    value: directory,
    help: 'Name another with --run, or leave --run out for a new one under runs/.',
  });
}

function freeDirectory(runs: string, name: string): string {
  for (let n = 1; ; n++) {
    const directory = join(runs, n === 1 ? name : `${name}-${n}`);
    if (!existsSync(directory)) return directory;
  }
}

function cancelled(): RlevError {
  return new RlevError({
    code: 'run/cancelled',
    message: 'The run was cancelled.',
    help: 'What was recorded stays; a new run starts from the beginning or from a checkpoint.',
  });
}
