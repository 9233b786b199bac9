import type { Tensor } from '@tensorflow/tfjs';
import { tf } from '../engine/tf.ts';

/** log softmax(logits [n, vocabulary]) at targets int32 [n]: float32 [n]. The gradient is (onehot - softmax) dy. */
export function chosenLogprobs(logits: Tensor, targets: Tensor): Tensor {
  const vocabulary = logits.shape[1]!;
  const op = tf.customGrad((...args) => {
    const [logits, save] = args as unknown as [Tensor, (tensors: Tensor[]) => void];
    const logprobs = tf.logSoftmax(logits);
    const chosen = tf.oneHot(targets as never, vocabulary, 1, 0, 'float32');
    save([logprobs, chosen]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor => {
      const [logprobs, chosen] = saved as [Tensor, Tensor];
      return tf.mul(tf.sub(chosen, tf.exp(logprobs)), tf.reshape(dy, [-1, 1]));
    };
    return { value: tf.sum(tf.mul(logprobs, chosen), -1), gradFunc };
  });
  return op(logits);
}
