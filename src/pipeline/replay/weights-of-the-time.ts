import { changePolicy } from '../../core/stage.ts';
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
 * rows or drops them, and none that did is gone. Through an update there are none, since that brings the weights itself.
 *
 * @param stages all that the replayed pipeline has
 * @param range those of them that are to be replayed
 * @param asked id of the stage that is to run in any case
 */
export function takenFromLog(
  stages: readonly ResolvedStage[],
  range: readonly ResolvedStage[],
  asked: string | undefined,
  recording: Pick<Recording, 'pipeline' | 'whole'>,
): ResolvedStage[] {
  if (changePolicy(range)) return [];
  const taken: ResolvedStage[] = [];
  const added = new Set<string>();
  for (const stage of range) {
    const { id } = stage;
    const same = sameStage(
      stage,
      recording.pipeline.stages.find((s) => s.id === id),
    );
    const { needs, adds } = columnsOf(stage);
    const unmoved =
      needs.every((column) => !added.has(column)) &&
      rowsBefore(id, stages) === rowsBefore(id, recording.pipeline.stages);
    if (id !== asked && same && unmoved && readsWeightsOfTheTime(stage, recording)) {
      taken.push(stage);
      continue;
    }
    if (changesRows(stage)) break;
    for (const column of adds) added.add(column);
  }
  return taken.length < range.length ? taken : [];
}

function changesRows({ definition, params }: ResolvedStage): boolean {
  return definition.kind !== 'map' || definition.expands?.(params) !== undefined;
}

/** The stages before one that make rows or drop them. */
function rowsBefore(id: string, stages: readonly ResolvedStage[]): string {
  const before = stages.slice(
    0,
    stages.findIndex((stage) => stage.id === id),
  );
  return JSON.stringify(before.filter(changesRows).map((stage) => stage.id));
}
