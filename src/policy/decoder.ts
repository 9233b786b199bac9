import type { Tensor } from '@tensorflow/tfjs';
import { tf } from '../engine/tf.ts';
import type { PolicyConfig } from './config.ts';
import { project, rmsNorm, rotary, swiglu } from './layers.ts';
import { ropeTables } from './rope.ts';

/** Weight tensors by Hugging Face name. */
export type Weights = Readonly<Record<string, Tensor>>;

/** Rotary tables, [.., headDim]; those of the queries carry attention's 1/sqrt(headDim). */
export interface RotaryTables {
  readonly queries: { readonly cos: Tensor; readonly sin: Tensor };
  readonly keys: { readonly cos: Tensor; readonly sin: Tensor };
}

/**
 * The hidden states, before the last norm, that predict the tokens after `indices`.
 *
 * @param tokens int32 [B, T], padded on the right: causality alone keeps padding out of every other position
 * @param indices int32 [N], flat positions b * T + t. Only these go on to the last feed-forward block and the head:
 *   positions of the prompt never meet the vocabulary
 * @returns float32 [N, hidden]
 */
export function hiddenStates(
  config: PolicyConfig,
  weights: Weights,
  tokens: Tensor,
  indices: Tensor,
): Tensor {
  const [rows, length] = tokens.shape as [number, number];
  const tables = positionTables(config, length);
  const mask = causalMask(length);
  let x = tf.gather(weights['model.embed_tokens.weight']!, tf.reshape(tokens, [rows * length]));
  for (let i = 0; i < config.layers; i++) {
    const { q, k, v } = attentionInputs(config, weights, i, x, [rows, length]);
    const turned = rotary(q, tables.queries.cos, tables.queries.sin);
    const heads = attend(config, turned, rotary(k, tables.keys.cos, tables.keys.sin), v, mask);
    x = tf.add(x, attentionOutput(weights, i, heads));
    if (i === config.layers - 1) x = tf.gather(x, indices);
    x = tf.add(x, feedForward(config, weights, i, x));
  }
  return x;
}

/**
 * Logits float32 [N, vocabulary] of hidden states [N, hidden]; divided by a temperature where `inverseTemperature`
 * [N, 1] is given, before the head, where it costs less.
 */
export function logitsOf(
  config: PolicyConfig,
  weights: Weights,
  hidden: Tensor,
  inverseTemperature?: Tensor,
): Tensor {
  const normed = rmsNorm(hidden, weights['model.norm.weight']!, config.normEps);
  const x = inverseTemperature ? tf.mul(normed, inverseTemperature) : normed;
  return project(x, weights[config.tied ? 'model.embed_tokens.weight' : 'lm_head.weight']!);
}

/** Values float32 [N, 1] of hidden states [N, hidden], by a critic's linear head. */
export function valuesOf(config: PolicyConfig, weights: Weights, hidden: Tensor): Tensor {
  const normed = rmsNorm(hidden, weights['model.norm.weight']!, config.normEps);
  return project(normed, weights['score.weight']!);
}

/**
 * Queries [B, heads, T, headDim], keys and values [B, kvHeads, T, headDim] of layer i, before rotary positions, from
 * the residual stream x [B * T, hidden]. Norm, projections and, for Qwen3, norms of each head.
 */
export function attentionInputs(
  config: PolicyConfig,
  weights: Weights,
  i: number,
  x: Tensor,
  [rows, length]: readonly [number, number],
): { q: Tensor; k: Tensor; v: Tensor } {
  const at = `model.layers.${i}`;
  const input = rmsNorm(x, weights[`${at}.input_layernorm.weight`]!, config.normEps);
  const heads = (name: string, count: number, norm?: Tensor): Tensor => {
    const weight = weights[`${at}.self_attn.${name}.weight`]!;
    const flat = project(input, weight, weights[`${at}.self_attn.${name}.bias`]);
    const split = tf.reshape(flat, [rows, length, count, config.headDim]);
    return tf.transpose(norm ? rmsNorm(split, norm, config.normEps) : split, [0, 2, 1, 3]);
  };
  return {
    q: heads('q_proj', config.heads, weights[`${at}.self_attn.q_norm.weight`]),
    k: heads('k_proj', config.kvHeads, weights[`${at}.self_attn.k_norm.weight`]),
    v: heads('v_proj', config.kvHeads),
  };
}

