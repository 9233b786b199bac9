import { RlevError } from '../core/errors.ts';
import type { Scope } from './event-log.ts';

/** What a command line names: a run, a step of it, or what one stage did in that step. */
export interface Address {
  /** The run directory. */
  readonly run: string;
  readonly step?: number;
  /** `train` unless it says otherwise. */
  readonly scope: Scope;
  /** The stage's id. Only with a step. */
  readonly stage?: string;
}

/** Steps of a run, the first and the last included. */
export interface StepRange {
  readonly from: number;
  readonly to: number;
}

/**
 * The steps that are meant: the one that an address names, or a range said beside it; undefined where neither is.
 *
 * @throws RlevError `usage/arguments` where both are
 */
export function stepsOfAddress(
  { run, step }: Pick<Address, 'run' | 'step'>,
  range?: StepRange,
): StepRange | undefined {
  if (step === undefined) return range;
  if (range === undefined) return { from: step, to: step };
  throw new RlevError({
    code: 'usage/arguments',
    message: `${run}@${step} names a step, and the steps ${range.from} to ${range.to} are named beside it.`,
    value: step,
    help: 'Name the steps in one of the two ways: RUN@STEP, or RUN with --steps A..B.',
  });
}

/**
 * Reads `RUN`, `RUN@STEP`, `RUN@STEP/STAGE`, `RUN@STEP/eval:ID` or `RUN@STEP/eval:ID/STAGE`.
 *
 * @throws RlevError `usage/arguments` for anything else.
 */
export function parseAddress(text: string): Address {
  const [, run, step, evaluation, stage] =
    /^(.+?)(?:@(\d{1,15})(?:\/(eval:[^/]+)(?=\/|$))?(?:\/([^/]+))?\/?)?$/.exec(text) ?? [];
  if (run === undefined || /@\d+\/|@\d*$/.test(run)) {
    throw new RlevError({
      code: 'usage/arguments',
      message: 'That is no address of something recorded.',
      value: text,
      help: 'Write RUN, RUN@STEP, RUN@STEP/STAGE or RUN@STEP/eval:ID/STAGE: runs/rlev@12/verify.',
    });
  }
  return {
    run: run.length > 1 ? run.replace(/\/+$/, '') : run,
    ...(step !== undefined && { step: Number(step) }),
    scope: (evaluation as Scope | undefined) ?? 'train',
    ...(stage !== undefined && { stage }),
  };
}

/** The address as it is written: `runs/rlev@12/eval:heldOut/verify`. */
export function formatAddress({ run, step, scope, stage }: Address): string {
  if (step === undefined) return run;
  return [`${run}@${step}`, ...(scope === 'train' ? [] : [scope]), ...(stage ? [stage] : [])].join('/');
}
