import {
  reinforcePlusPlus,
  reinforcePlusPlusAdvantages,
} from '../../../src/stages/advantage/reinforce-plus-plus.ts';
import { discountedReturns, rewardOnLastToken } from '../../../src/stages/advantage/token-returns.ts';
import { estimatorProperties } from '../../../src/testing/index.ts';
import { advantagesOf, expect } from './advantages-of.ts';
import { type Case, expectPerToken, extraCases, offsetsOf, referenceCases } from './reference.ts';

const arrays = (c: Case) => {
  const offsets = offsetsOf(c.lengths);
  return [rewardOnLastToken(Float64Array.from(c.rewards), offsets), offsets] as const;
};
const verl = { gamma: 1, eps: 1e-8, ddof: 1 };

describe('advantage/reinforce++', () => {
  it('discounts the reward for each token before the end', () => {
    const returns = discountedReturns([0, 0, 8, 1], Int32Array.of(0, 3, 4), 0.5);
    expect([...returns]).to.deep.equal([2, 4, 8, 1]);
  });

  it('agrees with verl', () => {
    for (const c of referenceCases('reinforce_plus_plus')) {
      const advantages = reinforcePlusPlusAdvantages(...arrays(c), { ...verl, gamma: c.params.gamma! });
      expectPerToken(advantages, c, 1e-6);
    }
  });

  it('agrees with OpenRLHF, whose variance is the population’s without eps', () => {
    for (const c of referenceCases('openrlhf_reinforce')) {
      const options = { gamma: c.params.gamma!, eps: 0, ddof: 0, floor: 1e-8, std: !c.params.no_std_norm };
      expectPerToken(reinforcePlusPlusAdvantages(...arrays(c), options), c, 1e-9);
    }
  });

  it('agrees with verl on rewards per token and masks with holes', () => {
    const holes = extraCases.filter((c) => c.estimator === 'reinforce_plus_plus' && c.mask);
    expect(holes).to.not.be.empty;
    for (const c of holes) {
      const offsets = offsetsOf(c.mask!.map((row) => row.length));
      const options = { ...verl, gamma: c.params.gamma! };
      const counts = c.mask!.flat();
      expectPerToken(reinforcePlusPlusAdvantages(c.token_rewards!.flat(), offsets, options, counts), c, 1e-6);
    }
  });

  it('agrees with OpenRLHF on a penalty for KL in the reward', () => {
    const penalised = extraCases.filter((c) => c.estimator === 'openrlhf_reinforce' && c.kl);
    expect(penalised).to.not.be.empty;
    for (const c of penalised) {
      const [rewards, offsets] = arrays(c);
      const kl = c.kl!.flat();
      const withKl = rewards.map((r, t) => r - c.params.kl_coef! * kl[t]!);
      const options = { gamma: c.params.gamma!, eps: 0, ddof: 0, floor: 1e-8 };
      expectPerToken(reinforcePlusPlusAdvantages(withKl, offsets, options), c, 1e-9);
    }
  });

  for (const params of [{ eps: 0 }, { eps: 0, gamma: 0.9 }, { eps: 0, lossMask: true }]) {
    const zero = params.gamma === undefined ? 'batch' : 'never';
    const shift = params.gamma === undefined ? 'batch' : 'none';
    describe(JSON.stringify(params), () => {
      const properties = estimatorProperties(reinforcePlusPlus, { params, shift, zero });
      for (const { name, check } of properties) it(name, check);
    });
  }

  it('keeps differences of scale between questions', () => {
    const advantages = reinforcePlusPlusAdvantages([2, 1.1, 0, 0], offsetsOf([1, 1, 1, 1]), verl);
    expect(advantages[0]! - advantages[2]!).to.be.closeTo(
      (2 / 1.1) * (advantages[1]! - advantages[2]!),
      1e-9,
    );
  });

  it('honours loss_mask only where a parameter says so', async () => {
    const columns = { reward: [1, 0, 9], loss_mask: [[1], [1], [0]] };
    const masked = await advantagesOf(reinforcePlusPlus, columns, { lossMask: true, eps: 0 });
    expect(masked).to.be.column([Math.SQRT1_2, -Math.SQRT1_2, 0], 1e-6);
    expect((await advantagesOf(reinforcePlusPlus, columns)).values[2]).to.be.greaterThan(1);
    expect(reinforcePlusPlus.needs(reinforcePlusPlus.params.parse({}))).to.not.include('loss_mask');
  });
});
