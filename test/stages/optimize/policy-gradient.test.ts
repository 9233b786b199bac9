import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { raggedFloat32, raggedInt32 } from '../../../src/core/columns.ts';
import { createStage, stageEvent } from '../../../src/stages/create-stage.ts';
import { policyGradient } from '../../../src/stages/optimize/policy-gradient.ts';
import { errorOf, type Script, scriptedPolicy } from '../../support/stage.ts';

const columns = {
  prompt_tokens: raggedInt32([[2, 5]]),
  response_tokens: raggedInt32([[7, 1]]),
  temperature: Float32Array.of(0.7),
  sampled_logprobs: raggedFloat32([[-1, -2]]),
  old_logprobs: raggedFloat32([[-1 + Math.log(3), -2 - Math.log(2)]]),
  ref_logprobs: raggedFloat32([[-1.5, -2.5]]),
  advantage: raggedFloat32([[0.5, 0.5]]),
  loss_mask: raggedFloat32([[1, 0]]),
  values: raggedFloat32([[0.25, 0.5]]),
  returns: raggedFloat32([[1, 1]]),
};

async function open(params: Record<string, unknown> = {}, script: Script = {}) {
  const policy = scriptedPolicy(script);
  const stage = await createStage(policyGradient, params, { policy: () => policy, steps: 60 });
  return { policy, stage };
}

