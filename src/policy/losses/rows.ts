import type { Tensor } from '@tensorflow/tfjs';
import { tf } from '../../engine/tf.ts';

/** Sum over the counted tokens of each row, [rows, 1]. */
export function sumOfRow(x: Tensor, mask: Tensor): Tensor {
  return tf.sum(tf.mul(x, mask), 1, true);
}

/** Mean over the counted tokens of each row, [rows, 1]; 0 where none counts. */
export function meanOfRow(x: Tensor, mask: Tensor): Tensor {
  return tf.div(sumOfRow(x, mask), tf.maximum(tf.sum(mask, 1, true), 1));
}

/** One number where a condition holds and another elsewhere, exactly. */
export function chosen(condition: Tensor, there: number, elsewhere: number): Tensor {
  const at = tf.cast(condition, 'float32');
  return tf.add(tf.mul(at, there), tf.mul(tf.sub(1, at), elsewhere));
}
