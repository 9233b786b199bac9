import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { raggedFloat32, raggedInt32 } from '../../src/core/columns.ts';
import { type ErrorCode, RlevError } from '../../src/core/errors.ts';
import type { CriticTrainRequest, TrainRequest } from '../../src/core/services.ts';
import { type Engine, openEngine } from '../../src/engine/engine.ts';
import { tf } from '../../src/engine/tf.ts';
import { loadCheckpoint, type PolicyWeights, saveCheckpoint } from '../../src/policy/checkpoint.ts';
import { LocalCritic } from '../../src/policy/critic.ts';
import { initialWeights } from '../../src/policy/init.ts';
import { openLocalPolicy } from '../../src/policy/local-policy.ts';
import { updateTotals } from '../../src/policy/losses/aggregate.ts';
import { planMicroBatches, positionFeeds, tokenColumn } from '../../src/policy/micro-batches.ts';
import { parameterViews } from '../../src/policy/parameters.ts';
import type { PolicyOptions } from '../../src/policy/policy-options.ts';
import { valueProgram, valueTrainProgram } from '../../src/policy/programs.ts';
import { withValueHead } from '../../src/policy/value-head.ts';
import { largestDifference, modelDirectory } from './models.ts';
import { checksum, readTraining, trainRequest } from './training-batch.ts';

/** critic_reference.json of a model: what torch does with a value head on the batch of its training reference. */
interface CriticReference {
  readonly hyperparameters: { readonly clip: number };
  readonly score_weight: number[];
  readonly old_values: number[][];
  readonly returns: number[][];
  readonly values: number[][];
  readonly loss_per_step: number[];
  readonly grad_norm_per_step: number[];
  readonly clip_fraction_per_step: number[];
  readonly value_mean_per_step: number[];
  readonly gradients: Readonly<Record<string, number[]>>;
  readonly gradient_checksums: Readonly<Record<string, ReturnType<typeof checksum>>>;
  readonly values_after_3_steps: number[][];
}

const readCritic = (model: string): CriticReference =>
  JSON.parse(readFileSync(join(modelDirectory(model), 'critic_reference.json'), 'utf8'));

/** The critic of the reference: the model's decoder with the reference's value head. */
async function startOf(model: string): Promise<PolicyWeights> {
  const weights = withValueHead(await loadCheckpoint(modelDirectory(model)));
  parameterViews(weights.layout, weights.values)['score.weight']!.set(readCritic(model).score_weight);
  return weights;
}

function criticRequest(model: string, changes: Partial<CriticTrainRequest> = {}): CriticTrainRequest {
  const reference = readCritic(model);
  const batch = trainRequest(readTraining(model), 'sft', 1e-3);
  const { promptTokens, responseTokens, lossMask, optimizer, schedule, epochs, miniBatches, key } = batch;
  return {
    ...{ promptTokens, responseTokens, lossMask: lossMask!, optimizer, schedule, epochs, miniBatches, key },
    values: raggedFloat32(reference.old_values),
    returns: raggedFloat32(reference.returns),
    clip: reference.hyperparameters.clip,
    aggregate: 'token-mean',
    ...changes,
  };
}

const critic = (engine: Engine, weights: PolicyWeights, tokenBudget = 4096, keep = 1): LocalCritic =>
  new LocalCritic({ engine, weights, tokenBudget, keep, livePrograms: 8 });

