import { expect } from 'chai';
import { type Columns, raggedFloat32, raggedInt32, rowOf } from '../../../src/core/columns.ts';
import type { MapDefinition } from '../../../src/core/stage.ts';
import { builtInStages } from '../../../src/stages/catalogue.ts';
import { createStage, type StageParams, stageEvent } from '../../../src/stages/create-stage.ts';
import { type Case, cases, extraCases, moreCases } from './reference.ts';

/** What the pipeline file of a case says. */
type Stage = StageParams & { readonly use: string };

const forms: Record<string, (params: Case['params']) => Stage> = {
  grpo: ({ norm_by_std, epsilon }) => ({
    use: 'advantage/grpo',
    preset: 'verl',
    std: norm_by_std,
    eps: epsilon,
  }),
  grpo_vectorized: ({ norm_by_std }) => ({ use: 'advantage/grpo', preset: 'verl', std: norm_by_std }),
  rloo: () => ({ use: 'advantage/rloo', preset: 'verl' }),
  rloo_vectorized: () => ({ use: 'advantage/rloo', preset: 'verl', singleton: 'zero' }),
  reinforce_plus_plus: ({ gamma }) => ({ use: 'advantage/reinforce++', preset: 'verl', gamma }),
  reinforce_plus_plus_baseline: () => ({ use: 'advantage/reinforce++-baseline', preset: 'verl' }),
  remax: () => ({ use: 'advantage/remax' }),
  maxrl: ({ epsilon }) => ({ use: 'advantage/maxrl', eps: epsilon, singleton: 'reward' }),
  opo: () => ({ use: 'advantage/opo', preset: 'verl' }),
  gpg: ({ f_norm }) => ({ use: 'advantage/gpg', preset: 'verl', norm: f_norm }),
  grpo_passk: ({ norm_by_std, epsilon }) => ({
    use: 'advantage/pass-at-k',
    preset: 'verl',
    std: norm_by_std,
    eps: epsilon,
  }),
  gae: ({ gamma, lam }) => ({ use: 'advantage/gae', preset: 'verl', gamma, lambda: lam }),
  openrlhf_reinforce: ({ gamma, no_std_norm }) => ({
    use: 'advantage/reinforce++',
    preset: 'openrlhf',
    gamma,
    std: !no_std_norm,
  }),
  openrlhf_group_norm: () => ({ use: 'advantage/grpo', preset: 'openrlhf' }),
  openrlhf_dr_grpo: () => ({ use: 'advantage/dr-grpo', preset: 'openrlhf' }),
  openrlhf_rloo: () => ({ use: 'advantage/rloo', preset: 'openrlhf' }),
  openrlhf_reinforce_baseline: ({ no_std_norm }) => ({
    use: 'advantage/reinforce++-baseline',
    preset: 'openrlhf',
    std: !no_std_norm,
  }),
  openrlhf_gae: ({ gamma, lam, no_std_norm }) => ({
    use: 'advantage/gae',
    preset: 'openrlhf',
    gamma,
    lambda: lam,
    std: !no_std_norm,
  }),
  trl_grpo: ({ scale_rewards }) => ({
    use: 'advantage/grpo',
    preset: 'trl',
    std: scale_rewards === 'batch' ? 'batch' : scale_rewards === 'group',
  }),
  trl_rloo: ({ normalize_advantages }) => ({
    use: 'advantage/rloo',
    preset: 'trl',
    normalize: normalize_advantages,
  }),
};

/** Columns are float32, so what an estimator computes in float64 is compared as the README says of float32. */
function tolerance(c: Case): number {
  return c.atol ?? 2e-6;
}

const create = (use: string, params: StageParams) =>
  createStage(builtInStages.get(use) as MapDefinition, params);

