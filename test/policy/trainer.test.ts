import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { raggedFloat32, raggedInt32, rowOf, spreadOverTokens } from '../../src/core/columns.ts';
import type { ErrorCode, RlevError } from '../../src/core/errors.ts';
import type { TrainRequest } from '../../src/core/services.ts';
import { type Engine, openEngine } from '../../src/engine/engine.ts';
import { tf } from '../../src/engine/tf.ts';
import { loadCheckpoint, type PolicyWeights } from '../../src/policy/checkpoint.ts';
import { updateTotals } from '../../src/policy/losses/aggregate.ts';
import { standardLosses } from '../../src/policy/losses/catalogue.ts';
import { planMicroBatches, tokenColumn, tokenFeeds } from '../../src/policy/micro-batches.ts';
import { parameterViews } from '../../src/policy/parameters.ts';
import { ProgramCache } from '../../src/policy/program-cache.ts';
import { trainProgram } from '../../src/policy/programs.ts';
import { readSafetensors } from '../../src/policy/safetensors.ts';
import { createScorer } from '../../src/policy/scorer.ts';
import { type LocalTrainer, openTrainer, type TrainerSetup } from '../../src/policy/trainer.ts';
import { fixture, largestDifference, modelDirectory } from './models.ts';
import { checksum, readTraining, responseStarts, trainRequest } from './training-batch.ts';

const models = ['tiny-llama', 'tiny-qwen2'] as const;
const runs = [
  ['ppo', 'ppo'],
  ['ppo_lr_1e-4', 'ppo'],
  ['sft', 'sft'],
] as const;

for (const use of ['reference', 'onnx'] as const) {
  describe(`policy/trainer on ${use}`, () => {
    let engine: Engine;
    before(async () => {
      engine = await openEngine({ use });
    });
    after(() => engine.close());

    for (const model of models) {
      for (const loss of ['ppo', 'sft'] as const) {
        // The plain JavaScript engine is slow: one loss a model is enough of it.
        if (use === 'reference' && (loss === 'ppo') !== (model === 'tiny-qwen2')) continue;
        it(`gives torch's gradients of the ${loss} loss of ${model}`, async () => {
          const weights = await loadCheckpoint(modelDirectory(model));
          const gradients = await gradientsOf(engine, weights, trainRequest(readTraining(model), loss, 1e-3));
          const expected = await readSafetensors(fixture('models', model, 'training_gradients.safetensors'));
          for (const { name } of weights.layout.parameters) {
            const difference = largestDifference(
              gradients[`grad/${name}`]!,
              expected.get(`${loss}.${name}`)!.values,
            );
            expect(difference, name).to.be.at.most(1e-5);
          }
        });
      }

      // The updates are the same code on either engine: the faster one takes them.
      for (const [run, loss] of use === 'onnx' ? runs : []) {
        it(`takes ${model} where torch takes it in 5 steps of ${run}`, async () => {
          const reference = readTraining(model);
          const expected = reference[run];
          const trainer = await open(engine, model);
          const request = trainRequest(reference, loss, expected.lr);
          for (let step = 1; step <= 5; step++) {
            const metrics = await trainer.train(request);
            const first = step === 1;
            expect(metrics.loss).to.be.closeTo(expected.loss_per_step[step - 1]!, first ? 1e-5 : 5e-5);
            const norm = expected.grad_norm_per_step[step - 1]!;
            expect(metrics.grad_norm! / norm).to.be.closeTo(1, first ? 1e-5 : 1e-3);
            const snapshot = expected.after[String(step) as '1'];
            if (snapshot) expectParameters(trainer, expected.lr, snapshot);
          }
          const starts = responseStarts(reference);
          const scored = await scorerOf(engine, trainer).score({ ...request, weights: 'current' });
          const after = expected.token_logprobs_after_5_steps.flatMap((row, i) =>
            row.slice(starts[i], reference.batch.attention_mask[i]!.lastIndexOf(1) + 1),
          );
          const tolerance = expected.lr === 1e-3 ? 1e-3 : 1e-4;
          expect(largestDifference(scored.values, after)).to.be.at.most(tolerance);
          await trainer.close();
        });
      }
    }
  });
}