/**
 * softmax(q k^T + mask) v. The query heads that share a key head are folded into its rows, so that no key or value
 * is copied: query head h uses key head floor(h / (heads / kvHeads)).
 *
 * @param q float32 [B, heads, T, headDim], scaled by 1/sqrt(headDim)
 * @param k float32 [B, kvHeads, S, headDim]
 * @param v float32 [B, kvHeads, S, headDim]
 * @param mask broadcasts to [B, heads, T, S]: 0 where a query sees a key, else a large negative number
 * @returns float32 [B * T, heads * headDim]
 */
export function attend(config: PolicyConfig, q: Tensor, k: Tensor, v: Tensor, mask: Tensor): Tensor {
  const [rows, , length] = q.shape as [number, number, number, number];
  const seen = k.shape[2]!;
  const { heads, kvHeads, headDim } = config;
  const folded = tf.reshape(q, [rows, kvHeads, (heads / kvHeads) * length, headDim]);
  const scores = tf.reshape(tf.matMul(folded, k, false, true), [rows, heads, length, seen]);
  const shares = tf.reshape(tf.softmax(tf.add(scores, mask)), [rows, kvHeads, -1, seen]);
  const mixed = tf.reshape(tf.matMul(shares, v), [rows, heads, length, headDim]);
  return tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [rows * length, heads * headDim]);
}

/** The output projection of layer i's attention: [n, heads * headDim] to [n, hidden]. */
export function attentionOutput(weights: Weights, i: number, heads: Tensor): Tensor {
  const at = `model.layers.${i}.self_attn.o_proj`;
  return project(heads, weights[`${at}.weight`]!, weights[`${at}.bias`]);
}

/** Norm and SwiGLU block of layer i: [n, hidden] to [n, hidden], to be added to the residual stream. */
export function feedForward(config: PolicyConfig, weights: Weights, i: number, x: Tensor): Tensor {
  const at = `model.layers.${i}`;
  const input = rmsNorm(x, weights[`${at}.post_attention_layernorm.weight`]!, config.normEps);
  const linear = (name: string, from: Tensor): Tensor =>
    project(from, weights[`${at}.mlp.${name}.weight`]!, weights[`${at}.mlp.${name}.bias`]);
  return linear('down_proj', swiglu(linear('gate_proj', input), linear('up_proj', input)));
}

/** Rotary tables [T, headDim] of positions 0..T-1, as constants. */
function positionTables(config: PolicyConfig, length: number): RotaryTables {
  const positions = Array.from({ length }, (_, t) => t);
  const tensors = (scale: number): { cos: Tensor; sin: Tensor } => {
    const { cos, sin } = ropeTables(config, positions, scale);
    const shape: [number, number] = [length, config.headDim];
    return { cos: tf.tensor2d(cos, shape), sin: tf.tensor2d(sin, shape) };
  };
  return { queries: tensors(1 / Math.sqrt(config.headDim)), keys: tensors(1) };
}

/** float32 [T, T]: 0 where key s <= query t, else -1e9. Made of two ranges, so that a graph holds no T * T constant. */
export function causalMask(length: number): Tensor {
  const positions = tf.tensor1d(Float32Array.from({ length }, (_, t) => t));
  const later = tf.greater(tf.reshape(positions, [1, length]), tf.reshape(positions, [length, 1]));
  return tf.mul(tf.cast(later, 'float32'), -1e9);
}
