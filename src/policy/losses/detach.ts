import type { Tensor } from '@tensorflow/tfjs';
import { tf } from '../../engine/tf.ts';

/** What `f` makes of tensors, through which no gradient flows to them: `f` may use operations that have none. */
export function withoutGradient(f: (...xs: Tensor[]) => Tensor, ...xs: Tensor[]): Tensor {
  const op = tf.customGrad((...args) => {
    const given = (args as unknown as Tensor[]).slice(0, xs.length);
    const zeros = () => given.map((x) => tf.zerosLike(x));
    return { value: f(...given), gradFunc: xs.length === 1 ? () => zeros()[0]! : zeros };
  });
  return op(...xs);
}

/** The same numbers, through which no gradient flows. */
export function detach(x: Tensor): Tensor {
  return withoutGradient((y) => tf.clone(y), x);
}

/** |x| with the gradient sign(x): 0 at 0, where that of `tf.abs` is -1. */
export function absolute(x: Tensor): Tensor {
  const sign = withoutGradient((y) => tf.sign(y), x);
  return tf.mul(x, sign);
}

/** The numbers of `value` with the gradient of `source` (straight-through). Shapes broadcast. */
export function withGradientOf(source: Tensor, value: Tensor): Tensor {
  return tf.add(tf.sub(source, detach(source)), detach(value));
}
