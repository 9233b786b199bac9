import type { Tensor } from '@tensorflow/tfjs';
import { tf } from '../../engine/tf.ts';

/** The same numbers, through which no gradient flows. */
export function detach(x: Tensor): Tensor {
  const op = tf.customGrad((...args) => {
    const [y] = args as unknown as [Tensor];
    return { value: tf.clone(y), gradFunc: (dy: Tensor) => tf.zerosLike(dy) };
  });
  return op(x);
}

/** The numbers of `value` with the gradient of `source` (straight-through). Shapes broadcast. */
export function withGradientOf(source: Tensor, value: Tensor): Tensor {
  return tf.add(tf.sub(source, detach(source)), detach(value));
}
