import { expect } from 'chai';
import { type Engine, openEngine } from '../../../src/engine/engine.ts';
import { tf } from '../../../src/engine/tf.ts';
import { valueLoss } from '../../../src/policy/losses/value-loss.ts';
import { type LossCase, readCases, shareOf } from './reference.ts';

interface ValueCase extends Pick<LossCase, 'id' | 'loss' | 'mask' | 'expected_loss' | 'expected_metrics'> {
  readonly params: LossCase['params'] & { readonly cliprange_value: number };
  readonly value_preds: number[][];
  readonly old_values: number[][];
  readonly returns: number[][];
  readonly expected_grad_wrt_value_preds: number[][];
}

const cases = readCases<ValueCase>('losses_extra.json').filter(({ loss }) => loss === 'value_loss');

for (const use of ['reference', 'onnx'] as const) {
  describe(`policy/losses/value-loss on ${use}`, () => {
    let engine: Engine;
    before(async () => {
      engine = await openEngine({ use });
    });
    after(() => engine.close());

    for (const example of cases) {
      it(`gives the loss, gradient and clipped fraction of ${example.id}`, async () => {
        const { loss, gradient, clipped } = await outcomeOf(engine, example, example.params.cliprange_value);
        expect(loss).to.be.closeTo(example.expected_loss, 2e-6);
        for (const [i, expected] of example.expected_grad_wrt_value_preds.flat().entries()) {
          expect(gradient[i], `token ${i}`).to.be.closeTo(expected, 1e-6);
        }
        expect(clipped).to.be.closeTo(example.expected_metrics.vf_clipfrac!, 1e-6);
      });
    }

    it('is half the squared error where nothing clips', async () => {
      const [example] = cases;
      const free = await outcomeOf(engine, example!, undefined);
      const { mask, value_preds, returns } = example!;
      const counted = mask.flat().reduce((a, b) => a + b);
      const differences = value_preds.flat().map((v, i) => (v - returns.flat()[i]!) * mask.flat()[i]!);
      const expected = differences.reduce((sum, d) => sum + d * d, 0) / (2 * counted);
      expect(free.loss).to.be.closeTo(expected, 1e-6);
      for (const [i, d] of differences.entries()) expect(free.gradient[i]).to.be.closeTo(d / counted, 1e-6);
    });

    it('counts no clip where the value has not moved', async () => {
      const [example] = cases;
      const still = { ...example!, old_values: example!.value_preds };
      expect((await outcomeOf(engine, still, 1e-6)).clipped).to.equal(0);
    });
  });
}

describe('policy/losses/value-loss', () => {
  it('has three cases to be held to', () => {
    expect(cases).to.have.length(3);
  });
});

async function outcomeOf(engine: Engine, example: ValueCase, clip: number | undefined) {
  const { mask } = example;
  const flat = (rows: number[][]): Float32Array => Float32Array.from(rows.flat());
  const feeds = {
    values: flat(example.value_preds),
    old: flat(example.old_values),
    returns: flat(example.returns),
    mask: flat(mask),
    share: flat(shareOf(example)),
  };
  const spec = { shape: [mask.length, mask[0]!.length], dtype: 'float32' as const };
  const program = await engine.compile({
    name: example.id,
    inputs: { values: spec, old: spec, returns: spec, mask: spec, share: spec },
    run(inputs) {
      let clipped = tf.scalar(0);
      const { value, grad } = tf.valueAndGrad((values) => {
        const outputs = valueLoss({ values, old: inputs.old!, returns: inputs.returns! }, clip);
        const fraction = outputs.metrics.clip_fraction;
        if (fraction) clipped = tf.keep(tf.sum(tf.mul(fraction, inputs.mask!)));
        return tf.sum(tf.mul(outputs.loss, inputs.share!));
      })(inputs.values!);
      return { loss: value, gradient: grad, clipped };
    },
  });
  const { loss, gradient, clipped } = await program.run(feeds);
  await program.release();
  const counted = mask.flat().reduce((a, b) => a + b);
  return { loss: loss![0]!, gradient: gradient!, clipped: clipped![0]! / counted };
}
