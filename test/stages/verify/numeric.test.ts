import { expect } from 'chai';
import fc from 'fast-check';
import { batchOf } from '../../../src/core/batch.ts';
import { createStage, stageEvent } from '../../../src/stages/create-stage.ts';
import { numeric, verifyNumeric } from '../../../src/stages/verify/numeric.ts';
import { errorOf } from '../../support/stage.ts';
import { adversarial } from './adversarial.ts';

const right = (response: string, ...reference: string[]) => verifyNumeric(response, reference).correct;
const answer = (response: string) => verifyNumeric(response, ['0']).answer;

/** An integer as people and models write it. */
const formats: readonly ((n: number) => string)[] = [
  (n) => `${n}`,
  (n) => ` ${n}.`,
  (n) => `#${n}`,
  (n) => `12 + 5 = 17\n#### ${n}`,
  (n) => `${n}.00`,
  (n) => n.toLocaleString('en-US'),
  (n) => `The answer is ${n}.`,
  (n) => `So the final answer: $${n}$`,
  (n) => `\\boxed{${n}}`,
  (n) => `First \\boxed{1.5}, no, \\boxed{${n}}.`,
  (n) => `We get \\( x = \\frac{${2 * n}}{2} \\)`,
  (n) => `${3 * n}/3`,
  (n) => `${100 * n}%`,
  (n) => `${n}`.replace('-', '−'),
  (n) => `${n}`.replace(/\d/g, (d) => String.fromCodePoint(0xff10 + Number(d))),
  (n) => `所以答案是${n}。`,
];

describe('verify/numeric', () => {
  it('knows a number however it is written, and never takes it for another', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -1_000_000, max: 1_000_000 }),
        fc.integer({ min: 1, max: 1000 }),
        fc.constantFrom(...formats),
        (n, off, format) => right(format(n), String(n)) === 1 && right(format(n + off), String(n)) === 0,
      ),
    );
  });

  it('tells numbers apart that are one in double precision', () => {
    expect(right('9007199254740993', '9007199254740992')).to.equal(0);
    expect(right('0.1000000000000000000001', '0.1')).to.equal(0);
    expect(right('0.333333333333', '1/3')).to.equal(0);
    expect(right('2/6', '1/3')).to.equal(1);
  });

  it('takes what the response states last', () => {
    expect(answer('## Step 1\nwe see 3\n\\boxed{5} of 7')).to.equal('5');
    expect(answer('\\boxed{5}\n#### 6')).to.equal('6');
    expect(answer('The answer is 4. I am sure that it is 4, since 2+2 = 4')).to.equal('4');
    expect(answer('#### x = 7 + 1 = 8')).to.equal('8');
  });

  it('takes the last number where nothing is stated', () => {
    expect(answer('3 apples and 4 pears are 7')).to.equal('7');
    expect(answer('10-3')).to.equal('3');
    expect(answer('nothing at all')).to.equal(null);
  });

  it('takes no answer from a statement of two numbers', () => {
    expect(answer('#12 or 13')).to.equal(null);
    expect(answer('The answer is 12, or 13')).to.equal(null);
    expect(answer('#12, that is 12.0')).to.equal('12');
  });

  it('allows the tolerance that it is given, and none by default', () => {
    expect(verifyNumeric('3.14', ['3.14159']).correct).to.equal(0);
    expect(verifyNumeric('3.14', ['3.14159'], { abs: 0.002, rel: 0 }).correct).to.equal(1);
    expect(verifyNumeric('102', ['100'], { abs: 0, rel: 0.02 }).correct).to.equal(1);
    expect(verifyNumeric('103', ['100'], { abs: 0, rel: 0.02 }).correct).to.equal(0);
  });

  it('scores the share of the parts that is right, in order', () => {
    expect(right('#3, 4', '3', '4')).to.equal(1);
    expect(right('#4, 3', '3', '4')).to.equal(0);
    expect(right('\\boxed{3} and \\boxed{5}', '3', '4')).to.equal(0.5);
    expect(right('#3', '3', '4')).to.equal(0.5);
  });

  it('divides by no zero', () => {
    expect(answer('#1/0')).to.equal(null);
  });

  it('survives any response, in time that its length allows', function () {
    this.timeout(60_000);
    for (const response of adversarial) {
      const { correct, answer } = verifyNumeric(response, ['42']);
      expect(correct).to.equal(0);
      expect(answer?.length ?? 0).to.be.lessThan(500);
    }
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => right(text, '424242424242') === 0));
  });

  it('adds answer and correct to responses', async () => {
    const stage = await createStage(numeric, { abs: 0.5 });
    const made = await stage.run({ response: ['#7', 'dunno'], reference: [['7.5'], ['1']] }, stageEvent());
    expect(made).to.deep.equal({ answer: ['7', null], correct: Float32Array.of(1, 0) });
  });

  it('refuses references that are no numbers before a run, with their places', async () => {
    const stage = await createStage(numeric);
    const batch = batchOf({ reference: [['1,234'], ['$\\frac{1}{2}$'], ['2x'], ['3', 'B']] });
    const place = (row: number) => ({ file: 'exam.jsonl', line: row + 1 });
    const error = await errorOf(() => stage.prepare!({ batch, hash: '', place }), 'data/value');
    expect(error.message).to.match(/exam\.jsonl:3: .*"2x"/);
    expect(error.message).to.match(/exam\.jsonl:4: .*"B"/);
    expect(error.message).to.not.contain('exam.jsonl:1:');
  });
});
