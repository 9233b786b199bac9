import { z } from 'zod';
import { tf } from '../../engine/tf.ts';
import { aggregateParams, defineLoss, withLength } from './loss.ts';

/** Supervised learning of the responses as they stand: L = -log pi. */
export const crossEntropy = defineLoss({
  use: 'loss/cross-entropy',
  doc: 'negative log-probability of the response, for supervised training',
  formula: '-log pi',
  source: 'maximum likelihood',
  needs: [],
  params: withLength(z.strictObject(aggregateParams)),
  perToken: ({ logprobs }) => ({ loss: tf.neg(logprobs), metrics: {} }),
});
