import { z } from 'zod';
import { permutation } from '../../core/random.ts';
import { tf } from '../../engine/tf.ts';
import { covariances, marked } from './covariance.ts';
import { aggregateParams, clipParam, defineLoss, withLength } from './loss.ts';
import { clippedSurrogate } from './surrogate.ts';

/**
 * Clip-Cov (Cui et al., 2025, arXiv 2505.22617; verl's `clip_cov`): PPO's clipped surrogate without some of the tokens
 * where advantage and log-probability rise together, which is where entropy is lost:
 *
 *     L = max(-A rho, -A clip(rho, 1 - lo, 1 + hi)) (1 - chosen)
 *
 * Chosen are, under the policy as it is before an update, tokens drawn from those of the update whose covariance lies
 * within `between` and which the surrogate does not clip: `share` of all that count, one at least. Metrics:
 * chosen_fraction, clip_fraction, approx_kl (k1), ratio_mean.
 */
export const clipCov = defineLoss({
  use: 'loss/clip-cov',
  doc: "Clip-Cov: PPO's clipped surrogate without some tokens where advantage and log-probability rise together",
  formula: 'max(-A rho, -A clip(rho, 1 - lo, 1 + hi)), 0 at tokens drawn by the covariance of A and log pi',
  source: 'Cui et al., arXiv 2505.22617, as in verl',
  needs: ['advantage', 'oldLogprobs'],
  ofRatio: ['clip'],
  params: withLength(
    z.strictObject({
      clip: clipParam([0.2, 0.2]),
      share: z.number().gt(0).max(1).default(2e-4).describe('share of the tokens that is left out'),
      between: z
        .tuple([z.number(), z.number()])
        .default([1, 5])
        .describe('covariance of the tokens that it is drawn from'),
      ...aggregateParams,
    }),
  ),
  choose(update, { clip: [low, high], share, between: [least, most] }) {
    const { logprobs, oldLogprobs, advantages, mask, key } = update;
    const isClipped = (t: number): boolean => {
      const ratio = Math.exp(logprobs[t]! - oldLogprobs[t]!);
      const clipped = Math.min(Math.max(ratio, 1 - low), 1 + high);
      return -advantages[t]! * clipped > -advantages[t]! * ratio;
    };
    const all = covariances(update);
    const drawable = all.filter(
      ({ token, covariance }) => covariance > least && covariance < most && !isClipped(token),
    );
    const order = permutation(key, drawable.length);
    const drawn = order.subarray(0, Math.max(1, Math.floor(all.length * share)));
    return marked(
      mask.length,
      Array.from(drawn, (i) => drawable[i]!.token),
    );
  },
  perToken({ logRatio, advantages, chosen }, { clip }) {
    const ratio = tf.exp(logRatio);
    const { loss, metrics } = clippedSurrogate(ratio, advantages, clip, undefined);
    return {
      loss: tf.mul(loss, tf.sub(1, chosen)),
      metrics: { ...metrics, chosen_fraction: chosen, approx_kl: tf.neg(logRatio), ratio_mean: ratio },
    };
  },
});
