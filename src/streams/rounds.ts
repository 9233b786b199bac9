import { mostRounds } from '../core/stage.ts';
import { type Cohort, joinRounds, type WiredStage } from './cohort.ts';

/** How many of the stages, from the first, work in rounds: up to the one that may ask for more than one; 0 where none may. */
export function stagesInRounds(stages: readonly Pick<WiredStage, 'definition' | 'params'>[]): number {
  return stages.findIndex((stage) => mostRounds(stage) > 1) + 1;
}

/**
 * Runs stages in rounds: all on a new round, the last one on what it kept before and what the round brought, until it
 * asks for no more or there is no other round.
 *
 *     round 0   source  rollout  verify ---------- select: keeps a, asks again
 *     round 1   source  rollout  verify --- a + -- select: keeps b
 *
 * @param stages at least the one that selects
 * @param open a round before the first of the stages, from 0; there must be a first
 */
export async function gatherRounds(
  stages: readonly WiredStage[],
  open: (round: number) => Cohort | undefined,
  apply: (wired: WiredStage, cohort: Cohort) => Promise<Cohort>,
): Promise<Cohort> {
  const selecting = stages.at(-1)!;
  let kept: Cohort | undefined;
  for (let round = 0; ; round++) {
    let cohort = open(round);
    if (!cohort) return kept!;
    for (const wired of stages.slice(0, -1)) cohort = await apply(wired, cohort);
    kept = await apply(selecting, kept ? joinRounds(kept, cohort) : cohort);
    if (!kept.again) return kept;
  }
}
