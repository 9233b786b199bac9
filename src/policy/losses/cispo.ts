import { z } from 'zod';
import { tf } from '../../engine/tf.ts';
import { detach } from './detach.ts';
import { aggregateParams, clipParam, defineLoss, withLength } from './loss.ts';

/**
 * CISPO (MiniMax-M1, 2025, arXiv 2506.13585): the ratio weighs the policy gradient and is clipped, but carries no
 * gradient itself, so that clipped tokens still learn:
 *
 *     L = -stopgrad(clip(rho, 1 - lo, 1 + hi)) A log pi
 *
 * `clip: [1, hi]` bounds it above only. Metrics: clip_fraction, where rho lies outside; approx_kl (k1); ratio_mean.
 */
export const cispo = defineLoss({
  use: 'loss/cispo',
  doc: 'CISPO: the policy gradient weighed by the clipped ratio to the policy before the update',
  formula: '-stopgrad(clip(rho, 1 - lo, 1 + hi)) A log pi',
  source: 'MiniMax-M1, arXiv 2506.13585',
  needs: ['advantage', 'oldLogprobs'],
  ofRatio: ['clip'],
  params: withLength(z.strictObject({ clip: clipParam([0.2, 0.2]), ...aggregateParams })),
  perToken({ logprobs, logRatio, advantages }, { clip: [low, high] }) {
    const ratio = detach(tf.exp(logRatio));
    const clipped = tf.clipByValue(ratio, 1 - low, 1 + high);
    return {
      loss: tf.mul(tf.mul(tf.neg(clipped), advantages), logprobs),
      metrics: {
        clip_fraction: tf.cast(tf.notEqual(clipped, ratio), 'float32'),
        approx_kl: tf.neg(logRatio),
        ratio_mean: ratio,
      },
    };
  },
});
