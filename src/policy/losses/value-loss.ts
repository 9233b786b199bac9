import type { Tensor } from '@tensorflow/tfjs';
import { tf } from '../../engine/tf.ts';
import type { LossOutputs } from './loss.ts';

/** float32 [rows, tokens] each. */
export interface ValueLossInputs {
  /** V of the critic that trains; the gradient flows through these alone. */
  readonly values: Tensor;
  /** V before the update. */
  readonly old: Tensor;
  readonly returns: Tensor;
}

/**
 * What a critic makes smaller at each token, PPO's clipped value loss (the code of Schulman et al., 2017; OpenAI
 * baselines), with R the return:
 *
 *     L = max((V - R)^2, (clip(V, V_old - clip, V_old + clip) - R)^2) / 2
 *
 * Without `clip`, (V - R)^2 / 2. The gradient is V - R, and 0 where the clipped term is the larger. Metrics:
 * clip_fraction, where it is; value_mean = V; error = |V - R|.
 */
export function valueLoss({ values, old, returns }: ValueLossInputs, clip: number | undefined): LossOutputs {
  const difference = tf.sub(values, returns);
  const free = tf.square(difference);
  const metrics = { value_mean: values, error: tf.abs(difference) };
  if (clip === undefined) return { loss: tf.mul(free, 0.5), metrics };
  // Inside the range V itself, to the bit, so that a tie is no clip.
  const near = tf.minimum(tf.maximum(values, tf.sub(old, clip)), tf.add(old, clip));
  const clipped = tf.square(tf.sub(near, returns));
  return {
    loss: tf.mul(tf.maximum(free, clipped), 0.5),
    metrics: { ...metrics, clip_fraction: tf.cast(tf.greater(clipped, free), 'float32') },
  };
}
