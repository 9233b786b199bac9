import { z } from 'zod';
import { tf } from '../../engine/tf.ts';
import { withGradientOf } from './detach.ts';
import { clipParam, defineLoss } from './loss.ts';

/**
 * Group Sequence Policy Optimization (Zheng et al., 2025, arXiv 2507.18071), in its token form. All tokens of a
 * response y share the ratio of the sequence, and the gradient flows through each token's own log-probability:
 *
 *     s = min(mean over tokens of (log pi - log pi_old), 10)
 *     L = max(-A exp(s), -A clip(exp(s), 1 - lo, 1 + hi))
 *
 * Always the mean over sequences of the mean over tokens, as published. A mean of log-ratios moves far less than one
 * token's, hence the narrow clip range. Metrics: clip_fraction, approx_kl (k1) and ratio_mean.
 */
export const gspo = defineLoss({
  use: 'loss/gspo',
  doc: "GSPO: the clipped surrogate of a whole response's ratio to the policy before the update",
  formula: 'max(-A r, -A clip(r, 1 - lo, 1 + hi)), r = exp(mean over the response of log rho)',
  source: 'Zheng et al., arXiv 2507.18071',
  needs: ['advantage', 'oldLogprobs'],
  ofRatio: ['clip'],
  params: z.strictObject({
    clip: clipParam([3e-4, 4e-4]),
    aggregate: z
      .literal('seq-mean-token-mean')
      .default('seq-mean-token-mean')
      .describe('how the losses of tokens become one number: this one alone, as published'),
  }),
  remarks: ({ clip }) =>
    Math.min(...clip) < 0.02
      ? []
      : [
          {
            code: 'setting/doubtful',
            parameter: ['clip'],
            message: `clip [${clip.join(', ')}] of loss/gspo hardly ever clips: it bounds the ratio of a whole response, a mean over its tokens, which moves far less than that of one.`,
            help: 'Take the published [3e-4, 4e-4], or loss/ppo-clip for a range such as [0.2, 0.2].',
          },
        ],
  perToken({ logprobs, oldLogprobs, mask, advantages }, { clip: [low, high] }) {
    const difference = tf.sub(logprobs, oldLogprobs);
    const tokens = tf.maximum(tf.sum(mask, 1, true), 1);
    const mean = tf.div(tf.sum(tf.mul(difference, mask), 1, true), tokens);
    const ratio = tf.exp(tf.minimum(withGradientOf(logprobs, mean), 10));
    const weight = tf.neg(advantages);
    const free = tf.mul(weight, ratio);
    const clipped = tf.mul(weight, tf.clipByValue(ratio, 1 - low, 1 + high));
    return {
      loss: tf.maximum(free, clipped),
      metrics: {
        clip_fraction: tf.cast(tf.greater(clipped, free), 'float32'),
        approx_kl: tf.neg(difference),
        ratio_mean: ratio,
      },
    };
  },
});
