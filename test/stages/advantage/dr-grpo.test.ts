import { drGrpo, drGrpoAdvantages } from '../../../src/stages/advantage/dr-grpo.ts';
import { estimatorProperties, type StageParams } from '../../../src/testing/index.ts';
import { advantagesOf, expect } from './advantages-of.ts';
import { expectPerRow, groupsOf, referenceCases, rewardsOf } from './reference.ts';

describe('advantage/dr-grpo', () => {
  it('agrees with verl, TRL and OpenRLHF', () => {
    for (const c of referenceCases('grpo', (c) => c.params.norm_by_std === false)) {
      expectPerRow(drGrpoAdvantages(rewardsOf(c), groupsOf(c), 'reward'), c, 1e-9);
    }
    const others = [
      ...referenceCases('trl_grpo', (c) => c.params.scale_rewards === 'none'),
      ...referenceCases('openrlhf_dr_grpo'),
    ];
    for (const c of others) expectPerRow(drGrpoAdvantages(rewardsOf(c), groupsOf(c)), c, 1e-9);
  });

  for (const { name, check } of estimatorProperties(drGrpo)) it(name, check);

  it('gives the only response to a prompt what singleton says', async () => {
    const advantageWith = (params: StageParams) => advantagesOf(drGrpo, { reward: [1.5] }, params);
    expect(await advantageWith({})).to.be.column([0]);
    expect(await advantageWith({ preset: 'verl' })).to.be.column([1.5]);
    expect(await advantageWith({ preset: 'verl', singleton: 'zero' })).to.be.column([0]);
  });
});
