import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import { tf } from '../tf.ts';

/**
 * Log-probabilities of chosen tokens: log-softmax(logits)[i, targets[i]].
 *
 * Its gradient is written out, (onehot(target) - softmax(logits)) * dy, because that of the general operations
 * costs a quarter of a training step more.
 *
 * @param logits float32 [M, V]
 * @param targets int32 [M], each from 0 to V - 1; no gradient flows to them
 * @returns float32 [M]
 */
export function chosenLogprobs(logits: Tensor2D, targets: Tensor1D): Tensor1D {
  const [rows, vocabulary] = logits.shape;
  const operation = tf.customGrad((...args) => {
    const [x, save] = args as unknown as [Tensor2D, (tensors: Tensor[]) => void];
    const logprobs = tf.logSoftmax(x);
    save([logprobs, targets]);
    const starts = tf.range(0, rows * vocabulary, vocabulary, 'int32');
    const value = tf.gather(logprobs.reshape([rows * vocabulary]), tf.add(starts, targets));
    const gradFunc = (dy: Tensor, saved: Tensor[]) => {
      const [known, chosen] = saved as [Tensor, Tensor];
      const onehot = tf.oneHot(chosen as Tensor1D, vocabulary, 1, 0, 'float32');
      return [tf.mul(tf.sub(onehot, tf.exp(known)), dy.reshape([rows, 1]))];
    };
    return { value, gradFunc };
  });
  return operation(logits) as Tensor1D;
}
