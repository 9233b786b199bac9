import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import type { Arrays, Engine, TensorProgram, TensorSpec } from '../../src/engine/engine.ts';
import { openEngine } from '../../src/engine/engine.ts';
import { chosenLogprobs } from '../../src/engine/ops/chosen-logprobs.ts';
import { tf } from '../../src/engine/tf.ts';
import { expectClose, noise, runOnce } from './both-engines.ts';

type Run = (...inputs: Tensor[]) => Tensor | Tensor[];

interface Case {
  readonly shapes: readonly (readonly number[])[];
  /** Integers that follow the float inputs. */
  readonly ints?: Int32Array;
  /** Added to the noise and scaling it, for functions of positive numbers. */
  readonly offset?: number;
  readonly scale?: number;
  /** False where an operation has no gradient, or tfjs's own is wrong. */
  readonly gradient?: boolean;
  readonly run: Run;
}

const one = (run: (x: Tensor) => Tensor | Tensor[], more: Partial<Case> = {}): Case => ({
  shapes: [[3, 4]],
  run: (x) => run(x!),
  ...more,
});

const two = (run: (a: Tensor, b: Tensor) => Tensor, more: Partial<Case> = {}): Case => ({
  shapes: [
    [2, 3, 4],
    [3, 1],
  ],
  run: (a, b) => run(a!, b!),
  ...more,
});

const positive = { offset: 1.5 };
const constant = { gradient: false };

// tfjs's own gradients of some operations are wrong where they broadcast.
const alike = {
  shapes: [
    [3, 4],
    [3, 4],
  ],
};

const ids = Int32Array.from([4, 0, 2, 2, 4, 1]);

