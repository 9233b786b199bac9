import { z } from 'zod';
import { tf } from '../../engine/tf.ts';
import { aggregateParams, clipParam, defineLoss, withLength } from './loss.ts';
import { sumOfRow } from './rows.ts';
import { clippedSurrogate, dualClipParam } from './surrogate.ts';

/**
 * PPO's clipped surrogate (Schulman et al., 2017), with rho = pi / pi_old of each token:
 *
 *     L = max(-A rho, -A clip(rho, 1 - lo, 1 + hi))
 *
 * `clip` is [lo, hi]; hi above lo is DAPO's clip-higher. `dualClip` c (Ye et al., 2020) bounds the loss of a token
 * with A < 0 by -A c, however likely the token has become. `ratio: sequence` takes for every token the ratio of the
 * whole response, the product over its tokens, with the gradient through all of them: with `seq-mean-token-mean`,
 * TRL's loss of RLOO. Metrics: clip_fraction, where the clipped term is the larger; dual_clip_fraction;
 * approx_kl = -log rho (k1) of a token; ratio_mean = rho.
 */
export const ppoClip = defineLoss({
  use: 'loss/ppo-clip',
  doc: "PPO's clipped surrogate of the ratio to the policy before the update",
  formula: 'max(-A rho, -A clip(rho, 1 - lo, 1 + hi)); with dualClip c at most -A c where A < 0',
  source:
    'Schulman et al., arXiv 1707.06347; dual clip: Ye et al., arXiv 1912.09729; hi above lo: DAPO, arXiv 2503.14476',
  needs: ['advantage', 'oldLogprobs'],
  ofRatio: ['clip', 'dualClip', 'ratio'],
  params: withLength(
    z.strictObject({
      clip: clipParam([0.2, 0.2]),
      dualClip: dualClipParam,
      ratio: z
        .enum(['token', 'sequence'])
        .default('token')
        .describe("of each token, or of the whole response: the product over its tokens, as TRL's RLOO"),
      ...aggregateParams,
    }),
  ),
  perToken({ logRatio, advantages, mask }, { clip, dualClip, ratio: of }) {
    const log = of === 'token' ? logRatio : tf.clipByValue(sumOfRow(logRatio, mask), -20, 20);
    const ratio = tf.exp(log);
    const { loss, metrics } = clippedSurrogate(ratio, advantages, clip, dualClip);
    return { loss, metrics: { ...metrics, approx_kl: tf.neg(logRatio), ratio_mean: ratio } };
  },
});
