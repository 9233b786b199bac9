import { expect } from 'chai';
import { passAtK, passAtKAdvantages } from '../../../src/stages/advantage/pass-at-k.ts';
import { estimatorProperties } from '../../../src/testing/index.ts';
import { expectPerRow, groupsOf, referenceCases, rewardsOf } from './reference.ts';

describe('advantage/pass-at-k', () => {
  it('gives the best response what it has over the second best, and a tie nothing', () => {
    const rewards = Float64Array.of(0.5, 2, 1.25, 1, 1, 3);
    const advantages = passAtKAdvantages(rewards, Int32Array.of(0, 0, 0, 1, 1, 2));
    expect([...advantages]).to.deep.equal([0, 0.75, 0, 0, 0, 0]);
  });

  it('agrees with verl', () => {
    for (const c of referenceCases('grpo_passk')) {
      const eps = c.params.norm_by_std ? c.params.epsilon : undefined;
      expectPerRow(passAtKAdvantages(rewardsOf(c), groupsOf(c), eps), c, 1e-9);
    }
  });

  for (const params of [{ std: false }, { std: true, eps: 0 }]) {
    describe(JSON.stringify(params), () => {
      for (const { name, check } of estimatorProperties(passAtK, { params })) it(name, check);
    });
  }
});
