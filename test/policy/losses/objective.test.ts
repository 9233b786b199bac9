import { expect } from 'chai';
import type { Ragged } from '../../../src/core/columns.ts';
import type { TrainRequest } from '../../../src/core/services.ts';
import { type Engine, openEngine } from '../../../src/engine/engine.ts';
import { loadCheckpoint, type PolicyWeights } from '../../../src/policy/checkpoint.ts';
import { standardLosses } from '../../../src/policy/losses/catalogue.ts';
import { parameterViews } from '../../../src/policy/parameters.ts';
import { ProgramCache } from '../../../src/policy/program-cache.ts';
import { scoreResponses } from '../../../src/policy/scorer.ts';
import { openTrainer } from '../../../src/policy/trainer.ts';
import { modelDirectory } from '../models.ts';
import { readTraining, trainRequest } from '../training-batch.ts';

const model = 'tiny-qwen2';
const { lossMask, ...base } = trainRequest(readTraining(model), 'ppo', 1);
const all = (x: number): Ragged<Float32Array> => ({
  offsets: base.advantage!.offsets,
  values: base.advantage!.values.map(() => x),
});
/** A step of this length along the gradient itself: with eps this large AdamW divides by nothing else. */
const along = (length: number): TrainRequest['optimizer'] => ({
  lr: length * 1e3,
  betas: [0.9, 0.95],
  eps: 1e3,
  weightDecay: 0,
  gradNorm: Infinity,
});

describe('policy/objective', () => {
  let engine: Engine;
  let weights: PolicyWeights;
  before(async () => {
    engine = await openEngine({ use: 'onnx', threads: 1 });
    weights = await loadCheckpoint(modelDirectory(model));
  });
  after(() => engine.close());

  const open = () => openTrainer({ engine, weights, losses: standardLosses });
  const request = (changes: Partial<TrainRequest>): TrainRequest => ({
    ...base,
    advantage: all(0),
    loss: { use: 'loss/reinforce', params: {} },
    optimizer: along(0.002),
    ...changes,
  });

  it('adds the KL from the reference to the loss, and moves the policy towards it', async () => {
    const programs = new ProgramCache(engine, 4);
    const scoring = { config: weights.config, programs, tokenBudget: 4096 };
    const own = await scoreResponses(scoring, parameterViews(weights.layout, weights.values), base);
    const refLogprobs = { ...own, values: own.values.map((x, i) => x + Math.sin(i)) };
    const trainer = open();
    const penalised = request({ refLogprobs, kl: { use: 'k2', coefficient: 0.5 } });
    const first = await trainer.train(penalised);
    const expected = own.values.reduce((sum, _, i) => sum + Math.sin(i) ** 2 / 2, 0) / own.values.length;
    expect(first.kl).to.be.closeTo(expected, 1e-5);
    expect(first.loss).to.be.closeTo(0.5 * expected, 1e-5);
    const second = await trainer.train(penalised);
    // To first order the loss falls by the length of the step times the square of the gradient.
    expect((first.loss! - second.loss!) / (0.002 * first.grad_norm! ** 2)).to.be.closeTo(1, 0.05);
    await Promise.all([trainer.close(), programs.close()]);
  });

  it('takes the entropy bonus off the loss, and moves the policy towards entropy', async () => {
    const trainer = open();
    const bonus = request({ entropy: 0.25 });
    const first = await trainer.train(bonus);
    expect(first.loss).to.be.closeTo(-0.25 * first.entropy!, 1e-5);
    const second = await trainer.train(bonus);
    expect((first.loss! - second.loss!) / (0.002 * first.grad_norm! ** 2)).to.be.closeTo(1, 0.05);
    await trainer.close();
  });

  it('weighs the loss of each token, and neither KL nor entropy', async () => {
    const loss = async (changes: Partial<TrainRequest>): Promise<number> => {
      const trainer = open();
      const metrics = await trainer.train(request({ advantage: base.advantage!, ...changes }));
      await trainer.close();
      return metrics.loss!;
    };
    const plain = await loss({});
    const both: Partial<TrainRequest> = {
      refLogprobs: base.oldLogprobs!,
      kl: { use: 'k3', coefficient: 0.5 },
      entropy: 0.25,
    };
    const more = (await loss(both)) - plain;
    expect(await loss({ importanceWeights: all(2) })).to.be.closeTo(2 * plain, 1e-5);
    expect(await loss({ ...both, importanceWeights: all(2) })).to.be.closeTo(2 * plain + more, 1e-5);
    expect(Math.abs(more)).to.be.greaterThan(0.01);
  });

  it('asks for the reference where there is a penalty', async () => {
    const trainer = open();
    let message = '';
    await trainer.train(request({ kl: { use: 'k2', coefficient: 1 } })).catch((error: Error) => {
      message = error.message;
    });
    expect(message).to.contain('refLogprobs');
    await trainer.close();
  });
});
