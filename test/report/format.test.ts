import { expect } from 'chai';
import {
  bothEnds,
  decimalsFor,
  duration,
  fixed,
  percent,
  plainNumber,
  signed,
} from '../../src/report/format.ts';

describe('report/format', () => {
  it('writes counts with thousands apart, and never minus zero', () => {
    expect([0, 999, 1234, 1234567].map((x) => fixed(x))).to.deep.equal(['0', '999', '1,234', '1,234,567']);
    expect([fixed(1234.5678, 2), fixed(-1234.5, 1), fixed(-0.04, 1)]).to.deep.equal([
      '1,234.57',
      '-1,234.5',
      '0.0',
    ]);
  });

  it('writes differences with their sign, and none for what rounds to zero', () => {
    expect([signed(1.25, 1), signed(-1.25, 1), signed(0.04, 1)]).to.deep.equal(['+1.3', '-1.3', '0.0']);
  });

  it('writes shares as percentages', () => {
    expect(percent(0.4126)).to.equal('41.3%');
    expect(percent(1, 0)).to.equal('100%');
  });

  it('writes spans of time as minutes and seconds, with hours from one on', () => {
    expect([0, 5.4, 125, 3599.6, 3725].map(duration)).to.deep.equal([
      '0:00',
      '0:05',
      '2:05',
      '1:00:00',
      '1:02:05',
    ]);
  });

  it('writes numbers of a data set as people do', () => {
    expect([2, 0.025, 0.1 + 0.2, 1200, 1.5].map(plainNumber)).to.deep.equal([
      '2',
      '0.025',
      '0.3',
      '1,200',
      '1.5',
    ]);
  });

  it('finds the decimals that show so many digits of a size', () => {
    expect([decimalsFor(12.3, 2), decimalsFor(0.4, 2), decimalsFor(500, 2), decimalsFor(0, 2)]).to.deep.equal(
      [0, 2, 0, 1],
    );
  });

  it('cuts long texts in their middle, for an answer stands at the end', () => {
    expect(bothEnds('first, then, so #12', 5, 3)).to.equal('first … #12');
    expect(bothEnds('first 12', 5, 3)).to.equal('first 12');
  });
});