describe('optimize/policy-gradient', () => {
  it('trains on the cohort, then publishes', async () => {
    const { policy, stage } = await open();
    const result = await stage.run(columns, stageEvent());
    expect(result).to.deep.equal({ metrics: { loss: 0.5 }, version: 1, hash: 'weights 1' });
    const [request] = policy.trained;
    expect(request!.oldLogprobs).to.equal(columns.sampled_logprobs);
    expect(request!.advantage).to.equal(columns.advantage);
    expect(request).to.not.have.property('lossMask');
  });

  it('passes its parameters on as the pipeline file has them', async () => {
    const { policy, stage } = await open({
      loss: { use: 'loss/ppo-clip', clip: [0.1, 0.3], aggregate: 'token-mean' },
      adamw: { lr: 1e-5, gradNorm: 2 },
      schedule: { use: 'cosine', warmup: 5 },
      epochs: 2,
      miniBatches: 4,
    });
    await stage.run(columns, stageEvent());
    expect(policy.trained[0]).to.deep.include({
      loss: { use: 'loss/ppo-clip', params: { clip: [0.1, 0.3], aggregate: 'token-mean' } },
      optimizer: { lr: 1e-5, betas: [0.9, 0.95], eps: 1e-8, weightDecay: 0, gradNorm: 2 },
      schedule: { use: 'cosine', warmup: 5, floor: 0, total: 60 },
      epochs: 2,
      miniBatches: 4,
    });
  });

  it('clips no gradient where none is asked for', async () => {
    const { policy, stage } = await open({ adamw: { gradNorm: 'none' } });
    await stage.run(columns, stageEvent());
    expect(policy.trained[0]!.optimizer.gradNorm).to.equal(Infinity);
  });

  it('needs loss_mask only where a parameter says so', async () => {
    const { policy, stage } = await open({ lossMask: true });
    await stage.run(columns, stageEvent());
    expect(policy.trained[0]!.lossMask).to.equal(columns.loss_mask);
    const parsed = (params: object) => policyGradient.needs(policyGradient.params.parse(params));
    expect(parsed({ lossMask: true })).to.include('loss_mask');
    expect(parsed({})).to.not.include('loss_mask');
  });

  it('adds a KL penalty and an entropy bonus where they have a coefficient', async () => {
    const { policy, stage } = await open({ kl: { coefficient: 0.01 }, entropy: { coefficient: 0.1 } });
    await stage.run(columns, stageEvent());
    const [request] = policy.trained;
    expect(request).to.deep.include({ kl: { use: 'k2', coefficient: 0.01, byRatio: false }, entropy: 0.1 });
    expect(request!.refLogprobs).to.equal(columns.ref_logprobs);
    const needs = (params: object) => policyGradient.needs(policyGradient.params.parse(params));
    expect(needs({ kl: {} })).to.include('ref_logprobs');
    expect(needs({ kl: { coefficient: 0 } })).to.not.include('ref_logprobs');
    const none = await open({ kl: { coefficient: 0 }, entropy: { coefficient: 0 } });
    await none.stage.run(columns, stageEvent());
    expect(none.policy.trained[0]).to.not.have.any.keys('kl', 'refLogprobs', 'entropy');
  });

  it('refuses k1 in the loss, and says why and what to take', async () => {
    const { message } = await errorOf(() => open({ kl: { use: 'k1' } }), 'config/type');
    expect(message).to.contain('zero on average').and.to.contain('k2').and.to.contain('reward/kl');
  });

  it('corrects for the sampler by old against sampled log-probabilities', async () => {
    const { policy, stage } = await open({ importance: {} });
    const { metrics } = await stage.run(columns, stageEvent());
    const [request] = policy.trained;
    expect(request!.oldLogprobs).to.equal(columns.old_logprobs);
    const [first, second] = request!.importanceWeights!.values;
    expect(first).to.equal(2);
    expect(second).to.be.closeTo(0.5, 1e-6);
    expect(metrics.importance_mean).to.be.closeTo(1.25, 1e-6);
    expect(request).to.not.have.property('lossMask');

    const rejecting = await open({
      importance: { threshold: 'none', reject: [{ use: 'token-k1', keep: [0.4, 2.5] }] },
    });
    const result = await rejecting.stage.run(columns, stageEvent());
    expect([...rejecting.policy.trained[0]!.lossMask!.values]).to.deep.equal([0, 1]);
    expect(rejecting.policy.trained[0]).to.not.have.property('importanceWeights');
    expect(result.metrics.rejected_fraction).to.equal(0.5);
    await errorOf(() => open({ importance: {}, old: 'sampled_logprobs' }), 'config/type');

    const counting = await open({
      importance: { threshold: 'none', reject: [{ use: 'token-k1', keep: 2.5, counted: true }] },
    });
    await counting.stage.run(columns, stageEvent());
    expect([...counting.policy.trained[0]!.importanceWeights!.values]).to.deep.equal([0, 1]);
    expect(counting.policy.trained[0]).to.not.have.property('lossMask');
  });

  it('leaves out what is far from its sampler where it is told to', async () => {
    const { policy, stage } = await open({ offPolicy: 0.5, old: 'current' });
    await stage.run(columns, stageEvent());
    expect(policy.trained[0]).to.include({ offPolicy: 0.5, sampledLogprobs: columns.sampled_logprobs });
    const needs = policyGradient.needs(policyGradient.params.parse({ offPolicy: 0.5, old: 'current' }));
    expect(needs).to.include('sampled_logprobs');
    expect(policyGradient.params.safeParse({ offPolicy: 0 }).success).to.equal(false);
  });

  it('gives only tokens of high entropy a loss where it is told to', async () => {
    const { policy, stage } = await open({ topEntropy: 0.2 });
    await stage.run(columns, stageEvent());
    expect(policy.trained[0]).to.include({ topEntropy: 0.2 });
    for (const topEntropy of [0, 1]) {
      expect(policyGradient.params.safeParse({ topEntropy }).success).to.equal(false);
    }
  });

  it('takes its ratio to the log-probabilities that it is told to', async () => {
    const needs = (params: object) => policyGradient.needs(policyGradient.params.parse(params));
    const column = await open({ old: 'old_logprobs' });
    await column.stage.run(columns, stageEvent());
    expect(column.policy.trained[0]!.oldLogprobs).to.equal(columns.old_logprobs);
    expect(needs({ old: 'old_logprobs' }))
      .to.include('old_logprobs')
      .and.not.include('sampled_logprobs');
    const current = await open({ old: 'current' });
    await current.stage.run(columns, stageEvent());
    expect(current.policy.trained[0]).to.not.have.property('oldLogprobs');
    expect(needs({ old: 'current' })).to.not.include.members(['old_logprobs', 'sampled_logprobs']);
    expect(needs({ old: 'current', importance: {} })).to.include('sampled_logprobs');
  });

  it('moves the reference where it is told to, one cohort at a time', async () => {
    const { policy, stage } = await open({ reference: { every: 20 } });
    await stage.run(columns, stageEvent());
    expect(policy.trained[0]).to.include({ referenceEvery: 20, referenceMixup: 1 });
    const busy = () =>
      createStage(policyGradient, { reference: { every: 20 } }, { policy: () => policy, inFlight: 2 });
    await errorOf(busy, 'config/order');
  });

  it('deals mini-batches under a key of the step', async () => {
    const { policy, stage } = await open();
    for (const step of [0, 1, 0]) await stage.run(columns, stageEvent({ step }));
    const keys = policy.trained.map(({ key }) => `${key.a} ${key.b}`);
    expect(keys[0]).to.equal(keys[2]);
    expect(keys[0]).to.not.equal(keys[1]);
  });

  it('publishes nothing where a metric is not finite', async () => {
    const { policy, stage } = await open({}, { metrics: { loss: Number.NaN } });
    const error = await errorOf(() => stage.run(columns, stageEvent({ step: 4 })), 'run/non-finite');
    expect(error.message).to.contain('step 4').and.to.contain('loss = NaN');
    expect(policy.published).to.equal(0);
  });

  it('refuses a loss that is not there, and parameters that a loss does not take', async () => {
    const unknown = await errorOf(() => open({ loss: { use: 'loss/ppo-clp' } }), 'config/unknown-stage');
    expect(unknown.help).to.contain('loss/ppo-clip');
    const misspelt = await errorOf(
      () => open({ loss: { use: 'loss/ppo-clip', klip: 1 } }),
      'config/unknown-key',
    );
    expect(misspelt.message).to.contain('klip');
    await errorOf(() => open({ loss: { aggregate: 'sum' } }), 'config/type');
  });

  it('takes a loss of one’s own by a path that is relative to the pipeline file', async () => {
    const resolve = (path: string): string => fileURLToPath(new URL(`../../policy/${path}`, import.meta.url));
    const policy = scriptedPolicy();
    const create = (loss: object) =>
      createStage(
        policyGradient,
        { loss },
        { policy: () => policy, resolve, place: { file: 'p.yaml', line: 9 } },
      );
    const stage = await create({ use: './my-loss.ts#timesTwo', aggregate: 'seq-mean-token-sum' });
    await stage.run(columns, stageEvent());
    expect(policy.trained[0]!.loss).to.deep.equal({
      use: `${resolve('my-loss.ts')}#timesTwo`,
      params: { aggregate: 'seq-mean-token-sum' },
    });
    const misspelt = await errorOf(
      () => create({ use: './my-loss.ts#timesTwo', agregate: 1 }),
      'config/unknown-key',
    );
    expect(misspelt.message).to.match(
      /^p\.yaml:9: .*agregate of .*my-loss\.ts#timesTwo\.\n {2}Did you mean `aggregate`\?/,
    );
    const absent = await errorOf(() => create({ use: './nowhere.ts#x' }), 'config/module');
    expect(absent.message).to.match(/^p\.yaml:9: .*policy\/nowhere\.ts/);
  });

  it('refuses parameters that it does not take', async () => {
    await errorOf(() => open({ adamw: { lr: -1 } }), 'config/type');
    await errorOf(() => open({ adam: {} }), 'config/unknown-key');
  });
});
