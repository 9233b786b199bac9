import { expect } from 'chai';
import fc from 'fast-check';
import { foldIn, permutation, type RandomKey, randomKey, uniform } from '../../src/core/random.ts';
import type { Interval } from '../../src/report/intervals.ts';
import { stratifiedKappa, stratifiedShare } from '../../src/report/stratified.ts';

/** All rows of a part of a population: what each weighs, and both verdicts on it. */
interface Part {
  readonly weights: number[];
  readonly first: number[];
  readonly second: number[];
}

/** A simple random sample of `n` rows of each part, as the estimators get it. */
function drawn(parts: readonly Part[], n: number, key: RandomKey) {
  return parts.map(({ weights, first, second }, h) => {
    const rows = [...permutation(foldIn(key, h), weights.length)].slice(0, n);
    const take = (of: number[]) => Float64Array.from(rows, (row) => of[row]!);
    return {
      rows: weights.length,
      total: weights.reduce((sum, w) => sum + w, 0),
      weights: take(weights),
      first: take(first),
      second: take(second),
      scores: Float64Array.from(rows, (row) => Math.abs(first[row]! - second[row]!)),
    };
  });
}

/** Parts of 400, 150 and 60 rows worth 1-2, 5 and 9-10; verdicts differ at the rate 0.02 * points. */
function population(seed: number): Part[] {
  const points = [
    [1, 2],
    [5, 5],
    [9, 10],
  ];
  return [400, 150, 60].map((rows, h) => {
    const key = foldIn(randomKey(seed, 'population'), h);
    const weights = Array.from({ length: rows }, (_, i) => points[h]![i % 2]!);
    const first = weights.map((_, i) => (uniform(key, 2 * i) < 0.6 ? 1 : 0));
    const second = first.map((a, i) => (uniform(key, 2 * i + 1) < 0.02 * weights[i]! ? 1 - a : a));
    return { weights, first, second };
  });
}

const holds = (interval: Interval | null, truth: number): boolean =>
  interval !== null && interval[0] <= truth && truth <= interval[1];

/** sum(w |a - b|) / sum(w) of the whole population, from the definition. */
function disputed(parts: readonly Part[]): number {
  const sum = (term: (part: Part, i: number) => number): number =>
    parts.reduce((total, part) => total + part.weights.reduce((s, _, i) => s + term(part, i), 0), 0);
  return sum((p, i) => p.weights[i]! * Math.abs(p.first[i]! - p.second[i]!)) / sum((p, i) => p.weights[i]!);
}

/** kappa of the whole population, from the table of both verdicts: (p_o - p_e) / (1 - p_e). */
function cohen(parts: readonly Part[]): number {
  const pairs = parts.flatMap(({ first, second }) => first.map((a, i) => [a, second[i]!] as const));
  const share = (of: (pair: readonly [number, number]) => boolean) => pairs.filter(of).length / pairs.length;
  const agree = share(([a, b]) => a === b);
  const [a, b] = [share(([x]) => x === 1), share(([, y]) => y === 1)];
  const chance = a * b + (1 - a) * (1 - b);
  return (agree - chance) / (1 - chance);
}

