import type { Tensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { RlevError } from '../../../src/core/errors.ts';
import type { TensorProgram } from '../../../src/engine/engine.ts';
import { programToOnnx } from '../../../src/engine/onnx.ts';
import { tf } from '../../../src/engine/tf.ts';
import { trace } from '../../../src/engine/trace/trace.ts';
import { decoderStep, tiny } from '../small-decoder.ts';

const inputs = {
  x: { shape: [64, 128], dtype: 'float32' },
  y: { shape: [64, 128], dtype: 'float32' },
} as const;

type Pair = { x: Tensor; y: Tensor };

const program = (run: (given: Pair) => Record<string, Tensor>, name = 'example'): TensorProgram => ({
  name,
  inputs,
  run: (given) => run(given as unknown as Pair),
});

/** The operations of the graph that computes one output, in order. */
function operations(run: (given: Pair) => Tensor): string[] {
  const { outputs } = trace(program((given) => ({ out: run(given) })));
  const found: string[] = [];
  const seen = new Set<object>();
  const visit = (value: typeof outputs.out) => {
    const node = value?.node;
    if (!node || seen.has(node)) return;
    seen.add(node);
    node.inputs.forEach(visit);
    found.push(node.op);
  };
  visit(outputs.out);
  return found;
}

function refusal(run: (given: Pair) => Record<string, Tensor>): RlevError {
  try {
    trace(program(run));
  } catch (error) {
    expect(error).to.be.instanceOf(RlevError);
    return error as RlevError;
  }
  return expect.fail('nothing was refused');
}

describe('engine/trace', () => {
  it('gives the same bytes however often it is done', () => {
    const bytes = [1, 2].map(() => Buffer.from(programToOnnx(decoderStep(tiny)).bytes));
    expect(bytes[0]!.equals(bytes[1]!)).to.equal(true);
  });

  it('stores no constant that grows with the batch, the length or the vocabulary', () => {
    const small = programToOnnx(decoderStep(tiny)).bytes.length;
    const large = programToOnnx(decoderStep({ ...tiny, rows: 64, length: 96, vocabulary: 4000 })).bytes
      .length;
    expect(large - small).to.be.below(20_000);
  });

  it('stores no uniform constant above 1 KB where one must be made', () => {
    const { bytes } = programToOnnx(program(({ x }) => ({ out: tf.concat([tf.ones([640, 128]), x]) })));
    expect(bytes.length).to.be.below(1024);
  });

  it('leaves out what does nothing', () => {
    expect(
      operations(({ x }) => x.add(0).mul(1).div(1).reshape([64, 128]).toFloat().transpose([0, 1])),
    ).to.deep.equal([]);
    expect(
      operations(({ x }) => x.transpose().transpose().reshape([128, 64]).reshape([64, 128])),
    ).to.deep.equal([]);
    expect(operations(({ x, y }) => x.mul(tf.ones([64, 128])).add(y.mul(tf.scalar(2).mul(3))))).to.deep.equal(
      ['Mul', 'Add'],
    );
  });

  it('leaves out what no output needs', () => {
    const unused = programToOnnx(
      program(({ x, y }) => {
        y.exp();
        return { out: x.neg() };
      }),
    ).bytes;
    const lean = programToOnnx(program(({ x }) => ({ out: x.neg() }))).bytes;
    expect(unused.length).to.equal(lean.length);
  });

  it('computes equal expressions once', () => {
    expect(operations(({ x, y }) => x.mul(y).add(x.mul(y)))).to.deep.equal(['Mul', 'Add']);
  });

  it('works on what is broadcast before it is broadcast', () => {
    const row = (x: Tensor) => x.sum(1, true).broadcastTo([64, 128]);
    expect(operations(({ x, y }) => row(x).exp().neg().mul(y))).to.deep.equal([
      'ReduceSum',
      'Exp',
      'Neg',
      'Mul',
    ]);
    expect(operations(({ x }) => tf.grad((v: Tensor) => v.mean())(x))).to.deep.equal([]);
  });

  it('takes transpositions into the matrix product', () => {
    expect(operations(({ x, y }) => tf.matMul(x.transpose() as never, y as never))).to.deep.equal([
      'FusedMatMul',
    ]);
    expect(operations(({ x, y }) => tf.matMul(x as never, y as never, false, true))).to.deep.equal([
      'FusedMatMul',
    ]);
    expect(operations(({ x, y }) => tf.matMul(x as never, y.transpose() as never))).to.deep.equal([
      'FusedMatMul',
    ]);
    expect(operations(({ x, y }) => tf.matMul(x.transpose() as never, y as never, true, true))).to.deep.equal(
      ['FusedMatMul'],
    );
  });

  it('names the operation and the program where it lacks a kernel', () => {
    const error = refusal(({ x }) => ({ out: x.tan() }));
    expect(error.code).to.equal('engine/unsupported');
    expect(error.message).to.contain('Program example uses the operation Tan');
  });

  it('names the operation that has no gradient', () => {
    const error = refusal(({ x }) => ({ out: tf.grad((v: Tensor) => tf.topk(v, 2).values)(x) }));
    expect(error.code).to.equal('engine/unsupported');
    expect(error.message).to.contain('gradient of TopK');
  });

  it('refuses to read data while it traces, and says what to do', () => {
    const error = refusal(({ x }) => ({ out: x.mul(x.dataSync()[0]!) }));
    expect(error.code).to.equal('engine/unsupported');
    expect(error.help).to.contain('an input of the program');
  });

  it('refuses a tensor that was made outside of the program', () => {
    const outside = tf.scalar(3);
    try {
      const error = refusal(({ x }) => ({ out: x.mul(outside) }));
      expect(error.code).to.equal('engine/unsupported');
      expect(error.message).to.contain('made outside');
      expect(outside.dataSync()[0]).to.equal(3);
    } finally {
      outside.dispose();
    }
  });
});