for (const use of ['reference', 'onnx'] as const) {
  describe(`policy/critic on ${use}`, () => {
    let engine: Engine;
    before(async () => {
      engine = await openEngine({ use });
    });
    after(() => engine.close());

    // The plain JavaScript engine is slow: one model is enough of it.
    for (const model of use === 'onnx' ? ['tiny-llama', 'tiny-qwen2'] : ['tiny-qwen2']) {
      it(`gives torch's values of ${model}, each before its token`, async () => {
        const local = critic(engine, await startOf(model));
        const { values } = await local.values({ ...criticRequest(model), version: 0 });
        expect(largestDifference(values, readCritic(model).values.flat())).to.be.at.most(5e-5);
        await local.close();
      });

      if (use === 'reference') continue;
      it(`gives torch's gradients of the value loss of ${model}`, async () => {
        const reference = readCritic(model);
        const weights = await startOf(model);
        const gradients = await gradientsOf(engine, weights, criticRequest(model));
        for (const [name, expected] of Object.entries(reference.gradients)) {
          expect(largestDifference(gradients[`grad/${name}`]!, expected), name).to.be.at.most(1e-5);
        }
        for (const { name, size } of weights.layout.parameters) {
          const sums = checksum(gradients[`grad/${name}`] as Float32Array);
          const expected = reference.gradient_checksums[name]!;
          for (const key of ['sum', 'abs_sum', 'dot'] as const) {
            expect(sums[key], `${name} ${key}`).to.be.closeTo(expected[key], 1e-5 * Math.sqrt(size));
          }
        }
      });
    }
  });
}

