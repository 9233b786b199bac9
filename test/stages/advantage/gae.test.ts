import { expect } from 'chai';
import { type ColumnName, type Columns, spreadOverTokens } from '../../../src/core/columns.ts';
import type { MapDefinition } from '../../../src/core/stage.ts';
import { gae, gaeAdvantages, gaeEstimates } from '../../../src/stages/advantage/gae.ts';
import { rewardOnLastToken } from '../../../src/stages/advantage/token-returns.ts';
import { estimatorProperties } from '../../../src/testing/index.ts';
import { type Case, expectPerToken, extraCases, offsetsOf, referenceCases, rewardsOf } from './reference.ts';

const verl = { eps: 1e-8, ddof: 1 };
const openrlhf = { eps: 0, ddof: 0, floor: 1e-8 };

const discounts = (c: Case) => ({ gamma: c.params.gamma!, lambda: c.params.lam! });

describe('advantage/gae', () => {
  it('sums what the critic did not foresee, discounted', () => {
    const options = { gamma: 0.5, lambda: 0.5 };
    const estimates = gaeEstimates([0, 2], [1, 4], Int32Array.of(0, 2), options);
    // delta = [0 + 2 - 1, 2 - 4] = [1, -2]; A = [1 - 2/4, -2]
    expect([...estimates.advantages]).to.deep.equal([0.5, -2]);
    expect([...estimates.returns]).to.deep.equal([1.5, 2]);
  });

  it('agrees with verl and OpenRLHF', () => {
    const under = { gae: verl, openrlhf_gae: openrlhf };
    for (const [estimator, whitening] of Object.entries(under)) {
      for (const c of referenceCases(estimator)) {
        const offsets = offsetsOf(c.lengths);
        const rewards = rewardOnLastToken(rewardsOf(c), offsets);
        const options = { ...discounts(c), ...whitening };
        const { advantages, returns } = gaeAdvantages(rewards, c.values!.flat(), offsets, options);
        expectPerToken(advantages, c, 1e-6);
        expectPerToken(returns, { ...c, expected: c.expected_returns! }, 1e-9);
      }
    }
  });

  it('agrees with verl on masks with holes and rewards per token', () => {
    for (const c of extraCases.filter((c) => c.estimator === 'gae')) {
      const offsets = offsetsOf(c.mask!.map((row) => row.length));
      const options = { ...discounts(c), ...verl };
      const made = gaeAdvantages(c.token_rewards!.flat(), c.values!.flat(), offsets, options, c.mask!.flat());
      expectPerToken(made.advantages, c, 1e-6);
    }
  });

  const foreseesNothing = ({ response_tokens }: Pick<Columns, 'response_tokens'>) => ({
    values: spreadOverTokens(new Float64Array(response_tokens.offsets.length - 1), response_tokens),
  });
  for (const lossMask of [false, true]) {
    describe(`with a critic that foresees nothing, lossMask: ${lossMask}`, () => {
      const traits = { params: { eps: 0, lossMask }, columns: foreseesNothing };
      const estimator = gae as unknown as MapDefinition<unknown, ColumnName, 'advantage'>;
      for (const { name, check } of estimatorProperties(estimator, traits)) it(name, check);
    });
  }
});
