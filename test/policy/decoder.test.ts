import type { Tensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { tf } from '../../src/engine/tf.ts';
import { loadCheckpoint, namedTensors, type PolicyWeights } from '../../src/policy/checkpoint.ts';
import { hiddenStates, logitsOf } from '../../src/policy/decoder.ts';
import { hasStories, largestDifference, modelDirectory, readReference, tinyModels } from './models.ts';

describe('policy/decoder', () => {
  before(async () => {
    await tf.setBackend('cpu');
  });

  for (const model of [...tinyModels, 'stories260k']) {
    const tolerance = model === 'stories260k' ? 1e-4 : 5e-5;

    it(`gives the logits and log-probabilities that transformers gives for ${model}`, async function () {
      if (model === 'stories260k' && !hasStories()) this.skip();
      const weights = await loadCheckpoint(modelDirectory(model));
      const reference = readReference(model);
      for (const prompt of reference.prompts) {
        const logits = forward(weights, [prompt.input_ids])[0]!;
        expect(largestDifference(logits.at(-1)!, prompt.last_logits)).to.be.at.most(tolerance);
        const logprobs = logits.map(logSoftmax);
        const taken = prompt.input_ids.slice(1).map((id, t) => logprobs[t]![id]!);
        expect(largestDifference(taken, prompt.token_logprobs.slice(1))).to.be.at.most(tolerance);
        const eos = logprobs.map((row) => row[reference.eos_token_id]!);
        expect(largestDifference(eos, prompt.eos_logprob)).to.be.at.most(tolerance);
      }
    });
  }

  it('gives the same logits to a row whatever is padded on its right', async () => {
    const weights = await loadCheckpoint(modelDirectory('tiny-qwen2'));
    const prompts = readReference('tiny-qwen2').prompts.map((p) => p.input_ids);
    const longest = Math.max(...prompts.map((ids) => ids.length));
    const padded = prompts.map((ids) => [...ids, ...new Array(longest - ids.length).fill(93)]);
    const together = forward(weights, padded);
    for (const [i, prompt] of readReference('tiny-qwen2').prompts.entries()) {
      const last = together[i]![prompt.input_ids.length - 1]!;
      expect(largestDifference(last, prompt.last_logits)).to.be.at.most(5e-5);
    }
  });

  it('computes the head at the asked positions only', async () => {
    const weights = await loadCheckpoint(modelDirectory('tiny-llama'));
    const ids = readReference('tiny-llama').prompts[1]!.input_ids;
    const all = forward(weights, [ids])[0]!;
    const some = forward(weights, [ids], [ids.length - 1, 0]);
    expect(some.flat()).to.deep.equal([all.at(-1), all[0]]);
  });

  it('leaves no tensor behind', async () => {
    const weights = await loadCheckpoint(modelDirectory('tiny-llama'));
    const before = tf.memory().numTensors;
    forward(weights, [[1, 2, 3]]);
    expect(tf.memory().numTensors).to.equal(before);
  });
});

/** Logits [row][position][vocabulary], of all positions or of the flat ones named (then as one row). */
function forward(weights: PolicyWeights, rows: number[][], positions?: number[]): number[][][] {
  const [batch, length] = [rows.length, rows[0]!.length];
  const indices = positions ?? Array.from({ length: batch * length }, (_, i) => i);
  const flat = tf.tidy(() => {
    const tensors: Record<string, Tensor> = {};
    for (const [name, { shape, values }] of namedTensors(weights.layout, weights.values)) {
      tensors[name] = tf.tensor(values, shape as number[]);
    }
    const tokens = tf.tensor2d(rows.flat(), [batch, length], 'int32');
    const hidden = hiddenStates(weights.config, tensors, tokens, tf.tensor1d(indices, 'int32'));
    return logitsOf(weights.config, tensors, hidden).arraySync() as number[][];
  });
  return positions ? [flat] : rows.map((_, i) => flat.slice(i * length, (i + 1) * length));
}

function logSoftmax(logits: number[]): number[] {
  const largest = Math.max(...logits);
  const total = Math.log(logits.reduce((sum, x) => sum + Math.exp(x - largest), 0)) + largest;
  return logits.map((x) => x - total);
}
