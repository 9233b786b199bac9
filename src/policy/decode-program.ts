import type { Tensor } from '@tensorflow/tfjs';
import type { TensorProgram, TensorSpec } from '../engine/engine.ts';
import { tf } from '../engine/tf.ts';
import { type Choice, type ChoiceInputs, chooseToken } from './choose-token.ts';
import type { PolicyConfig } from './config.ts';
import {
  attend,
  attentionInputs,
  attentionOutput,
  causalMask,
  feedForward,
  logitsOf,
  type RotaryTables,
} from './decoder.ts';
import { rotary } from './layers.ts';
import { type ParameterLayout, parameterLayout } from './parameters.ts';

/** Names of the rotary tables among a program's inputs, each float32 [positions, headDim]. */
export const tableNames = ['queries.cos', 'queries.sin', 'keys.cos', 'keys.sin'] as const;

/**
 * Reads one token of each of `rows` rows and chooses the next.
 *
 * Inputs: the weights by name, the rotary tables [capacity, headDim], `tokens` int32 [N], `lengths` int32 [N] (the
 * position of the token: how many came before it), `past.<layer>.keys` and `.values` float32
 * [N, kvHeads, capacity, headDim], and what the choice needs: `uniforms` [N], `temperature` [1], `topP` [1].
 *
 * Outputs: `token` int32 [N], `logprob` and `eosLogprob` float32 [N] (see `chooseToken`), and the token's own
 * `<layer>.keys` and `<layer>.values` float32 [N, kvHeads, headDim], for the caller to append: an engine copies what
 * it returns, so the cache itself stays outside.
 */
export function decodeProgram(
  config: PolicyConfig,
  rows: number,
  capacity: number,
  choice: Choice,
): TensorProgram {
  const { layers, kvHeads, headDim } = config;
  const past: Record<string, TensorSpec> = {};
  for (let i = 0; i < layers; i++) {
    past[`past.${i}.keys`] = float32(rows, kvHeads, capacity, headDim);
    past[`past.${i}.values`] = float32(rows, kvHeads, capacity, headDim);
  }
  return {
    name: `decode-${choice.how}-${rows}x${capacity}`,
    inputs: {
      ...weightSpecs(parameterLayout(config)),
      ...tableSpecs(capacity, headDim),
      ...past,
      tokens: int32(rows),
      lengths: int32(rows),
      ...(choice.how === 'greedy' ? {} : { uniforms: float32(rows), temperature: float32(1) }),
      ...(choice.how === 'truncate' ? { topP: float32(1) } : {}),
    },
    run(inputs) {
      const { lengths } = inputs as { lengths: Tensor };
      const tables = rowTables(inputs, lengths);
      const mask = pastMask(lengths, capacity);
      const added: Record<string, Tensor> = {};
      let x = tf.gather(inputs['model.embed_tokens.weight']!, inputs.tokens!);
      for (let i = 0; i < layers; i++) {
        const { q, k, v } = attentionInputs(config, inputs, i, x, [rows, 1]);
        const queries = rotary(q, tables.queries.cos, tables.queries.sin);
        const keys = rotary(k, tables.keys.cos, tables.keys.sin);
        const seen = { keys: inputs[`past.${i}.keys`]!, values: inputs[`past.${i}.values`]! };
        const heads = attendPast(config, queries, { keys, values: v }, seen, mask);
        x = tf.add(x, attentionOutput(inputs, i, heads));
        x = tf.add(
          x,
          inBlocks(x, (rows) => feedForward(config, inputs, i, rows)),
        );
        added[`${i}.keys`] = tf.reshape(keys, [rows, kvHeads, headDim]);
        added[`${i}.values`] = tf.reshape(v, [rows, kvHeads, headDim]);
      }
      const chosen = chooseToken(logitsOf(config, inputs, x), config.stopIds, choice, inputs as ChoiceInputs);
      return { ...chosen, ...added };
    },
  };
}

/**
 * Reads whole prompts, to fill a cache. Inputs: the weights by name, the rotary tables [length, headDim], `tokens`
 * int32 [prompts, length], padded on the right. Outputs: `<layer>.keys` and `<layer>.values` float32
 * [prompts, kvHeads, length, headDim]; those of padding mean nothing.
 */
