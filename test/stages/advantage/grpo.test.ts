import { expect } from 'chai';
import fc from 'fast-check';
import { raggedInt32 } from '../../../src/core/columns.ts';
import { drGrpoAdvantages, grpo, grpoAdvantages } from '../../../src/stages/advantage/grpo.ts';
import { createStage, stageEvent } from '../../../src/stages/create-stage.ts';
import { batches, flatBatches, near, shuffled } from './batches.ts';
import { type Case, expectPerRow, referenceCases } from './reference.ts';

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

  it('is exactly 0 where all responses to a prompt earn the same, whatever eps is', () => {
    fc.assert(
      fc.property(flatBatches, ({ rewards, groups }) =>
        grpoAdvantages(rewards, groups, { eps: 0, ddof: 1 }).every((a) => a === 0),
      ),
    );
  });

  it('moves with the rows', () => {
    fc.assert(
      fc.property(batches, fc.integer(), ({ rewards, groups }, seed) => {
        const order = shuffled(rewards.length, seed);
        const options = { eps: 1e-6, ddof: 1 };
        const moved = grpoAdvantages(
          Float64Array.from(order, (i) => rewards[i]!),
          Int32Array.from(order, (i) => groups[i]!),
          options,
        );
        const all = grpoAdvantages(rewards, groups, options);
        return near(
          moved,
          order.map((i) => all[i]!),
          1e-6,
        );
      }),
    );
  });

  it('cancels the scale of a group, and without the standard deviation keeps it', () => {
    const rewards = Float64Array.of(1, 0, 0, 1, 1, 0);
    const scaled = Float64Array.of(1.8, 0, 0, 1.1, 1.1, 0);
    const groups = Int32Array.of(0, 0, 0, 1, 1, 1);
    const options = { eps: 1e-6, ddof: 1 };
    expect(
      near(grpoAdvantages(scaled, groups, options), grpoAdvantages(rewards, groups, options), 1e-5),
    ).to.equal(true);
    const [first] = drGrpoAdvantages(scaled, groups);
    expect(first).to.be.closeTo(1.8 * drGrpoAdvantages(rewards, groups)[0]!, 1e-12);
  });

  it('says what it divides by', () => {
    expect(grpo.dividesBy!({ std: true, eps: 0 })).to.equal('group-std');
    expect(grpo.dividesBy!({ std: false, eps: 0 })).to.equal('nothing');
  });

  it('takes std: false for Dr. GRPO', async () => {
    const columns = {
      group: Int32Array.of(0, 0),
      reward: Float64Array.of(4, 0),
      response_tokens: raggedInt32([[1, 1], [1]]),
    };
    const drGrpo = await createStage(grpo, { std: false });
    const { advantage } = await drGrpo.run(columns, stageEvent());
    expect([...advantage.values]).to.deep.equal([2, 2, -2]);
  });
});
