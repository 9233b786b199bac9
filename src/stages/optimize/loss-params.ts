import { didYouMean } from '../../core/did-you-mean.ts';
import { type Place, RlevError, show } from '../../core/errors.ts';
import { namesExport, partsOfUse } from '../../core/module-use.ts';
import type { LossSpec } from '../../core/services.ts';
import type { StageSetup } from '../../core/stage.ts';
import type { LossDefinition } from '../../policy/losses/loss.ts';
import { parameterErrors } from '../parameter-errors.ts';
import { placeIn } from '../place-in.ts';

/** `{ use, ...parameters }`, as it stands in the pipeline file. */
export interface LossParams {
  readonly use: string;
  readonly [name: string]: unknown;
}

/** The loss as a trainer takes it. */
function lossSpec({ use, ...params }: LossParams): LossSpec {
  return { use, params };
}

/**
 * The loss as a trainer takes it, with its parameters checked before a run begins. A loss that is a module's export,
 * `./my-loss.js#name`, is loaded; its path is relative to the pipeline file and becomes absolute. Any other that is not
 * called `loss/...` the trainer knows, or says that it does not.
 *
 * @throws RlevError `config/unknown-stage` for a name that no loss has; `config/module` for a module that exports no such loss;
 *   `config/type` or `config/unknown-key` for parameters that it does not take
 */
export async function checkedLoss(
  loss: LossParams,
  setup: Pick<StageSetup, 'place' | 'placeOf' | 'resolve'>,
): Promise<LossSpec> {
  const { use, params } = lossSpec(loss);
  const place = placeIn(setup, 'loss', 'use');
  if (!use.startsWith('loss/') && !namesExport(use)) return { use, params };
  const { definition, found } = namesExport(use)
    ? await ownLoss(use, place, setup.resolve)
    : { definition: await standardLoss(use, place), found: use };
  const parsed = definition.params.safeParse(params);
  if (!parsed.success) {
    throw parameterErrors(parsed.error, params, {
      name: use,
      params: definition.params,
      placeOf: (path, of) => setup.placeOf?.(['loss', ...path], of) ?? place,
    });
  }
  return { use: found, params };
}

// Losses bring the tensor library with them, which takes half a second to load: only where one is used.

async function standardLoss(use: string, place: Place): Promise<LossDefinition> {
  const { standardLosses } = await import('../../policy/losses/catalogue.ts');
  const definition = standardLosses[use];
  if (definition) return definition;
  throw new RlevError({
    code: 'config/unknown-stage',
    message: `There is no loss ${show(use)}.`,
    value: use,
    place,
    help: didYouMean(use, Object.keys(standardLosses)),
  });
}

async function ownLoss(
  use: string,
  place: Place,
  resolve: StageSetup['resolve'],
): Promise<{ definition: LossDefinition; found: string }> {
  const { loadLoss } = await import('../../policy/load-loss.ts');
  const { path, name } = partsOfUse(use);
  const found = `${resolve(path)}#${name}`;
  try {
    return { definition: await loadLoss(found), found };
  } catch (error) {
    throw error instanceof RlevError ? new RlevError({ ...error.details(), value: use, place }) : error;
  }
}
