import { expect, use } from 'chai';
import { drGrpoAdvantages, grpo, grpoAdvantages } from '../../../src/stages/advantage/grpo.ts';
import {
  batch,
  columnAssertions,
  createStage,
  estimatorProperties,
  stageEvent,
} from '../../../src/testing/index.ts';
import { type Case, expectPerRow, referenceCases } from './reference.ts';

use(columnAssertions);

const arrays = (c: Case) => [Float64Array.from(c.rewards), Int32Array.from(c.groups)] as const;
const many = (c: Case) => c.scenario !== 'singleton';

describe('advantage/grpo', () => {
  it('divides the distance from the mean by the sample standard deviation', () => {
    const advantages = grpoAdvantages(Float64Array.of(3, 1, 2), Int32Array.of(0, 0, 0), { eps: 0, ddof: 1 });
    expect([...advantages]).to.deep.equal([1, -1, 0]);
  });

  it('agrees with verl', () => {
    for (const c of referenceCases('grpo', (c) => many(c) && c.params.norm_by_std === true)) {
      expectPerRow(grpoAdvantages(...arrays(c), { eps: c.params.epsilon!, ddof: 1 }), c, 1e-9);
    }
  });

  it('agrees with TRL, groups of one included', () => {
    for (const c of referenceCases('trl_grpo', (c) => c.params.scale_rewards === 'group')) {
      expectPerRow(grpoAdvantages(...arrays(c), { eps: c.params.epsilon!, ddof: 1 }), c, 1e-9);
    }
  });

  it('agrees with OpenRLHF', () => {
    for (const c of referenceCases('openrlhf_group_norm')) {
      const tolerance = c.scenario === 'zerovar' ? 1e-6 : 1e-9;
      expectPerRow(grpoAdvantages(...arrays(c), { eps: 1e-9, ddof: 1 }), c, tolerance);
    }
  });

  it('without the standard deviation agrees with the three of them', () => {
    const cases = [
      ...referenceCases('grpo', (c) => many(c) && c.params.norm_by_std === false),
      ...referenceCases('trl_grpo', (c) => c.params.scale_rewards === 'none'),
      ...referenceCases('openrlhf_dr_grpo', many),
    ];
    for (const c of cases) expectPerRow(drGrpoAdvantages(...arrays(c)), c, 1e-9);
  });

  for (const params of [{ std: true, eps: 0 }, { std: false }]) {
    describe(JSON.stringify(params), () => {
      for (const { name, check } of estimatorProperties(grpo, { params })) it(name, check);
    });
  }

  it('says what it divides by', () => {
    expect(grpo.dividesBy!({ std: true, eps: 0 })).to.equal('group-std');
    expect(grpo.dividesBy!({ std: false, eps: 0 })).to.equal('nothing');
  });

  it('takes std: false for Dr. GRPO', async () => {
    const drGrpo = await createStage(grpo, { std: false });
    const columns = batch({ group: [0, 0], reward: [4, 0], response_tokens: [[1, 1], [1]] });
    const { advantage } = await drGrpo.run(columns, stageEvent());
    expect(advantage).to.be.column([[2, 2], [-2]]);
  });
});