describe('policy/programs', () => {
  it('leaves no tensor behind, forward or backward', async () => {
    const engine = await openEngine({ use: 'reference' });
    const weights = await loadCheckpoint(modelDirectory('tiny-qwen3'));
    const { layout, config, values } = weights;
    const shape = { rows: 2, length: 16, responses: 16 };
    const loss = standardLosses['loss/ppo-clip']!;
    const params = loss.params.parse({ dualClip: 3 });
    const program = await engine.compile(trainProgram({ config, shape, loss, params, ownRatio: true }));
    const dense = new Float32Array(32).fill(1);
    const feeds = {
      ...parameterViews(layout, values),
      tokens: new Int32Array(32).fill(5),
      indices: new Int32Array(32),
      targets: new Int32Array(32).fill(7),
      inverseTemperature: dense,
      mask: dense,
      share: dense,
      advantages: dense,
    };
    const before = tf.memory().numTensors;
    await program.run(feeds);
    expect(tf.memory().numTensors).to.equal(before);
    await engine.close();
  });
});

describe('policy/trainer', () => {
  let engine: Engine;
  const directories: string[] = [];
  const model = 'tiny-qwen2';
  const reference = readTraining(model);
  const request = trainRequest(reference, 'ppo', 1e-3);
  before(async () => {
    engine = await openEngine({ use: 'onnx' });
  });
  after(async () => {
    await engine.close();
    for (const directory of directories) await rm(directory, { recursive: true });
  });
  const temporary = async (): Promise<string> => {
    const directory = await mkdtemp(join(tmpdir(), 'rlev-trainer-'));
    directories.push(directory);
    return directory;
  };

  it('takes the same step however the batch is split into micro-batches', async () => {
    const modes = ['token-mean', 'seq-mean-token-sum', 'seq-mean-token-mean', 'constant'];
    const step = (aggregate: string, tokenBudget: number) => {
      const params = aggregate === 'constant' ? { aggregate, length: 20 } : { aggregate };
      return oneStep(engine, { ...request, loss: { use: 'loss/ppo-clip', params } }, tokenBudget);
    };
    const wholes = new Map<string, Awaited<ReturnType<typeof step>>>();
    for (const mode of modes) wholes.set(mode, await step(mode, 4096));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...modes),
        fc.integer({ min: 1, max: 250 }),
        async (mode, tokenBudget) => {
          const whole = wholes.get(mode)!;
          const part = await step(mode, tokenBudget);
          expect(part.metrics.loss).to.be.closeTo(whole.metrics.loss!, 1e-6);
          expect(part.metrics.grad_norm! / whole.metrics.grad_norm!).to.be.closeTo(1, 1e-5);
          for (const name of ['clip_fraction', 'approx_kl', 'ratio_mean', 'entropy', 'tokens']) {
            expect(part.metrics[name], name).to.be.closeTo(whole.metrics[name]!, 1e-5);
          }
          const far = part.current.filter((p, i) => Math.abs(p - whole.current[i]!) > 3e-5);
          expect(far.length).to.be.at.most(5);
        },
      ),
      { numRuns: 8 },
    );
  });

  it('takes the same step whatever the order of rows', async () => {
    const columns = [5, 2, 0, 4, 1, 3];
    const pick = <T>(rows: readonly T[]): T[] => columns.map((i) => rows[i]!);
    const { batch } = reference;
    const shuffled = trainRequest(
      {
        ...reference,
        batch: {
          input_ids: pick(batch.input_ids),
          attention_mask: pick(batch.attention_mask),
          loss_mask: pick(batch.loss_mask),
          advantages: pick(batch.advantages),
          old_logprobs: pick(batch.old_logprobs),
        },
      },
      'ppo',
      1e-3,
    );
    const one = await oneStep(engine, request, 100);
    const other = await oneStep(engine, shuffled, 100);
    expect(other.metrics.loss).to.be.closeTo(one.metrics.loss!, 1e-6);
    expect(other.metrics.grad_norm! / one.metrics.grad_norm!).to.be.closeTo(1, 1e-5);
  });

  it('computes the same bits twice', async () => {
    const one = await oneStep(engine, request, 100);
    const two = await oneStep(engine, request, 100);
    expect(two.current).to.deep.equal(one.current);
  });

  it('takes the policy before the update as the old one where no log-probabilities are given', async () => {
    const { oldLogprobs: _, ...fresh } = request;
    const scored = { ...fresh, oldLogprobs: await scoreStart(engine, request) };
    const own = await oneStep(engine, fresh, 4096);
    const given = await oneStep(engine, scored, 4096);
    expect([own.metrics.ratio_mean, own.metrics.approx_kl]).to.deep.equal([1, 0]);
    expect(own.metrics.grad_norm! / given.metrics.grad_norm!).to.be.closeTo(1, 1e-5);

    const epochs = { epochs: 2, miniBatches: 2 };
    const several = await oneStep(engine, { ...fresh, ...epochs }, 4096);
    const expected = await oneStep(engine, { ...scored, ...epochs }, 4096);
    expect(several.metrics).to.deep.equal(expected.metrics);
    expect(several.metrics.updates).to.equal(4);
    expect(several.metrics.ratio_mean).not.to.equal(1);
  });

  it('divides logits by the temperature of each row, and by 1 where it is 0', async () => {
    const trainer = await open(engine, model);
    const score = (temperature: number[]) =>
      scorerOf(engine, trainer).score({
        ...request,
        temperature: Float32Array.from(temperature),
        weights: 'current',
      });
    const cold = await score([1, 1, 1, 0, 0, 0]);
    const mixed = await score([1, 2, 1, 2, 0, 0]);
    // Half of the last norm is half of every logit.
    const norm = trainer.weights.layout.parameters.find((p) => p.name === 'model.norm.weight')!;
    for (let i = 0; i < norm.size; i++) trainer.current[norm.offset + i]! /= 2;
    const halved = await score([1, 1, 1, 1, 1, 1]);
    for (let row = 0; row < 6; row++) {
      const expected = rowOf(row === 1 || row === 3 ? halved : cold, row);
      expect(largestDifference(rowOf(mixed, row), expected), `row ${row}`).to.be.at.most(1e-5);
    }
    await trainer.close();
  });

  it('reports the entropy of the distribution that is sampled, in nats', async () => {
    const { weights } = await open(engine, model);
    const even = { ...weights, values: weights.values.slice() };
    // Without a last norm all logits are zero, so every token is as likely as any.
    const norm = weights.layout.parameters.find((p) => p.name === 'model.norm.weight')!;
    even.values.fill(0, norm.offset, norm.offset + norm.size);
    const trainer = await open(engine, model, { weights: even });
    const { entropy } = await trainer.train(request);
    expect(entropy).to.be.closeTo(Math.log(96), 1e-5);
    await trainer.close();
  });

  it('counts the learning rate by requests and AdamW by updates', async () => {
    const trainer = await open(engine, model);
    const warm = trainRequest(reference, 'sft', 1e-3, {
      schedule: { use: 'linear', warmup: 2, total: 4, floor: 0.1 },
      miniBatches: 2,
    });
    const rates = [];
    for (let step = 0; step < 4; step++) rates.push((await trainer.train(warm)).lr!);
    for (const [i, rate] of [0.5e-3, 1e-3, 0.7e-3, 0.4e-3].entries()) {
      expect(rates[i]).to.be.closeTo(rate, 1e-12);
    }
    await trainer.close();
  });

  it('publishes versions, keeps the last of them and says what it no longer holds', async () => {
    const trainer = await open(engine, model, { keep: 2 });
    const start = trainer.weightsOf(0).slice();
    await trainer.train(request);
    expect(trainer.weightsOf(0)).to.deep.equal(start);
    const first = await trainer.publish();
    await trainer.train(request);
    const second = await trainer.publish();
    expect([first.version, second.version, trainer.version]).to.deep.equal([1, 2, 2]);
    expect(first.hash).not.to.equal(second.hash);
    expect(trainer.weightsOf(2)).to.deep.equal(trainer.current);
    await rejects(async () => trainer.weightsOf(0), 'run/not-found', 'version 0 is not held');
    await trainer.close();
  });

  it('goes on after save and load bit for bit, with its published versions', async () => {
    const directory = await temporary();
    const trainer = await open(engine, model, { keep: 2 });
    await trainer.train(request);
    await trainer.publish();
    await trainer.train(request);
    await trainer.save(directory);
    await trainer.train(request);

    const resumed = await open(engine, model, { keep: 2 });
    await resumed.load(directory);
    expect([resumed.version, resumed.weightsOf(1)]).to.deep.equal([1, trainer.weightsOf(1)]);
    expect(resumed.weightsOf(0)).to.deep.equal(trainer.weightsOf(0));
    await resumed.train(request);
    expect(resumed.current).to.deep.equal(trainer.current);
    expect(await resumed.publish()).to.deep.equal(await trainer.publish());
    const saved = await loadCheckpoint(directory);
    expect(saved.config).to.deep.equal((await loadCheckpoint(modelDirectory(model))).config);
    await Promise.all([trainer.close(), resumed.close()]);
  });

  it('moves the reference to its weights every so many requests, and keeps it over save and load', async () => {
    const trainer = await open(engine, model);
    const start = trainer.reference.slice();
    expect(start).to.deep.equal(trainer.current);
    const moving = { ...request, referenceEvery: 2 };
    await trainer.train(moving);
    expect(trainer.reference).to.deep.equal(start);
    await trainer.train(moving);
    const moved = trainer.current.slice();
    expect(trainer.reference).to.deep.equal(moved);
    await trainer.train(moving);
    expect(trainer.reference).to.deep.equal(moved).and.not.deep.equal(trainer.current);

    const directory = await temporary();
    await trainer.save(directory);
    const resumed = await open(engine, model);
    await resumed.load(directory);
    expect(resumed.reference).to.deep.equal(moved);
    await Promise.all([trainer.close(), resumed.close()]);
  });

  it('moves the reference by a share of its weights, again from where it is', async () => {
    const trainer = await open(engine, model);
    let expected = trainer.reference.slice();
    for (let step = 0; step < 2; step++) {
      await trainer.train({ ...request, referenceEvery: 1, referenceMixup: 0.6 });
      expected = trainer.current.map((w, i) => Math.fround(0.6 * w + 0.4 * expected[i]!));
      expect(largestDifference(trainer.reference, expected)).to.be.at.most(1e-9);
    }
    await trainer.close();
  });

  it('refuses a checkpoint of another model, or one whose weights have changed', async () => {
    const directory = await temporary();
    const trainer = await open(engine, model);
    await trainer.publish();
    await trainer.save(directory);
    const other = await open(engine, 'tiny-llama');
    await rejects(() => other.load(directory), 'policy/checkpoint', 'another model');
    const state = { format: 1, steps: 0, updates: 0, versions: [{ version: 1, hash: 'x', file: null }] };
    await writeFile(join(directory, 'trainer.json'), JSON.stringify(state));
    await rejects(() => trainer.load(directory), 'policy/checkpoint', 'not those that were saved');
    await Promise.all([trainer.close(), other.close()]);
  });

  it('stops at a number that is not finite, with the weights as they were', async () => {
    const trainer = await open(engine, model);
    const before = trainer.current.slice();
    const advantage = spreadOverTokens([1, Number.NaN, 1, 1, 1, 1], request.responseTokens);
    await rejects(() => trainer.train({ ...request, advantage }), 'run/non-finite', 'loss');
    expect(trainer.current).to.deep.equal(before);
    await trainer.close();
  });

  it('stops between micro-batches when it is cancelled', async () => {
    const trainer = await open(engine, model, { tokenBudget: 32 });
    const before = trainer.current.slice();
    const controller = new AbortController();
    const training = trainer.train({ ...request, epochs: 100 }, controller.signal);
    controller.abort();
    await rejects(() => training, 'run/cancelled', 'cancelled');
    expect(trainer.current).to.deep.equal(before);
    await trainer.close();
  });

  it('refuses rows that the model cannot read', async () => {
    const trainer = await open(engine, model);
    const long = { promptTokens: raggedInt32([new Int32Array(100)]), temperature: Float32Array.of(1) };
    const responseTokens = raggedInt32([new Int32Array(29)]);
    const { lossMask: _, ...rest } = trainRequest(reference, 'sft', 1e-3);
    const tooLong = { ...rest, ...long, responseTokens };
    await rejects(() => trainer.train(tooLong), 'policy/context', '129 tokens');
    const empty = { ...tooLong, promptTokens: raggedInt32([[]]) };
    await rejects(() => trainer.train(empty), 'policy/context', 'empty prompt');
    await trainer.close();
  });

  it('refuses a column that has not one number for each response token', async () => {
    const trainer = await open(engine, model);
    const request = trainRequest(reference, 'ppo', 1e-3);
    const rows = request.responseTokens.offsets.length - 1;
    const before = trainer.current.slice();
    const onePerRow = raggedFloat32(Array.from({ length: rows }, () => [1]));
    const perRow = { ...request, advantage: onePerRow };
    await rejects(() => trainer.train(perRow), 'stage/contract', 'advantage of row 0 has 1 numbers');
    const short = { ...request, oldLogprobs: raggedFloat32([[0]]) };
    await rejects(() => trainer.train(short), 'stage/contract', 'oldLogprobs has 1 rows');
    expect(trainer.current).to.deep.equal(before);
    await trainer.close();
  });

  it('says which loss it has not, and which parameter or column is wrong', async () => {
    const trainer = await open(engine, model);
    const using = (loss: TrainRequest['loss']): TrainRequest => ({ ...request, loss });
    const absent = using({ use: 'loss/pp', params: {} });
    await rejects(() => trainer.train(absent), 'config/unknown-stage', 'loss/ppo-clip');
    const wrong = using({ use: 'loss/ppo-clip', params: { clip: 0.2 } });
    await rejects(() => trainer.train(wrong), 'config/type', 'clip');
    const { advantage: _, ...bare } = request;
    await rejects(() => trainer.train(bare), 'usage/arguments', 'advantage');
    await trainer.close();
  });

  it('refuses a loss that reads a column it does not declare', async () => {
    const careless = { ...standardLosses['loss/reinforce']!, needs: [] };
    const trainer = await open(engine, model, { losses: { careless } });
    const run = () => trainer.train({ ...request, loss: { use: 'careless', params: {} } });
    await rejects(run, 'stage/contract', 'reads advantage and does not declare it');
    await trainer.close();
  });

  it('leaves rows out of the loss whose mask is zero', async () => {
    const { lossMask } = request;
    const rows = [0, 1, 2, 3, 4, 5].map((i) =>
      Array.from(lossMask!.values.subarray(lossMask!.offsets[i], lossMask!.offsets[i + 1])),
    );
    rows[2] = rows[2]!.map(() => 0);
    const masked = await oneStep(engine, { ...request, lossMask: raggedFloat32(rows) }, 4096);
    const advantage = spreadOverTokens([1.25, -0.8, 1e6, -1.5, 0, 0.9], request.responseTokens);
    const garbage = await oneStep(engine, { ...request, lossMask: raggedFloat32(rows), advantage }, 4096);
    expect(garbage.current).to.deep.equal(masked.current);
    const none = raggedFloat32(rows.map((row) => row.map(() => 0)));
    const idle = await oneStep(engine, { ...request, lossMask: none }, 4096);
    expect(idle.metrics.updates).to.equal(0);
  });
});

