import { z } from 'zod';
import { tf } from '../../engine/tf.ts';
import { aggregateParamsBy, defineLoss, withLength } from './loss.ts';
import { chosen } from './rows.ts';

/**
 * Soft Adaptive Policy Optimization (Gao et al., 2025, arXiv 2511.20347): a smooth gate in place of the clip, with
 * rho = pi / pi_old of each token (its log clamped to +-20):
 *
 *     L = -A (4 / tau) sigmoid(tau (rho - 1)), tau = temperatures[0] where A > 0, temperatures[1] otherwise
 *
 * At rho = 1 the gradient is that of the policy gradient, and it fades on either side, the faster the larger tau.
 * Published, as in verl and TRL, with the mean over sequences of the mean over tokens. Metrics: approx_kl (k1),
 * ratio_mean.
 */
export const sapo = defineLoss({
  use: 'loss/sapo',
  doc: 'SAPO: a smooth gate of the ratio to the policy before the update, instead of a clip',
  formula: '-A (4 / tau) sigmoid(tau (rho - 1)), one tau where A > 0 and another elsewhere',
  source: 'Gao et al., arXiv 2511.20347',
  needs: ['advantage', 'oldLogprobs'],
  ofRatio: ['temperatures'],
  params: withLength(
    z.strictObject({
      temperatures: z
        .tuple([z.number().gt(0), z.number().gt(0)])
        .default([1, 1.05])
        .describe('tau where the advantage is above 0, and elsewhere'),
      ...aggregateParamsBy('seq-mean-token-mean'),
    }),
  ),
  perToken({ logRatio, advantages }, { temperatures: [above, below] }) {
    const ratio = tf.exp(logRatio);
    const tau = chosen(tf.greater(advantages, 0), above, below);
    const gate = tf.mul(tf.sigmoid(tf.mul(tau, tf.sub(ratio, 1))), tf.div(4, tau));
    return {
      loss: tf.mul(tf.neg(advantages), gate),
      metrics: { approx_kl: tf.neg(logRatio), ratio_mean: ratio },
    };
  },
});
