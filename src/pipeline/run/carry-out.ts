import { existsSync } from 'node:fs';
import { lastValueFrom, tap } from 'rxjs';
import { RlevError } from '../../core/errors.ts';
import type { TrainMetrics } from '../../core/services.ts';
import type { Scope, StageEvent } from '../../core/stage.ts';
import type { EventLog, JsonObject } from '../../log/event-log.ts';
import type { Evaluation } from '../../report/evaluation.ts';
import { type Cohort, versionAt, type WiredStage } from '../../streams/cohort.ts';
import { type Past, recalling } from '../../streams/recall.ts';
import { type Recorder, recordInto, recordNothing } from '../../streams/record.ts';
import { runOnce, trainingLoop } from '../../streams/training-loop.ts';
import type { Pipeline } from '../file/resolve.ts';
import { type Assembly, assemble, type Branch } from './assemble.ts';
import { checkpointFolder, saveCheckpoint } from './checkpoint.ts';
import { evaluationOf } from './evaluation.ts';

/** What a run tells while it runs, in the order in which it happens. */
export type RunEvent =
  | {
      readonly type: 'opened';
      readonly directory: string | undefined;
      readonly pipeline: Pipeline;
      readonly assembly: Assembly;
      /** Steps done already: of a resumed run or a fork. */
      readonly from: number;
      /** Steps beyond these that are recorded, and are trained on again without being sampled again. */
      readonly again: number;
      /** After which steps an evaluation is still to come, a step twice where two are. */
      readonly evaluations: readonly number[];
    }
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
  /** Not told of an evaluation that was recorded before the run was resumed. */
  | {
      readonly type: 'evaluated';
      readonly branch: string;
      readonly step: number;
      readonly evaluation: Evaluation;
    }
  | { readonly type: 'checkpoint'; readonly step: number; readonly directory: string };

export interface RunResult {
  readonly directory: string | undefined;
  readonly steps: number;
  /** Every evaluation, by step; those of one step in the order in which the pipeline has them. */
  readonly evaluations: readonly {
    readonly branch: string;
    readonly step: number;
    readonly evaluation: Evaluation;
  }[];
  /** The last checkpoint. */
  readonly checkpoint: string | undefined;
}

export interface CarryOutOptions {
  readonly signal?: AbortSignal;
  onEvent?(event: RunEvent): void;
  notice?(message: string): void;
}

/** Where a run begins, its policy and its stages being there: new, resumed or forked. */
export interface Beginning {
  /** Closed when the run ends; undefined where nothing is recorded. */
  readonly log: EventLog | undefined;
  /** The run's first step: 0, or the step of the checkpoint that it was forked from. */
  readonly base: number;
  /** Identity of the event that a fork begins with. */
  readonly origin: string | undefined;
  /** Steps done. */
  readonly from: number;
  /** Steps beyond these whose update is recorded. */
  readonly again: number;
  readonly past: Past;
  /** Folder of the newest checkpoint. */
  readonly checkpoint: string | undefined;
  readonly note: JsonObject;
}

/**
 * Milliseconds that stages have to end by themselves once a run is cancelled; then the policy is closed under them,
 * and those that do not end for that either are left behind.
 */
const patience = { stages: 500, closed: 800 };

/**
 * Runs a pipeline from where it begins to its last step: opens and checks everything, trains, evaluates and writes
 * checkpoints. Everything that was opened is closed when the promise settles.
 *
 * @param begin makes or opens the run, once everything else is there.
 * @throws RlevError `run/cancelled` when the signal fires, with a valid run left behind
 */
export async function carryOut(
  pipeline: Pipeline,
  options: CarryOutOptions,
  begin: (assembly: Assembly) => Promise<Beginning>,
): Promise<RunResult> {
  const notice = options.notice ?? (() => undefined);
  const abort = new AbortController();
  const { signal } = abort;
  let assembly: Assembly | undefined;
  let log: EventLog | undefined;
  const timers: NodeJS.Timeout[] = [];
  const overdue = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => {
      timers.push(setTimeout(() => void assembly?.close(), patience.stages));
      timers.push(setTimeout(() => reject(signal.reason), patience.closed));
    });
  });
  // raced only once the run follows its course
  overdue.catch(() => undefined);
  const cancel = (): void => abort.abort(cancelled(log));
  options.signal?.addEventListener('abort', cancel, { once: true });
  if (options.signal?.aborted) cancel();
  try {
    signal.throwIfAborted();
    assembly = await assemble(pipeline, { notice, signal });
    signal.throwIfAborted();
    const beginning = await begin(assembly);
    log = beginning.log;
    const { from, again, note } = beginning;
    const tell = (event: RunEvent): void => options.onEvent?.(event);
    const evaluations = evaluationsToCome(pipeline, beginning);
    tell({ type: 'opened', directory: log?.directory, pipeline, assembly, from, again, evaluations });
    if (!isFinished(pipeline, beginning)) await log?.note({ ...note, pid: process.pid });
    return await Promise.race([follow({ pipeline, assembly, beginning, abort, tell, notice }), overdue]);
  } catch (error) {
    const fault = signal.aborted ? signal.reason : error;
    await log
      ?.note({ what: 'stopped', why: fault instanceof Error ? fault.message : String(fault) })
      .catch(() => undefined);
    throw fault;
  } finally {
    options.signal?.removeEventListener('abort', cancel);
    await assembly?.close();
    for (const timer of timers) clearTimeout(timer);
    await log?.close();
  }
}

