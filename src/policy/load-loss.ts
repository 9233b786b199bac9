import { resolve } from 'node:path';
import { didYouMean } from '../core/did-you-mean.ts';
import { RlevError, show } from '../core/errors.ts';
import { importModule } from '../core/import-module.ts';
import { partsOfUse } from '../core/module-use.ts';
import type { LossDefinition } from './losses/loss.ts';

/**
 * The loss that a user's module exports. A path that is not absolute counts from the working directory.
 *
 * @throws RlevError `config/module` where the module cannot be loaded or exports no loss by that name
 */
export async function loadLoss(use: string): Promise<LossDefinition> {
  const { path, name } = partsOfUse(use);
  const file = resolve(path);
  const module = await importModule(file, { worker: true });
  const loss = module[name];
  if (isLoss(loss)) return { ...loss, use };
  const losses = Object.keys(module).filter((key) => isLoss(module[key]));
  throw new RlevError({
    code: 'config/module',
    message: `${file} exports no loss ${show(name)}.`,
    value: use,
    help:
      losses.length > 0
        ? didYouMean(name, losses)
        : 'Write `export const name = defineLoss({ ... })`, with the defineLoss of rlev/losses.',
  });
}

function isLoss(value: unknown): value is LossDefinition {
  const { params, needs, perToken } = (value ?? {}) as Partial<LossDefinition>;
  return typeof perToken === 'function' && Array.isArray(needs) && typeof params?.safeParse === 'function';
}
