import { didYouMean } from '../../core/did-you-mean.ts';
import { type Place, RlevError, show } from '../../core/errors.ts';
import type { LossSpec } from '../../core/services.ts';
import { parameterErrors } from '../parameter-errors.ts';

/** `{ use, ...parameters }`, as it stands in the pipeline file. */
export interface LossParams {
  readonly use: string;
  readonly [name: string]: unknown;
}

/** The loss as a trainer takes it. */
export function lossSpec({ use, ...params }: LossParams): LossSpec {
  return { use, params };
}

/**
 * Checks the parameters of a loss that the package brings, before a run begins. A loss by another name than `loss/...`
 * is a user's own: the trainer knows it, or says that it does not.
 *
 * @throws RlevError `config/unknown-stage` for a name that no loss has, `config/type` or `config/unknown-key` for
 *   parameters that it does not take
 */
export async function checkLoss(loss: LossParams, place: Place): Promise<void> {
  if (!loss.use.startsWith('loss/')) return;
  // Losses bring the tensor library with them, which takes half a second to load.
  const { standardLosses } = await import('../../policy/losses/catalogue.ts');
  const { use, params } = lossSpec(loss);
  const definition = standardLosses[use];
  if (!definition) {
    throw new RlevError({
      code: 'config/unknown-stage',
      message: `There is no loss ${show(use)}.`,
      value: use,
      place,
      help: didYouMean(use, Object.keys(standardLosses)),
    });
  }
  const parsed = definition.params.safeParse(params);
  if (parsed.success) return;
  throw parameterErrors(parsed.error, use, place);
}