const cases: Record<string, Case> = {
  abs: one((x) => x.abs()),
  ceil: one((x) => x.ceil()),
  clip: one((x) => x.clipByValue(-0.3, 0.4)),
  cos: one((x) => x.cos()),
  elu: one((x) => x.elu(), constant),
  erf: one((x) => x.erf()),
  exp: one((x) => x.exp()),
  expm1: one((x) => x.expm1(), { scale: 4 }),
  'expm1 of small numbers': one((x) => x.expm1(), { scale: 1e-5 }),
  floor: one((x) => x.floor(), { scale: 5 }),
  leakyRelu: one((x) => x.leakyRelu(0.1)),
  log: one((x) => x.log(), positive),
  log1p: one((x) => x.log1p(), { scale: 0.9 }),
  'log1p of small numbers': one((x) => x.log1p(), { scale: 1e-5 }),
  neg: one((x) => x.neg()),
  reciprocal: one((x) => x.reciprocal(), positive),
  relu: one((x) => x.relu()),
  relu6: one((x) => x.relu6(), { scale: 10 }),
  round: one((x) => x.round(), { scale: 5 }),
  rsqrt: one((x) => x.rsqrt(), positive),
  sigmoid: one((x) => x.sigmoid()),
  sign: one((x) => x.sign()),
  sin: one((x) => x.sin()),
  softplus: one((x) => x.softplus()),
  sqrt: one((x) => x.sqrt(), positive),
  square: one((x) => x.square()),
  step: one((x) => x.step(0.2)),
  tanh: one((x) => x.tanh()),
  'isNaN, isInf, isFinite': one(
    (x) => [x.log(), x.relu().reciprocal()].flatMap((y) => [tf.isNaN(y), tf.isInf(y), tf.isFinite(y)]),
    constant,
  ),

  add: two((a, b) => a.add(b)),
  sub: two((a, b) => a.sub(b)),
  mul: two((a, b) => a.mul(b)),
  div: two((a, b) => a.div(b), positive),
  maximum: two((a, b) => a.maximum(b), alike),
  minimum: two((a, b) => a.minimum(b), alike),
  mod: two((a, b) => a.mod(b), { ...constant, scale: 3 }),
  floorDiv: two((a, b) => a.floorDiv(b), { ...constant, scale: 3 }),
  pow: two((a, b) => a.pow(b), positive),
  'pow by a number': one((x) => tf.addN([x.pow(2), x.pow(3)])),
  squaredDifference: two((a, b) => a.squaredDifference(b), alike),
  prelu: two((a, b) => a.prelu(b)),
  'arithmetic with numbers': one((x) =>
    x.add(0).mul(1).sub(0).div(1).mul(2).sub(3).div(4).add(tf.scalar(0).sub(x)),
  ),
  'arithmetic with uniform tensors': one((x) =>
    x
      .mul(tf.ones([2, 3, 4]))
      .add(tf.fill([3, 4], 0.5))
      .div(tf.scalar(2).mul(3)),
  ),
  'integer arithmetic': {
    shapes: [],
    ints: Int32Array.from([-7, 7, 3, -2, 0, 5]),
    gradient: false,
    run: (i) => [
      i!.add(tf.scalar(2, 'int32')),
      i!.floorDiv(tf.scalar(3, 'int32')),
      i!.mod(tf.scalar(3, 'int32')),
      i!.mul(i!),
      i!.maximum(tf.scalar(1, 'int32')),
      i!.toFloat().mul(0.5),
      i!.sum(),
      i!.max(),
    ],
  },
  comparisons: two(
    (a, b) =>
      tf.stack(
        [a.greater(b), a.greaterEqual(b), a.less(b), a.lessEqual(b), a.equal(b), a.notEqual(b)].map((c) =>
          c.toInt(),
        ),
      ),
    constant,
  ),
  'logic on booleans': two((a, b) => {
    const [p, q] = [a.greater(0), b.less(0)];
    return tf.stack(
      [p.logicalAnd(q), p.logicalOr(q), p.logicalXor(q), p.logicalNot().logicalOr(q)].map((c) => c.toFloat()),
    );
  }, constant),
  'all and any': one((x) => [x.greater(0).all(), x.greater(0.5).any(1), x.greater(-0.9).all(0)], constant),
  where: two((a, b) => tf.where(a.greater(b), a.mul(b), b)),
  'where with a broadcast condition': two((a, b) =>
    tf.where(tf.tensor2d([1, 0, 0, 1], [1, 4], 'bool'), a, b.mul(3)),
  ),
  'cast to integers': one((x) => x.toInt(), { ...constant, scale: 5 }),

  'sum over all': one((x) => x.sum()),
  'sum over an axis': { shapes: [[2, 3, 4]], run: (x) => [x!.sum(1), x!.sum([0, 2], true), x!.sum(-1)] },
  mean: { shapes: [[2, 3, 4]], run: (x) => [x!.mean(), x!.mean(1), x!.mean([-1, 0], true)] },
  'max and min': { shapes: [[2, 3, 4]], run: (x) => [x!.max(), x!.max(-1), x!.max(1, true), x!.min(0)] },
  prod: one((x) => x.prod(1)),
  logSumExp: one((x) => tf.logSumExp(x, 1)),
  softmax: one((x) => x.softmax()),
  logSoftmax: one((x) => x.logSoftmax()),
  'variance of rows': one((x) => tf.moments(x, -1, true).variance),
  cumsum: one((x) => [x.cumsum(1), x.cumsum(1, true), x.cumsum(1, false, true), x.cumsum(1, true, true)]),
  cumprod: one((x) => [tf.cumprod(x, 1), tf.cumprod(x, 0, true), tf.cumprod(x, 1, true, true)], constant),
  'argMax and argMin': one((x) => [x.argMax(), x.argMax(1), x.argMin(-1)], constant),
  topk: one((x) => {
    const { values, indices } = tf.topk(x, 2);
    return [values, indices];
  }, constant),

  reshape: one((x) => x.mul(2).reshape([2, -1]).reshape([3, 2, 2]).square().expandDims(1).squeeze([1])),
  'transpose, twice': {
    shapes: [[2, 3, 4]],
    run: (x) => x!.transpose([2, 0, 1]).transpose([1, 0, 2]).square(),
  },
  'transpose of an axis of one': { shapes: [[2, 1, 4]], run: (x) => x!.transpose([1, 0, 2]).square() },
  tile: one((x) => [x.tile([2, 3]), x.sum(1, true).tile([1, 5])]),
  broadcastTo: { shapes: [[3, 1]], run: (x) => x!.square().broadcastTo([2, 3, 4]) },
  slice: one((x) => [x.slice([1, 0], [2, 3]), x.slice([0, 2]), x.slice(1, 1)]),
  split: one((x) => [...tf.split(x, 2, 1), ...tf.split(x, [1, 2], 0)]),
  concat: two((a, b) => tf.concat([a, b.broadcastTo([2, 3, 1]), a], -1)),
  'stack and unstack': one((x) => {
    const [a, b, c] = tf.unstack(x);
    return tf.stack([a!, c!.mul(b!)], 1);
  }),
  pad: one((x) => [
    x.pad([
      [1, 0],
      [2, 1],
    ]),
    x.pad(
      [
        [0, 0],
        [1, 1],
      ],
      5,
    ),
  ]),
  reverse: one((x) => x.reverse(1)),
  'range, fill, zerosLike': one((x) =>
    x
      .add(tf.range(0, 4))
      .mul(tf.fill([3, 1], 2))
      .sub(tf.zerosLike(x))
      .mul(tf.onesLike(x)),
  ),
  'a long range': one((x) => tf.range(0, 600, 2, 'int32').toFloat().sum().mul(x)),
  linspace: one((x) => x.mul(tf.linspace(-1, 1, 4))),

  gather: { shapes: [[5, 3]], ints: ids, run: (x, i) => x!.gather(i!.toInt()) },
  'gather along the second axis': { shapes: [[2, 5, 3]], ints: ids, run: (x, i) => x!.gather(i!.toInt(), 1) },
  'gather of a matrix of places': {
    shapes: [[5, 3]],
    ints: ids,
    run: (x, i) => x!.gather(i!.reshape([2, 3]).toInt()),
  },
  'gather from a long table': { shapes: [[600, 3]], ints: ids, run: (x, i) => x!.gather(i!.toInt()) },
  'gather in batches': {
    shapes: [[6, 5]],
    ints: ids,
    gradient: false,
    run: (x, i) => tf.gather(x!, i!.reshape([6, 1]).toInt(), 1, 1),
  },
  gatherND: {
    shapes: [[5, 3]],
    ints: Int32Array.from([1, 2, 0, 0, 4, 1]),
    gradient: false,
    run: (x, i) => tf.gatherND(x!, i!.reshape([3, 2]).toInt()),
  },
  oneHot: {
    shapes: [[6, 5]],
    ints: Int32Array.from([4, 0, -1, 7, 4, 1]),
    run: (x, i) => tf.oneHot(i!.toInt(), 5).toFloat().mul(x!),
  },
  'oneHot with values': {
    shapes: [],
    ints: ids,
    gradient: false,
    run: (i) => tf.oneHot(i!.toInt(), 5, 3, -1),
  },
  unsortedSegmentSum: {
    shapes: [[6, 3]],
    ints: Int32Array.from([4, 0, -1, 2, 4, 1]),
    run: (x, i) => tf.unsortedSegmentSum(x!, i!.toInt() as Tensor1D, 5),
  },
  chosenLogprobs: {
    shapes: [[6, 5]],
    ints: ids,
    run: (x, i) => chosenLogprobs(x!.mul(3) as Tensor2D, i!.toInt() as Tensor1D),
  },

  matMul: {
    shapes: [
      [3, 4],
      [4, 5],
    ],
    run: (a, b) => tf.matMul(a!, b!),
  },
  'matMul, left transposed': {
    shapes: [
      [4, 3],
      [4, 5],
    ],
    run: (a, b) => tf.matMul(a!, b!, true, false),
  },
  'matMul, right transposed': {
    shapes: [
      [3, 4],
      [5, 4],
    ],
    run: (a, b) => tf.matMul(a!, b!, false, true),
  },
  'matMul, both transposed': {
    shapes: [
      [4, 3],
      [5, 4],
    ],
    run: (a, b) => tf.matMul(a!, b!, true, true),
  },
  'matMul in batches': {
    shapes: [
      [2, 3, 4, 5],
      [2, 3, 4, 5],
    ],
    run: (a, b) => tf.matMul(a!, b!, false, true),
  },
  'matMul of transposed tensors': {
    shapes: [
      [2, 5, 3, 4],
      [2, 5, 3, 4],
    ],
    run: (a, b) => tf.matMul(a!.transpose([0, 2, 1, 3]), b!.transpose([0, 2, 1, 3]).transpose([0, 1, 3, 2])),
  },
};

