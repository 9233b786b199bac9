import { RlevError } from '../core/errors.ts';
import type { Critic } from '../core/services.ts';
import type { StageSetup } from '../core/stage.ts';

/** The critic of the pipeline's policy. @throws RlevError `config/missing` where there is none */
export function criticOf({ policy, place }: Pick<StageSetup, 'policy' | 'place'>): Critic {
  const { critic, info } = policy();
  if (critic) return critic;
  throw new RlevError({
    code: 'config/missing',
    message: `A critic is needed, and the policy on ${info.engine} has none.`,
    place,
    help: 'Add `critic: {}` to the section `policy`.',
  });
}
