import type { Tensor, Tensor1D } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { RlevError } from '../../src/core/errors.ts';
import type { Engine, EngineName, TensorProgram } from '../../src/engine/engine.ts';
import { openEngine } from '../../src/engine/engine.ts';
import { tf } from '../../src/engine/tf.ts';
import { expectClose, noise, runOnce } from './both-engines.ts';
import { decoderFeeds, decoderStep, tiny } from './small-decoder.ts';

async function refusal(action: () => Promise<unknown>): Promise<RlevError> {
  try {
    await action();
  } catch (error) {
    expect(error).to.be.instanceOf(RlevError);
    return error as RlevError;
  }
  return expect.fail('nothing was refused');
}

async function withEngine<T>(
  use: EngineName,
  threads: number,
  action: (engine: Engine) => Promise<T>,
): Promise<T> {
  const engine = await openEngine({ use, threads });
  try {
    return await action(engine);
  } finally {
    await engine.close();
  }
}

const product: TensorProgram = {
  name: 'product',
  inputs: { a: { shape: [2, 3], dtype: 'float32' }, n: { shape: [2], dtype: 'int32' } },
  run: ({ a, n }) => ({ y: a!.mul(n!.toFloat().reshape([2, 1])), same: a!, positive: a!.greater(2) }),
};

const feeds = { a: Float32Array.from([1, 2, 3, 4, 5, 6]), n: Int32Array.from([10, -1]) };

for (const use of ['onnx', 'reference'] as const) {
  describe(`engine/${use}`, () => {
    let engine: Engine;
    before(async () => {
      engine = await openEngine({ use });
    });
    after(() => engine.close());

    it('runs a program and says what its outputs are, booleans as int32', async () => {
      const compiled = await engine.compile(product);
      expect(compiled.outputs).to.deep.equal({
        y: { shape: [2, 3], dtype: 'float32' },
        same: { shape: [2, 3], dtype: 'float32' },
        positive: { shape: [2, 3], dtype: 'int32' },
      });
      expect(await compiled.run(feeds)).to.deep.equal({
        y: Float32Array.from([10, 20, 30, -4, -5, -6]),
        same: feeds.a,
        positive: Int32Array.from([0, 0, 1, 1, 1, 1]),
      });
    });

    it('takes feeds that are views into a larger buffer', async () => {
      const large = Float32Array.from([9, 9, 9, 1, 2, 3, 4, 5, 6, 9]);
      const counts = Int32Array.from([7, 10, -1]);
      const { y } = await runOnce(engine, product, { a: large.subarray(3, 9), n: counts.subarray(1) });
      expect(y).to.deep.equal(Float32Array.from([10, 20, 30, -4, -5, -6]));
    });

    it('gives outputs that later feeds and runs do not change', async () => {
      const compiled = await engine.compile(product);
      const a = feeds.a.slice();
      const first = await compiled.run({ ...feeds, a });
      a.fill(0);
      await compiled.run({ ...feeds, a });
      expect(first.same).to.deep.equal(feeds.a);
      expect(first.y).to.deep.equal(Float32Array.from([10, 20, 30, -4, -5, -6]));
    });

    it('refuses feeds that are missing, unexpected, of another length or type, and says which', async () => {
      const compiled = await engine.compile(product);
      const wrong: [object, RegExp][] = [
        [{ a: feeds.a }, /product, input n: expected int32 \[2\], 2 elements; got nothing/],
        [{ ...feeds, b: feeds.a }, /product, input b: expected no such input/],
        [
          { ...feeds, a: new Float32Array(5) },
          /input a: expected float32 \[2,3\], 6 elements; got float32, 5 el/,
        ],
        [
          { ...feeds, n: new Float32Array(2) },
          /input n: expected int32 \[2\], 2 elements; got float32, 2 el/,
        ],
      ];
      for (const [given, message] of wrong) {
        const error = await refusal(() => compiled.run(given as typeof feeds));
        expect(error.code).to.equal('engine/failed');
        expect(error.message).to.match(message);
      }
    });

    it('does not run a program that was released', async () => {
      const compiled = await engine.compile(product);
      await compiled.release();
      await compiled.release();
      expect((await refusal(() => compiled.run(feeds))).message).to.contain('product was released');
    });

    it('takes gradients by variables that a program makes, and leaves none of them', async () => {
      const before = tf.memory().numTensors;
      const program: TensorProgram = {
        name: 'variables',
        inputs: { x: { shape: [3], dtype: 'float32' } },
        run({ x }) {
          const w = tf.variable(x!, true, 'w');
          const { value, grads } = tf.variableGrads(() => w.square().sum());
          return { value, gradient: grads.w! };
        },
      };
      const x = Float32Array.from([1, 2, 3]);
      const expected = { value: Float32Array.of(14), gradient: Float32Array.of(2, 4, 6) };
      expect(await runOnce(engine, program, { x })).to.deep.equal(expected);
      expect(await runOnce(engine, program, { x })).to.deep.equal(expected);
      expect(tf.memory().numTensors).to.equal(before);
    });

    it('leaves no tensor and the same tfjs backend, also where a program fails', async () => {
      const before = [tf.memory().numTensors, tf.getBackend()];
      const run = decoderStep(tiny);
      await runOnce(engine, run, decoderFeeds(tiny));
      const failing: TensorProgram = {
        name: 'failing',
        inputs: product.inputs,
        run: ({ a }) => ({ y: tf.grad((x: Tensor) => x.square().matMul(tf.zeros([4, 4])))(a!) }),
      };
      await refusal(() => runOnce(engine, failing, feeds));
      expect([tf.memory().numTensors, tf.getBackend()]).to.deep.equal(before);
    });
  });
}