/** Whether all steps are done and all evaluations recorded. */
export function isFinished(
  pipeline: Pipeline,
  beginning: Pick<Beginning, 'base' | 'from' | 'past'>,
): boolean {
  return beginning.from === pipeline.run.steps && evaluationsToCome(pipeline, beginning).length === 0;
}

function evaluationsToCome(
  { run, evaluate }: Pipeline,
  { base, past }: Pick<Beginning, 'base' | 'past'>,
): number[] {
  return evaluate.flatMap(({ id, every, stages }) => {
    const last = stages.at(-1)!.id;
    return Array.from({ length: run.steps + 1 - base }, (_, i) => base + i).filter(
      (step) =>
        isEvaluated(every, step, base, run.steps) &&
        !past.find(last, { scope: `eval:${id}`, step, round: 0 }),
    );
  });
}

/** Before the first step, at its interval, and after the last. */
function isEvaluated(every: number | undefined, step: number, base: number, steps: number): boolean {
  return step === base || step === steps || (every !== undefined && step % every === 0);
}

interface Course {
  readonly pipeline: Pipeline;
  readonly assembly: Assembly;
  readonly beginning: Beginning;
  readonly abort: AbortController;
  tell(event: RunEvent): void;
  notice(message: string): void;
}

/** Evaluations, steps and checkpoints, in their order. What the past holds is read from it. */
async function follow({ pipeline, assembly, beginning, abort, tell, notice }: Course): Promise<RunResult> {
  const { steps, seed, inFlight, checkpoint } = pipeline.run;
  const { log, base, origin, from, past } = beginning;
  const record: Recorder = log ? recordInto(log, past, pipeline.run.record) : recordNothing;
  const recalled = (stages: readonly WiredStage[]): WiredStage[] => stages.map((s) => recalling(s, past));
  const evaluations: { branch: string; step: number; evaluation: Evaluation }[] = [];
  let lastCheckpoint = beginning.checkpoint;
  const watch = (wired: WiredStage, cohort: Cohort, milliseconds: number): void =>
    tell({
      type: 'stage',
      scope: cohort.event.scope,
      step: cohort.event.step,
      stage: wired.id,
      rows: cohort.batch.numRows,
      milliseconds,
    });
  const evaluate = async ({ id, stages }: Branch, step: number): Promise<void> => {
    // an evaluation stands between two steps: nothing is in flight
    const policyVersion = versionAt(step, { stages: assembly.stages, base, inFlight: 1 });
    const event: StageEvent = {
      step,
      round: 0,
      scope: `eval:${id}`,
      seed,
      policyVersion,
      signal: abort.signal,
    };
    const isNew = !past.find(stages.at(-1)!.id, event);
    if (isNew) tell({ type: 'evaluating', branch: id, step });
    const done = await runOnce(recalled(stages), event, { record, watch }).catch((error) => {
      if (isNew || !(error instanceof RlevError) || error.code !== 'run/not-found') throw error;
      notice(`Evaluation ${id} after step ${step} is left out: ${error.summary}`);
    });
    if (!done) return;
    const evaluation = evaluationOf(done.batch);
    evaluations.push({ branch: id, step, evaluation });
    if (isNew) tell({ type: 'evaluated', branch: id, step, evaluation });
  };
  const evaluateAfter = async (step: number): Promise<void> => {
    for (const branch of assembly.branches) {
      if (isEvaluated(branch.every, step, base, steps)) await evaluate(branch, step);
    }
  };
  const savesAt = (step: number): boolean =>
    step === steps || (checkpoint.every !== undefined && step % checkpoint.every === 0);
  const afterStep = async (cohort: Cohort): Promise<void> => {
    const step = cohort.event.step + 1;
    tell({ type: 'step', step, of: steps, cohort, metrics: cohort.update?.metrics ?? {} });
    const recorded = past.find('checkpoint', { scope: 'train', step, round: 0 });
    const isThere = recorded && log && existsSync(checkpointFolder(log.directory, recorded));
    if (log && assembly.policy && savesAt(step) && !isThere) {
      const parents = cohort.producers.get('') ?? [];
      const data = { version: cohort.update?.version ?? 0, hash: cohort.update?.hash ?? '' };
      const draft = { step, keep: checkpoint.keep, parents, data };
      const entry = await saveCheckpoint(log, assembly, draft, recorded);
      lastCheckpoint = checkpointFolder(log.directory, entry);
      tell({ type: 'checkpoint', step, directory: lastCheckpoint });
    }
    await evaluateAfter(step);
  };
  for (let step = base; step <= from; step++) await evaluateAfter(step);
  const loop = trainingLoop({
    stages: recalled(assembly.stages),
    record,
    seed,
    base,
    origin,
    from,
    steps,
    inFlight,
    signal: abort.signal,
    watch,
    afterStep,
    savesAt,
  });
  await lastValueFrom(loop.pipe(tap({ error: (error) => abort.abort(error) })), { defaultValue: undefined });
  return { directory: log?.directory, steps, evaluations, checkpoint: lastCheckpoint };
}

function cancelled(log: EventLog | undefined): RlevError {
  return new RlevError({
    code: 'run/cancelled',
    message: 'The run was cancelled.',
    ...(log && { help: 'What was recorded stays, and the run can be resumed from there.' }),
  });
}
