import type { Tensor } from '@tensorflow/tfjs';
import { z } from 'zod';
import { tf } from '../../engine/tf.ts';
import { withoutGradient } from './detach.ts';
import { aggregateParams, defineLoss, withLength } from './loss.ts';
import { chosen, sumOfRow } from './rows.ts';

const gamma = (byDefault: [number, number]) =>
  z.tuple([z.number().min(0), z.number().min(1e-4)]).default(byDefault);

/**
 * Variational Sequence-Level Soft Policy Optimization (2026, arXiv 2602.10693; TRL's `vespo`): the policy gradient of
 * a response weighed by a smooth function of its ratio w = pi / pi_old, the product over its tokens, which is 1 at
 * w = 1 and falls on either side:
 *
 *     L = -stopgrad(phi(w)) A log pi, phi(w) = e^lambda w^k e^(-lambda w)
 *
 * with [k, lambda] one pair where A is 0 or more and another where it is below. log w is clamped to log 1e-8 .. 20, as
 * TRL has it. Metrics: approx_kl (k1) of a token; weight_mean, phi.
 */
export const vespo = defineLoss({
  use: 'loss/vespo',
  doc: "VESPO: the policy gradient weighed by a smooth function of the whole response's ratio",
  formula: '-stopgrad(e^lambda w^k e^(-lambda w)) A log pi, w the ratio of the whole response',
  source: 'arXiv 2602.10693; TRL',
  needs: ['advantage', 'oldLogprobs'],
  ofRatio: ['positive', 'negative'],
  params: withLength(
    z.strictObject({
      positive: gamma([2, 3]).describe('k and lambda where the advantage is 0 or more'),
      negative: gamma([3, 2]).describe('k and lambda where it is below 0'),
      ...aggregateParams,
    }),
  ),
  perToken({ logprobs, logRatio, mask, advantages }, { positive, negative }) {
    const phi = withoutGradient(
      (ratios, a) => {
        const log = tf.clipByValue(sumOfRow(ratios, mask), Math.log(1e-8), 20);
        const isNegative = tf.less(a, 0);
        const [k, lambda] = [0, 1].map((i) => chosen(isNegative, negative[i]!, positive[i]!)) as [
          Tensor,
          Tensor,
        ];
        return tf.exp(tf.add(tf.mul(k, log), tf.mul(lambda, tf.sub(1, tf.exp(log)))));
      },
      logRatio,
      advantages,
    );
    return {
      loss: tf.mul(tf.mul(tf.neg(phi), advantages), logprobs),
      metrics: { approx_kl: tf.neg(logRatio), weight_mean: phi },
    };
  },
});
