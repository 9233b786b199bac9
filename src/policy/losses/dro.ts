import { z } from 'zod';
import { tf } from '../../engine/tf.ts';
import { aggregateParams, defineLoss, withLength } from './loss.ts';

/**
 * Direct Reward Optimisation (Richemond et al., 2024, arXiv 2405.19107), as verl has it: the policy gradient with a
 * quadratic pull towards the policy before the update in place of a clip:
 *
 *     L = -A log pi + beta (log pi - log pi_old)^2 / 2
 *
 * Metrics: approx_kl (k1).
 */
export const dro = defineLoss({
  use: 'loss/dro',
  doc: 'the policy gradient with a quadratic pull towards the policy before the update (DRO)',
  formula: '-A log pi + beta (log pi - log pi_old)^2 / 2',
  source: 'Richemond et al., arXiv 2405.19107, as in verl',
  needs: ['advantage', 'oldLogprobs'],
  ofRatio: ['beta'],
  params: withLength(
    z.strictObject({
      beta: z.number().gt(0).default(0.1).describe('how strong the pull is'),
      ...aggregateParams,
    }),
  ),
  perToken({ logprobs, oldLogprobs, advantages }, { beta }) {
    const difference = tf.sub(logprobs, oldLogprobs);
    return {
      loss: tf.sub(tf.mul(tf.square(difference), beta / 2), tf.mul(advantages, logprobs)),
      metrics: { approx_kl: tf.neg(difference) },
    };
  },
});
