import { expect } from 'chai';
import fc from 'fast-check';
import { integer, randomKey, uniform } from '../../src/core/random.ts';
import type { Evaluation } from '../../src/report/evaluation.ts';
import { compare, measures, summarize } from '../../src/report/statistics.ts';
import { evaluationOf, questions, type Row } from './make.ts';

describe('report/statistics', () => {
  describe('summarize', () => {
    it('gives the four measures of a paper worked by hand', () => {
      const summary = summarize(questions([0.05, 0.1, 0.03, 0.02], [1, 0, 1, 0], [10, 20, 30, 40]));
      expect(summary.n).to.equal(4);
      expect(summary.accuracy).to.equal(0.5);
      expect(summary.h_accuracy).to.be.closeTo(0.08 / 0.2, 1e-12);
      expect(summary.mean_length).to.equal(25);
      expect(summary.value_density).to.be.closeTo(0.4 / 25, 1e-12);
    });

    it('averages several responses inside a question before it weighs questions', () => {
      const summary = summarize(
        evaluationOf([
          { id: 'a', value: 3, correct: 1, length: 2 },
          { id: 'b', value: 1, correct: 1, length: 10 },
          { id: 'a', value: 3, correct: 0, length: 4 },
          { id: 'a', value: 3, correct: 0, length: 6 },
        ]),
      );
      expect(summary).to.include({ n: 2, responses: 4, mean_length: 7 });
      expect(summary.accuracy).to.be.closeTo((1 / 3 + 1) / 2, 1e-12);
      expect(summary.h_accuracy).to.be.closeTo((3 * (1 / 3) + 1) / 4, 1e-12);
    });

    it("gives Wilson's interval for a plain proportion (8 of 10: 0.490 to 0.943)", () => {
      const correct = [1, 1, 1, 1, 1, 1, 1, 1, 0, 0];
      const { intervals } = summarize(questions(Array(10).fill(1), correct, Array(10).fill(5)));
      expect(intervals.accuracy![0]).to.be.closeTo(0.4902, 1e-4);
      expect(intervals.accuracy![1]).to.be.closeTo(0.9433, 1e-4);
    });

    it("gives Student's interval for the length (1 to 5 tokens: 3 +- 2.776 * 0.7071)", () => {
      const { intervals } = summarize(questions([1, 1, 1, 1, 1], [0, 1, 0, 1, 0], [1, 2, 3, 4, 5]));
      expect(intervals.mean_length![0]).to.be.closeTo(3 - 1.9632, 2e-3);
      expect(intervals.mean_length![1]).to.be.closeTo(3 + 1.9632, 2e-3);
    });

    it('agrees with a bootstrap over questions on every measure', () => {
      const evaluation = simulate('summary', 600);
      const summary = summarize(evaluation);
      const draws = bootstrap(evaluation.value.length, 1500, (rows) => measuresOf(evaluation, rows));
      for (const measure of measures) {
        const [low, high] = summary.intervals[measure]!;
        const [from, to] = percentiles(draws.map((d) => d[measure]));
        const width = to - from;
        expect(low, measure).to.be.closeTo(from, 0.08 * width);
        expect(high, measure).to.be.closeTo(to, 0.08 * width);
      }
    });

    it('covers the true H-Acc in about 95% of exams of 40 questions', () => {
      const rate = [0.9, 0.6, 0.3];
      const value = [1, 4, 10];
      const truth = (0.9 * 1 + 0.6 * 4 + 0.3 * 10) / 15;
      const exams = 1500;
      let covered = 0;
      for (let exam = 0; exam < exams; exam++) {
        const key = randomKey(exam, 'coverage');
        const kinds = Array.from({ length: 40 }, (_, i) => integer(key, i, 3));
        const { intervals } = summarize(
          questions(
            kinds.map((kind) => value[kind]!),
            kinds.map((kind, i) => (uniform(key, 100 + i) < rate[kind]! ? 1 : 0)),
            kinds.map(() => 5),
          ),
        );
        const [low, high] = intervals.h_accuracy!;
        if (low <= truth && truth <= high) covered++;
      }
      expect(covered / exams).to.be.within(0.93, 0.985);
    });

    it('keeps an interval of some width where all answers are right, or all wrong', () => {
      const right = summarize(questions([1, 2, 3, 4], [1, 1, 1, 1], [5, 6, 7, 8]));
      expect(right.intervals.h_accuracy![1]).to.equal(1);
      expect(right.intervals.h_accuracy![0]).to.be.within(0.2, 0.6);
      const wrong = summarize(questions([1, 2, 3, 4], [0, 0, 0, 0], [5, 6, 7, 8]));
      expect(wrong).to.include({ accuracy: 0, h_accuracy: 0, value_density: 0 });
      expect(wrong.intervals.h_accuracy![0]).to.equal(0);
      expect(wrong.intervals.h_accuracy![1]).to.be.within(0.4, 0.8);
      expect(wrong.intervals.value_density![0]).to.equal(0);
    });

    it('does not take one heavy question for many', () => {
      const even = summarize(questions(Array(20).fill(1), Array(20).fill(1), Array(20).fill(5)));
      const heavy = summarize(questions([1000, ...Array(19).fill(1)], Array(20).fill(1), Array(20).fill(5)));
      expect(heavy.intervals.h_accuracy![0]).to.be.below(0.3);
      expect(even.intervals.h_accuracy![0]).to.be.above(0.8);
    });

    it('has no interval for a single question', () => {
      const summary = summarize(questions([2], [1], [7]));
      expect(summary).to.include({ accuracy: 1, h_accuracy: 1, mean_length: 7 });
      expect(Object.values(summary.intervals)).to.deep.equal([null, null, null, null]);
    });

    it('has no H-Acc and no density where all values are 0, and no density without tokens', () => {
      const worthless = summarize(questions([0, 0], [1, 0], [3, 4]));
      expect(worthless).to.include({ accuracy: 0.5, h_accuracy: null, value_density: null });
      expect(worthless.intervals.h_accuracy).to.equal(null);
      expect(summarize(questions([1, 1], [1, 0], [0, 0])).value_density).to.equal(null);
    });

    it('refuses an empty evaluation, unequal columns and numbers out of range', () => {
      expect(() => summarize(questions([], [], [])))
        .to.throw()
        .with.property('code', 'data/empty');
      const short = { ...questions([1, 1], [1, 1], [1, 1]), correct: new Float32Array(1) };
      expect(() => summarize(short))
        .to.throw()
        .with.property('code', 'usage/arguments');
      for (const bad of [
        questions([-1], [1], [1]),
        questions([Number.NaN], [1], [1]),
        questions([1], [2], [1]),
        questions([1], [1], [-3]),
      ]) {
        expect(() => summarize(bad))
          .to.throw(/q0/)
          .with.property('code', 'data/value');
      }
    });

    it('refuses two values for one question', () => {
      const rows = [1, 2].map((value) => ({ id: 'twice', value, correct: 1, length: 1 }));
      expect(() => summarize(evaluationOf(rows)))
        .to.throw(/twice/)
        .with.property('code', 'run/mismatch');
    });

    it('is the same for any order of the rows', () => {
      fc.assert(
        fc.property(someRows, fc.integer(), (rows, seed) => {
          const shuffled = [...rows].sort((a, b) => hash(a, seed) - hash(b, seed));
          expect(summarize(evaluationOf(shuffled))).to.deep.equal(summarize(evaluationOf(rows)));
        }),
        { numRuns: 60 },
      );
    });

    it('leaves H-Acc and its interval alone when all values are scaled', () => {
      fc.assert(
        fc.property(someRows, fc.double({ min: 1e-3, max: 1e3, noNaN: true }), (rows, factor) => {
          const a = summarize(evaluationOf(rows));
          const b = summarize(evaluationOf(rows.map((row) => ({ ...row, value: row.value * factor }))));
          for (const measure of measures) {
            expectClose(b[measure], a[measure]);
            for (const end of [0, 1] as const)
              expectClose(b.intervals[measure]?.[end] ?? null, a.intervals[measure]?.[end] ?? null);
          }
        }),
        { numRuns: 60 },
      );
    });

    it('holds only finite numbers and nulls, with every estimate inside its interval', () => {
      fc.assert(
        fc.property(someRows, (rows) => {
          const summary = summarize(evaluationOf(rows));
          for (const part of [summary, ...summary.by_value]) {
            for (const measure of measures) {
              const interval = part.intervals[measure];
              if (!interval) continue;
              expect(interval.every(Number.isFinite)).to.equal(true);
              expect(part[measure]!).to.be.within(interval[0] - 1e-9, interval[1] + 1e-9);
            }
          }
          expect(JSON.parse(JSON.stringify(summary))).to.deep.equal(summary);
        }),
        { numRuns: 100 },
      );
    });
  });

  describe('compare', () => {
    it('subtracts before from after, question by question', () => {
      const before = questions([1, 2, 3, 4], [1, 0, 0, 1], [10, 10, 10, 10]);
      const after = questions([1, 2, 3, 4], [0, 1, 1, 1], [4, 6, 8, 2]);
      const { difference, n } = compare(before, after);
      expect(n).to.equal(4);
      expect(difference.accuracy).to.be.closeTo(0.25, 1e-12);
      expect(difference.h_accuracy).to.be.closeTo((2 + 3 - 1) / 10, 1e-12);
      expect(difference.mean_length).to.equal(-5);
      expect(difference.value_density).to.be.closeTo(0.9 / 5 - 0.5 / 10, 1e-12);
    });

    it('agrees with a paired bootstrap over questions on every measure', () => {
      const before = simulate('before', 600);
      const after = improve(before, 'after');
      const { difference } = compare(before, after);
      const draws = bootstrap(600, 1500, (rows) => {
        const a = measuresOf(before, rows);
        const b = measuresOf(after, rows);
        return { ...b, ...Object.fromEntries(measures.map((m) => [m, b[m] - a[m]])) };
      });
      for (const measure of measures) {
        const [low, high] = difference.intervals[measure]!;
        const [from, to] = percentiles(draws.map((d) => d[measure]));
        expect(low, measure).to.be.closeTo(from, 0.08 * (to - from));
        expect(high, measure).to.be.closeTo(to, 0.08 * (to - from));
      }
    });

    it('is narrower than the unpaired interval when the same questions stay hard', () => {
      const before = simulate('before', 400);
      const { difference, before: a, after: b } = compare(before, improve(before, 'after'));
      const width = ([low, high]: readonly [number, number]) => high - low;
      const unpaired = Math.hypot(width(a.intervals.h_accuracy!), width(b.intervals.h_accuracy!));
      expect(width(difference.intervals.h_accuracy!)).to.be.below(0.8 * unpaired);
    });

    it("gives Agresti and Min's interval for equal values, also where nothing changed", () => {
      // 2 of 8 questions newly right, none newly wrong: centre 2/10, variance (3 - 10 * 0.2^2) / 100 by their
      // formula, with half a pseudo-question in each of the four cells.
      const before = questions(Array(8).fill(1), [0, 0, 0, 0, 1, 1, 1, 1], Array(8).fill(3));
      const after = questions(Array(8).fill(1), [1, 1, 0, 0, 1, 1, 1, 1], Array(8).fill(3));
      const half = 1.95996 * Math.sqrt((2.5 + 0.5 - 10 * 0.2 ** 2) / 100);
      const [low, high] = compare(before, after).difference.intervals.h_accuracy!;
      expect(low).to.be.closeTo(0.2 - half, 1e-4);
      expect(high).to.be.closeTo(0.2 + half, 1e-4);
      const [from, to] = compare(before, before).difference.intervals.h_accuracy!;
      expect(from).to.be.closeTo(-to, 1e-12);
      expect(to).to.be.closeTo((1.95996 * 1) / 10, 1e-4);
    });

    it('refuses other questions, naming one, and other values', () => {
      const a = questions([1, 2], [1, 1], [1, 1]);
      const b = { ...a, promptId: ['q0', 'other'] };
      expect(() => compare(a, b))
        .to.throw(/q1/)
        .with.property('code', 'run/mismatch');
      const c = questions([1, 2, 3], [1, 1, 1], [1, 1, 1]);
      expect(() => compare(a, c))
        .to.throw(/q2/)
        .with.property('code', 'run/mismatch');
      const d = questions([1, 5], [1, 1], [1, 1]);
      expect(() => compare(a, d))
        .to.throw(/q1.*2.*5/)
        .with.property('code', 'run/mismatch');
    });
  });
});

