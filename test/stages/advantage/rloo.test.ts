import { expect, use } from 'chai';
import { rloo, rlooAdvantages } from '../../../src/stages/advantage/rloo.ts';
import {
  batch,
  columnAssertions,
  createStage,
  estimatorProperties,
  stageEvent,
} from '../../../src/testing/index.ts';
import { expectPerRow, referenceCases } from './reference.ts';

use(columnAssertions);

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

  for (const { name, check } of estimatorProperties(rloo)) it(name, check);

  it('gives its advantage to every token of the response', async () => {
    const stage = await createStage(rloo);
    const columns = batch({ group: [0, 0], reward: [1, 0], response_tokens: [[5, 6, 1], [1]] });
    const { advantage } = await stage.run(columns, stageEvent());
    expect(advantage).to.be.column([[1, 1, 1], [-1]]);
  });
});
