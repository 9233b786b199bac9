import { expect } from 'chai';
import fc from 'fast-check';
import { bucketsOf } from '../../src/report/buckets.ts';
import { questionsOf } from '../../src/report/evaluation.ts';
import { evaluationOf } from './make.ts';

const of = (values: number[], points?: number[]) =>
  bucketsOf(
    questionsOf(
      evaluationOf(
        values.map((value, i) => ({
          id: `q${String(i).padStart(4, '0')}`,
          value,
          correct: 1,
          length: 1,
          ...(points && { points: points[i]! }),
        })),
      ),
    ),
  );

describe('report/buckets', () => {
  it('gives every distinct value its bucket, lowest first', () => {
    const buckets = of([0.03, 0.01, 0.03]);
    expect(buckets.map((b) => b.label)).to.deep.equal(['v = 0.01', 'v = 0.03']);
    expect(buckets.map((b) => b.indices)).to.deep.equal([[1], [0, 2]]);
  });

  it('speaks of points where every question has them', () => {
    expect(of([0.1, 0.2], [1, 2.5]).map((b) => b.label)).to.deep.equal(['1 point', '2.5 points']);
    expect(of([0.1, 0.2], [1, Number.NaN]).map((b) => b.label)).to.deep.equal(['v = 0.1', 'v = 0.2']);
  });

  it('says whether a bucket of equal points holds papers of different full marks', () => {
    expect(of([0.1, 0.1, 0.2], [1, 1, 2]).map((b) => b.single)).to.deep.equal([true, true]);
    expect(of([0.1, 0.05, 0.2], [1, 1, 2]).map((b) => b.single)).to.deep.equal([false, true]);
  });

  it('makes five ranges of about equal size from more than ten values', () => {
    const points = Array.from({ length: 100 }, (_, i) => 1 + (i % 20));
    expect(of(points, points).map((b) => [b.label, b.indices.length])).to.deep.equal([
      ['1-4 points', 20],
      ['5-8 points', 20],
      ['9-12 points', 20],
      ['13-16 points', 20],
      ['17-20 points', 20],
    ]);
  });

  it('puts every question in exactly one bucket and never parts equal values', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 200 }), (values) => {
        const buckets = of(values);
        const all = buckets.flatMap((b) => b.indices).sort((a, b) => a - b);
        expect(all).to.deep.equal(values.map((_, i) => i));
        for (let i = 1; i < buckets.length; i++) expect(buckets[i]!.from).to.be.above(buckets[i - 1]!.to);
      }),
    );
  });
});
