import { z } from 'zod';
import { tf } from '../../engine/tf.ts';
import { aggregateParams, defineLoss, withLength } from './loss.ts';

/**
 * The policy gradient corrected for the policy that sampled, without a bound: L = -A rho, with rho = pi / pi_old of
 * each token (its log clamped to +-20). The surrogate that PPO clips (Schulman et al., 2017, equation 6); the loss
 * `importance_sampling` of the Tinker API. Metrics: approx_kl (k1) and ratio_mean.
 */
export const importanceSampling = defineLoss({
  use: 'loss/importance-sampling',
  doc: 'advantage times the ratio to the policy before the update, unbounded',
  formula: '-A rho',
  source: 'Schulman et al., arXiv 1707.06347, equation 6',
  needs: ['advantage', 'oldLogprobs'],
  params: withLength(z.strictObject(aggregateParams)),
  perToken({ logRatio, advantages }) {
    const ratio = tf.exp(logRatio);
    return {
      loss: tf.mul(tf.neg(advantages), ratio),
      metrics: { approx_kl: tf.neg(logRatio), ratio_mean: ratio },
    };
  },
});