const open = async (
  engine: Engine,
  model: string,
  options: Partial<TrainerSetup> = {},
): Promise<LocalTrainer> =>
  openTrainer({
    engine,
    weights: await loadCheckpoint(modelDirectory(model)),
    losses: standardLosses,
    ...options,
  });

const scorerOf = (engine: Engine, trainer: LocalTrainer) =>
  createScorer({
    config: trainer.weights.config,
    programs: new ProgramCache(engine, 4),
    tokenBudget: 4096,
    weights: () => parameterViews(trainer.weights.layout, trainer.current),
  });

async function scoreStart(engine: Engine, request: TrainRequest) {
  const trainer = await open(engine, 'tiny-qwen2');
  const scored = await scorerOf(engine, trainer).score({ ...request, weights: 'current' });
  await trainer.close();
  return scored;
}

async function oneStep(engine: Engine, request: TrainRequest, tokenBudget: number) {
  const trainer = await open(engine, 'tiny-qwen2', { tokenBudget });
  const metrics = await trainer.train(request);
  await trainer.close();
  return { metrics, current: trainer.current };
}

async function gradientsOf(engine: Engine, weights: PolicyWeights, request: TrainRequest) {
  const { promptTokens, responseTokens, temperature, advantage, oldLogprobs, lossMask } = request;
  const [batch] = planMicroBatches(promptTokens, responseTokens, [0, 1, 2, 3, 4, 5], 4096);
  const loss = standardLosses[request.loss.use]!;
  const params = loss.params.parse({});
  const { shape } = batch!;
  const options = { config: weights.config, shape, loss, params, ownRatio: false };
  const program = await engine.compile(trainProgram(options));
  const { tokens } = updateTotals(lossMask!, batch!.indices);
  const mask = tokenColumn(batch!, lossMask!);
  const results = await program.run({
    ...parameterViews(weights.layout, weights.values),
    ...tokenFeeds(batch!, promptTokens, responseTokens, temperature, weights.config.padId),
    mask,
    share: mask.map((m) => m / tokens),
    ...(advantage ? { advantages: tokenColumn(batch!, advantage) } : {}),
    ...(oldLogprobs ? { old: tokenColumn(batch!, oldLogprobs) } : {}),
  });
  await program.release();
  return results;
}

