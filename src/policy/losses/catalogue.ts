import { cispo } from './cispo.ts';
import { clipCov } from './clip-cov.ts';
import { crossEntropy } from './cross-entropy.ts';
import { dppo } from './dppo.ts';
import { dro } from './dro.ts';
import { gmpo } from './gmpo.ts';
import { gspo } from './gspo.ts';
import { importanceSampling } from './importance-sampling.ts';
import { klCov } from './kl-cov.ts';
import type { LossCatalogue, LossDefinition } from './loss.ts';
import { ppoClip } from './ppo-clip.ts';
import { reinforce } from './reinforce.ts';
import { sapo } from './sapo.ts';
import { vespo } from './vespo.ts';

/** Losses by name. */
export const lossCatalogue = (definitions: readonly LossDefinition[]): LossCatalogue =>
  Object.fromEntries(definitions.map((definition) => [definition.use, definition]));

/** The losses that this package brings. */
export const standardLosses: LossCatalogue = lossCatalogue([
  ppoClip,
  gspo,
  cispo,
  sapo,
  gmpo,
  vespo,
  dppo,
  dro,
  clipCov,
  klCov,
  importanceSampling,
  reinforce,
  crossEntropy,
]);
