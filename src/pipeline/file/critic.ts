import { RlevError } from '../../core/errors.ts';
import type { PlacedStage, ResolvedStage } from './resolve-stage.ts';
import type { PolicySection } from './schema.ts';

/** Whether a stage asks the critic for something, or trains it, as its definition declares. */
export function criticUse({ definition, params }: ResolvedStage): 'reads' | 'trains' | undefined {
  if (definition.kind === 'map' && definition.readsWeights?.(params) === 'critic') return 'reads';
  if (definition.kind === 'update' && definition.trainsCritic?.(params)) return 'trains';
  return undefined;
}

/** Stages that use a critic, where the pipeline's policy has none. */
export function checkCritic(
  stages: readonly (PlacedStage | undefined)[],
  policy: PolicySection | undefined,
): RlevError[] {
  if (policy?.critic) return [];
  return stages.flatMap((stage) => {
    const use = stage && criticUse(stage);
    if (!use) return [];
    return new RlevError({
      code: 'config/missing',
      message: `${stage.id} (${stage.use}) ${use} a critic, and the pipeline has none.`,
      value: stage.use,
      place: stage.placeOf(['use']) ?? stage.place,
      help: 'Add `critic: {}` to the section `policy`: it begins with the weights of the policy.',
    });
  });
}
