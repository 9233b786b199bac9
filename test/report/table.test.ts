import { expect } from 'chai';
import { integer, randomKey, uniform } from '../../src/core/random.ts';
import type { Evaluation } from '../../src/report/evaluation.ts';
import { compare, summarize } from '../../src/report/statistics.ts';
import { comparisonTable, summaryTable, verdict } from '../../src/report/table.ts';
import { evaluationOf, questions } from './make.ts';

/** A paper of 1,000 questions of 1 to 5 points, of which a share `ability` - points/40 is answered. */
function paper(ability: number): Evaluation {
  const key = randomKey(1, 'paper');
  return evaluationOf(
    Array.from({ length: 1000 }, (_, i) => {
      const points = 1 + integer(key, i, 5);
      const correct = uniform(key, 1000 + i) < ability - points / 40 ? 1 : 0;
      return { id: `q${i}`, value: points / 100, points, correct, length: 5 + integer(key, 2000 + i, 20) };
    }),
  );
}

const cells = (text: string, label: string) => {
  const line = text.split('\n').find((l) => l.trim().startsWith(label));
  return line?.trim().split(/\s{2,}/);
};

describe('report/table', () => {
  it('shows each measure before, after and as a paired difference, in its unit', () => {
    const before = questions([1, 3], [1, 0], [10, 20]);
    const after = questions([1, 3], [1, 1], [5, 10]);
    const text = comparisonTable(compare(before, after));
    expect(text).to.include('all 2 questions');
    expect(text).to.match(/accuracy, % +50\.0 +\[\S+, \S+\] +100\.0 +\[\S+, 100\.0\] +\+50\.0/);
    expect(text).to.match(/H-Acc, % +25\.0 +\[.+\] +100\.0 +\[.+\] +\+75\.0/);
    expect(text).to.match(/mean length, tokens +15 +\[.+\] +8 +\[.+\] +-8/);
    expect(text).to.match(/value density, % per token +1\.7 +13\.3 +\+11\.7/);
  });

  it('breaks every measure down by value, with the number of questions', () => {
    const text = comparisonTable(compare(paper(0.5), paper(0.7)));
    for (const section of ['H-Acc by value, %', 'mean length by value, tokens', 'value density by value']) {
      expect(text).to.include(section);
    }
    expect(text.match(/^ +5 points +\(\d+\)/gm)).to.have.length(3);
  });

  it('leaves accuracy by value out where it would only repeat H-Acc', () => {
    expect(comparisonTable(compare(paper(0.5), paper(0.7)))).not.to.include('accuracy by value');
    const mixed = questions(
      Array.from({ length: 30 }, (_, i) => i + 1),
      Array(30).fill(1),
      Array(30).fill(3),
    );
    expect(comparisonTable(compare(mixed, mixed))).to.include('accuracy by value');
  });

  it('breaks down the named measures only, when asked', () => {
    const text = comparisonTable(compare(paper(0.5), paper(0.7)), ['h_accuracy']);
    expect(text).to.include('H-Acc by value');
    expect(text).not.to.include('length by value');
  });

  it('fits 100 columns, with numbers below each other', () => {
    for (const text of [
      comparisonTable(compare(paper(0.5), paper(2))),
      summaryTable(summarize(paper(0.6))),
    ]) {
      const lines = text.split('\n');
      expect(Math.max(...lines.map((line) => line.length))).to.be.at.most(100);
      const ends = lines.filter((line) => line.endsWith(']')).map((line) => line.length);
      expect(new Set(ends).size).to.equal(1);
    }
  });

  it('shows one evaluation with a row a bucket', () => {
    const text = summaryTable(
      summarize(
        evaluationOf([
          { id: 'a', value: 0.1, points: 1, correct: 1, length: 4 },
          { id: 'b', value: 0.2, points: 2, correct: 0, length: 4 },
        ]),
      ),
    );
    expect(cells(text, 'all')!.slice(0, 3).join(' ')).to.match(/^all 2 50\.0 \[9\.5, 90\.5\]$/);
    expect(cells(text, '2 points')).to.deep.equal(['2 points', '1', '0.0', '0.0', '4.0', '0']);
  });

  describe('verdict', () => {
    it('says that the interval lies above zero, below zero or includes it', () => {
      expect(verdict(compare(paper(0.5), paper(0.7)))).to.match(
        /^H-Acc rose by [\d.]+ percentage points; its paired 95% interval, \+[\d.]+ to \+[\d.]+, lies above zero\.$/,
      );
      expect(verdict(compare(paper(0.7), paper(0.5)))).to.match(
        /fell by .* -[\d.]+ to -[\d.]+, lies below zero/,
      );
      expect(verdict(compare(paper(0.5), paper(0.5)))).to.match(/-0\.\d+ to \+0\.\d+, includes zero/);
    });

    it('never rounds a bound to the zero that it lies above', () => {
      const n = 4000;
      const before = questions(Array(n).fill(1), Array(n).fill(0), Array(n).fill(1));
      const gains = Array.from({ length: n }, (_, i) => (i < 9 ? 1 : 0));
      const comparison = compare(before, questions(Array(n).fill(1), gains, Array(n).fill(1)));
      expect(comparison.difference.intervals.h_accuracy![0]).to.be.within(0, 0.0009);
      expect(verdict(comparison)).to.match(/, \+0\.0\d+ to .* lies above zero/);
    });

    it('says why nothing can be said', () => {
      const one = questions([1], [1], [1]);
      expect(verdict(compare(one, one))).to.include('one question gives no interval');
      const worthless = questions([0, 0], [1, 1], [1, 1]);
      expect(verdict(compare(worthless, worthless))).to.include('every question has value 0');
    });
  });
});
