import { expect } from 'chai';
import { batchOf } from '../../../src/core/batch.ts';
import { raggedInt32 } from '../../../src/core/columns.ts';
import { figuresOf } from '../../../src/pipeline/run/figures.ts';

describe('pipeline/figures', () => {
  it('gives mean reward, correctness weighted by value, and tokens', () => {
    const batch = batchOf({
      reward: Float64Array.of(1.5, 0),
      value: Float64Array.of(0.3, 0.1),
      correct: Float32Array.of(1, 0),
      response_tokens: raggedInt32([[1, 2], [3]]),
    });
    const { hAccuracy, ...others } = figuresOf(batch);
    expect(hAccuracy).to.be.closeTo(0.75, 1e-12);
    expect(others).to.deep.equal({ reward: 0.75, tokens: 3 });
  });

  it('has no mean of a cohort of which no row is left', () => {
    const batch = batchOf({
      reward: new Float64Array(0),
      value: new Float64Array(0),
      correct: new Float32Array(0),
    });
    expect(figuresOf(batch)).to.deep.equal({ hAccuracy: null });
  });
});
