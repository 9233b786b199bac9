import { expect } from 'chai';
import { reMax, reMaxAdvantages } from '../../../src/stages/advantage/remax.ts';
import { rewardOnLastToken } from '../../../src/stages/advantage/token-returns.ts';
import { estimatorProperties } from '../../../src/testing/index.ts';
import { expectPerToken, extraCases, offsetsOf, referenceCases, rewardsOf } from './reference.ts';

describe('advantage/remax', () => {
  it('subtracts what the greedy response earns', () => {
    const advantages = reMaxAdvantages([0, 1, 0], Int32Array.of(0, 2, 3), Float64Array.of(0.25, 2));
    expect([...advantages]).to.deep.equal([0.75, 0.75, -2]);
  });

  it('agrees with verl, with masks with holes and rewards per token too', () => {
    for (const c of referenceCases('remax')) {
      const offsets = offsetsOf(c.lengths);
      const baselines = Float64Array.from(c.reward_baselines!);
      expectPerToken(reMaxAdvantages(rewardOnLastToken(rewardsOf(c), offsets), offsets, baselines), c, 1e-9);
    }
    for (const c of extraCases.filter((c) => c.estimator === 'remax')) {
      const offsets = offsetsOf(c.mask!.map((row) => row.length));
      const baselines = Float64Array.from(c.reward_baselines!);
      expectPerToken(reMaxAdvantages(c.token_rewards!.flat(), offsets, baselines, c.mask!.flat()), c, 1e-9);
    }
  });

  const columns = ({ reward }: { reward: Float64Array }) => ({
    baseline_reward: new Float64Array(reward.length),
  });
  for (const params of [{}, { lossMask: true }]) {
    describe(JSON.stringify(params), () => {
      for (const { name, check } of estimatorProperties(reMax, { params, columns, shift: 'none' })) {
        it(name, check);
      }
    });
  }
});