describe('policy/critic', () => {
  let engine: Engine;
  const model = 'tiny-llama';
  const directories: string[] = [];
  before(async () => {
    engine = await openEngine({ use: 'onnx', threads: 1 });
  });
  after(async () => {
    await engine.close();
    for (const directory of directories) await rm(directory, { recursive: true });
  });
  const temporary = async (): Promise<string> => {
    const directory = await mkdtemp(join(tmpdir(), 'rlev-critic-'));
    directories.push(directory);
    return directory;
  };

  for (const name of ['tiny-llama', 'tiny-qwen2']) {
    it(`takes ${name} where torch takes it in 3 steps`, async () => {
      const reference = readCritic(name);
      const local = critic(engine, await startOf(name));
      const request = criticRequest(name);
      for (const [step, loss] of reference.loss_per_step.entries()) {
        const metrics = await local.train(request);
        const tolerance = step === 0 ? 1e-5 : 5e-5;
        expect(metrics.loss).to.be.closeTo(loss, tolerance);
        const norm = reference.grad_norm_per_step[step]!;
        expect(metrics.grad_norm! / norm).to.be.closeTo(1, step === 0 ? 1e-5 : 1e-3);
        expect(metrics.clip_fraction).to.be.closeTo(reference.clip_fraction_per_step[step]!, 1e-6);
        expect(metrics.value_mean).to.be.closeTo(reference.value_mean_per_step[step]!, tolerance);
      }
      local.publish(1);
      const { values } = await local.values({ ...request, version: 1 });
      expect(largestDifference(values, reference.values_after_3_steps.flat())).to.be.at.most(1e-3);
      await local.close();
    });
  }

  it('begins with the values 0, whatever the policy', async () => {
    const local = critic(engine, withValueHead(await loadCheckpoint(modelDirectory('tiny-qwen3'))));
    const { values } = await local.values({ ...criticRequest(model), version: 0 });
    expect(new Set(values)).to.deep.equal(new Set([0]));
    await local.close();
  });

  it('takes the same step however the batch is split into micro-batches', async () => {
    const modes = ['token-mean', 'seq-mean-token-sum', 'seq-mean-token-mean'] as const;
    const start = await startOf(model);
    const step = async (aggregate: (typeof modes)[number], tokenBudget: number) => {
      const local = critic(engine, start, tokenBudget);
      const metrics = await local.train(criticRequest(model, { aggregate }));
      await local.close();
      return { metrics, current: local.weights.values };
    };
    const wholes = new Map<string, ReturnType<typeof step>>();
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...modes),
        fc.integer({ min: 1, max: 250 }),
        async (mode, tokenBudget) => {
          if (!wholes.has(mode)) wholes.set(mode, step(mode, 4096));
          const [whole, part] = [await wholes.get(mode)!, await step(mode, tokenBudget)];
          for (const [name, value] of Object.entries(whole.metrics)) {
            expect(part.metrics[name], name).to.be.closeTo(value, 1e-5 * Math.max(1, Math.abs(value)));
          }
          const far = part.current.filter((p, i) => Math.abs(p - whole.current[i]!) > 3e-5);
          expect(far.length).to.be.at.most(5);
        },
      ),
      { numRuns: 3 },
    );
  });

  it('leaves rows out of the loss whose mask is zero, whatever stands there', async () => {
    const rows = readCritic(model).returns.map((row) => row.map(() => 1));
    rows[2] = rows[2]!.map(() => 0);
    const step = async (garbage: number) => {
      const returns = readCritic(model).returns.map((row, i) => (i === 2 ? row.map(() => garbage) : row));
      const local = critic(engine, await startOf(model));
      await local.train(
        criticRequest(model, { lossMask: raggedFloat32(rows), returns: raggedFloat32(returns) }),
      );
      await local.close();
      return local.weights.values;
    };
    expect(await step(1e6)).to.deep.equal(await step(0));
  });

  it('publishes versions, and gives values by exactly the one that is asked for', async () => {
    const local = critic(engine, await startOf(model), 4096, 2);
    const request = criticRequest(model);
    const before = await local.values({ ...request, version: 0 });
    await local.train(request);
    expect(await local.values({ ...request, version: 0 })).to.deep.equal(before);
    local.publish(1);
    expect(await local.values({ ...request, version: 0 })).to.deep.equal(before);
    expect(await local.values({ ...request, version: 1 })).to.not.deep.equal(before);
    local.publish(2);
    await rejects(local.values({ ...request, version: 0 }), 'run/not-found', 'Critic version 0 is not held');
    await local.close();
  });

  it('goes on after save and load bit for bit, with its published versions', async () => {
    const directory = join(await temporary(), 'critic');
    const request = criticRequest(model);
    const one = critic(engine, await startOf(model), 4096, 2);
    await one.train(request);
    one.publish(1);
    await one.train(request);
    await one.save(directory);
    await one.train(request);
    const two = critic(engine, await startOf(model), 4096, 2);
    await two.load(directory);
    const values = (version: number) => two.values({ ...request, version });
    expect(await values(1)).to.deep.equal(await one.values({ ...request, version: 1 }));
    expect(await values(0)).to.deep.equal(await one.values({ ...request, version: 0 }));
    await two.train(request);
    expect(two.publish(2)).to.equal(one.publish(2));
    await Promise.all([one.close(), two.close()]);
  });

  it('refuses columns that do not fit, rows that cannot be read, and stops when cancelled', async () => {
    const local = critic(engine, await startOf(model), 64);
    const before = local.weights.values.slice();
    const request = criticRequest(model);
    const short = { ...request, values: raggedFloat32([[0]]) };
    await rejects(local.train(short), 'stage/contract', 'values has 1 rows');
    const long = { ...request, promptTokens: raggedInt32(Array(6).fill(new Int32Array(125))) };
    await rejects(local.train(long), 'policy/context', 'the model reads 128');
    await rejects(local.values({ ...long, version: 0 }), 'policy/context', 'the model reads 128');
    const controller = new AbortController();
    const training = local.train({ ...request, epochs: 100 }, controller.signal);
    controller.abort();
    await rejects(training, 'run/cancelled', 'cancelled');
    const wild = {
      ...request,
      returns: raggedFloat32(readCritic(model).returns.map((r) => r.map(() => 1e30))),
    };
    await rejects(local.train(wild), 'run/non-finite', 'critic');
    expect(local.weights.values).to.deep.equal(before);
    await local.close();
  });
});

