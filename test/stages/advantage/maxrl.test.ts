import { expect } from 'chai';
import { maxRl, maxRlAdvantages } from '../../../src/stages/advantage/maxrl.ts';
import { estimatorProperties } from '../../../src/testing/index.ts';

describe('advantage/maxrl', () => {
  it('divides by the mean of the group', () => {
    const advantages = maxRlAdvantages(Float64Array.of(1, 0, 0, 0, 2, 1), Int32Array.of(0, 0, 0, 0, 1, 1));
    expect([...advantages.slice(0, 4)]).to.deep.equal([3, -1, -1, -1]);
    expect(advantages[4]).to.be.closeTo(1 / 3, 1e-12);
  });

  it('is 0 where nothing is earned, and where a penalty makes the mean negative', () => {
    const advantages = maxRlAdvantages(Float64Array.of(0, 0, 0.5, -1), Int32Array.of(0, 0, 1, 1));
    expect([...advantages]).to.deep.equal([0, 0, 0, 0]);
  });

  for (const { name, check } of estimatorProperties(maxRl, { shift: 'none', zero: 'group' })) it(name, check);
});