describe('engine', () => {
  it('gives the gradients of a small decoder alike on onnx and reference, to 1e-4', async () => {
    const program = decoderStep(tiny);
    const inputs = decoderFeeds(tiny);
    const onnx = await withEngine('onnx', 2, (engine) => runOnce(engine, program, inputs));
    const reference = await withEngine('reference', 1, (engine) => runOnce(engine, program, inputs));
    expectClose(onnx, reference, 1e-4);
  });

  it('gives the same bits on onnx in every run, with one thread and with two', async () => {
    const program = decoderStep({ ...tiny, rows: 24, length: 24, hidden: 64 });
    const inputs = decoderFeeds({ ...tiny, rows: 24, length: 24, hidden: 64 });
    const seen = new Set<string>();
    for (const threads of [1, 2]) {
      await withEngine('onnx', threads, async (engine) => {
        const compiled = await engine.compile(program);
        for (let i = 0; i < 10; i++) {
          const results = Object.values(await compiled.run(inputs));
          seen.add(
            results.map((r) => Buffer.from(r.buffer, r.byteOffset, r.byteLength).toString('base64')).join(),
          );
        }
      });
    }
    expect(seen.size).to.equal(1);
  });

  for (const rows of [200, 2000]) {
    it(`sums the gradients of repeated rows of a table of ${rows} as float64 does`, async () => {
      const [count, width] = [5000, 8];
      const ids = Int32Array.from(noise(count, 3), (x) => Math.floor(((x + 1) / 2) ** 3 * rows));
      const weights = noise(count * width, 4);
      const expected = new Float64Array(rows * width);
      for (let i = 0; i < count; i++)
        for (let j = 0; j < width; j++) expected[ids[i]! * width + j]! += weights[i * width + j]!;
      const program: TensorProgram = {
        name: 'embedding',
        inputs: {
          table: { shape: [rows, width], dtype: 'float32' },
          ids: { shape: [count], dtype: 'int32' },
          weights: { shape: [count, width], dtype: 'float32' },
        },
        run: ({ table, ids, weights }) => ({
          gradient: tf.grad((x: Tensor) => x.gather(ids as Tensor1D).mul(weights!))(table!),
        }),
      };
      const table = new Float32Array(rows * width);
      for (const use of ['onnx', 'reference'] as const) {
        const given = await withEngine(use, 2, (engine) => runOnce(engine, program, { table, ids, weights }));
        const worst = expected.reduce((max, x, i) => Math.max(max, Math.abs(x - given.gradient![i]!)), 0);
        expect(worst, use).to.be.below(1e-4);
      }
    });
  }

  it('names the program that fails while it runs', async () => {
    const program: TensorProgram = {
      name: 'look-up',
      inputs: { table: { shape: [3, 2], dtype: 'float32' }, i: { shape: [1], dtype: 'int32' } },
      run: ({ table, i }) => ({ row: table!.gather(i as Tensor1D) }),
    };
    const given = { table: new Float32Array(6), i: Int32Array.of(7) };
    const error = await refusal(() => withEngine('onnx', 1, (engine) => runOnce(engine, program, given)));
    expect(error.code).to.equal('engine/failed');
    expect(error.message).to.contain('Program look-up failed in ONNX Runtime');
  });

  it('refuses an engine that is not installed, and says what to run', async () => {
    for (const [use, needs] of [
      ['tensorflow', /npm install @tensorflow\/tfjs-node@4\.22\.0\..*Node older than 23/],
      ['tensorflow-gpu', /npm install @tensorflow\/tfjs-node-gpu@4\.22\.0\..*CUDA 11\.2 and cuDNN 8\.1/],
    ] as const) {
      const error = await refusal(() => openEngine({ use }));
      expect(error.code).to.equal('engine/unavailable');
      expect(error.help).to.match(needs);
    }
  });

  it('refuses an engine of an unknown name', async () => {
    const error = await refusal(() => openEngine({ use: 'onxx' as EngineName }));
    expect(error.message).to.contain('onxx');
    expect(error.help).to.contain('onnx, reference, tensorflow and tensorflow-gpu');
  });
});
