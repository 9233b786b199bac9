import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { raggedInt32, rowOf } from '../../src/core/columns.ts';
import { RlevError } from '../../src/core/errors.ts';
import { foldIn, randomKey } from '../../src/core/random.ts';
import type { Policy, SampleRequest, TrainRequest } from '../../src/core/services.ts';
import { openLocalPolicy } from '../../src/policy/local-policy.ts';
import { openPolicy } from '../../src/policy/open-policy.ts';
import type { PolicyOptions } from '../../src/policy/policy-options.ts';

const fixture = (name: string): string => new URL(`../../fixtures/models/${name}`, import.meta.url).pathname;
const ownLosses = new URL('./my-loss.ts', import.meta.url).pathname;
const key = randomKey(5, 'policy test');
const options: PolicyOptions = { from: fixture('tiny-llama'), engine: { use: 'onnx' } };

function sampleRequest(policy: Policy, version: number, more: Partial<SampleRequest> = {}): SampleRequest {
  const prompts = ['2 + 3 =', 'Name a prime:', 'x'].map((text) => policy.tokenizer.encode(text));
  const rows = Array.from({ length: 12 }, (_, i) => ({ prompt: i % 3, key: foldIn(key, i) }));
  return { version, maxTokens: 12, temperature: 0.8, topK: 0, topP: 1, prompts, rows, ...more };
}

function trainRequest(policy: Policy, use = 'loss/cross-entropy'): TrainRequest {
  const { tokenizer } = policy;
  return {
    promptTokens: raggedInt32(['a b', '1 + 1 ='].map((text) => tokenizer.encode(text))),
    responseTokens: raggedInt32(['c d', '2'].map((text) => tokenizer.encodePlain(text))),
    temperature: Float32Array.of(1, 1),
    loss: { use, params: {} },
    optimizer: { lr: 1e-2, betas: [0.9, 0.95], eps: 1e-8, weightDecay: 0, gradNorm: 1 },
    schedule: { use: 'constant', warmup: 0, total: 10, floor: 1 },
    epochs: 1,
    miniBatches: 1,
    key,
  };
}

async function rejection(promise: Promise<unknown>): Promise<RlevError> {
  try {
    await promise;
  } catch (error) {
    expect(error).to.be.instanceOf(RlevError);
    return error as RlevError;
  }
  throw new Error('It did not fail.');
}

