import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { RlevError, show } from '../core/errors.ts';
import type { LossDefinition } from './losses/loss.ts';

/** Whether `use` names a user's module rather than a loss of the catalogue: `path/to/file.js#export`. */
export function namesLossModule(use: string): boolean {
  return use.includes('#');
}

/**
 * The loss that a user's module exports. A path that is not absolute counts from the working directory.
 *
 * @throws RlevError `config/unknown-stage` where the module cannot be loaded or exports no loss by that name
 */
export async function loadLoss(use: string): Promise<LossDefinition> {
  const cut = use.lastIndexOf('#');
  const file = resolve(use.slice(0, cut));
  const name = use.slice(cut + 1);
  let module: Record<string, unknown>;
  try {
    module = await import(pathToFileURL(file).href);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw lossError(use, `The module of the loss ${show(use)} cannot be loaded: ${reason}`, file, cause);
  }
  const loss = module[name];
  if (isLoss(loss)) return { ...loss, use };
  throw lossError(use, `The module exports no loss ${show(name)}; it exports ${Object.keys(module)}.`, file);
}

function isLoss(value: unknown): value is LossDefinition {
  const { params, needs, perToken } = (value ?? {}) as Partial<LossDefinition>;
  return typeof perToken === 'function' && Array.isArray(needs) && typeof params?.safeParse === 'function';
}

function lossError(use: string, message: string, file: string, cause?: unknown): RlevError {
  return new RlevError({
    code: 'config/unknown-stage',
    message,
    value: use,
    place: { file },
    help: 'Write `use: path/to/file.js#name`, where the file exports `name = defineLoss({ ... })`.',
    cause,
  });
}