export function prefillProgram(config: PolicyConfig, prompts: number, length: number): TensorProgram {
  const { layers, headDim } = config;
  return {
    name: `prefill-${prompts}x${length}`,
    inputs: {
      ...weightSpecs(parameterLayout(config)),
      ...tableSpecs(length, headDim),
      tokens: int32(prompts, length),
    },
    run(inputs) {
      const mask = causalMask(length);
      const added: Record<string, Tensor> = {};
      const tokens = tf.reshape(inputs.tokens!, [prompts * length]);
      let x = tf.gather(inputs['model.embed_tokens.weight']!, tokens);
      for (let i = 0; i < layers; i++) {
        const { q, k, v } = attentionInputs(config, inputs, i, x, [prompts, length]);
        const keys = rotary(k, inputs['keys.cos']!, inputs['keys.sin']!);
        added[`${i}.keys`] = keys;
        added[`${i}.values`] = v;
        if (i === layers - 1) break;
        const queries = rotary(q, inputs['queries.cos']!, inputs['queries.sin']!);
        x = tf.add(x, attentionOutput(inputs, i, attend(config, queries, keys, v, mask)));
        x = tf.add(x, feedForward(config, inputs, i, x));
      }
      return added;
    },
  };
}

/**
 * `compute` on 64 rows at a time. Past some number of rows an engine splits a product otherwise among its threads, and
 * rounds otherwise: so a row's numbers do not depend on how many stand beside it.
 */
function inBlocks(x: Tensor, compute: (rows: Tensor) => Tensor): Tensor {
  const [rows, width] = x.shape as [number, number];
  const blocks: Tensor[] = [];
  for (let start = 0; start < rows; start += blockRows) {
    const count = Math.min(blockRows, rows - start);
    blocks.push(compute(tf.slice(x, [start, 0], [count, width])));
  }
  return blocks.length === 1 ? blocks[0]! : tf.concat(blocks, 0);
}

const blockRows = 64;

interface KeysAndValues {
  readonly keys: Tensor;
  readonly values: Tensor;
}

/**
 * Attention of one query a row over its own token and the past: [N, heads * headDim]. The two are never joined, so
 * the cache is not copied; and the own token stands first among the scores, so that a longer cache changes only what
 * is masked behind them.
 */
function attendPast(
  config: PolicyConfig,
  queries: Tensor,
  own: KeysAndValues,
  past: KeysAndValues,
  mask: Tensor,
): Tensor {
  const { heads, kvHeads, headDim } = config;
  const [rows, , capacity] = past.keys.shape as [number, number, number, number];
  const shared = heads / kvHeads;
  const folded = tf.reshape(queries, [rows, kvHeads, shared, headDim]);
  const ownScore = tf.sum(tf.mul(folded, own.keys), -1, true);
  const pastScores = tf.add(tf.matMul(folded, past.keys, false, true), mask);
  const shares = tf.softmax(tf.concat([ownScore, pastScores], -1));
  const ownShare = tf.slice(shares, [0, 0, 0, 0], [rows, kvHeads, shared, 1]);
  const pastShares = tf.slice(shares, [0, 0, 0, 1], [rows, kvHeads, shared, capacity]);
  const mixed = tf.add(tf.matMul(pastShares, past.values), tf.mul(ownShare, own.values));
  return tf.reshape(mixed, [rows, heads * headDim]);
}

/** float32 [N, 1, 1, capacity]: 0 at the positions a row has, else -1e9. */
function pastMask(lengths: Tensor, capacity: number): Tensor {
  const positions = tf.tensor1d(Float32Array.from({ length: capacity }, (_, t) => t));
  const ends = tf.reshape(tf.cast(lengths, 'float32'), [-1, 1, 1, 1]);
  const empty = tf.greaterEqual(tf.reshape(positions, [1, 1, 1, capacity]), ends);
  return tf.mul(tf.cast(empty, 'float32'), -1e9);
}

/** The rows' own lines of the rotary tables, [N, 1, 1, headDim]. */
function rowTables(inputs: Readonly<Record<string, Tensor>>, lengths: Tensor): RotaryTables {
  const row = (name: (typeof tableNames)[number]): Tensor => {
    const table = inputs[name]!;
    return tf.reshape(tf.gather(table, lengths), [-1, 1, 1, table.shape[1]!]);
  };
  return {
    queries: { cos: row('queries.cos'), sin: row('queries.sin') },
    keys: { cos: row('keys.cos'), sin: row('keys.sin') },
  };
}

function weightSpecs(layout: ParameterLayout): Record<string, TensorSpec> {
  return Object.fromEntries(layout.parameters.map((p) => [p.name, float32(...p.shape)]));
}

function tableSpecs(positions: number, headDim: number): Record<string, TensorSpec> {
  return Object.fromEntries(tableNames.map((name) => [name, float32(positions, headDim)]));
}

const float32 = (...shape: number[]): TensorSpec => ({ shape, dtype: 'float32' });
const int32 = (...shape: number[]): TensorSpec => ({ shape, dtype: 'int32' });
