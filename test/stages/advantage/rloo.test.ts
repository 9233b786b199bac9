import { expect } from 'chai';
import fc from 'fast-check';
import { raggedInt32 } from '../../../src/core/columns.ts';
import { rloo, rlooAdvantages } from '../../../src/stages/advantage/rloo.ts';
import { createStage, stageEvent } from '../../../src/stages/create-stage.ts';
import { batches, flatBatches, near, shuffled } from './batches.ts';
import { expectPerRow, referenceCases } from './reference.ts';

describe('advantage/rloo', () => {
  it('subtracts the mean of the other responses', () => {
    const advantages = rlooAdvantages(Float64Array.of(1, 0, 0.5, 7), Int32Array.of(3, 3, 3, 9));
    expect([...advantages]).to.deep.equal([0.75, -0.75, 0, 0]);
  });

  it('agrees with verl, but for groups of one, which give 0 as in TRL', () => {
    const sizes = (groups: readonly number[], i: number) => groups.filter((g) => g === groups[i]).length;
    for (const c of referenceCases('rloo')) {
      const advantages = rlooAdvantages(Float64Array.from(c.rewards), Int32Array.from(c.groups));
      const expected = c.expected.map((row, i) => (sizes(c.groups, i) === 1 ? row.map(() => 0) : row));
      expectPerRow(advantages, { ...c, expected }, 1e-9);
    }
  });

  it('agrees with TRL and OpenRLHF', () => {
    const cases = [
      ...referenceCases('trl_rloo', (c) => !c.params.normalize_advantages),
      ...referenceCases('openrlhf_rloo'),
    ];
    for (const c of cases) {
      expectPerRow(rlooAdvantages(Float64Array.from(c.rewards), Int32Array.from(c.groups)), c, 1e-9);
    }
  });

  it('is exactly 0 where all responses to a prompt earn the same', () => {
    fc.assert(
      fc.property(flatBatches, ({ rewards, groups }) =>
        rlooAdvantages(rewards, groups).every((a) => a === 0),
      ),
    );
  });

  it('moves with the rows', () => {
    fc.assert(
      fc.property(batches, fc.integer(), ({ rewards, groups }, seed) => {
        const order = shuffled(rewards.length, seed);
        const moved = rlooAdvantages(
          Float64Array.from(order, (i) => rewards[i]!),
          Int32Array.from(order, (i) => groups[i]!),
        );
        const all = rlooAdvantages(rewards, groups);
        return near(
          moved,
          order.map((i) => all[i]!),
          1e-9,
        );
      }),
    );
  });

  it('does not change when all rewards of a group rise by the same', () => {
    fc.assert(
      fc.property(batches, fc.double({ min: -5, max: 5, noNaN: true }), ({ rewards, groups }, rise) =>
        near(
          rlooAdvantages(
            rewards.map((r, i) => (groups[i] === 0 ? r + rise : r)),
            groups,
          ),
          rlooAdvantages(rewards, groups),
          1e-9,
        ),
      ),
    );
  });

  it('keeps the scale of a group', () => {
    fc.assert(
      fc.property(batches, fc.double({ min: 1, max: 2, noNaN: true }), ({ rewards, groups }, s) =>
        near(
          rlooAdvantages(
            rewards.map((r) => r * s),
            groups,
          ),
          rlooAdvantages(rewards, groups).map((a) => a * s),
          1e-9,
        ),
      ),
    );
  });

  it('gives its advantage to every token of the response', async () => {
    const stage = await createStage(rloo);
    const response_tokens = raggedInt32([[5, 6, 1], [1]]);
    const { advantage } = await stage.run(
      { group: Int32Array.of(0, 0), reward: Float64Array.of(1, 0), response_tokens },
      stageEvent(),
    );
    expect([...advantage.values]).to.deep.equal([1, 1, 1, -1]);
    expect(advantage.offsets).to.deep.equal(response_tokens.offsets);
  });
});
