import { cispo } from './cispo.ts';
import { crossEntropy } from './cross-entropy.ts';
import { gspo } from './gspo.ts';
import { importanceSampling } from './importance-sampling.ts';
import type { LossCatalogue, LossDefinition } from './loss.ts';
import { ppoClip } from './ppo-clip.ts';
import { reinforce } from './reinforce.ts';

/** Losses by name. */
export const lossCatalogue = (definitions: readonly LossDefinition[]): LossCatalogue =>
  Object.fromEntries(definitions.map((definition) => [definition.use, definition]));

/** The losses that this package brings. */
export const standardLosses: LossCatalogue = lossCatalogue([
  ppoClip,
  gspo,
  cispo,
  importanceSampling,
  reinforce,
  crossEntropy,
]);
