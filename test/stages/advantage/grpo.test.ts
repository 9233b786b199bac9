import { drGrpoAdvantages } from '../../../src/stages/advantage/dr-grpo.ts';
import { batchGrpoAdvantages, grpo, grpoAdvantages } from '../../../src/stages/advantage/grpo.ts';
import { estimatorProperties, type StageParams } from '../../../src/testing/index.ts';
import { advantagesOf, expect } from './advantages-of.ts';
import { type Case, expectPerRow, referenceCases } from './reference.ts';

const arrays = (c: Case) => [Float64Array.from(c.rewards), Int32Array.from(c.groups)] as const;
const many = (c: Case) => c.scenario !== 'singleton';

describe('advantage/grpo', () => {
  it('divides the distance from the mean by the sample standard deviation', () => {
    const advantages = grpoAdvantages(Float64Array.of(3, 1, 2), Int32Array.of(0, 0, 0), { eps: 0, ddof: 1 });
    expect([...advantages]).to.deep.equal([1, -1, 0]);
  });

  it('agrees with verl, which takes a group of one for normalised', () => {
    for (const c of referenceCases('grpo', (c) => c.params.norm_by_std === true)) {
      const options = { eps: c.params.epsilon!, ddof: 1, singleton: 'reward' } as const;
      expectPerRow(grpoAdvantages(...arrays(c), options), c, 1e-9);
    }
  });

  it('agrees with TRL, groups of one included', () => {
    for (const c of referenceCases('trl_grpo', (c) => c.params.scale_rewards === 'group')) {
      expectPerRow(grpoAdvantages(...arrays(c), { eps: c.params.epsilon!, ddof: 1 }), c, 1e-9);
    }
  });

  it('divided by the deviation of the batch agrees with TRL', () => {
    for (const c of referenceCases('trl_grpo', (c) => c.params.scale_rewards === 'batch')) {
      expectPerRow(batchGrpoAdvantages(...arrays(c), { eps: c.params.epsilon! }), c, 1e-9);
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

  describe('{"std":"batch"}', () => {
    const properties = estimatorProperties(grpo, { params: { std: 'batch', eps: 0 }, zero: 'group' });
    for (const { name, check } of properties) it(name, check);
  });

  it('takes the eps of a preset, unless one is given', async () => {
    const advantageWith = (params: StageParams) =>
      advantagesOf(grpo, { group: [0, 0], reward: [1, 0] }, params);
    const normalised = (eps: number) => [0.5 / (Math.SQRT1_2 + eps), -0.5 / (Math.SQRT1_2 + eps)];
    expect(await advantageWith({ preset: 'trl' })).to.be.column(normalised(1e-4), 1e-6);
    expect(await advantageWith({ preset: 'trl', eps: 1 })).to.be.column(normalised(1), 1e-6);
  });

  it('says what it divides by', () => {
    expect(grpo.dividesBy!({ std: true, eps: 0 })).to.equal('group-std');
    expect(grpo.dividesBy!({ std: false, eps: 0 })).to.equal('nothing');
    expect(grpo.dividesBy!({ std: 'batch' })).to.equal('batch-std');
  });

  it('takes std: false for Dr. GRPO', async () => {
    const columns = { group: [0, 0], reward: [4, 0], response_tokens: [[1, 1], [1]] };
    expect(await advantagesOf(grpo, columns, { std: false })).to.be.column([[2, 2], [-2]]);
  });
});
