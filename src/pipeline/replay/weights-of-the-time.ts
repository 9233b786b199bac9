import { columnsOf } from '../file/flow.ts';
import type { ResolvedStage } from '../file/resolve.ts';
import type { Recording } from './recording.ts';
import { sameStage } from './same-stage.ts';

/** Whether a stage reads weights that are not the starting ones at every step of the recording. */
export function readsWeightsOfTheTime(
  { definition, params }: Pick<ResolvedStage, 'definition' | 'params'>,
  { whole }: Pick<Recording, 'whole'>,
): boolean {
  const reads = definition.kind === 'map' ? definition.readsWeights?.(params) : undefined;
  const moves = whole.stages.some(
    (s) => s.definition.kind === 'update' && s.definition.movesReference?.(s.params) === true,
  );
  return reads === 'policy' || reads === 'critic' || (reads === 'reference' && moves);
}

/**
 * Stages of a range whose columns a replay takes from the log though they stand in it: those that read weights of the
 * time, are as they were, and would read what they read, since no replayed stage before them adds what they need, makes
 * rows or drops them. Through an update there are none, since that brings the weights itself.
 *
 * @param range the stages that are to be replayed
 * @param asked id of the stage that is to run in any case
 */
export function takenFromLog(
  range: readonly ResolvedStage[],
  asked: string | undefined,
  recording: Pick<Recording, 'pipeline' | 'whole'>,
): ResolvedStage[] {
  if (range.some(({ definition }) => definition.kind === 'update')) return [];
  const taken: ResolvedStage[] = [];
  const added = new Set<string>();
  for (const stage of range) {
    const { definition, params, id } = stage;
    const same = sameStage(
      stage,
      recording.pipeline.stages.find((s) => s.id === id),
    );
    const { needs, adds } = columnsOf(stage);
    const unmoved = needs.every((column) => !added.has(column));
    if (id !== asked && same && unmoved && readsWeightsOfTheTime(stage, recording)) {
      taken.push(stage);
      continue;
    }
    const changesRows = definition.kind !== 'map' || definition.expands?.(params) !== undefined;
    if (changesRows) break;
    for (const column of adds) added.add(column);
  }
  return taken.length < range.length ? taken : [];
}