const someRows = fc
  .array(
    fc.record({
      question: fc.integer({ min: 0, max: 30 }),
      correct: fc.constantFrom(0, 0.25, 1),
      length: fc.integer({ min: 0, max: 40 }),
    }),
    { minLength: 1, maxLength: 60 },
  )
  .map((rows): Row[] =>
    rows.map(({ question, correct, length }) => ({
      id: `q${question}`,
      value: (question * 7) % 11,
      correct,
      length,
    })),
  );

function hash(row: Row, seed: number): number {
  return Math.sin(seed + row.length * 12.9898 + row.correct * 78.233 + row.value * 37.719);
}

function expectClose(a: number | null, b: number | null): void {
  if (a === null || b === null) expect(a).to.equal(b);
  else expect(a).to.be.closeTo(b, 1e-9 * Math.max(1, Math.abs(b)));
}

/** Questions worth 1 to 10; dearer ones are harder and get longer answers; right answers are shorter. */
function simulate(purpose: string, n: number): Evaluation {
  const key = randomKey(3, purpose);
  const value = Array.from({ length: n }, (_, i) => 1 + integer(key, i, 10));
  const correct = value.map((v, i) => (uniform(key, n + i) < 0.8 - v / 20 ? 1 : 0));
  const length = value.map((v, i) => 5 + v + integer(key, 2 * n + i, 10) - 3 * correct[i]!);
  return questions(value, correct, length);
}

