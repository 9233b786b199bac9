import { expect } from 'chai';
import fc from 'fast-check';
import type { Ragged } from '../../../src/core/columns.ts';
import type { TrainRequest } from '../../../src/core/services.ts';
import { type Engine, openEngine } from '../../../src/engine/engine.ts';
import { loadCheckpoint, type PolicyWeights } from '../../../src/policy/checkpoint.ts';
import { standardLosses } from '../../../src/policy/losses/catalogue.ts';
import { openTrainer } from '../../../src/policy/trainer.ts';
import { largestDifference, modelDirectory } from '../models.ts';
import { readTraining, trainRequest } from '../training-batch.ts';

const model = 'tiny-qwen2';
const reference = readTraining(model);
const base = trainRequest(reference, 'ppo', 1);

const mapped = (column: Ragged<Float32Array>, f: (x: number, i: number) => number): Ragged<Float32Array> => ({
  offsets: column.offsets,
  values: column.values.map(f),
});

const sampled = mapped(base.oldLogprobs!, (x, i) => x + Math.sin(2 * i));

/** One step that moves every weight by minus its gradient: with eps this large AdamW divides by nothing else. */
const plain: Partial<TrainRequest> = {
  optimizer: { lr: 1e3, betas: [0.9, 0.95], eps: 1e3, weightDecay: 0, gradNorm: Infinity },
  refLogprobs: mapped(base.oldLogprobs!, (x, i) => x + Math.sin(i)),
  importanceWeights: mapped(base.oldLogprobs!, (_, i) => 1 + Math.cos(i) / 2),
  kl: { use: 'k3', coefficient: 0.1, byRatio: true },
  entropy: 0.05,
};

describe('policy/losses, split into micro-batches', () => {
  let engine: Engine;
  let weights: PolicyWeights;
  before(async () => {
    engine = await openEngine({ use: 'onnx', threads: 1 });
    weights = await loadCheckpoint(modelDirectory(model));
  });
  after(() => engine.close());

  const step = async (request: TrainRequest, tokenBudget: number) => {
    const trainer = openTrainer({ engine, weights, losses: standardLosses, tokenBudget });
    const metrics = await trainer.train(request);
    await trainer.close();
    return { metrics, moved: trainer.current.map((w, i) => weights.values[i]! - w) };
  };

  for (const use of Object.keys(standardLosses)) {
    it(`${use} with KL, entropy and importance weights keeps its loss and gradient`, async () => {
      const scored = standardLosses[use]!.needs.includes('advantage');
      const request = {
        ...base,
        ...plain,
        loss: { use, params: {} },
        ...(scored && { offPolicy: 0.2, sampledLogprobs: sampled, topEntropy: 0.3 }),
      };
      const whole = await step(request, 4096);
      expect(Math.max(...whole.moved.map(Math.abs))).to.be.greaterThan(0.01);
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 1, max: 200 }), async (tokenBudget) => {
          const part = await step(request, tokenBudget);
          expect(part.metrics.loss).to.be.closeTo(whole.metrics.loss!, 2e-6);
          expect(largestDifference(part.moved, whole.moved)).to.be.at.most(2e-6);
          for (const [name, value] of Object.entries(whole.metrics)) {
            expect(part.metrics[name], name).to.be.closeTo(value, 1e-5 * Math.max(1, Math.abs(value)));
          }
        }),
        { numRuns: 1 },
      );
    });
  }
});
