/**
 * What a loss of one's own is written with: `import { defineLoss, tf } from 'rlev/losses'`. A pipeline names it by
 * path, `loss: { use: ./my-loss.js#mine }`. Apart from `rlev`, because it brings the tensor library with it.
 */
export type { Tensor } from '@tensorflow/tfjs';
export { z } from 'zod';
export type { Aggregation } from './core/services.ts';
export { tf } from './engine/tf.ts';
export { lossCatalogue, standardLosses } from './policy/losses/catalogue.ts';
export { detach, withoutGradient } from './policy/losses/detach.ts';
export type {
  AggregateParams,
  LossCatalogue,
  LossColumn,
  LossDefinition,
  LossInputs,
  LossOutputs,
  UpdateTokens,
} from './policy/losses/loss.ts';
export { aggregateParams, defineLoss, withLength } from './policy/losses/loss.ts';
