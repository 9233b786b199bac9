import type { Tensor } from '@tensorflow/tfjs';
import { tf } from '../../engine/tf.ts';

/** log(pi / pi_old), clamped to +-20 so that exp cannot overflow; the gradient is zero outside. */
export function logRatio(logprobs: Tensor, oldLogprobs: Tensor): Tensor {
  return tf.clipByValue(tf.sub(logprobs, oldLogprobs), -20, 20);
}

/** The same where pi_old is pi itself: zero, with the gradient of `logprobs`. */
export function ownLogRatio(logprobs: Tensor): Tensor {
  const op = tf.customGrad((...args) => {
    const [x] = args as unknown as [Tensor];
    return { value: tf.mul(x, 0), gradFunc: (dy: Tensor) => dy };
  });
  return op(logprobs);
}
