import { expect } from 'chai';
import fc from 'fast-check';
import { randomKey } from '../../../src/core/random.ts';
import { allocate, First, priorityOf } from '../../../src/pipeline/audit/sample.ts';

describe('pipeline/audit/sample', () => {
  it('draws equally many of each part, and all of one that has fewer', () => {
    expect(allocate([100, 100, 100], 30)).to.deep.equal([10, 10, 10]);
    expect(allocate([100, 4, 100], 30)).to.deep.equal([13, 4, 13]);
    expect(allocate([100, 100, 100], 32)).to.deep.equal([10, 11, 11]);
    expect(allocate([3, 1, 2], 9)).to.deep.equal([3, 1, 2]);
  });

  it('never draws more than there are, nor fewer than asked for, of whatever parts', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50), { minLength: 1, maxLength: 8 }), fc.nat(200), (sizes, n) => {
        const counts = allocate(sizes, n);
        const all = sizes.reduce((sum, size) => sum + size, 0);
        counts.forEach((count, i) => {
          expect(count).to.be.at.most(sizes[i]!);
        });
        expect(counts.reduce((sum, count) => sum + count, 0)).to.equal(Math.min(n, all));
        const open = counts.filter((count, i) => count < sizes[i]!);
        if (open.length > 0) expect(Math.max(...counts) - Math.min(...open)).to.be.at.most(1);
      }),
    );
  });

  it('keeps the first items in an order, whatever the order in which they come', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.nat(10), (items, k) => {
        const first = new First<number>(k, (a, b) => a - b);
        for (const item of items) first.add(item);
        expect(first.items()).to.deep.equal([...items].sort((a, b) => a - b).slice(0, k));
      }),
    );
  });

  it('gives each row its own place, and draws every row about equally often', () => {
    const rows = Array.from({ length: 40 }, (_, i) => `${i >> 4}.0.${(i >> 2) & 3}.${i & 3}`);
    const often = new Map<string, number>();
    const samples = 2000;
    for (let seed = 0; seed < samples; seed++) {
      const key = randomKey(seed, 'places');
      const places = rows.map((row) => ({ row, at: priorityOf(key, row) }));
      expect(new Set(places.map(({ at }) => at)).size).to.equal(40);
      for (const { row } of places.sort((a, b) => a.at - b.at).slice(0, 10)) {
        often.set(row, (often.get(row) ?? 0) + 1);
      }
    }
    // 500 of 2,000 expected, binomial with a deviation of 19.4
    for (const row of rows) expect(often.get(row), row).to.be.within(500 - 78, 500 + 78);
  });
});
