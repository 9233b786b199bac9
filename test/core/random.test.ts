import { expect } from 'chai';
import fc from 'fast-check';
import { foldIn, integer, normal, permutation, philox, randomKey, uniform } from '../../src/core/random.ts';

describe('counted randomness', () => {
  // Known answers of Random123 (kat_vectors, philox4x32 with 10 rounds).
  const known: [number[], number[], number[]][] = [
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ];
  for (const [counter, key, words] of known) {
    it(`gives Random123's answer for the counter ${counter.map((c) => c.toString(16)).join(' ')}`, () => {
      const [c0, c1, c2, c3] = counter as [number, number, number, number];
      expect(philox({ a: key[0]!, b: key[1]! }, c0, c1, c2, c3)).to.deep.equal(words);
    });
  }

  it('draws the same number for the same place, and another for any other', () => {
    const place = fc.tuple(fc.nat(1000), fc.nat(3), fc.nat(50), fc.nat(20));
    fc.assert(
      fc.property(place, place, fc.nat(100), (p, q, position) => {
        const key = randomKey(7, 'rollout/train');
        const x = uniform(foldIn(key, ...p), position);
        expect(uniform(foldIn(key, ...p), position)).to.equal(x);
        if (p.join() !== q.join()) expect(uniform(foldIn(key, ...q), position)).to.not.equal(x);
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  it('separates purposes and seeds', () => {
    const draws = [randomKey(1, 'a'), randomKey(1, 'b'), randomKey(2, 'a')].map((key) => uniform(key, 0));
    expect(new Set(draws).size).to.equal(3);
  });

  it('draws uniforms that float32 holds exactly, below 1, with the mean and variance of a uniform', () => {
    const key = randomKey(3, 'test');
    const n = 20_000;
    const xs = Array.from({ length: n }, (_, i) => uniform(key, i));
    for (const x of xs)
      expect(x)
        .to.equal(Math.fround(x))
        .and.to.be.within(0, 1 - 2 ** -24);
    const mean = xs.reduce((a, b) => a + b) / n;
    const variance = xs.reduce((a, b) => a + (b - mean) ** 2, 0) / n;
    expect(mean).to.be.closeTo(1 / 2, 5 * Math.sqrt(1 / 12 / n));
    expect(variance).to.be.closeTo(1 / 12, 0.002);
  });

  it('draws normals of mean 0 and variance 1', () => {
    const key = randomKey(3, 'normal');
    const n = 20_000;
    const xs = Array.from({ length: n }, (_, i) => normal(key, i));
    expect(xs.reduce((a, b) => a + b) / n).to.be.closeTo(0, 5 / Math.sqrt(n));
    expect(xs.reduce((a, b) => a + b * b, 0) / n).to.be.closeTo(1, 0.05);
  });

  it('permutes: every index once, each place equally likely', () => {
    const counts = new Float64Array(5);
    for (let i = 0; i < 2000; i++) {
      const order = permutation(foldIn(randomKey(5, 'shuffle'), i), 5);
      expect([...order].sort()).to.deep.equal([0, 1, 2, 3, 4]);
      counts[order[0]!]! += 1;
    }
    for (const count of counts) expect(count).to.be.within(320, 480);
  });

  it('draws integers below a bound, all of them', () => {
    const key = randomKey(9, 'integers');
    const seen = new Set(Array.from({ length: 500 }, (_, i) => integer(key, i, 7)));
    expect([...seen].sort()).to.deep.equal([0, 1, 2, 3, 4, 5, 6]);
  });
});