/** The outputs of a case and the gradients of a weighted sum of them by its float inputs. */
function programOf(name: string, { shapes, ints, gradient, run }: Case): TensorProgram {
  const inputs: Record<string, TensorSpec> = {};
  for (const [i, shape] of shapes.entries()) inputs[`x${i}`] = { shape, dtype: 'float32' };
  if (ints) inputs.ints = { shape: [ints.length], dtype: 'int32' };
  return {
    name,
    inputs,
    run(given) {
      const floats = shapes.map((_, i) => given[`x${i}`]!);
      const extra = ints ? [given.ints!] : [];
      const results = [run(...floats, ...extra)].flat();
      const outputs = Object.fromEntries(results.map((y, i) => [`y${i}`, y]));
      if (gradient === false) return outputs;
      const loss = (...xs: Tensor[]) =>
        tf.addN(
          [run(...xs, ...extra)].flat().map((y, i) => {
            const weights = tf.tensor(noise(y.size, i + 5), y.shape);
            return y.mul(weights).sum();
          }),
        );
      tf.grads(loss)(floats).forEach((g, i) => {
        outputs[`grad${i}`] = g;
      });
      return outputs;
    },
  };
}

function feedsOf({ shapes, ints, offset = 0, scale = 1 }: Case): Arrays {
  const feeds: Record<string, Float32Array | Int32Array> = {};
  for (const [i, shape] of shapes.entries()) {
    const size = shape.reduce((product, n) => product * n, 1);
    feeds[`x${i}`] = noise(size, i + 1).map((x) => offset + scale * x);
  }
  if (ints) feeds.ints = ints;
  return feeds;
}

describe('engine: operations traced to onnx give what tfjs gives', () => {
  let onnx: Engine;
  let reference: Engine;

  before(async () => {
    onnx = await openEngine({ use: 'onnx', threads: 1 });
    reference = await openEngine({ use: 'reference' });
  });
  after(async () => {
    await onnx.close();
    await reference.close();
  });

  for (const [name, example] of Object.entries(cases)) {
    it(name, async () => {
      const program = programOf(name, example);
      const feeds = feedsOf(example);
      expectClose(await runOnce(onnx, program, feeds), await runOnce(reference, program, feeds), 1e-5);
    });
  }
});