describe('policy/open-policy', () => {
  let local: Policy;
  let worker: Policy;
  const { RLEV_WORKER } = process.env;
  before(async () => {
    delete process.env.RLEV_WORKER;
    [local, worker] = await Promise.all([openLocalPolicy(options), openPolicy(options)]);
  });
  after(async () => {
    await Promise.all([local.close(), worker.close()]);
    if (RLEV_WORKER) process.env.RLEV_WORKER = RLEV_WORKER;
  });

  it('samples, scores, trains and publishes the same in a worker as in the calling thread', async () => {
    const [a, b] = await Promise.all(
      [local, worker].map(async (policy) => {
        const rollouts = await policy.sampler.sample(sampleRequest(policy, 0));
        const metrics = await policy.trainer.train(trainRequest(policy));
        const { tokens } = rollouts;
        const request = sampleRequest(policy, 0);
        const promptTokens = raggedInt32(request.rows.map(({ prompt }) => request.prompts[prompt]!));
        const temperature = new Float32Array(12).fill(0.8);
        const score = await policy.scorer.score({
          promptTokens,
          responseTokens: tokens,
          temperature,
          weights: 'reference',
        });
        const publication = await policy.trainer.publish();
        const next = await policy.sampler.sample(sampleRequest(policy, 1));
        return { rollouts, metrics, score, publication, next, info: policy.info };
      }),
    );
    expect(b).to.deep.equal(a);
    expect(a!.publication.version).to.equal(1);
    expect(a!.publication.hash).not.to.equal(a!.info.weightsHash);
    expect(a!.next.logprobs).not.to.deep.equal(a!.rollouts.logprobs);
  });

  it('agrees with itself on log-probabilities, sampled and scored, within 1e-4', async () => {
    for (const name of ['tiny-llama31', 'tiny-qwen2', 'tiny-qwen3']) {
      const policy = await openLocalPolicy({ ...options, from: fixture(name), tokenBudget: 256 });
      const request = sampleRequest(policy, 0, { maxTokens: 24 });
      const { tokens, logprobs } = await policy.sampler.sample(request);
      const scored = await policy.scorer.score({
        promptTokens: raggedInt32(request.rows.map(({ prompt }) => request.prompts[prompt]!)),
        responseTokens: tokens,
        temperature: new Float32Array(12).fill(0.8),
        weights: 'current',
      });
      let worst = 0;
      for (const [i, x] of logprobs.values.entries()) {
        worst = Math.max(worst, Math.abs(x - scored.values[i]!));
      }
      expect(worst, name).to.be.below(1e-4);
      await policy.close();
    }
  });

  it('samples by exactly the version that is asked for, while it is kept', async () => {
    const policy = await openLocalPolicy({ ...options, keep: 2 });
    const first = await policy.sampler.sample(sampleRequest(policy, 0));
    for (const version of [1, 2]) {
      await policy.trainer.train(trainRequest(policy));
      expect((await policy.trainer.publish()).version).to.equal(version);
      if (version === 2) break;
      await policy.trainer.train(trainRequest(policy));
      const again = await policy.sampler.sample(sampleRequest(policy, 0));
      expect(again).to.deep.equal(first);
    }
    const error = await rejection(policy.sampler.sample(sampleRequest(policy, 0)));
    expect(error.code).to.equal('run/not-found');
    await policy.sampler.sample(sampleRequest(policy, 1));
    await policy.close();
  });

  it('carries errors of the thread across, with code, value and way out', async () => {
    const prompts = [new Int32Array(120).fill(5)];
    const request = { ...sampleRequest(worker, 0), prompts, rows: [{ prompt: 0, key }] };
    const error = await rejection(worker.sampler.sample(request));
    expect(error.code).to.equal('policy/context');
    expect(error.value).to.equal(120);
    expect(error.help).to.contain('maxTokens');
    expect(error.cause).to.contain('sample-request');
  });

  it('sees an abort within a token while the thread computes', async () => {
    const controller = new AbortController();
    const rows = Array.from({ length: 256 }, (_, i) => ({ prompt: 0, key: foldIn(key, i) }));
    const request = sampleRequest(worker, 1, { maxTokens: 100, rows });
    const sampling = worker.sampler.sample(request, controller.signal);
    setTimeout(() => controller.abort(), 20);
    expect((await rejection(sampling)).code).to.equal('run/cancelled');
    const early = await rejection(worker.sampler.sample(request, AbortSignal.abort()));
    expect(early.code).to.equal('run/cancelled');
    expect((await worker.sampler.sample(sampleRequest(worker, 1))).stopped).to.have.length(12);
  });

  it('trains by a loss of a module of the user, in the thread', async () => {
    const [once, twice] = await Promise.all([openLocalPolicy(options), openPolicy(options)]);
    const plain = await once.trainer.train(trainRequest(once));
    const own = await twice.trainer.train(trainRequest(twice, `${ownLosses}#timesTwo`));
    expect(own.loss).to.be.closeTo(2 * plain.loss!, 1e-5);
    for (const [use, part] of [
      [`${ownLosses}#notALoss`, 'timesTwo'],
      ['/nowhere.js#x', '/nowhere.js'],
    ] as const) {
      const error = await rejection(twice.trainer.train(trainRequest(twice, use)));
      expect(error.code).to.equal('config/module');
      expect(error.message).to.contain(part);
    }
    await Promise.all([once.close(), twice.close()]);
  });

  it('opens random weights of a shape over a tokenizer, the same for the same seed', async () => {
    const init = { hidden: 16, layers: 2, heads: 2, intermediate: 24, context: 64, seed: 4 };
    const shape: PolicyOptions = { init, tokenizer: fixture('tiny-qwen3'), engine: { use: 'reference' } };
    const policy = await openLocalPolicy(shape);
    const again = await openLocalPolicy(shape);
    const other = await openLocalPolicy({ ...shape, init: { ...init, seed: 5 } });
    expect(policy.info.contextLength).to.equal(64);
    expect(again.info.weightsHash).to.equal(policy.info.weightsHash);
    expect(other.info.weightsHash).not.to.equal(policy.info.weightsHash);
    const { tokens } = await policy.sampler.sample(sampleRequest(policy, 0, { maxTokens: 2 }));
    expect(rowOf(tokens, 0).length).to.be.within(1, 2);
    await Promise.all([policy, again, other].map((p) => p.close()));
  });

  it('refuses to open what is neither a checkpoint nor a shape', async () => {
    expect((await rejection(openPolicy({ ...options, from: '/nowhere' }))).code).to.equal(
      'policy/checkpoint',
    );
    expect((await rejection(openLocalPolicy({ engine: options.engine }))).code).to.equal('usage/arguments');
  });

  it('ends what is under way when it is closed, and closes once', async () => {
    const policy = await openPolicy(options);
    const sampling = rejection(policy.sampler.sample(sampleRequest(policy, 0, { maxTokens: 100 })));
    await Promise.all([policy.close(), policy.close()]);
    expect((await sampling).code).to.equal('run/cancelled');
    expect((await rejection(policy.trainer.publish())).code).to.equal('engine/failed');
    await policy.close();
  });

  it('fails every pending and later call when the thread dies', async () => {
    const policy = await openPolicy(options);
    const deadly = new URL('./deadly-loss.ts', import.meta.url).pathname;
    const calls = [policy.trainer.train(trainRequest(policy, `${deadly}#any`)), policy.trainer.publish()];
    for (const error of await Promise.all(calls.map(rejection))) {
      expect(error.code).to.equal('engine/failed');
      expect(error.message).to.contain('exit code 3');
    }
    expect((await rejection(policy.trainer.publish())).message).to.contain('exit code 3');
    await policy.close();
  });

  it('fails every pending and later call when an answer of the thread cannot be read', async () => {
    const started: Worker[] = [];
    const post = Worker.prototype.postMessage;
    Worker.prototype.postMessage = function (this: Worker, ...args) {
      started.push(this);
      return post.apply(this, args);
    };
    try {
      const policy = await openPolicy(options);
      const calls = [policy.sampler.sample(sampleRequest(policy, 0)), policy.trainer.publish()];
      const ended = once(started[0]!, 'exit');
      started[0]!.emit('messageerror', new Error('Array buffer allocation failed'));
      for (const call of [...calls, policy.trainer.publish()]) {
        const error = await rejection(call);
        expect(error.code).to.equal('engine/failed');
        expect(error.message).to.contain('Array buffer allocation failed');
      }
      await ended;
      await policy.close();
    } finally {
      Worker.prototype.postMessage = post;
    }
  });

  it('lets the process end while it is open and idle', async () => {
    const script = `
      import { openPolicy } from ${JSON.stringify(new URL('../../src/policy/open-policy.ts', import.meta.url).href)};
      await openPolicy({ from: ${JSON.stringify(options.from)}, engine: { use: 'reference' } });
      console.log('open');`;
    const run = promisify(execFile);
    const args = ['--import', 'tsx', '--input-type=module', '--eval', script];
    expect((await run(process.execPath, args)).stdout.trim()).to.equal('open');
  });
});
