import { expect } from 'chai';
import fc from 'fast-check';
import { Moments, PairMoments, pairSpreadOf, spreadOf } from '../../src/report/moments.ts';

const numbers = fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { minLength: 2, maxLength: 40 });

describe('report/moments', () => {
  it('gives mean, deviation and range as their definitions do', () => {
    fc.assert(
      fc.property(numbers, (xs) => {
        const moments = new Moments();
        for (const x of [...xs, NaN]) moments.add(x);
        const { n, mean, sd, mean_size, min, max } = spreadOf(moments);
        const m = xs.reduce((a, b) => a + b) / xs.length;
        expect([n, min, max]).to.deep.equal([xs.length, Math.min(...xs), Math.max(...xs)]);
        expect(mean).to.be.closeTo(m, 1e-8);
        const variance = xs.reduce((sum, x) => sum + (x - m) ** 2, 0) / (xs.length - 1);
        expect(sd).to.be.closeTo(Math.sqrt(variance), 1e-6);
        expect(mean_size).to.be.closeTo(xs.reduce((sum, x) => sum + Math.abs(x), 0) / xs.length, 1e-8);
      }),
      { numRuns: 50 },
    );
  });

  it('gives the same of parts that are merged', () => {
    fc.assert(
      fc.property(numbers, numbers, fc.nat(), (xs, ys, at) => {
        const n = Math.min(xs.length, ys.length);
        const fold = (from: number, to: number): [Moments, PairMoments] => {
          const sums = [new Moments(), new PairMoments()] as [Moments, PairMoments];
          for (let i = from; i < to; i++) {
            sums[0].add(xs[i]!);
            sums[1].add(xs[i]!, ys[i]!, xs[i] === ys[i]);
          }
          return sums;
        };
        const whole = fold(0, n);
        const parts = fold(0, at % n);
        const rest = fold(at % n, n);
        parts[0].merge(rest[0]);
        parts[1].merge(rest[1]);
        for (const key of ['n', 'mean', 'squares', 'sizes', 'min', 'max'] as const) {
          expect(parts[0][key]).to.be.closeTo(whole[0][key], 1e-4);
        }
        for (const key of ['numbers', 'equal', 'apart', 'flips', 'squaresX', 'products'] as const) {
          expect(parts[1][key]).to.be.closeTo(whole[1][key], 1e-4);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('gives the correlation of pairs, and none where a side does not vary', () => {
    const pairs = new PairMoments();
    for (const [x, y] of [
      [1, 2],
      [2, 1],
      [3, 4],
      [4, 3],
    ] as const)
      pairs.add(x, y, x === y);
    expect(pairSpreadOf(pairs)).to.deep.include({
      n: 4,
      equal: 0,
      mean_difference: 1,
      max_difference: 1,
      sign_flips: 0,
    });
    expect(pairSpreadOf(pairs).correlation).to.be.closeTo(0.6, 1e-12);
    const flat = new PairMoments();
    for (const y of [-1, 0, 1]) flat.add(2, y, false);
    expect(pairSpreadOf(flat)).to.deep.include({ correlation: null, sign_flips: 1 });
  });

  it('has no numbers where there are none', () => {
    expect(spreadOf(new Moments())).to.deep.equal({
      n: 0,
      mean: null,
      sd: null,
      mean_size: null,
      min: null,
      max: null,
    });
    const texts = new PairMoments();
    texts.add(NaN, NaN, true);
    expect(pairSpreadOf(texts)).to.deep.include({
      n: 1,
      share_equal: 1,
      mean_difference: null,
      correlation: null,
    });
  });
});
