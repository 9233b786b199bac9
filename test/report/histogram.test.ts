import { expect } from 'chai';
import fc from 'fast-check';
import { barOf, histogramOf } from '../../src/report/histogram.ts';

describe('report/histogram', () => {
  it('has a bin for each number where there are few', () => {
    expect(histogramOf(Float64Array.of(2, 1, 2, 0.5))).to.deep.equal({
      steps: 'each',
      bins: [
        { from: 0.5, to: 0.5, count: 1 },
        { from: 1, to: 1, count: 1 },
        { from: 2, to: 2, count: 2 },
      ],
    });
  });

  it('has round edges in equal steps where there are many', () => {
    const { steps, bins } = histogramOf(Float64Array.from({ length: 100 }, (_, i) => (i + 1) / 100));
    expect(steps).to.equal('equal');
    expect(bins.map(({ from }) => from)).to.deep.equal([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]);
    expect(bins.map(({ count }) => count)).to.deep.equal([9, 10, 10, 10, 10, 10, 10, 10, 10, 11]);
  });

  it('goes up by factors where few numbers are far above the rest, with 0 by itself', () => {
    const numbers = [0, 0, ...Array.from({ length: 20 }, (_, i) => i + 1), 900];
    const { steps, bins } = histogramOf(Float64Array.from(numbers));
    expect(steps).to.equal('factor');
    expect(bins.map(({ from, to, count }) => [from, to, count])).to.deep.equal([
      [0, 0, 2],
      [1, 2, 1],
      [2, 5, 3],
      [5, 10, 5],
      [10, 20, 10],
      [20, 50, 1],
      [50, 100, 0],
      [100, 200, 0],
      [200, 500, 0],
      [500, 1000, 1],
    ]);
  });

  it('counts every number once, in bins that follow each other', () => {
    const number = fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 1e6 }));
    fc.assert(
      fc.property(fc.array(number, { minLength: 1, maxLength: 60 }), (list) => {
        const { bins, steps } = histogramOf(Float64Array.from(list, (x) => Number(x.toPrecision(6))));
        expect(bins.reduce((n, { count }) => n + count, 0)).to.equal(list.length);
        bins.slice(1).forEach((bin, i) => {
          const before = bins[i]!;
          expect(bin.from).to.be.at.least(before.to);
          if (steps === 'equal') expect(bin.from).to.equal(before.to);
        });
      }),
    );
  });

  it('draws bars to an eighth of a character, and something for anything', () => {
    expect(barOf(1, 4)).to.equal('████');
    expect(barOf(0.5, 3)).to.equal('█▌');
    expect(barOf(1e-9, 10)).to.equal('▏');
    expect(barOf(0, 10)).to.equal('');
  });
});
