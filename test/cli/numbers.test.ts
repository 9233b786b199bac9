import { expect } from 'chai';
import { refuseNoNumber } from '../../src/cli/numbers.ts';

describe('an option that takes a number', () => {
  for (const typed of [['--alpha', 'foo'], ['--alpha=foo']]) {
    it(`is refused with the text that was typed: ${typed.join(' ')}`, () => {
      expect(() => refuseNoNumber({ alpha: Number.NaN }, ['values', 'a.csv', ...typed])).to.throw(
        'usage/arguments: --alpha takes a number, not foo.',
      );
    });
  }

  it('is as good as any other where it has one', () => {
    expect(() =>
      refuseNoNumber({ alpha: 0, file: 'a.csv', seed: undefined }, ['--alpha', '0']),
    ).not.to.throw();
  });
});
