import { opo, opoAdvantages } from '../../../src/stages/advantage/opo.ts';
import { estimatorProperties } from '../../../src/testing/index.ts';
import { advantagesOf, expect } from './advantages-of.ts';
import { expectPerRow, groupsOf, referenceCases, rewardsOf } from './reference.ts';

describe('advantage/opo', () => {
  it('weighs the baseline by length', () => {
    const advantages = opoAdvantages(Float64Array.of(1, 0), Int32Array.of(0, 0), [3, 1]);
    expect([...advantages]).to.deep.equal([0.25, -0.75]);
  });

  it('agrees with verl', () => {
    for (const c of referenceCases('opo')) {
      expectPerRow(opoAdvantages(rewardsOf(c), groupsOf(c), c.lengths, 'reward'), c, 1e-9);
    }
  });

  for (const { name, check } of estimatorProperties(opo)) it(name, check);

  it('counts only the tokens that loss_mask marks', async () => {
    const columns = { group: [0, 0], reward: [1, 0], loss_mask: [[1, 0, 0], [1]] };
    expect(await advantagesOf(opo, columns, { lossMask: true })).to.be.column([[0.5, 0, 0], [-0.5]]);
  });
});
