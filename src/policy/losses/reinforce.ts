import { z } from 'zod';
import { tf } from '../../engine/tf.ts';
import { aggregateParams, defineLoss, withLength } from './loss.ts';

/**
 * The policy gradient itself (Williams, 1992): L = -A log pi, without a ratio. Right for one update on what the
 * policy has just sampled.
 */
export const reinforce = defineLoss({
  use: 'loss/reinforce',
  doc: 'advantage times log-probability, for a single update on fresh samples',
  formula: '-A log pi',
  source: 'Williams, "Simple statistical gradient-following algorithms", 1992',
  needs: ['advantage'],
  params: withLength(z.strictObject(aggregateParams)),
  perToken: ({ logprobs, advantages }) => ({
    loss: tf.mul(tf.neg(advantages), logprobs),
    metrics: {},
  }),
});
