import type { Tensor } from '@tensorflow/tfjs';
import type { KlEstimator } from '../../core/services.ts';
import { tf } from '../../engine/tf.ts';
import { absolute, withGradientOf } from './detach.ts';

/**
 * Estimate of KL(pi || pi_ref) at each token from the token that was sampled (Schulman, 2020), d = log pi_ref - log pi:
 *
 * - `k1`: -d, without bias; in a loss its gradient is zero on average, so it belongs in the reward
 * - `abs`: |d|
 * - `k2`: d^2 / 2; on policy its gradient is that of the reverse KL
 * - `k3`: exp(d) - d - 1, d clamped to +-20 and the value to +-10, with no gradient outside
 * - `k1+`, `abs+`, `k3+`: the value of one with the gradient of `k2` (verl)
 *
 * @param logprobs float32 [rows, tokens]; the gradient flows through these alone
 * @param refLogprobs float32 [rows, tokens]
 */
export function klPenalty(use: KlEstimator, logprobs: Tensor, refLogprobs: Tensor): Tensor {
  const difference = tf.sub(logprobs, refLogprobs);
  switch (use) {
    case 'k1':
      return difference;
    case 'abs':
      return absolute(difference);
    case 'k2':
      return tf.mul(tf.mul(difference, difference), 0.5);
    case 'k3': {
      const d = tf.clipByValue(tf.neg(difference), -20, 20);
      return tf.clipByValue(tf.sub(tf.sub(tf.exp(d), d), 1), -10, 10);
    }
    case 'k1+':
    case 'abs+':
    case 'k3+': {
      const value = klPenalty(use.slice(0, -1) as KlEstimator, logprobs, refLogprobs);
      return withGradientOf(klPenalty('k2', logprobs, refLogprobs), value);
    }
  }
}
