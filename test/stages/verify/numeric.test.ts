import { expect } from 'chai';
import fc from 'fast-check';
import { batchOf } from '../../../src/core/batch.ts';
import { createStage, stageEvent } from '../../../src/stages/create-stage.ts';
import { numeric, verifyNumeric } from '../../../src/stages/verify/numeric.ts';
import { loadUnits, type Units } from '../../../src/stages/verify/units.ts';
import { errorOf } from '../../support/stage.ts';
import { anyText, survives } from './adversarial.ts';

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
  (n) => `${n}e0`,
  (n) => `The answer is ${n / 1000} \\times 10^{3}`,
  (n) => `**Answer:** ${n}`,
  (n) => `\\boxed{x = ${n}}`,
  (n) => `The answer is ${n} apples.`,
  (n) => `${n}`.replace(/(\d)(?=(\d{3})+$)/g, '$1\u202f'),
];

describe('verify/numeric', () => {
  let units: Units;
  before(async () => {
    units = await loadUnits();
  });

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
    expect(answer('#x = 12 or x = 13')).to.equal(null);
    expect(answer('\\boxed{x = 12, y = 13}')).to.equal(null);
  });

  it('takes no number of the reasons for one of the answer', () => {
    expect(answer('The answer is 12 because 3 times 4 is 12.')).to.equal('12');
    expect(answer('The answer is 12, since 3 times 4 is that')).to.equal('12');
    expect(answer('The answer is 12. We got it from 3 and 4.')).to.equal('12');
    expect(right('#x = 3, y = 4', '3', '4')).to.equal(1);
    expect(right('#1.5 and 2', '1.5', '2')).to.equal(1);
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

  const numbers: Readonly<Record<string, string>> = {
    '1.5e3': '1500',
    '1.5 \\times 10^{3}': '1500',
    '1.5×10³': '1500',
    '10^-2': '0.01',
    '−3': '-3',
    '＋７': '7',
    '\\frac{-1}{2}': '-0.5',
    '-\\frac34': '-0.75',
    '1\\frac{3}{4}': '1.75',
    '2½': '2.5',
    '1/2': '.5',
    '12.5\\%': '1/8',
    '1,234,567': '1234567',
    '$1{,}000$': '1000',
    '-$5': '-5',
  };
  it('reads every form of a number, and in a reference as well', () => {
    for (const [written, plain] of Object.entries(numbers)) {
      expect(right(`The answer is ${written}.`, plain), written).to.equal(1);
      expect(right(`#### ${plain}`, written), `as reference: ${written}`).to.equal(1);
      expect(right(`The answer is ${written}1`, plain), `another: ${written}`).to.equal(0);
    }
  });

  it('takes no exponent, index or uncertain sign for a number', () => {
    for (const text of ['#x^2', '#2^{10}', '#a_{12}', '#\\pm 5', '#±5', '#12^3']) {
      expect(answer(text), text).to.equal(null);
    }
    expect(right('The area is\n#### 5 cm^2', '5')).to.equal(1);
  });

  it('reads a percentage as its share, or as its number too where it is told to', () => {
    const either = (text: string, reference: string) =>
      verifyNumeric(text, [reference], { percent: 'either' }).correct;
    expect([right('50%', '0.5'), right('50%', '50'), right('50', '50%')]).to.deep.equal([1, 0, 0]);
    expect([either('50%', '0.5'), either('50%', '50'), either('50', '50%')]).to.deep.equal([1, 1, 1]);
    expect([either('50', '0.5'), either('50%', '5')]).to.deep.equal([0, 0]);
  });

  const measured = (text: string, reference: string, options = {}) =>
    verifyNumeric(text, [reference], options, units).correct;

  it('converts units, and takes a unit of something else for wrong', () => {
    const equal: readonly (readonly [string, string])[] = [
      ['5000 m', '5 km'],
      ['The speed is 36 km/h.', '10 m/s'],
      ['10 meters per second', '36 km/h'],
      ['#### 980 cm s^{-2}', '9.8 m/s^2'],
      ['9.8\\,\\mathrm{m/s^{2}}', '9.8 m/s2'],
      ['5 N·m in total', '5 J'],
      ['答案是5千米。', '5000 m'],
      ['68 °F', '20 °C'],
      ['2 kΩ', '2000 ohm'],
      ['\\boxed{50\\text{ cm}^2}', '0.005 m^2'],
      ['90^{\\circ}', '90 deg'],
      ['1.5 hours', '90 min'],
    ];
    for (const [text, reference] of equal)
      expect(measured(text, reference), `${text} | ${reference}`).to.equal(1);
    for (const [text, reference] of [
      ['5 m', '5 km'],
      ['5 kg', '5 km'],
      ['5001 m', '5 km'],
      ['10 km/h', '10 m/s'],
      ['5 N', '5 J'],
    ] as const) {
      expect(measured(text, reference), `${text} | ${reference}`).to.equal(0);
    }
  });

  it('converts between units and back to the same', () => {
    const lengths = fc.constantFrom(['m', 1], ['km', 1000], ['cm', 0.01], ['inch', 0.0254], [
      'mi',
      1609.344,
    ] as const);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        lengths,
        lengths,
        (n, [unit, size], [other, otherSize]) => {
          fc.pre(unit !== other);
          const same = `${(n * (size as number)) / (otherSize as number)} ${other}`;
          const off = `${(1.001 * n * (size as number)) / (otherSize as number)} ${other}`;
          return measured(same, `${n} ${unit}`) === 1 && measured(off, `${n} ${unit}`) === 0;
        },
      ),
      { numRuns: 50 },
    );
  });

  it('takes a missing unit for that of the reference, or for wrong where it is told to', () => {
    expect(measured('5', '5 km')).to.equal(1);
    expect(measured('5 of them', '5 km')).to.equal(1);
    expect(measured('5', '5 km', { missingUnit: 'wrong' })).to.equal(0);
    expect(measured('5 km', '5 km', { missingUnit: 'wrong' })).to.equal(1);
    expect(measured('36 km/h', '10', { unit: 'm/s' })).to.equal(1);
    expect(measured('36 km/h', '36', { unit: 'm/s' })).to.equal(0);
    expect(right('5 km', '5'), 'no unit is asked for').to.equal(1);
  });

  it('takes any of several answers, and all parts or nothing, where it is told to', () => {
    const any = { references: 'any' } as const;
    expect(verifyNumeric('#4', ['3', '4'], any).correct).to.equal(1);
    expect(verifyNumeric('#5', ['3', '4'], any).correct).to.equal(0);
    expect(verifyNumeric('#4', ['3 or 4'], { alternatives: [' or '] }).correct).to.equal(1);
    expect(verifyNumeric('#3, 5', ['3', '4'], { partial: false }).correct).to.equal(0);
    expect(verifyNumeric('#3, 4', ['3', '4'], { partial: false }).correct).to.equal(1);
  });

  it('looks for the answer where it is told to, and nowhere else', () => {
    const boxed = (text: string) => verifyNumeric(text, ['7'], { extract: 'boxed' }).correct;
    expect([boxed('\\boxed{7}'), boxed('#### 7'), boxed('7')]).to.deep.equal([1, 0, 0]);
  });

  it('divides by no zero', () => {
    expect(answer('#1/0')).to.equal(null);
  });

  it('survives any response, bounded by its size', function () {
    this.timeout(60_000);
    survives((response) => {
      const { correct, answer } = verifyNumeric(response, ['42']);
      expect(correct).to.equal(0);
      expect(answer?.length ?? 0).to.be.lessThan(500);
      expect(verifyNumeric(response, ['42 m/s'], {}, units).correct).to.equal(0);
    });
    fc.assert(fc.property(anyText, (text) => right(text, '424242424242') === 0));
  });

  it('adds answer and correct to responses', async () => {
    const stage = await createStage(numeric, { abs: 0.5 });
    const made = await stage.run({ response: ['#7', 'dunno'], reference: [['7.5'], ['1']] }, stageEvent());
    expect(made).to.deep.equal({ answer: ['7', null], correct: Float32Array.of(1, 0) });
  });

  it('reads the units of references before a run, and refuses a unit that there is not', async () => {
    const stage = await createStage(numeric);
    const reference = [['9.8 m/s^2'], ['5']];
    await stage.prepare!({ batch: batchOf({ reference }), hash: '', place: () => ({ file: 'x' }) });
    const made = await stage.run({ response: ['980 cm/s^2', '5 m'], reference }, stageEvent());
    expect(made).to.deep.equal({ answer: ['980 cm/s^2', '5 m'], correct: Float32Array.of(1, 1) });
    await errorOf(() => createStage(numeric, { unit: 'parrots' }), 'config/type');
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
