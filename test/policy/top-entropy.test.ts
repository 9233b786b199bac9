import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { topEntropy } from '../../src/policy/top-entropy.ts';

interface Case {
  readonly id: string;
  readonly params: { readonly top_entropy_quantile: number };
  readonly entropies: number[][];
  readonly mask: number[][];
  readonly expected_mask: number[][];
}

const cases: Case[] = JSON.parse(readFileSync('fixtures/reference/top_entropy.json', 'utf8'));

describe('policy/topEntropy', () => {
  for (const { id, params, entropies, mask, expected_mask } of cases) {
    it(`keeps the tokens that TRL does: ${id}`, () => {
      const kept = topEntropy(
        Float32Array.from(entropies.flat()),
        Float32Array.from(mask.flat()),
        params.top_entropy_quantile,
      );
      expect([...kept]).to.deep.equal(expected_mask.flat());
    });
  }

  it('keeps all of which all count, and nothing where nothing does', () => {
    const entropies = Float32Array.of(1, 2, 3);
    expect([...topEntropy(entropies, Float32Array.of(1, 1, 1), 1)]).to.deep.equal([1, 1, 1]);
    expect([...topEntropy(entropies, new Float32Array(3), 0.2)]).to.deep.equal([0, 0, 0]);
  });
});
