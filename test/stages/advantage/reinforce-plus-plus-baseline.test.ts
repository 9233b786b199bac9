import {
  reinforcePlusPlusBaseline,
  reinforcePlusPlusBaselineAdvantages,
} from '../../../src/stages/advantage/reinforce-plus-plus-baseline.ts';
import { estimatorProperties } from '../../../src/testing/index.ts';
import { expectPerToken, groupsOf, offsetsOf, referenceCases, rewardsOf } from './reference.ts';

describe('advantage/reinforce++-baseline', () => {
  it('agrees with verl', () => {
    const options = { singleton: 'reward', eps: 1e-8, ddof: 1 } as const;
    for (const c of referenceCases('reinforce_plus_plus_baseline')) {
      const offsets = offsetsOf(c.lengths);
      const advantages = reinforcePlusPlusBaselineAdvantages(rewardsOf(c), groupsOf(c), offsets, options);
      expectPerToken(advantages, c, 1e-6);
    }
  });

  it('agrees with OpenRLHF', () => {
    for (const c of referenceCases('openrlhf_reinforce_baseline')) {
      const options = { eps: 0, ddof: 0, floor: 1e-8, std: !c.params.no_std_norm };
      const offsets = offsetsOf(c.lengths);
      const advantages = reinforcePlusPlusBaselineAdvantages(rewardsOf(c), groupsOf(c), offsets, options);
      expectPerToken(advantages, c, 1e-9);
    }
  });

  for (const [params, scale] of [
    [{ eps: 0 }, 'batch'],
    [{ std: false }, 'none'],
  ] as const) {
    describe(JSON.stringify(params), () => {
      const traits = { params, shift: 'group', zero: 'batch', scale } as const;
      for (const { name, check } of estimatorProperties(reinforcePlusPlusBaseline, traits)) it(name, check);
    });
  }
});
