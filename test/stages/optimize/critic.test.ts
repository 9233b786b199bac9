import { expect } from 'chai';
import { raggedFloat32, raggedInt32 } from '../../../src/core/columns.ts';
import { createStage, stageEvent } from '../../../src/stages/create-stage.ts';
import { explainedVariance } from '../../../src/stages/optimize/critic.ts';
import { policyGradient } from '../../../src/stages/optimize/policy-gradient.ts';
import { errorOf, type Script, scriptedPolicy } from '../../support/stage.ts';

const columns = {
  prompt_tokens: raggedInt32([[2, 5]]),
  response_tokens: raggedInt32([[7, 8, 1]]),
  temperature: Float32Array.of(0.7),
  sampled_logprobs: raggedFloat32([[-1, -2, -1]]),
  old_logprobs: raggedFloat32([[-1, -2, -1]]),
  ref_logprobs: raggedFloat32([[-1, -2, -1]]),
  advantage: raggedFloat32([[0.5, 0.5, 0.5]]),
  loss_mask: raggedFloat32([[1, 1, 0]]),
  values: raggedFloat32([[0, 1, 5]]),
  returns: raggedFloat32([[1, 2, -7]]),
};

async function open(
  params: Record<string, unknown>,
  script: Script = { critic: { loss: 0.25 } },
  steps = 60,
) {
  const policy = scriptedPolicy(script);
  const stage = await createStage(policyGradient, params, { policy: () => policy, steps });
  return { policy, stage };
}

describe('optimize/policy-gradient with a critic', () => {
  it('trains the critic on the returns, then the policy, and publishes both as one version', async () => {
    const { policy, stage } = await open({ critic: { clip: 0.5, epochs: 2, adamw: { lr: 1e-3 } } });
    const result = await stage.run(columns, stageEvent());
    expect(result).to.deep.include({ version: 1, hash: 'weights 1', critic: 'critic 1' });
    expect(result.metrics).to.include({ loss: 0.5, critic_loss: 0.25 });
    const [request] = policy.criticTrained;
    expect(request).to.deep.include({ clip: 0.5, aggregate: 'token-mean', epochs: 2, miniBatches: 1 });
    expect(request!.optimizer.lr).to.equal(1e-3);
    expect(request!.schedule.total).to.equal(60);
    expect([request!.values, request!.returns]).to.deep.equal([columns.values, columns.returns]);
    expect(request).to.not.have.property('lossMask');
    expect([policy.trained.length, policy.published]).to.deep.equal([1, 1]);
  });

  it('needs values and returns only where it trains a critic', () => {
    const needs = (params: object) => policyGradient.needs(policyGradient.params.parse(params));
    expect(needs({ critic: {} })).to.include.members(['values', 'returns']);
    expect(needs({})).to.not.include.members(['values', 'returns']);
    const trains = (params: object) => policyGradient.trainsCritic!(policyGradient.params.parse(params));
    expect([trains({ critic: {} }), trains({})]).to.deep.equal([true, false]);
  });

  it('leaves out of critic and explained variance what loss_mask leaves out', async () => {
    const { policy, stage } = await open({ critic: { clip: 'none' }, lossMask: true });
    const { metrics } = await stage.run(columns, stageEvent());
    expect(policy.criticTrained[0]!.lossMask).to.equal(columns.loss_mask);
    expect(policy.criticTrained[0]).to.not.have.property('clip');
    expect(metrics.explained_variance).to.equal(1);
  });

  it('lets the critic alone learn in the steps of its warm-up', async () => {
    const { policy, stage } = await open({ critic: { warmup: 2 } });
    const results = [];
    for (const step of [0, 1, 2]) results.push(await stage.run(columns, stageEvent({ step })));
    expect(results.map(({ metrics }) => 'loss' in metrics)).to.deep.equal([false, false, true]);
    expect(results.map(({ version }) => version)).to.deep.equal([1, 2, 3]);
    expect([policy.criticTrained.length, policy.trained.length]).to.deep.equal([3, 1]);
    expect(policy.trained[0]!.schedule.total).to.equal(58);
  });

  it('deals mini-batches of the critic under a key of the step, and not that of the policy', async () => {
    const { policy, stage } = await open({ critic: {} });
    for (const step of [0, 1, 0]) await stage.run(columns, stageEvent({ step }));
    const keys = policy.criticTrained.map(({ key }) => `${key.a} ${key.b}`);
    expect(keys[0]).to.equal(keys[2]).and.not.equal(keys[1]);
    expect(keys[0]).to.not.equal(`${policy.trained[0]!.key.a} ${policy.trained[0]!.key.b}`);
  });

  it('publishes nothing where a metric of the critic is not finite, or where there is no critic', async () => {
    const wild = await open({ critic: {} }, { critic: { loss: Number.NaN } });
    const error = await errorOf(() => wild.stage.run(columns, stageEvent()), 'run/non-finite');
    expect(error.message).to.contain('critic_loss = NaN');
    expect([wild.policy.trained.length, wild.policy.published]).to.deep.equal([0, 0]);
    const none = await open({ critic: {} }, {});
    await errorOf(() => none.stage.run(columns, stageEvent()), 'config/missing');
  });

  it('refuses parameters that a critic does not take', async () => {
    await errorOf(() => open({ critic: { clip: 0 } }), 'config/type');
    await errorOf(() => open({ critic: { clip: 'never' } }), 'config/type');
    await errorOf(() => open({ critic: { aggregate: 'constant' } }), 'config/type');
    await errorOf(() => open({ critic: { lr: 1e-3 } }), 'config/unknown-key');
  });

  it('remarks on a clip that cannot act and a warm-up that does not end', () => {
    const remarks = (critic: object, inFlight = 1) =>
      policyGradient.remarks!(policyGradient.params.parse({ critic }), { steps: 10, inFlight });
    const about = (critic: object, inFlight?: number) =>
      remarks(critic, inFlight).map(({ parameter }) => parameter.join('.'));
    expect(about({ clip: 0.3 })).to.include('critic.clip');
    expect(about({ clip: 0.3, epochs: 2 })).to.not.include('critic.clip');
    expect(about({ clip: 0.3 }, 2)).to.not.include('critic.clip');
    expect(about({ warmup: 10 })).to.include('critic.warmup');
    expect(about({ schedule: { warmup: 10 } })).to.include('critic.schedule.warmup');
  });
});

describe('explainedVariance', () => {
  const of = (values: number[], returns: number[]) =>
    explainedVariance(raggedFloat32([values]), raggedFloat32([returns]));

  it('is 1 where values are the returns, up to a constant, and 0 where they are all the same', () => {
    expect(of([1, 2, 3], [1, 2, 3])).to.equal(1);
    expect(of([0, 1, 2], [1, 2, 3])).to.equal(1);
    expect(of([7, 7, 7], [1, 2, 3])).to.equal(0);
  });

  it('is below 0 where the values are worse than the mean', () => {
    // returns 1, 2, 3 less values 3, 2, 1: -2, 0, 2, with four times the variance
    expect(of([3, 2, 1], [1, 2, 3])).to.equal(-3);
  });

  it('is not there where the returns do not vary, or no token counts', () => {
    expect(of([1, 2], [5, 5])).to.equal(undefined);
    expect(of([], [])).to.equal(undefined);
  });
});