describe('report/stratified', () => {
  describe('of a share', () => {
    it('is exact and without width where every row was drawn', () => {
      const parts = population(1);
      const all = drawn(parts, 400, randomKey(0, 'all'));
      const { value, interval } = stratifiedShare(all)!;
      expect(value).to.be.closeTo(disputed(parts), 1e-14);
      expect(interval![1] - interval![0]).to.be.closeTo(0, 1e-12);
    });

    it('weighs each stratum by what there is of it, not by what was drawn', () => {
      const ones = (n: number) => new Float64Array(n).fill(1);
      const strata = [
        { rows: 900, total: 900, weights: ones(10), scores: Float64Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0, 0) },
        { rows: 100, total: 100, weights: ones(2), scores: Float64Array.of(1, 0) },
      ];
      expect(stratifiedShare(strata)!.value).to.be.closeTo(0.9 * 0.1 + 0.1 * 0.5, 1e-15);
    });

    it('has, for large samples, the interval of the textbook variance of a stratified mean', () => {
      // Cochran 1977, 5.6: V = sum W_h^2 (1 - f_h) s_h^2 / n_h
      const sizes = [20_000, 5_000];
      const counts = [4_000, 2_000];
      const rates = [0.45, 0.55];
      const strata = sizes.map((rows, h) => {
        const scores = Float64Array.from({ length: counts[h]! }, (_, i) =>
          i < rates[h]! * counts[h]! ? 1 : 0,
        );
        return { rows, total: rows, weights: new Float64Array(counts[h]!).fill(1), scores };
      });
      const variance = sizes.reduce((sum, rows, h) => {
        const n = counts[h]!;
        const s2 = (n / (n - 1)) * rates[h]! * (1 - rates[h]!);
        return sum + ((rows / 25_000) ** 2 * (1 - n / rows) * s2) / n;
      }, 0);
      const { value, interval } = stratifiedShare(strata)!;
      expect(value).to.be.closeTo(0.8 * 0.45 + 0.2 * 0.55, 1e-12);
      expect((interval![1] - interval![0]) / 2 / (1.959964 * Math.sqrt(variance))).to.be.closeTo(1, 5e-3);
    });

    it('holds the share of the population in about 95% of samples, unbiased', () => {
      const parts = population(2);
      const truth = disputed(parts);
      let [covered, sum] = [0, 0];
      const samples = 600;
      for (let s = 0; s < samples; s++) {
        const { value, interval } = stratifiedShare(drawn(parts, 40, randomKey(s, 'share')))!;
        sum += value;
        if (holds(interval, truth)) covered++;
      }
      expect(covered / samples).to.be.within(0.93, 0.98);
      expect(sum / samples / truth).to.be.closeTo(1, 0.03);
    });

    it('does not take a stratum without a case for one that can have none', () => {
      const none = {
        rows: 1000,
        total: 1000,
        weights: new Float64Array(50).fill(1),
        scores: new Float64Array(50),
      };
      const { value, interval } = stratifiedShare([none])!;
      expect(value).to.equal(0);
      expect(interval![0]).to.equal(0);
      // 3 / n is the old rule of thumb
      expect(interval![1]).to.be.within(2 / 50, 4 / 50);
    });

    it('does not take a heavy stratum without a case for certain, whatever the others show', () => {
      const ones = new Float64Array(40).fill(1);
      const scores = (cases: number) => Float64Array.from(ones, (_, i) => (i < cases ? 1 : 0));
      const { interval } = stratifiedShare([
        { rows: 1000, total: 900, weights: ones, scores: scores(0) },
        { rows: 1000, total: 100, weights: ones, scores: scores(4) },
      ])!;
      expect(interval![1]).to.be.above(0.9 * (2 / 40));
    });

    it('says little of one row of several, all of one that is alone, and nothing without weight', () => {
      const one = { rows: 5, total: 5, weights: Float64Array.of(1), scores: Float64Array.of(1) };
      expect(stratifiedShare([one])!.interval![0]).to.be.below(0.3);
      expect(stratifiedShare([{ ...one, rows: 1, total: 1 }])).to.deep.equal({ value: 1, interval: [1, 1] });
      expect(stratifiedShare([{ ...one, total: 0 }])).to.equal(null);
    });
  });

  describe('of kappa', () => {
    it("is Cohen's of the population where every row was drawn", () => {
      const parts = population(3);
      const { value, interval } = stratifiedKappa(drawn(parts, 400, randomKey(0, 'all')))!;
      expect(value).to.be.closeTo(cohen(parts), 1e-12);
      expect(interval).to.deep.equal([value, value]);
    });

    it('has, of a large sample, the standard error of Fleiss, Cohen and Everitt', () => {
      const table = [
        [4000, 1000],
        [2000, 3000],
      ];
      const n = 10_000;
      const cells = table.flatMap((row, a) => row.map((count, b) => ({ a, b, p: count / n, count })));
      const share = (of: (c: (typeof cells)[number]) => boolean): number =>
        cells.filter(of).reduce((sum, c) => sum + c.p, 0);
      const row = [0, 1].map((k) => share((c) => c.a === k));
      const column = [0, 1].map((k) => share((c) => c.b === k));
      const chance = row[0]! * column[0]! + row[1]! * column[1]!;
      const kappa = 0.4;
      let inner = 0;
      for (const { a, b, p } of cells) {
        if (a === b) inner += p * (1 - (row[a]! + column[a]!) * (1 - kappa)) ** 2;
        else inner += (1 - kappa) ** 2 * p * (column[a]! + row[b]!) ** 2;
      }
      const variance = (inner - (kappa - chance * (1 - kappa)) ** 2) / (n * (1 - chance) ** 2);
      const spread = (of: 'a' | 'b') =>
        Float64Array.from(cells.flatMap((c) => Array.from({ length: c.count }, () => c[of])));
      const { value, interval } = stratifiedKappa([{ rows: 1e12, first: spread('a'), second: spread('b') }])!;
      expect(value).to.be.closeTo(kappa, 1e-12);
      const half = 1.959964 * Math.sqrt(variance);
      expect((interval![0] - kappa) / half).to.be.closeTo(-1, 0.03);
      expect((interval![1] - kappa) / half).to.be.closeTo(1, 0.03);
    });

    it('holds the kappa of the population in about 95% of samples', () => {
      const parts = population(4);
      const truth = cohen(parts);
      let covered = 0;
      const samples = 400;
      for (let s = 0; s < samples; s++) {
        if (holds(stratifiedKappa(drawn(parts, 45, randomKey(s, 'kappa')))!.interval, truth)) covered++;
      }
      expect(covered / samples).to.be.within(0.93, 0.99);
    });

    it('weighs partial credit by how far apart it is', () => {
      fc.assert(
        fc.property(
          fc.array(fc.tuple(fc.constantFrom(0, 0.5, 1), fc.constantFrom(0, 0.5, 1)), {
            minLength: 2,
            maxLength: 30,
          }),
          (pairs) => {
            const [first, second] = [0, 1].map((k) => Float64Array.from(pairs, (pair) => pair[k]!));
            let chance = 0;
            for (const a of first!) for (const b of second!) chance += Math.abs(a - b) / pairs.length ** 2;
            const apart = pairs.reduce((sum, [a, b]) => sum + Math.abs(a - b), 0) / pairs.length;
            const kappa = stratifiedKappa([{ rows: pairs.length, first: first!, second: second! }]);
            if (chance === 0) expect(kappa).to.equal(null);
            else expect(kappa!.value).to.be.closeTo(1 - apart / chance, 1e-9);
          },
        ),
      );
    });

    it('stays below 1 at its lower end where no difference was drawn, but some may be left', () => {
      const verdicts = Float64Array.from({ length: 100 }, (_, i) => i % 2);
      const { value, interval } = stratifiedKappa([{ rows: 500, first: verdicts, second: verdicts }])!;
      expect(value).to.equal(1);
      expect(interval![0]).to.be.within(0.9, 0.98);
      expect(interval![1]).to.equal(1);
    });
  });
});