describe('policy/critic, its programs', () => {
  it('are no more at once than it is told, and all released when it closes', async () => {
    const engine = await openEngine({ use: 'onnx', threads: 1 });
    let [live, most] = [0, 0];
    const counting: Engine = {
      ...engine,
      async compile(program) {
        const compiled = await engine.compile(program);
        most = Math.max(most, ++live);
        return {
          ...compiled,
          run: (feeds) => compiled.run(feeds),
          async release() {
            live--;
            await compiled.release();
          },
        };
      },
    };
    const weights = await startOf('tiny-qwen2');
    const setup = { engine: counting, weights, tokenBudget: 64, keep: 1, livePrograms: 1 };
    const local = new LocalCritic(setup);
    const request = criticRequest('tiny-qwen2');
    await local.values({ ...request, version: 0 });
    await local.train(request);
    // the one that comes is compiled before the one that goes is released
    expect([live, most]).to.deep.equal([1, 2]);
    await local.close();
    expect(live).to.equal(0);
    await engine.close();
  });

  it('leave no tensor behind, forward or backward', async () => {
    const engine = await openEngine({ use: 'reference' });
    const { config, layout, values } = await startOf('tiny-qwen2');
    const shape = { rows: 2, length: 16, responses: 16 };
    const dense = new Float32Array(32).fill(1);
    const feeds = {
      ...parameterViews(layout, values),
      tokens: new Int32Array(32).fill(5),
      indices: new Int32Array(32),
    };
    const forward = await engine.compile(valueProgram(config, shape));
    const backward = await engine.compile(valueTrainProgram(config, shape, 0.2));
    const before = tf.memory().numTensors;
    await forward.run(feeds);
    await backward.run({ ...feeds, mask: dense, share: dense, old: dense, returns: dense });
    expect(tf.memory().numTensors).to.equal(before);
    await engine.close();
  });
});

