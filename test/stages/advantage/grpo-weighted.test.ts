import { grpoWeighted } from '../../../src/stages/advantage/grpo-weighted.ts';
import { estimatorProperties } from '../../../src/testing/index.ts';
import { advantagesOf, expect } from './advantages-of.ts';

describe('advantage/grpo-weighted', () => {
  it('multiplies the normalised correctness by s(x)', async () => {
    const columns = { group: [0, 0, 1, 1], correct: [1, 0, 1, 0], scale: [2, 2, 1.25, 1.25] };
    const advantage = await advantagesOf(grpoWeighted, columns, { eps: 0 });
    const z = Math.SQRT1_2;
    expect(advantage).to.be.column([2 * z, -2 * z, 1.25 * z, -1.25 * z], 1e-6);
  });

  it('does not read the reward, so that a penalty in it does not enter', () => {
    expect(grpoWeighted.needs(grpoWeighted.params.parse({}))).to.not.include('reward');
    expect(grpoWeighted.dividesBy!(grpoWeighted.params.parse({}))).to.equal('nothing');
  });

  const properties = estimatorProperties(grpoWeighted, {
    params: { eps: 0 },
    scale: 'group',
    columns: ({ reward }) => ({
      correct: Float32Array.from(reward),
      scale: new Float64Array(reward.length).fill(1.5),
    }),
  });
  for (const { name, check } of properties) it(`${name}, of correctness`, check);
});
