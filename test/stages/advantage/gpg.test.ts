import { expect } from 'chai';
import { gpg, gpgAdvantages } from '../../../src/stages/advantage/gpg.ts';
import { estimatorProperties } from '../../../src/testing/index.ts';
import { expectPerRow, groupsOf, referenceCases, rewardsOf } from './reference.ts';

describe('advantage/gpg', () => {
  it('divides by the share of rewards that are not 0', () => {
    const advantages = gpgAdvantages(Float64Array.of(1, 0, 0, 0), Int32Array.of(0, 0, 1, 1));
    expect([...advantages]).to.deep.equal([2, -2, 0, 0]);
  });

  it('agrees with verl', () => {
    for (const c of referenceCases('gpg')) {
      expectPerRow(gpgAdvantages(rewardsOf(c), groupsOf(c), 'reward'), c, 1e-9);
    }
  });

  for (const { name, check } of estimatorProperties(gpg, { shift: 'none', zero: 'group' })) it(name, check);
});
