import { expect } from 'chai';
import { quantile } from '../../src/core/quantile.ts';

describe('core/quantile', () => {
  it('takes a line between the two nearest numbers, as NumPy', () => {
    // numpy.quantile([8, 1, 4, 2], [0, 0.25, 0.5, 0.95, 1])
    const expected = [1, 1.75, 3, 7.4, 8];
    const found = [0, 0.25, 0.5, 0.95, 1].map((q) => quantile(Float64Array.of(8, 1, 4, 2), q));
    for (const [i, x] of found.entries()) expect(x).to.be.closeTo(expected[i]!, 1e-12);
    expect(quantile(Float64Array.of(5), 0.3)).to.equal(5);
  });
});
