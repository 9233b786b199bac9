import { z } from 'zod';
import { tf } from '../../engine/tf.ts';
import { aggregateParamsBy, defineLoss, withLength } from './loss.ts';
import { meanOfRow } from './rows.ts';

/**
 * Geometric-Mean Policy Optimization (Zhao et al., 2025, arXiv 2507.20673; verl's `geo_mean`). A response has the
 * geometric mean of the ratios of its tokens, each clipped in its logarithm and only where that lowers the objective:
 *
 *     l = sign(A) min(sign(A) d, sign(A) clip(d, -lo, hi)), d = log pi - log pi_old
 *     L = -A exp(mean over the response of l), A being the mean over the response
 *
 * Published with the mean over responses, here `seq-mean-token-mean`. Metrics: clip_fraction, where the clip lowers
 * it; approx_kl (k1); ratio_mean, the geometric mean.
 */
export const gmpo = defineLoss({
  use: 'loss/gmpo',
  doc: "GMPO: the geometric mean of a response's clipped ratios to the policy before the update",
  formula: '-A exp(mean over the response of clipped log rho)',
  source: 'Zhao et al., arXiv 2507.20673',
  needs: ['advantage', 'oldLogprobs'],
  ofRatio: ['clip'],
  params: withLength(
    z.strictObject({
      clip: z
        .tuple([z.number().min(0), z.number().min(0)])
        .default([0.4, 0.4])
        .describe('how far the logarithm of a ratio may fall below 0 and rise above it'),
      ...aggregateParamsBy('seq-mean-token-mean'),
    }),
  ),
  perToken({ logprobs, oldLogprobs, mask, advantages }, { clip: [low, high] }) {
    const sign = tf.sign(advantages);
    const difference = tf.sub(logprobs, oldLogprobs);
    const free = tf.mul(sign, difference);
    const clipped = tf.mul(sign, tf.clipByValue(difference, -low, high));
    const ratio = tf.exp(meanOfRow(tf.mul(sign, tf.minimum(free, clipped)), mask));
    return {
      loss: tf.mul(tf.neg(meanOfRow(advantages, mask)), ratio),
      metrics: {
        clip_fraction: tf.cast(tf.greater(free, clipped), 'float32'),
        approx_kl: tf.neg(difference),
        ratio_mean: ratio,
      },
    };
  },
});
