import type { Tensor } from '@tensorflow/tfjs';
import { z } from 'zod';
import { tf } from '../../engine/tf.ts';
import type { LossOutputs } from './loss.ts';

export const dualClipParam = z
  .number()
  .gt(1)
  .optional()
  .describe('largest ratio that counts where the advantage is below 0');

/**
 * The clipped surrogate of a ratio, with what it has clipped:
 *
 *     max(-A r, -A clip(r, 1 - lo, 1 + hi)), where A < 0 and there is a dual clip c at most -A c
 *
 * @param ratio float32 [rows, tokens], or [rows, 1] for one of whole responses
 * @param advantages float32 [rows, tokens]
 */
export function clippedSurrogate(
  ratio: Tensor,
  advantages: Tensor,
  [low, high]: readonly [number, number],
  dualClip: number | undefined,
): LossOutputs {
  const weight = tf.neg(advantages);
  const free = tf.mul(weight, ratio);
  const clipped = tf.mul(weight, tf.clipByValue(ratio, 1 - low, 1 + high));
  const worse = tf.maximum(free, clipped);
  const metrics = { clip_fraction: tf.cast(tf.greater(clipped, free), 'float32') };
  if (dualClip === undefined) return { loss: worse, metrics };
  // Where A > 0 the loss is below zero and this bound above: it binds for A < 0 only.
  const bound = tf.mul(tf.abs(advantages), dualClip);
  return {
    loss: tf.minimum(worse, bound),
    metrics: { ...metrics, dual_clip_fraction: tf.cast(tf.greater(worse, bound), 'float32') },
  };
}
