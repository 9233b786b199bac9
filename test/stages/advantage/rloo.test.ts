import { normalizeOverBatch, rloo, rlooAdvantages } from '../../../src/stages/advantage/rloo.ts';
import { estimatorProperties } from '../../../src/testing/index.ts';
import { advantagesOf, expect } from './advantages-of.ts';
import { expectPerRow, groupsOf, referenceCases, rewardsOf } from './reference.ts';

describe('advantage/rloo', () => {
  it('subtracts the mean of the other responses', () => {
    const advantages = rlooAdvantages(Float64Array.of(1, 0, 0.5, 7), Int32Array.of(3, 3, 3, 9));
    expect([...advantages]).to.deep.equal([0.75, -0.75, 0, 0]);
  });

  it('agrees with verl, where the only response to a prompt keeps its reward', () => {
    for (const c of referenceCases('rloo')) {
      expectPerRow(rlooAdvantages(rewardsOf(c), groupsOf(c), 'reward'), c, 1e-9);
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

  it('normalised over the batch agrees with TRL', () => {
    for (const c of referenceCases('trl_rloo', (c) => c.params.normalize_advantages === true)) {
      const advantages = rlooAdvantages(rewardsOf(c), groupsOf(c));
      expectPerRow(normalizeOverBatch(advantages, c.params.epsilon!), c, 1e-9);
    }
  });

  for (const { name, check } of estimatorProperties(rloo)) it(name, check);

  describe('normalised over the batch', () => {
    const traits = { params: { normalize: true, eps: 0 }, shift: 'group', zero: 'group' } as const;
    for (const { name, check } of estimatorProperties(rloo, traits)) it(name, check);
  });

  it('gives its advantage to every token of the response', async () => {
    const columns = { group: [0, 0], reward: [1, 0], response_tokens: [[5, 6, 1], [1]] };
    expect(await advantagesOf(rloo, columns)).to.be.column([[1, 1, 1], [-1]]);
  });
});
