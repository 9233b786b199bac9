import { expect } from 'chai';
import { integer, randomKey, uniform } from '../../src/core/random.ts';
import { shareDifferenceInterval, studentQuantile, wilson } from '../../src/report/intervals.ts';

/**
 * How often the interval of a gain in H-Acc holds the true gain, and how often it claims more than that. Questions
 * of three kinds are worth 1, 4 and 10; some become right, none wrong.
 */
function coverage(n: number, exams: number): { covered: number; claimedTooMuch: number } {
  const value = [1, 4, 10];
  const before = [0.9, 0.6, 0.3];
  const after = [0.95, 0.75, 0.5];
  const truth = (1 * 0.05 + 4 * 0.15 + 10 * 0.2) / 15;
  let [covered, above] = [0, 0];
  for (let exam = 0; exam < exams; exam++) {
    const key = randomKey(exam, 'paired coverage');
    const kinds = Array.from({ length: n }, (_, i) => integer(key, i, 3));
    const scores = (rates: number[]) =>
      Float64Array.from(kinds, (kind, i) => (uniform(key, n + i) < rates[kind]! ? 1 : 0));
    const weights = Float64Array.from(kinds, (kind) => value[kind]!);
    const [low, high] = shareDifferenceInterval(weights, scores(before), scores(after))!;
    if (low > truth) above++;
    else if (truth <= high) covered++;
  }
  return { covered: covered / exams, claimedTooMuch: above / exams };
}

describe('report/intervals', () => {
  it('covers a true paired gain in about 95% of exams of 300 questions', () => {
    expect(coverage(300, 1000).covered).to.be.within(0.93, 0.97);
  });

  it('hardly ever claims more than the true gain on 40 questions of unequal value', () => {
    expect(coverage(40, 1000).claimedTooMuch).to.be.below(0.025);
  });

  it("knows the 97.5% points of Student's t", () => {
    const table = {
      1: 12.7062,
      2: 4.3027,
      3: 3.1824,
      4: 2.7764,
      5: 2.5706,
      10: 2.2281,
      30: 2.0423,
      1000: 1.9623,
    };
    for (const [df, t] of Object.entries(table)) {
      expect(studentQuantile(Number(df)), df).to.be.closeTo(t, df === '3' ? 4e-3 : 1e-3);
    }
  });

  it("ends Wilson's interval exactly at 0 and 1", () => {
    expect(wilson(0, 10)[0]).to.equal(0);
    expect(wilson(1, 10)[1]).to.equal(1);
    expect(wilson(0, 10)[1]).to.be.closeTo(0.2775, 1e-4);
  });
});
