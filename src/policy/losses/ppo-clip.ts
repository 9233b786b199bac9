import { z } from 'zod';
import { tf } from '../../engine/tf.ts';
import { aggregateParams, clipParam, defineLoss, withLength } from './loss.ts';

/**
 * PPO's clipped surrogate (Schulman et al., 2017), with rho = pi / pi_old of each token:
 *
 *     L = max(-A rho, -A clip(rho, 1 - lo, 1 + hi))
 *
 * `clip` is [lo, hi]; hi above lo is DAPO's clip-higher. `dualClip` c (Ye et al., 2020) bounds the loss of a token
 * with A < 0 by -A c, however likely the token has become. Metrics: clip_fraction, where the clipped term is the
 * larger; dual_clip_fraction; approx_kl = -log rho (k1); ratio_mean = rho.
 */
export const ppoClip = defineLoss({
  use: 'loss/ppo-clip',
  doc: "PPO's clipped surrogate of the ratio to the policy before the update",
  formula: 'max(-A rho, -A clip(rho, 1 - lo, 1 + hi)); with dualClip c at most -A c where A < 0',
  source:
    'Schulman et al., arXiv 1707.06347; dual clip: Ye et al., arXiv 1912.09729; hi above lo: DAPO, arXiv 2503.14476',
  needs: ['advantage', 'oldLogprobs'],
  ofRatio: ['clip', 'dualClip'],
  params: withLength(
    z.strictObject({
      clip: clipParam([0.2, 0.2]),
      dualClip: z
        .number()
        .gt(1)
        .optional()
        .describe('largest ratio that counts where the advantage is below 0'),
      ...aggregateParams,
    }),
  ),
  perToken({ logRatio, advantages }, { clip: [low, high], dualClip }) {
    const ratio = tf.exp(logRatio);
    const weight = tf.neg(advantages);
    const free = tf.mul(weight, ratio);
    const clipped = tf.mul(weight, tf.clipByValue(ratio, 1 - low, 1 + high));
    const worse = tf.maximum(free, clipped);
    const metrics = {
      clip_fraction: tf.cast(tf.greater(clipped, free), 'float32'),
      approx_kl: tf.neg(logRatio),
      ratio_mean: ratio,
    };
    if (dualClip === undefined) return { loss: worse, metrics };
    // Where A > 0 the loss is below zero and this bound above: it binds for A < 0 only.
    const bound = tf.mul(tf.abs(advantages), dualClip);
    return {
      loss: tf.minimum(worse, bound),
      metrics: { ...metrics, dual_clip_fraction: tf.cast(tf.greater(worse, bound), 'float32') },
    };
  },
});
