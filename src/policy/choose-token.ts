import type { Tensor } from '@tensorflow/tfjs';
import { tf } from '../engine/tf.ts';

/** How a token is chosen; one compiled program for each way, so that plain sampling pays for no sorting. */
export type Choice =
  | { readonly how: 'greedy' }
  | { readonly how: 'sample' }
  /** The `topK` most likely tokens (0: all), and of those the smallest set that holds a share `topP` of their mass. */
  | { readonly how: 'truncate'; readonly topK: number };

/** What the choice reads beside logits; tensors that its way does not need are absent. */
export interface ChoiceInputs {
  /** float32 [N], in [0, 1), with 24 random bits. */
  readonly uniforms?: Tensor;
  /** float32 [1], above 0. */
  readonly temperature?: Tensor;
  /** float32 [1]; above 1 it keeps everything, where 1 itself could lose a tail to rounding. */
  readonly topP?: Tensor;
}

export interface Chosen {
  /** int32 [N]. */
  readonly token: Tensor;
  /** float32 [N], log-softmax of logits/T over the whole vocabulary, at the token. */
  readonly logprob: Tensor;
  /** float32 [N], logsumexp of the same over the stop ids. */
  readonly eosLogprob: Tensor;
}

/**
 * Chooses one token a row from logits float32 [N, V], by inversion of the cumulated distribution at one uniform
 * number a row; greedily, the first of the largest logits, with log-probabilities at temperature 1.
 */
export function chooseToken(
  logits: Tensor,
  stopIds: readonly number[],
  choice: Choice,
  inputs: ChoiceInputs,
): Chosen {
  const scaled = choice.how === 'greedy' ? logits : tf.div(logits, inputs.temperature!);
  const shifted = tf.sub(scaled, tf.max(scaled, -1, true));
  const weights = tf.exp(shifted);
  const logTotal = tf.log(tf.sum(weights, -1));
  const token = pick(logits, weights, choice, inputs);
  const stops = tf.gather(shifted, tf.tensor1d([...stopIds], 'int32'), 1);
  const best = tf.max(stops, -1, true);
  const stopTotal = tf.add(tf.squeeze(best, [-1]), tf.log(tf.sum(tf.exp(tf.sub(stops, best)), -1)));
  return {
    token,
    logprob: tf.sub(takeOne(shifted, token), logTotal),
    eosLogprob: tf.sub(stopTotal, logTotal),
  };
}

function pick(logits: Tensor, weights: Tensor, choice: Choice, inputs: ChoiceInputs): Tensor {
  if (choice.how === 'greedy') return tf.argMax(logits, -1);
  if (choice.how === 'sample') return invert(weights, inputs.uniforms!);
  const vocabulary = logits.shape[1]!;
  const kept = choice.topK > 0 ? Math.min(choice.topK, vocabulary) : vocabulary;
  const { values, indices } = tf.topk(weights, kept, true);
  const before = tf.cumsum(values, 1, true);
  const limit = tf.mul(tf.sum(values, -1, true), inputs.topP!);
  const inside = tf.cast(tf.less(before, limit), 'float32');
  return takeOne(indices, invert(tf.mul(values, inside), inputs.uniforms!));
}

/**
 * The first index whose cumulated weight exceeds u times the total: int32 [N] of weights [N, M], not normalised.
 *
 * Rounding cannot lead astray. The cumulated sums never fall, so the first to exceed the threshold exceeds the one
 * before it and its weight is not 0; and u <= 1 - 2^-24 makes u * total round to less than the total, which is
 * the last of the sums itself, so there is always one.
 */
function invert(weights: Tensor, uniforms: Tensor): Tensor {
  const [rows, size] = weights.shape as [number, number];
  const sums = tf.cumsum(weights, 1);
  const total = tf.slice(sums, [0, size - 1], [rows, 1]);
  const threshold = tf.mul(total, tf.reshape(uniforms, [rows, 1]));
  return tf.cast(tf.sum(tf.cast(tf.lessEqual(sums, threshold), 'float32'), -1), 'int32');
}

/** x[n, index[n]]: [N] of x [N, M] and index int32 [N]. */
function takeOne(x: Tensor, index: Tensor): Tensor {
  const [rows, size] = x.shape as [number, number];
  const starts = tf.tensor1d(
    Int32Array.from({ length: rows }, (_, n) => n * size),
    'int32',
  );
  return tf.gather(tf.reshape(x, [rows * size]), tf.add(starts, index));
}