type Snapshot = ReturnType<typeof readTraining>['ppo']['after']['1'];

/** The tolerances of fixtures/models/README.md. */
function expectParameters(trainer: LocalTrainer, lr: number, snapshot: Snapshot): void {
  const views = parameterViews(trainer.weights.layout, trainer.current);
  for (const [name, expected] of Object.entries(snapshot.tensors)) {
    const flat = expected.flat();
    const far = views[name]!.filter((p, i) => Math.abs(p - flat[i]!) > 3e-5);
    expect(far.length, name).to.be.at.most(lr === 1e-3 ? 5 : 0);
    expect(largestDifference(views[name]!, flat), name).to.be.at.most(1e-3);
  }
  for (const [name, expected] of Object.entries(snapshot.checksums)) {
    const actual = checksum(views[name]!);
    const tolerance = 5e-5 * Math.sqrt(views[name]!.length);
    for (const field of ['sum', 'abs_sum', 'dot'] as const) {
      expect(actual[field], `${name} ${field}`).to.be.closeTo(expected[field], tolerance);
    }
    expect(actual.sq_sum / expected.sq_sum, `${name} sq_sum`).to.be.closeTo(1, 1e-4);
  }
}

async function rejects(run: () => Promise<unknown>, code: ErrorCode, part: string): Promise<void> {
  try {
    await run();
  } catch (error) {
    expect((error as RlevError).code, (error as Error).message).to.equal(code);
    expect((error as Error).message).to.contain(part);
    return;
  }
  expect.fail('nothing was thrown');
}