/** The same questions a little later: a fifth of the wrong answers are right, a few right ones wrong. */
function improve(before: Evaluation, purpose: string): Evaluation {
  const key = randomKey(4, purpose);
  return {
    ...before,
    correct: before.correct.map((c, i) => {
      const u = uniform(key, i);
      if (c === 1) return u < 0.05 ? 0 : 1;
      return u < 0.2 ? 1 : 0;
    }),
    length: Int32Array.from(before.length, (l, i) => Math.max(1, l - integer(key, 10_000 + i, 4))),
  };
}

type Measured = Record<(typeof measures)[number], number>;

function measuresOf(evaluation: Evaluation, rows: Int32Array): Measured {
  let [value, earned, right, tokens] = [0, 0, 0, 0];
  for (const i of rows) {
    value += evaluation.value[i]!;
    earned += evaluation.value[i]! * evaluation.correct[i]!;
    right += evaluation.correct[i]!;
    tokens += evaluation.length[i]!;
  }
  const n = rows.length;
  return {
    accuracy: right / n,
    h_accuracy: earned / value,
    mean_length: tokens / n,
    value_density: earned / value / (tokens / n),
  };
}

function bootstrap(n: number, times: number, measure: (rows: Int32Array) => Measured): Measured[] {
  return Array.from({ length: times }, (_, t) => {
    const key = randomKey(t, 'bootstrap');
    return measure(Int32Array.from({ length: n }, (_, i) => Math.floor(n * uniform(key, i))));
  });
}

function percentiles(draws: number[]): [number, number] {
  const sorted = [...draws].sort((a, b) => a - b);
  return [sorted[Math.floor(0.025 * sorted.length)]!, sorted[Math.floor(0.975 * sorted.length)]!];
}
