import { expect } from 'chai';
import fc from 'fast-check';
import { batchOf } from '../../../src/core/batch.ts';
import { createStage } from '../../../src/stages/create-stage.ts';
import { choice, verifyChoice } from '../../../src/stages/verify/choice.ts';
import { errorOf } from '../../support/stage.ts';
import { survives } from './adversarial.ts';

const right = (response: string, ...reference: string[]) => verifyChoice(response, reference).correct;
const answer = (response: string) => verifyChoice(response, ['B']).answer;

const ways: readonly ((letter: string) => string)[] = [
  (x) => x,
  (x) => `(${x})`,
  (x) => `${x}.`,
  (x) => `${x}. was doing`,
  (x) => `**${x}**`,
  (x) => `The answer is (${x}).`,
  (x) => `The answer is ${x} because A is wrong.`,
  (x) => `\\boxed{${x}}`,
  (x) => `\\boxed{\\text{${x}}}`,
  (x) => `#${x}`,
  (x) => `选${x}`,
  (x) => `故选：${x}。`,
  (x) => `【答案】${x}`,
  (x) => `答案是 ${x}`,
  (x) => `A dog barks, so it must be ${x}`,
  (x) => `${x})`,
  (x) => `${x}) Paris`,
  (x) => `${x}: because of this`,
  (x) => `**Answer**: ${x}`,
  (x) => `**Answer: ${x}**`,
  (x) => `Answer: **(${x})**\n\nB and C would be wrong.`,
  (x) => `The correct answer is **${x}**. A is wrong.`,
  (x) => `the answer is ${x}, since A or H are not.`,
  (x) => `$\\boxed{\\mathrm{${x}}}$`,
  (x) => `\\boxed{(${x})}`,
  (x) => `Not A. I choose ${x}`,
  (x) => `The answer is not H, it is ${x}`,
  (x) => `应选${x}项`,
  (x) => `正确答案：${x}`,
  (x) => `Option ${x}`,
  (x) => x.replace(/[A-H]/, (letter) => String.fromCodePoint(letter.codePointAt(0)! + 0xfee0)),
];

describe('verify/choice', () => {
  it('knows a letter in every way of choosing it, and takes no other for it', () => {
    const letter = fc.constantFrom('B', 'C', 'D');
    fc.assert(
      fc.property(letter, letter, fc.constantFrom(...ways), (chosen, reference, choose) => {
        return right(choose(chosen), reference) === (chosen === reference ? 1 : 0);
      }),
    );
  });

  it('takes "B or C" for no choice', () => {
    for (const text of [
      'B or C',
      'The answer is B or C.',
      '\\boxed{B or C}',
      '选B或C',
      'B/C',
      '(B) or (C)',
      'B, maybe C',
      'The answer is B (or C).',
      'either B or C',
      'It could be B, possibly C',
      '答案是B，也可能是C',
      '选B或者C',
    ]) {
      expect(answer(text), text).to.equal(null);
    }
  });

  it('takes several letters together, in any order', () => {
    for (const text of ['AC', 'A, C', '答案是A和C', 'The answer is (A) and (C).', '#CA', '选A、C']) {
      expect(right(text, 'AC'), text).to.equal(1);
      expect(right(text, 'A'), text).to.equal(0);
      expect(right(text, 'ABC'), text).to.equal(0);
    }
  });

  it('takes the last of several boxes', () => {
    expect(answer('\\boxed{A}, no: \\boxed{B}')).to.equal('B');
  });

  it('takes a small letter where it stands alone', () => {
    expect(right('b', 'B')).to.equal(1);
    expect(right('#(b)', 'B')).to.equal(1);
    expect(right('Answer: b) Paris', 'B')).to.equal(1);
    expect(right('be', 'B')).to.equal(0);
  });

  it('takes no letter that is said to be wrong', () => {
    expect(answer('A is wrong, so B')).to.equal('B');
    expect(answer('A and C are wrong, so B')).to.equal('B');
    expect(answer('A项错误，故选B')).to.equal('B');
    expect(answer('A 错误，B 正确')).to.equal('B');
    expect(answer('The answer is not C but B')).to.equal('B');
    expect(answer('It is not B')).to.equal(null);
    expect(answer("It isn't B")).to.equal(null);
    expect(right('I cannot decide between A and B', 'AB')).to.equal(0);
  });

  it('scores the share of the parts that is right, in order', () => {
    expect(right('B C B', 'B', 'C', 'B')).to.equal(1);
    expect(right('BCB', 'B', 'C', 'B')).to.equal(1);
    expect(right('1. B 2. A 3. B', 'B', 'C', 'B')).to.be.closeTo(2 / 3, 1e-12);
    expect(right('36.G 37.B 38.A 39.E 40.C', 'G', 'B', 'A', 'E', 'C')).to.equal(1);
    expect(right('\\boxed{B} \\boxed{C}', 'B', 'C')).to.equal(1);
    expect(right('', 'B', 'C')).to.equal(0);
  });

  it('survives any response, bounded by its size', function () {
    this.timeout(60_000);
    survives((response) => {
      expect(right(response, 'CD')).to.equal(0);
      expect(right(response, 'H', 'H', 'H')).to.equal(0);
    });
  });

  it('refuses references that are no letters before a run, with their places', async () => {
    const stage = await createStage(choice);
    const batch = batchOf({ reference: [['B'], ['AC', 'G'], ['42']] });
    const place = (row: number) => ({ file: 'exam.jsonl', line: row + 1 });
    const error = await errorOf(() => stage.prepare!({ batch, hash: '', place }), 'data/value');
    expect(error.message).to.match(/^exam\.jsonl:3: .*"42"/);
  });
});