describe('a policy with a critic', () => {
  const model = 'tiny-llama';
  const engine = { use: 'onnx', threads: 1 } as const;
  const options: PolicyOptions = { from: modelDirectory(model), engine, critic: {}, keep: 2 };
  const policyRequest: TrainRequest = trainRequest(readTraining(model), 'sft', 1e-3);
  const request = criticRequest(model);
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'rlev-critic-'));
  });
  after(() => rm(directory, { recursive: true }));

  it('publishes both as one version, with a hash of each', async () => {
    const policy = await openLocalPolicy(options);
    await policy.critic!.train(request);
    await policy.trainer.train(policyRequest);
    const { version, hash, critic } = await policy.trainer.publish();
    expect([version, policy.info.critic!.parameters]).to.deep.equal([1, policy.info.parameters - 95 * 48]);
    expect(critic)
      .to.match(/^[0-9a-f]{64}$/)
      .and.not.equal(hash);
    expect(critic).to.not.equal(policy.info.critic!.weightsHash);
    await policy.close();
  });

  it('saves the critic in a folder of its own, from which policy and critic open and go on', async () => {
    const saved = join(directory, 'saved');
    const one = await openLocalPolicy(options);
    await one.critic!.train(request);
    await one.trainer.train(policyRequest);
    await one.trainer.publish();
    await one.trainer.save(saved);
    const values = await one.critic!.values({ ...request, version: 1 });

    const two = await openLocalPolicy(options);
    await two.trainer.load(saved);
    expect(await two.critic!.values({ ...request, version: 1 })).to.deep.equal(values);
    for (const policy of [one, two]) {
      await policy.critic!.train(request);
      await policy.trainer.train(policyRequest);
    }
    expect(await two.trainer.publish()).to.deep.equal(await one.trainer.publish());

    const begun = await openLocalPolicy({ ...options, from: saved, critic: { from: join(saved, 'critic') } });
    expect(await begun.critic!.values({ ...request, version: 0 })).to.deep.equal(values);
    const fresh = await openLocalPolicy({ ...options, from: saved });
    expect((await fresh.critic!.values({ ...request, version: 0 })).values.every((v) => v === 0)).to.equal(
      true,
    );
    const without = await openLocalPolicy({ from: modelDirectory(model), engine });
    await without.trainer.load(saved);
    expect(without.critic).to.equal(undefined);
    await Promise.all([one, two, begun, fresh, without].map((policy) => policy.close()));
  });

  it('writes a directory of the policy as it would be without a critic', async () => {
    const [withCritic, without] = [join(directory, 'with'), join(directory, 'without')];
    for (const [folder, more] of [
      [withCritic, { critic: {} }],
      [without, {}],
    ] as const) {
      const policy = await openLocalPolicy({ from: modelDirectory(model), engine, ...more });
      await policy.trainer.save(folder);
      await policy.close();
    }
    const files = await readdir(without);
    expect(await readdir(withCritic)).to.have.members([...files, 'critic']);
    for (const file of files) {
      expect(await readFile(join(withCritic, file)), file).to.deep.equal(await readFile(join(without, file)));
    }
    const config = JSON.parse(await readFile(join(withCritic, 'critic', 'config.json'), 'utf8'));
    expect(config.architectures).to.deep.equal(['LlamaForSequenceClassification']);
    expect(Object.keys(config.id2label)).to.have.length(1);
    expect(existsSync(join(withCritic, 'critic', 'tokenizer.json'))).to.equal(false);
  });

  it('begins the critic from another checkpoint, with a value head or without', async () => {
    const own = await startOf('tiny-qwen2');
    const headed = join(directory, 'headed');
    await saveCheckpoint(headed, own);
    const qwen = await openLocalPolicy({ ...options, critic: { from: headed } });
    const { values } = await qwen.critic!.values({ ...criticRequest('tiny-qwen2'), version: 0 });
    expect(largestDifference(values, readCritic('tiny-qwen2').values.flat())).to.be.at.most(5e-5);
    await qwen.close();
    const plain = await openLocalPolicy({ ...options, critic: { from: modelDirectory('tiny-qwen2') } });
    expect(plain.info.critic!.parameters).to.equal(own.layout.size);
    await plain.close();
  });

  it('refuses a critic that cannot be one, and a value head for a policy', async () => {
    const headed = join(directory, 'head');
    await saveCheckpoint(headed, await startOf(model));
    await rejects(openLocalPolicy({ from: headed, engine }), 'policy/checkpoint', 'has a value head');
    const nowhere = openLocalPolicy({ ...options, critic: { from: '/nowhere' } });
    await rejects(nowhere, 'policy/checkpoint', 'cannot be read');
    const small = join(directory, 'small');
    const { config } = await startOf(model);
    const fewer = withValueHead(
      initialWeights({ ...config, head: 'tokens', vocabulary: 90 }, { a: 1, b: 1 }),
    );
    await saveCheckpoint(small, fewer);
    const lacking = openLocalPolicy({ ...options, critic: { from: small } });
    await rejects(lacking, 'policy/checkpoint', 'knows 90 tokens');
  });

  it('says that a checkpoint of a policy without one has no critic', async () => {
    const saved = join(directory, 'plain');
    const plain = await openLocalPolicy({ from: modelDirectory(model), engine });
    await plain.trainer.save(saved);
    const valued = await openLocalPolicy(options);
    await rejects(valued.trainer.load(saved), 'policy/checkpoint', 'has no critic');
    await Promise.all([plain.close(), valued.close()]);
  });
});

async function gradientsOf(engine: Engine, weights: PolicyWeights, request: CriticTrainRequest) {
  const { promptTokens, responseTokens, lossMask, values, returns, clip } = request;
  const [batch] = planMicroBatches(promptTokens, responseTokens, [0, 1, 2, 3, 4, 5], 4096);
  const program = await engine.compile(valueTrainProgram(weights.config, batch!.shape, clip));
  const { tokens } = updateTotals(lossMask!, batch!.indices);
  const mask = tokenColumn(batch!, lossMask!);
  const results = await program.run({
    ...parameterViews(weights.layout, weights.values),
    ...positionFeeds(batch!, promptTokens, responseTokens, weights.config.padId),
    mask,
    share: mask.map((m) => m / tokens),
    old: tokenColumn(batch!, values),
    returns: tokenColumn(batch!, returns),
  });
  await program.release();
  return results;
}

async function rejects(work: Promise<unknown>, code: ErrorCode, part: string): Promise<void> {
  try {
    await work;
  } catch (error) {
    expect(error).to.be.instanceOf(RlevError);
    expect((error as RlevError).code).to.equal(code);
    expect((error as RlevError).message).to.contain(part);
    return;
  }
  expect.fail('It did not fail.');
}
