import { z } from 'zod';
import { tf } from '../../engine/tf.ts';
import { covariances, marked } from './covariance.ts';
import { absolute } from './detach.ts';
import { aggregateParams, defineLoss, withLength } from './loss.ts';

/**
 * KL-Cov (Cui et al., 2025, arXiv 2505.22617; verl's `kl_cov`): a pull towards the policy before the update at the
 * tokens where advantage and log-probability rise together most, which is where entropy is lost:
 *
 *     L = -A rho + coefficient |log rho| chosen
 *
 * Chosen is the `share` of the counted tokens of an update with the largest covariance, one at least, under the policy
 * as it is before that update. Metrics: chosen_fraction, approx_kl (k1), ratio_mean.
 */
export const klCov = defineLoss({
  use: 'loss/kl-cov',
  doc: 'KL-Cov: advantage times ratio, and a pull back where advantage and log-probability rise together',
  formula:
    '-A rho, plus coefficient |log rho| at the share of tokens of the largest covariance of A and log pi',
  source: 'Cui et al., arXiv 2505.22617, as in verl',
  needs: ['advantage', 'oldLogprobs'],
  ofRatio: ['share', 'coefficient'],
  params: withLength(
    z.strictObject({
      share: z.number().gt(0).max(1).default(2e-4).describe('share of the tokens that are pulled back'),
      coefficient: z.number().min(0).default(0.1).describe('how strong the pull is'),
      ...aggregateParams,
    }),
  ),
  choose(update, { share }) {
    const tokens = [...covariances(update)].sort((a, b) => b.covariance - a.covariance || a.token - b.token);
    const most = Math.max(1, Math.floor(tokens.length * share));
    return marked(
      update.mask.length,
      tokens.slice(0, most).map(({ token }) => token),
    );
  },
  perToken({ logRatio, advantages, chosen }, { coefficient }) {
    const ratio = tf.exp(logRatio);
    const pull = tf.mul(tf.mul(absolute(logRatio), chosen), coefficient);
    return {
      loss: tf.sub(pull, tf.mul(advantages, ratio)),
      metrics: { chosen_fraction: chosen, approx_kl: tf.neg(logRatio), ratio_mean: ratio },
    };
  },
});
