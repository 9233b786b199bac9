import type { Tensor } from '@tensorflow/tfjs';
import { tf } from '../engine/tf.ts';

/**
 * The layers that training and decoding share. Where autodiff would emit more operations than the derivative needs,
 * the gradient is written out.
 */

/** x / sqrt(mean(x^2) + eps) * weight over the last axis [n] (Zhang and Sennrich, 2019). x of any rank. */
export function rmsNorm(x: Tensor, weight: Tensor, eps: number): Tensor {
  const op = tf.customGrad((...args) => {
    const [x, weight, save] = args as unknown as [Tensor, Tensor, (tensors: Tensor[]) => void];
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), eps));
    const unit = tf.mul(x, inverse);
    save([weight, inverse, unit]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor[] => {
      const [weight, inverse, unit] = saved as [Tensor, Tensor, Tensor];
      const rows = Array.from({ length: dy.rank - 1 }, (_, axis) => axis);
      const g = tf.mul(dy, weight);
      const mean = tf.mean(tf.mul(g, unit), -1, true);
      return [tf.mul(tf.sub(g, tf.mul(unit, mean)), inverse), tf.sum(tf.mul(dy, unit), rows)];
    };
    return { value: tf.mul(unit, weight), gradFunc: gradFunc as never };
  });
  return op(x, weight);
}

/** x [n, in] times weight [out, in] transposed, plus bias [out] where there is one: [n, out]. */
export function project(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const y = tf.matMul(x as never, weight as never, false, true);
  return bias ? tf.add(y, bias) : y;
}

/** Rotary positions by tables of `ropeTables` that broadcast against x [.., headDim]. No gradient for the tables. */
export function rotary(x: Tensor, cos: Tensor, sin: Tensor): Tensor {
  const op = tf.customGrad((...args) => {
    const [x, save] = args as unknown as [Tensor, (tensors: Tensor[]) => void];
    save([cos, sin]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor => {
      const [cos, sin] = saved as [Tensor, Tensor];
      return tf.add(tf.mul(dy, cos), swapHalves(tf.mul(dy, sin)));
    };
    return { value: tf.add(tf.mul(x, cos), tf.mul(swapHalves(x), sin)), gradFunc };
  });
  return op(x);
}

/** silu(gate) * up, elementwise (Shazeer, "GLU Variants Improve Transformer", 2020). */
export function swiglu(gate: Tensor, up: Tensor): Tensor {
  const op = tf.customGrad((...args) => {
    const [gate, up, save] = args as unknown as [Tensor, Tensor, (tensors: Tensor[]) => void];
    const sigmoid = tf.sigmoid(gate);
    const silu = tf.mul(gate, sigmoid);
    save([up, sigmoid, silu]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor[] => {
      const [up, sigmoid, silu] = saved as [Tensor, Tensor, Tensor];
      const slope = tf.sub(tf.add(sigmoid, silu), tf.mul(silu, sigmoid));
      return [tf.mul(tf.mul(dy, up), slope), tf.mul(dy, silu)];
    };
    return { value: tf.mul(silu, up), gradFunc: gradFunc as never };
  });
  return op(gate, up);
}

/** [a, b] of the last axis becomes [b, a]. */
function swapHalves(x: Tensor): Tensor {
  const half = x.shape.at(-1)! / 2;
  const begin = x.shape.map(() => 0);
  const size = [...x.shape.slice(0, -1), half];
  const first = tf.slice(x, begin, size);
  const second = tf.slice(x, [...begin.slice(0, -1), half], size);
  return tf.concat([second, first], -1);
}
