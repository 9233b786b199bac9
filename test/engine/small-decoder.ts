import type { Scalar, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import type { Arrays, TensorProgram, TensorSpec } from '../../src/engine/engine.ts';
import { chosenLogprobs } from '../../src/engine/ops/chosen-logprobs.ts';
import { tf } from '../../src/engine/tf.ts';
import { noise } from './both-engines.ts';

export interface Size {
  readonly rows: number;
  readonly length: number;
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly inner: number;
  readonly vocabulary: number;
}

export const tiny: Size = {
  rows: 3,
  length: 7,
  layers: 2,
  hidden: 16,
  heads: 4,
  kvHeads: 2,
  inner: 24,
  vocabulary: 20,
};

function weightShapes(size: Size): Record<string, number[]> {
  const { layers, hidden, heads, kvHeads, inner, vocabulary } = size;
  const head = hidden / heads;
  const shapes: Record<string, number[]> = { embedding: [vocabulary, hidden], norm: [hidden] };
  for (let i = 0; i < layers; i++) {
    shapes[`${i}.norm1`] = [hidden];
    shapes[`${i}.qkv`] = [hidden, hidden + 2 * kvHeads * head];
    shapes[`${i}.out`] = [hidden, hidden];
    shapes[`${i}.norm2`] = [hidden];
    shapes[`${i}.up`] = [hidden, 2 * inner];
    shapes[`${i}.down`] = [inner, hidden];
  }
  return shapes;
}

/** One training step's loss and gradients of a Llama-like decoder with tied embeddings. */
export function decoderStep(size: Size): TensorProgram {
  const { rows, length, layers, hidden, heads, kvHeads } = size;
  const shapes = weightShapes(size);
  const names = Object.keys(shapes);
  const inputs: Record<string, TensorSpec> = {
    tokens: { shape: [rows, length], dtype: 'int32' },
    targets: { shape: [rows * length], dtype: 'int32' },
    advantages: { shape: [rows * length], dtype: 'float32' },
    cos: { shape: [length, hidden / heads / 2], dtype: 'float32' },
    sin: { shape: [length, hidden / heads / 2], dtype: 'float32' },
    mask: { shape: [length, length], dtype: 'float32' },
  };
  for (const [name, shape] of Object.entries(shapes)) inputs[name] = { shape, dtype: 'float32' };
  return {
    name: 'decoder step',
    inputs,
    run(given) {
      const { tokens, targets, advantages, cos, sin, mask } = given as Record<string, Tensor>;
      const head = hidden / heads;
      const groups = heads / kvHeads;
      const loss = (...weights: Tensor[]): Scalar => {
        const w = Object.fromEntries(names.map((name, i) => [name, weights[i]!]));
        const norm = (x: Tensor, gain: Tensor) => {
          const meanSquare = x.square().mean(-1, true);
          return x.mul(meanSquare.add(1e-5).rsqrt()).mul(gain);
        };
        const rotate = (x: Tensor) => {
          const [a, b] = tf.split(x, 2, 3) as [Tensor, Tensor];
          return tf.concat([a.mul(cos!).sub(b.mul(sin!)), b.mul(cos!).add(a.mul(sin!))], 3);
        };
        const byHead = (x: Tensor, n: number) => x.reshape([rows, length, n, head]).transpose([0, 2, 1, 3]);
        let x: Tensor = tf.gather(w.embedding!, tokens!.reshape([-1]).toInt());
        for (let i = 0; i < layers; i++) {
          const normed = norm(x, w[`${i}.norm1`]!) as Tensor2D;
          const all = tf.matMul(normed, w[`${i}.qkv`] as Tensor2D);
          const [q, k, v] = tf.split(all, [hidden, kvHeads * head, kvHeads * head], 1) as [
            Tensor,
            Tensor,
            Tensor,
          ];
          const queries = rotate(byHead(q, heads)).reshape([rows, kvHeads, groups * length, head]);
          const keys = rotate(byHead(k, kvHeads));
          const scores = tf.matMul(queries, keys, false, true).mul(1 / Math.sqrt(head));
          const masked = scores.reshape([rows, heads, length, length]).add(mask!);
          const weights = masked.softmax().reshape([rows, kvHeads, groups * length, length]);
          const mixed = tf.matMul(weights, byHead(v, kvHeads)).reshape([rows, heads, length, head]);
          const joined = mixed.transpose([0, 2, 1, 3]).reshape([rows * length, hidden]) as Tensor2D;
          x = x.add(tf.matMul(joined, w[`${i}.out`] as Tensor2D));
          const inner = tf.matMul(norm(x, w[`${i}.norm2`]!) as Tensor2D, w[`${i}.up`] as Tensor2D);
          const [gate, up] = tf.split(inner, 2, 1) as [Tensor2D, Tensor2D];
          x = x.add(tf.matMul(gate.mul(gate.sigmoid()).mul(up) as Tensor2D, w[`${i}.down`] as Tensor2D));
        }
        const logits = tf.matMul(
          norm(x, w.norm!) as Tensor2D,
          w.embedding as Tensor2D,
          false,
          true,
        ) as Tensor2D;
        return chosenLogprobs(logits, targets as Tensor1D)
          .mul(advantages!)
          .mean()
          .neg() as Scalar;
      };
      const { value, grads } = tf.valueAndGrads(loss)(names.map((name) => given[name]!));
      const outputs: Record<string, Tensor> = { loss: value };
      grads.forEach((gradient, i) => {
        outputs[names[i]!] = gradient;
      });
      return outputs;
    },
  };
}

export function decoderFeeds(size: Size): Arrays {
  const { rows, length, hidden, heads, vocabulary } = size;
  const half = hidden / heads / 2;
  const feeds: Record<string, Float32Array | Int32Array> = {};
  let seed = 1;
  for (const [name, shape] of Object.entries(weightShapes(size))) {
    const scale = shape.length === 1 ? 0.1 : 1 / Math.sqrt(shape[0]!);
    const offset = shape.length === 1 ? 1 : 0;
    feeds[name] = noise(
      shape.reduce((product, n) => product * n, 1),
      seed++,
    ).map((x) => offset + scale * x);
  }
  const tokens = Int32Array.from(noise(rows * length + 1, 99), (x) => Math.floor(((x + 1) / 2) * vocabulary));
  feeds.tokens = tokens.subarray(0, -1);
  feeds.targets = tokens.subarray(1);
  feeds.advantages = noise(rows * length, 77);
  const angle = (i: number) => Math.floor(i / half) * 10000 ** (-(i % half) / half);
  feeds.cos = Float32Array.from({ length: length * half }, (_, i) => Math.cos(angle(i)));
  feeds.sin = Float32Array.from({ length: length * half }, (_, i) => Math.sin(angle(i)));
  feeds.mask = Float32Array.from({ length: length * length }, (_, i) =>
    i % length > Math.floor(i / length) ? -1e9 : 0,
  );
  return feeds;
}
