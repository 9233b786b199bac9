import { expect } from 'chai';
import fc from 'fast-check';
import { plainText, readable, statements } from '../../../src/stages/verify/extract.ts';
import { anyText } from './adversarial.ts';

const stated = (text: string, extract?: Parameters<typeof statements>[1]) =>
  statements(text, extract)?.map((found) => found.trim()) ?? null;

describe('verify/extract', () => {
  const text = 'We try \\boxed{1}.\nThe answer is 2.\n#### 3\nNo: \\boxed{\\frac{4}{5}}';

  it('takes what stands behind the marker that comes last', () => {
    expect(stated('The answer is 2.\n#### 3')).to.deep.equal(['3']);
    expect(stated('#### 3\nThe answer is 2.')).to.deep.equal(['2.']);
    expect(stated(text)).to.deep.equal(['1', '\\frac{4}{5}']);
    expect(stated('so it goes')).to.equal(null);
    expect(stated('')).to.equal(null);
  });

  it('takes only the place that it is given', () => {
    expect(stated(text, 'boxed')).to.deep.equal(['1', '\\frac{4}{5}']);
    expect(stated(text, 'first-boxed')).to.deep.equal(['1']);
    expect(stated(text, 'hash')).to.deep.equal(['3\nNo: \\boxed{\\frac{4}{5}}']);
    expect(stated(text, 'phrase')![0]).to.match(/^2\./);
    expect(stated(text, 'first-line')).to.deep.equal(['We try \\boxed{1}.']);
    expect(stated(`${text}\n\n`, 'last-line')).to.deep.equal(['No: \\boxed{\\frac{4}{5}}']);
    expect(stated(text, 'all')).to.equal(null);
    expect(stated(text, { after: 'No:' })).to.deep.equal(['\\boxed{\\frac{4}{5}}']);
  });

  it('finds nothing where that place is not there', () => {
    for (const extract of ['boxed', 'first-boxed', 'hash', 'phrase', { after: 'ANSWER' }] as const) {
      expect(stated('it is 5', extract), JSON.stringify(extract)).to.deep.equal([]);
    }
    expect(stated('  \n ', 'last-line')).to.deep.equal([]);
  });

  it('reads boxes with braces in them, and closes none at a brace that is a sign', () => {
    expect(stated('\\boxed{\\left\\{ x \\right. }')).to.deep.equal(['\\left\\{ x \\right.']);
    expect(stated('\\boxed{\\{1, 2\\}}')).to.deep.equal(['\\{1, 2\\}']);
    expect(stated('\\boxed{a{b{c}}}')).to.deep.equal(['a{b{c}}']);
    expect(stated('\\fbox{7} and \\boxed {8}')).to.deep.equal(['7', '8']);
    expect(stated('\\boxed{7} then \\boxed{8')).to.deep.equal(['7']);
  });

  it('takes boxes that are offered side by side for one, and others for several', () => {
    expect(stated('$\\boxed{3}$ or $\\boxed{4}$')).to.deep.equal(['3 or 4']);
    expect(stated('\\boxed{3} 或 \\boxed{4}')).to.deep.equal(['3 or 4']);
    expect(stated('\\boxed{3} and \\boxed{4}')).to.deep.equal(['3', '4']);
    expect(stated('\\boxed{3}, or rather \\boxed{4}')).to.deep.equal(['3', '4']);
  });

  it('takes "Answer" in bold for the phrase, and 不选 for no choice', () => {
    expect(stated('**Answer:** B')).to.deep.equal(['** B']);
    expect(stated('**Answer**: B')).to.deep.equal(['B']);
    expect(stated('不选A')).to.equal(null);
  });

  it('brings text into one form, and leaves plain text as it is', () => {
    expect(plainText('−１２．５％')).to.equal('-12.5%');
    expect(plainText('x² + 10⁻³')).to.equal('x^{2} + 10^{-3}');
    expect(plainText('1\u2009234\u202f567')).to.equal('1234567');
    expect(plainText('1½')).to.equal('1\\frac{1}{2}');
    expect(plainText('1{,}000\\,')).to.equal('1,000');
    const plain = fc.string({ unit: fc.constantFrom(...'abc 123.+-()[]\n') });
    fc.assert(fc.property(plain, (one) => plainText(one) === one));
  });

  it('reads the end of a long response, and its beginning for what comes first', () => {
    const long = `\\boxed{1}${' '.repeat(1e5)}\\boxed{2}`;
    expect(stated(readable(long, 'boxed'), 'boxed')).to.deep.equal(['2']);
    expect(stated(readable(long, 'first-boxed'), 'first-boxed')).to.deep.equal(['1']);
  });

  it('never throws, and finds parts of the text', () => {
    const modes = fc.constantFrom('stated', 'boxed', 'hash', 'phrase', 'first-line', 'last-line', 'all');
    fc.assert(
      fc.property(anyText, modes, (one, extract) =>
        (statements(one, extract) ?? []).every((found) => one.includes(found)),
      ),
    );
  });
});
