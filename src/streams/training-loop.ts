import { concatMap, map, type Observable, type OperatorFunction } from 'rxjs';
import type { StageEvent } from '../core/stage.ts';
import { applyStage, type Cohort, emptyCohort, versionAt, type WiredStage } from './cohort.ts';
import { withCredits } from './credits.ts';
import type { Recorder } from './record.ts';
import { gatherRounds, stagesInRounds } from './rounds.ts';

export interface TrainingLoopOptions {
  readonly stages: readonly WiredStage[];
  readonly record: Recorder;
  readonly seed: number;
  /** Where the run began, by default 0: in a fork, the steps that its policy had done before. */
  readonly base?: number;
  /** In a fork, identity of the event that its policy is from: a parent of its first update. */
  readonly origin?: string | undefined;
  /** Steps done already. */
  readonly from: number;
  /** Steps done at the end. */
  readonly steps: number;
  /** Cohorts under way at once. */
  readonly inFlight: number;
  readonly signal: AbortSignal;
  /** Called when a stage has done its work on a cohort. */
  readonly watch?: StageWatch;
  /** Checkpoints and evaluations: runs after the last stage of a step, before that stage gets its next cohort. */
  afterStep(cohort: Cohort): Promise<void>;
  /** Whether, with so many steps done, the states of stages are saved; by default never. */
  savesAt?(steps: number): boolean;
}

export type StageWatch = (stage: WiredStage, cohort: Cohort, milliseconds: number) => void;

/**
 * The loop of training, driven by credits. With k cohorts in flight, cohort n starts when policy max(base, n - k + 1) is
 * published, and is sampled by exactly that policy (without an update stage, by the first); k = 1 is on-policy. Every
 * stage works on one cohort at a time, in order, and stages that work in rounds do so as one: a step's rounds are over
 * before the next step begins there. The observable gives each cohort when its step is done, completes after the last,
 * and cancels nothing by itself: its owner aborts the signal.
 */
export function trainingLoop(options: TrainingLoopOptions): Observable<Cohort> {
  const { from, steps: to, inFlight, stages } = options;
  const turns = new Turns(options);
  const inRounds = stages.slice(0, stagesInRounds(stages));
  const [last, ...others] = stages.slice(inRounds.length).reverse();
  return withCredits({ from, to, inFlight }, (started) =>
    others
      .reverse()
      .reduce<Observable<Cohort>>(
        (flow, wired) => flow.pipe(through(wired, options, turns)),
        started.pipe(
          map((step) => cohortOf(step, options)),
          concatMap((cohort) => gathered(inRounds, cohort, options, turns)),
        ),
      )
      .pipe(
        concatMap(async (cohort) => {
          const done = last ? await timed(last, cohort, options) : cohort;
          await options.afterStep(done);
          turns.finish(done);
          return done;
        }),
      ),
  );
}

/** One stage as an operator: one cohort at a time, in order. */
function through(
  wired: WiredStage,
  options: Pick<TrainingLoopOptions, 'record' | 'watch'>,
  turns: Turns,
): OperatorFunction<Cohort, Cohort> {
  return concatMap(async (cohort) => {
    await turns.of(wired, cohort);
    return timed(wired, cohort, options);
  });
}

/** A stage with a state waits where it would run ahead of a checkpoint: what is saved there is of the steps before. */
class Turns {
  readonly #savesAt: (steps: number) => boolean;
  #done: number;
  #waiting: { readonly steps: number; readonly go: () => void }[] = [];

  constructor({ from, savesAt = () => false }: Pick<TrainingLoopOptions, 'from' | 'savesAt'>) {
    this.#done = from;
    this.#savesAt = savesAt;
  }

  async of({ stage }: WiredStage, { event: { step } }: Cohort): Promise<void> {
    if (!stage.save) return;
    for (let steps = step; steps > this.#done; steps--) {
      if (!this.#savesAt(steps)) continue;
      await new Promise<void>((go) => this.#waiting.push({ steps, go }));
      return;
    }
  }

  finish({ event: { step } }: Cohort): void {
    this.#done = step + 1;
    for (const { steps, go } of this.#waiting) if (steps <= this.#done) go();
    this.#waiting = this.#waiting.filter(({ steps }) => steps > this.#done);
  }
}

/** A whole flow for one event, outside the loop: an evaluation. */
export async function runOnce(
  stages: readonly WiredStage[],
  event: StageEvent,
  options: Pick<TrainingLoopOptions, 'record' | 'watch'>,
): Promise<Cohort> {
  const inRounds = stages.slice(0, stagesInRounds(stages));
  let cohort = await gathered(inRounds, emptyCohort(event), options);
  for (const wired of stages.slice(inRounds.length)) cohort = await timed(wired, cohort, options);
  return cohort;
}

async function gathered(
  stages: readonly WiredStage[],
  cohort: Cohort,
  options: Pick<TrainingLoopOptions, 'record' | 'watch'>,
  turns?: Turns,
): Promise<Cohort> {
  if (stages.length === 0) return cohort;
  const open = (round: number): Cohort => ({ ...cohort, event: { ...cohort.event, round } });
  return gatherRounds(stages, open, async (wired, at) => {
    await turns?.of(wired, at);
    return timed(wired, at, options);
  });
}

async function timed(
  wired: WiredStage,
  cohort: Cohort,
  { record, watch }: Pick<TrainingLoopOptions, 'record' | 'watch'>,
): Promise<Cohort> {
  const start = performance.now();
  const done = await applyStage(wired, cohort, record);
  watch?.(wired, done, performance.now() - start);
  return done;
}

function cohortOf(step: number, options: TrainingLoopOptions): Cohort {
  const { stages, seed, inFlight, signal, base = 0, origin } = options;
  const policyVersion = versionAt(step, { stages, base, inFlight });
  const event: StageEvent = { step, round: 0, scope: 'train', seed, policyVersion, signal };
  return emptyCohort(event, step === base ? origin : undefined);
}
