import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { Aggregation, KlSpec, TrainRequest } from '../../../src/core/services.ts';
import { type Engine, openEngine } from '../../../src/engine/engine.ts';
import { loadCheckpoint, type PolicyWeights } from '../../../src/policy/checkpoint.ts';
import { standardLosses } from '../../../src/policy/losses/catalogue.ts';
import { openTrainer } from '../../../src/policy/trainer.ts';
import { modelDirectory } from '../models.ts';
import { checksum, readTraining, trainRequest } from '../training-batch.ts';

/** What torch computes of the batch of training_reference.json, in float64; see fixtures/models/README.md. */
interface ObjectiveCase {
  readonly loss: string;
  readonly aggregate: Aggregation;
  readonly length?: number;
  /** 1: the advantages of the batch; 0: none. */
  readonly advantage: number;
  readonly kl?: KlSpec;
  readonly entropy?: number;
  readonly temperature?: number;
  readonly weights?: boolean;
  readonly topEntropy?: number;
  readonly expected: Readonly<Record<'loss' | 'grad_norm' | 'entropy', number>> & { readonly kl?: number };
  readonly gradients: Readonly<Record<string, ReturnType<typeof checksum>>>;
}

const model = 'tiny-qwen2';
const file = `${modelDirectory(model)}/objective_reference.json`;
const cases: ObjectiveCase[] = JSON.parse(readFileSync(file, 'utf8'));
const base = trainRequest(readTraining(model), 'ppo', 1);
const old = base.oldLogprobs!;

function requestOf({
  loss,
  aggregate,
  length,
  advantage,
  kl,
  entropy,
  ...rest
}: ObjectiveCase): TrainRequest {
  const each = (f: (x: number, i: number) => number) => ({ ...old, values: old.values.map(f) });
  return {
    ...base,
    loss: { use: loss, params: { aggregate, ...(length !== undefined && { length }) } },
    advantage: { ...base.advantage!, values: base.advantage!.values.map((a) => a * advantage) },
    temperature: base.temperature.map(() => rest.temperature ?? 1),
    refLogprobs: each((x, i) => x + Math.sin(i)),
    ...(kl && { kl }),
    ...(entropy !== undefined && { entropy }),
    ...(rest.topEntropy !== undefined && { topEntropy: rest.topEntropy }),
    ...(rest.weights && { importanceWeights: each((_, i) => 1 + Math.cos(i) / 2) }),
    // With eps this large AdamW divides by nothing else: every weight moves by minus its gradient.
    optimizer: { lr: 1e6, betas: [0.9, 0.95], eps: 1e6, weightDecay: 0, gradNorm: Infinity },
  };
}

describe('policy/objective, against torch', () => {
  let engine: Engine;
  let weights: PolicyWeights;
  before(async () => {
    engine = await openEngine({ use: 'onnx', threads: 1 });
    weights = await loadCheckpoint(modelDirectory(model));
  });
  after(() => engine.close());

  for (const example of cases) {
    const { gradients, expected, ...what } = example;
    it(`has its loss, KL, entropy and the gradient of every weight: ${JSON.stringify(what)}`, async () => {
      const trainer = openTrainer({ engine, weights, losses: standardLosses, tokenBudget: 64 });
      const metrics = await trainer.train(requestOf(example));
      for (const [name, value] of Object.entries(expected)) {
        expect(metrics[name], name).to.be.closeTo(value, 2e-5 * Math.max(1, Math.abs(value)));
      }
      for (const { name, offset, size } of weights.layout.parameters) {
        const before = weights.values.subarray(offset, offset + size);
        const after = trainer.current.subarray(offset, offset + size);
        const theirs = gradients[name]!;
        const ours = checksum(before.map((w, i) => w - after[i]!));
        const scale = Math.max(theirs.abs_sum, 1e-2 * expected.grad_norm);
        for (const sum of ['sum', 'abs_sum', 'dot'] as const) {
          expect(ours[sum] / scale, `${name}: ${sum}`).to.be.closeTo(theirs[sum] / scale, 2e-4);
        }
      }
      await trainer.close();
    });
  }
});
