import { expect } from 'chai';
import { batchOf } from '../../../src/core/batch.ts';
import { createStage, stageEvent } from '../../../src/stages/create-stage.ts';
import { patternOf } from '../../../src/stages/verify/pattern.ts';
import { regex, verifyRegex } from '../../../src/stages/verify/regex.ts';
import { errorOf } from '../../support/stage.ts';
import { survives } from './adversarial.ts';

const find = (pattern: string, text: string, flags = '', whole = false) =>
  patternOf(pattern, flags, whole).find(text);

describe('verify/regex', () => {
  it('finds a pattern in a text, its first group where it has one', () => {
    expect(find('[0-9]+', 'a 12 b 34')).to.equal('12');
    expect(find('answer: ([0-9]+)', 'the answer: 42.')).to.equal('42');
    expect(find('x', 'abc')).to.equal(null);
  });

  it('takes flags and whole matches', () => {
    expect(find('ABC', 'abc', 'i')).to.equal('abc');
    expect(find('^b$', 'a\nb', 'm')).to.equal('b');
    expect(find('a.b', 'a\nb', 's')).to.equal('a\nb');
    expect(find('[a-z]+', 'abc1', '', true)).to.equal(null);
    expect(find('[a-z]+', 'abc', '', true)).to.equal('abc');
  });

  it('agrees with JavaScript on patterns that both take', () => {
    const texts = ['', 'aab', 'ab ab', 'A1b2', 'é漢', 'a\nb', '3.14', '{"a":1}'];
    for (const source of [
      'a+b',
      '^a',
      'b$',
      '\\d+',
      '[^a-z]',
      '(a|b)*',
      'a?b?',
      '\\bab\\b',
      '.',
      '漢',
      '[0-9.]{2,}',
    ]) {
      for (const text of texts) {
        expect(find(source, text) !== null, `${source} on ${text}`).to.equal(
          new RegExp(source, 'u').test(text),
        );
      }
    }
  });

  it('survives any response, whatever the pattern', function () {
    this.timeout(60_000);
    const patterns = ['(a+)+$', '(9|9)*$', '(.*a){20}x', '(?:a?){100}a{100}x', '([A-Za-z]+)*=', '(x+x+)+y'];
    for (const source of patterns) {
      const pattern = patternOf(source, '', false);
      survives((response) => verifyRegex(response, [[pattern]]));
    }
    expect(find('^(a+)+$', `${'a'.repeat(10_000)}b`)).to.equal(null);
  });

  it('holds every response to one pattern, and needs no reference', async () => {
    expect(regex.needs({ pattern: 'x' } as never)).to.deep.equal(['response']);
    const stage = await createStage(regex, { pattern: '^ANSWER: (\\d+)$', flags: 'm' });
    const made = await stage.run({ response: ['so\nANSWER: 5', '5', ''], reference: [] }, stageEvent());
    expect(made).to.deep.equal({ answer: ['5', null, null], correct: Float32Array.of(1, 0, 0) });
  });

  it('takes the references for patterns where it has none: one a part, alternatives of each', async () => {
    const stage = await createStage(regex, { alternatives: [' || '], extract: 'boxed' });
    const reference = [['colou?r', 'gr[ae]y || blue'], ['a'], ['a']];
    const response = ['\\boxed{color grey}', '\\boxed{b}', 'a'];
    const made = await stage.run({ response, reference }, stageEvent());
    expect(made).to.deep.equal({ answer: ['color; grey', null, null], correct: Float32Array.of(1, 0, 0) });
  });

  it('refuses what cannot be matched in bounded time, before a run', async () => {
    const placeOf = () => ({ file: 'p.yaml', line: 5, column: 14 });
    const error = await errorOf(() => createStage(regex, { pattern: '(?=a)b' }, { placeOf }), 'config/type');
    expect(error.message).to.match(/^p\.yaml:5:14: /);
    expect(error.help).to.contain('Look-around');
    const stage = await createStage(regex);
    const place = (row: number) => ({ file: 'exam.jsonl', line: row + 1 });
    const batch = batchOf({ reference: [['a'], ['(a)\\1']] });
    const refused = await errorOf(() => stage.prepare!({ batch, hash: '', place }), 'data/value');
    expect(refused.message).to.match(/^exam\.jsonl:2: /);
  });
});
