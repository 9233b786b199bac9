import { z } from 'zod';
import { tf } from '../../engine/tf.ts';
import { withGradientOf } from './detach.ts';
import { aggregateParamsBy, clipParam, defineLoss, withLength } from './loss.ts';
import { meanOfRow } from './rows.ts';
import { clippedSurrogate, dualClipParam } from './surrogate.ts';

/**
 * Group Sequence Policy Optimization (Zheng et al., 2025, arXiv 2507.18071), in its token form. All tokens of a
 * response y share the ratio of the sequence, and the gradient flows through each token's own log-probability:
 *
 *     s = min(mean over tokens of (log pi - log pi_old), 10)
 *     L = max(-A exp(s), -A clip(exp(s), 1 - lo, 1 + hi))
 *
 * Published with the mean over sequences of the mean over tokens, here the default; with `seq-mean-token-sum` it is
 * LUSPO (arXiv 2602.05261). A mean of log-ratios moves far less than one token's, hence the narrow clip range.
 * Metrics: clip_fraction, dual_clip_fraction, approx_kl (k1) and ratio_mean.
 */
export const gspo = defineLoss({
  use: 'loss/gspo',
  doc: "GSPO: the clipped surrogate of a whole response's ratio to the policy before the update",
  formula: 'max(-A r, -A clip(r, 1 - lo, 1 + hi)), r = exp(mean over the response of log rho)',
  source: 'Zheng et al., arXiv 2507.18071',
  needs: ['advantage', 'oldLogprobs'],
  ofRatio: ['clip', 'dualClip'],
  params: withLength(
    z.strictObject({
      clip: clipParam([3e-4, 4e-4]),
      dualClip: dualClipParam,
      ...aggregateParamsBy('seq-mean-token-mean'),
    }),
  ),
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
  perToken({ logprobs, oldLogprobs, mask, advantages }, { clip, dualClip }) {
    const difference = tf.sub(logprobs, oldLogprobs);
    const mean = meanOfRow(difference, mask);
    const ratio = tf.exp(tf.minimum(withGradientOf(logprobs, mean), 10));
    const { loss, metrics } = clippedSurrogate(ratio, advantages, clip, dualClip);
    return { loss, metrics: { ...metrics, approx_kl: tf.neg(difference), ratio_mean: ratio } };
  },
});