async function expectCase(c: Case): Promise<void> {
  const { use, ...params } = forms[c.estimator]!(c.params);
  const shape = c.mask ?? c.expected;
  const columns = {
    group: Int32Array.from(c.groups ?? new Int32Array(shape.length)),
    reward: Float64Array.from(c.rewards ?? new Float64Array(shape.length)),
    response_tokens: raggedInt32(shape.map((row) => new Int32Array(row.length))),
    ...(c.values && { values: raggedFloat32(c.values) }),
    ...(c.reward_baselines && { baseline_reward: Float64Array.from(c.reward_baselines) }),
    ...(c.token_rewards && { token_rewards: raggedFloat32(c.token_rewards) }),
    ...(c.mask && { loss_mask: raggedFloat32(c.mask) }),
    // d = log pi - log pi_ref is then the KL (k1) of the case.
    ...(c.kl && {
      sampled_logprobs: raggedFloat32(c.kl),
      ref_logprobs: raggedFloat32(c.kl.map((row) => row.map(() => 0))),
    }),
  } as unknown as Columns;
  const perToken = ['advantage/reinforce++', 'advantage/reinforce++-baseline'].includes(use);
  const kl =
    c.kl &&
    (await create('reward/kl', {
      coefficient: c.params.kl_coef,
      into: perToken ? 'token_rewards' : 'advantage',
    }));
  const given = kl && perToken ? { ...columns, ...(await kl.run(columns, stageEvent())) } : columns;
  const own = {
    ...(given.token_rewards && { tokenRewards: true }),
    ...(c.mask && { lossMask: true }),
  };
  const stage = await create(use, { ...params, ...own });
  let made = (await stage.run(given, stageEvent())) as Columns;
  if (kl && !perToken) made = (await kl.run({ ...columns, ...made }, stageEvent())) as Columns;
  expectRows(made.advantage, c.expected, c, 'advantage');
  if (made.returns && c.expected_returns) expectRows(made.returns, c.expected_returns, c, 'return');
}

function expectRows(
  actual: Columns['advantage'],
  expected: readonly (readonly number[])[],
  c: Case,
  what: string,
): void {
  expected.forEach((row, i) => {
    row.forEach((x, t) => {
      if (c.mask && c.mask[i]![t] === 0) return;
      const near = tolerance(c) * Math.max(1, Math.abs(x));
      expect(rowOf(actual, i)[t], `${c.id}: ${what} of token ${t} of row ${i}`).to.be.closeTo(x, near);
    });
  });
}

describe('estimators of advantages, as a pipeline names them', () => {
  const estimators = [...new Set(cases.map((c) => c.estimator))];

  for (const estimator of estimators) {
    it(`agree with the code of the source: ${estimator}`, async () => {
      for (const c of cases.filter((c) => c.estimator === estimator)) await expectCase(c);
    });
  }

  /**
   * Left out are what a source does not define (`expected: null`), and rewards that are null: a verifier always has a
   * verdict.
   */
  const applying = extraCases.filter((c) => c.expected && !c.rewards?.includes(null as never));

  for (const estimator of new Set(moreCases.map((c) => c.estimator))) {
    const found = moreCases.filter((c) => c.estimator === estimator);
    it(`agree with it in ${found.length} more cases: ${estimator}`, async () => {
      for (const c of found) await expectCase(c);
    });
  }

  it('agree with it on masks with holes, rewards per token, KL, batches without signal and vectorised forms', async () => {
    expect(applying.length).to.be.greaterThan(20);
    for (const c of applying) await expectCase(c);
  });

  it('give 0 to the only response to a prompt where a source gives no number', async () => {
    const undefinedThere = extraCases.filter((c) => !c.expected);
    expect(undefinedThere).to.not.be.empty;
    for (const c of undefinedThere) {
      const alone = c.groups.map((g, i) => (c.groups.indexOf(g) === c.groups.lastIndexOf(g) ? i : -1));
      const rows = alone.filter((i) => i >= 0);
      const pick = <T>(list: readonly T[]): T[] => rows.map((i) => list[i]!);
      const expected = pick(c.lengths).map((n) => new Array<number>(n).fill(0));
      await expectCase({ ...c, groups: pick(c.groups), rewards: pick(c.rewards), expected });
    }
  });
});
