import { expect } from 'chai';
import { formatAddress, parseAddress, stepsOfAddress } from '../../src/log/address.ts';
import { errorOf } from '../support/stage.ts';

describe('log/address', () => {
  const addresses: [string, object][] = [
    ['runs/rlev', { run: 'runs/rlev', scope: 'train' }],
    ['runs/rlev@12', { run: 'runs/rlev', step: 12, scope: 'train' }],
    ['runs/rlev@12/verify', { run: 'runs/rlev', step: 12, scope: 'train', stage: 'verify' }],
    ['r@0/eval:heldOut', { run: 'r', step: 0, scope: 'eval:heldOut' }],
    ['r@0/eval:heldOut/value', { run: 'r', step: 0, scope: 'eval:heldOut', stage: 'value' }],
    ['/home/me@work/runs/a@3', { run: '/home/me@work/runs/a', step: 3, scope: 'train' }],
    ['/home/me@work/runs/a', { run: '/home/me@work/runs/a', scope: 'train' }],
  ];
  for (const [text, address] of addresses) {
    it(`reads ${text}, and writes it the same`, () => {
      expect(parseAddress(text)).to.deep.equal(address);
      expect(formatAddress(parseAddress(text))).to.equal(text);
    });
  }

  it('forgives a slash at the end of the run', () => {
    expect(parseAddress('runs/rlev/').run).to.equal('runs/rlev');
  });

  for (const text of ['', '@3', 'run@', 'run@12/eval:heldOut/value/x']) {
    it(`refuses ${JSON.stringify(text)}`, async () => {
      expect((await errorOf(() => parseAddress(text))).code).to.equal('usage/arguments');
    });
  }

  it('takes the step of an address or a range beside it, and refuses both', async () => {
    const range = { from: 2, to: 5 };
    expect(stepsOfAddress({ run: 'r', step: 3 })).to.deep.equal({ from: 3, to: 3 });
    expect(stepsOfAddress({ run: 'r' }, range)).to.equal(range);
    expect(() => stepsOfAddress({ run: 'r', step: 3 }, range)).to.throw(
      /r@3 names a step, and the steps 2 to 5/,
    );
  });
});
