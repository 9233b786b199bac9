import type { Tensor } from '@tensorflow/tfjs';
import { z } from 'zod';
import { tf } from '../../engine/tf.ts';
import { detach, withoutGradient } from './detach.ts';
import { aggregateParams, defineLoss, withLength } from './loss.ts';

/**
 * Divergence Proximal Policy Optimization (2026, arXiv 2602.04879; verl's `dppo_tv` and `dppo_kl`): a token is left
 * out where the policy has moved too far from the one before the update in the direction in which its advantage
 * pushes, by the divergence between the two as distributions over "this token or another", not by the ratio:
 *
 *     L = -stopgrad(min(rho, truncate) keep) A log pi
 *     tv:  keep = p - q <= hi where A > 0, p - q >= -lo elsewhere, p = pi, q = pi_old
 *     kl:  keep = D <= hi or p <= q where A > 0, D <= lo or p >= q elsewhere,
 *          D = q log(q / p) + (1 - q) log((1 - q + 1e-8) / (1 - p + 1e-8))
 *
 * Metrics: clip_fraction, what is left out; dual_clip_fraction, what is truncated; approx_kl (k1); ratio_mean.
 */
export const dppo = defineLoss({
  use: 'loss/dppo',
  doc: 'DPPO: the policy gradient without tokens whose probability has moved too far already',
  formula: '-stopgrad(min(rho, truncate) keep) A log pi, keep by the divergence of token probabilities',
  source: 'arXiv 2602.04879; verl',
  needs: ['advantage', 'oldLogprobs'],
  ofRatio: ['bounds', 'truncate', 'divergence'],
  params: withLength(
    z.strictObject({
      divergence: z
        .enum(['tv', 'kl'])
        .default('tv')
        .describe('total variation or KL, of a token against all others'),
      bounds: z
        .tuple([z.number().min(0), z.number().min(0)])
        .default([0.2, 0.2])
        .describe('how far the policy may move where the advantage is not above 0, and where it is'),
      truncate: z.number().gt(1).default(20).describe('largest ratio that counts'),
      ...aggregateParams,
    }),
  ),
  perToken({ logprobs, oldLogprobs, logRatio, advantages }, { divergence, bounds, truncate }) {
    const [low, high] = bounds;
    const keep = withoutGradient(
      (log, old, a) => {
        const far = (bound: number, sign: 1 | -1): Tensor => {
          const moved = tf.mul(tf.sub(tf.exp(log), tf.exp(old)), sign);
          if (divergence === 'tv') return tf.greater(moved, bound);
          return tf.logicalAnd(tf.greater(binaryKl(log, old), bound), tf.greater(moved, 0));
        };
        const up = tf.greater(a, 0);
        const dropped = tf.logicalOr(
          tf.logicalAnd(up, far(high, 1)),
          tf.logicalAnd(tf.logicalNot(up), far(low, -1)),
        );
        return tf.cast(tf.logicalNot(dropped), 'float32');
      },
      logprobs,
      oldLogprobs,
      advantages,
    );
    const ratio = detach(tf.exp(logRatio));
    const weight = tf.mul(tf.minimum(ratio, truncate), keep);
    return {
      loss: tf.mul(tf.mul(tf.neg(weight), advantages), logprobs),
      metrics: {
        clip_fraction: tf.sub(1, keep),
        dual_clip_fraction: tf.mul(tf.cast(tf.greater(ratio, truncate), 'float32'), keep),
        approx_kl: tf.neg(logRatio),
        ratio_mean: ratio,
      },
    };
  },
});

/** KL of "this token or another" under the policy before the update from that under the one that trains. */
function binaryKl(log: Tensor, old: Tensor): Tensor {
  const [p, q] = [tf.exp(log), tf.exp(old)];
  const [notP, notQ] = [tf.sub(1, p), tf.sub(1, q)];
  const others = tf.log(tf.div(tf.add(notQ, 1e-8), tf.add(notP, 1e-8)));
  return tf.add(tf.mul(q, tf.sub(old, log)), tf.mul(notQ, others));
}
