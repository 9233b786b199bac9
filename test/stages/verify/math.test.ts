import { expect } from 'chai';
import fc from 'fast-check';
import { batchOf } from '../../../src/core/batch.ts';
import { createStage, stageEvent } from '../../../src/stages/create-stage.ts';
import { latexOf } from '../../../src/stages/verify/math/latex.ts';
import type { MathReader } from '../../../src/stages/verify/math/reader.ts';
import { loadReader, math, verifyMath } from '../../../src/stages/verify/math.ts';
import { anyText, formulas, survives } from './adversarial.ts';

/** What is one answer, and what is not, by a mathematician's judgement. */
const same: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  numbers: [
    ['\\frac{1}{2}', '0.5'],
    ['\\frac12', '\\dfrac{2}{4}'],
    ['1\\frac{1}{2}', '\\frac{3}{2}'],
    ['2\\sqrt{3}', '\\sqrt{12}'],
    ['sqrt(12)', '2√3'],
    ['\\frac{\\sqrt{3}}{3}', '1/\\sqrt{3}'],
    ['4.5\\pi', '\\frac{9\\pi}{2}'],
    ['3*pi/4', '\\frac{3\\pi}{4}'],
    ['\\ln 2', '-\\ln\\frac12'],
    ['\\log_2 8', '3'],
    ['\\sqrt[3]{-8}', '-2'],
    ['5!', '120'],
    ['\\binom{5}{2}', '10'],
    ['\\left|-3\\right|', '3'],
    ['10^{20}+1', '100000000000000000001'],
    ['1{,}000', '1 \\times 10^{3}'],
    ['0.\\overline{36}', '\\frac{4}{11}'],
    ['60^{\\circ}', '\\frac{\\pi}{3}'],
    ['75°', '75^{\\circ}'],
    ['75度', '75^{\\circ}'],
    ['75 degrees', '75^{\\circ}'],
    ['2\\sqrt{3}\\text{ cm}', '\\sqrt{12}'],
    ['5\\,\\mathrm{cm}^{2}', '5'],
    ['5\\text{ cm}', '5\\mathrm{cm}'],
    ['864', '864 \\mbox{ inches}^2'],
    ['\\$32{,}348', '32348'],
    ['e^{i\\pi}', '-1'],
    ['3+4i', '4i + 3'],
    ['5\\%', '0.05'],
  ],
  expressions: [
    ['x^2+2x+1', '(x+1)^2'],
    ['\\sin^2 x+\\cos^2 x', '1'],
    ['(-2)^{n-1}', '\\frac{(-2)^n}{-2}'],
    ['\\dfrac{2n}{n+1}', '\\frac{2 \\mathrm{n}}{\\mathrm{n}+1}'],
    ['x^(n-1)', '\\frac{x^n}{x}'],
    ['n!', 'n\\cdot(n-1)!'],
    ['2\\ln x', '\\ln x^2'],
    ['f(x)=x^2+1', 'f(x)=1+x^2'],
    ['2k\\pi+\\frac{\\pi}{3},k\\in\\mathbb{Z}', '\\frac{\\pi}{3}+2k\\pi,k\\in\\mathbb{Z}'],
  ],
  relations: [
    ['y=2x-2', '2x-y-2=0'],
    ['x^2+2y^2=16', '\\frac{x^{2}}{16}+\\frac{y^{2}}{8}=1'],
    ['3=x', 'x=3'],
    ['x=3', '3'],
    ['3', 'x=3'],
    ['8 \\ge x', 'x \\leqslant 8'],
    ['x > y', 'y - x < 0'],
  ],
  'sets and intervals': [
    ['\\{3,2,1\\}', '\\{1,2,3\\}'],
    ['1, 3', '3, 1'],
    ['1 和 3', '3, 1'],
    ['\\pm 2', '2, -2'],
    ['\\frac{-1\\pm\\sqrt{5}}{2}', '\\frac{-1+\\sqrt5}{2},\\frac{-1-\\sqrt5}{2}'],
    ['x=1 \\text{ or } x=2', 'x=2, x=1'],
    ['(-0.25,\\infty)', '\\left(-\\frac{1}{4},+\\infty\\right)'],
    ['(2,3]\\cup[0,1)', '[0,1)∪(2,3]'],
    ['x \\ge 1', '[1,+\\infty)'],
    ['\\{x|x>1\\}', '(1,\\infty)'],
    ['x<2\\text{ or }x>3', '(-\\infty,2)\\cup(3,\\infty)'],
    ['1<x\\le 2', '(1,2]'],
    ['x\\in(0,1)', '(0,1)'],
    ['\\varnothing', '\\emptyset'],
  ],
  matrices: [
    ['\\begin{bmatrix}1&2\\\\3&4\\end{bmatrix}', '\\begin{pmatrix}1&2\\\\3&\\frac{8}{2}\\end{pmatrix}'],
    ['(3, \\sqrt{15})', '(3,\\sqrt{5}\\sqrt{3})'],
  ],
};

const different: readonly (readonly [string, string])[] = [
  ['\\frac13', '\\frac12'],
  ['0.333', '\\frac13'],
  ['1.414', '\\sqrt2'],
  ['1.41421356237309505', '\\sqrt2'],
  ['10^{20}', '10^{20}+1'],
  ['2^{100}+1', '2^{100}'],
  ['e^{\\pi}', '\\pi^e'],
  ['60', '60^{\\circ}'],
  ['5\\text{ m}', '5\\text{ cm}'],
  ['\\boxed{3} or \\boxed{4}', '4'],
  ['x+1', 'x+2'],
  ['x', '\\sqrt{x^2}'],
  ['y', 'x'],
  ['2x', 'y=2x'],
  ['y=2x+2', 'y=2x-2'],
  ['x=4', '3'],
  ['x<8', 'x\\le 8'],
  ['x>8', 'x<8'],
  ['[0,1]', '(0,1)'],
  ['(1,0)', '(0,1)'],
  ['\\{1,2,3\\}', '\\{1,2\\}'],
  ['1, 2', '1, 2, 3'],
  ['3 or 4', '3'],
  ['$3$ or $4$', '3'],
  ['\\{1\\}', '1'],
  ['(2)(3)', '6'],
  ['\\begin{pmatrix}1&2\\\\4&3\\end{pmatrix}', '\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}'],
  ['god', 'dog'],
];

/** Ways in which a model states an answer of mathematics. */
const ways: readonly ((x: string) => string)[] = [
  (x) => x,
  (x) => `$${x}$`,
  (x) => `\\(${x}\\)`,
  (x) => `We begin with 7.\n\n\\[ ${x} \\]`,
  (x) => `\\boxed{${x}}`,
  (x) => `First \\boxed{17}, no: $\\boxed{${x}}$.`,
  (x) => `#### $${x}$`,
  (x) => `The answer is $${x}$, because $x = 1$.`,
  (x) => `**Final Answer:** $${x}$`,
  (x) => `所以答案是 $${x}$。`,
  (x) => `\\boxed{\\displaystyle ${x}}`,
  (x) => `The answer is\n$$${x}.$$`,
];

describe('verify/math', () => {
  let reader: MathReader;
  before(async () => {
    reader = await loadReader();
  });
  const right = (response: string, ...reference: string[]) => verifyMath(response, reference, reader).correct;

  for (const [what, pairs] of Object.entries(same)) {
    it(`knows ${what} however they are written`, () => {
      for (const [answer, reference] of pairs)
        expect(right(answer, reference), `${answer} | ${reference}`).to.equal(1);
    });
  }

  it('takes no answer for another', () => {
    for (const [answer, reference] of different) {
      expect(right(answer, reference), `${answer} | ${reference}`).to.equal(0);
    }
  });

  it('knows an answer in every way of stating it', () => {
    for (const [, reference] of [...Object.values(same).flat(), ...different.slice(0, -2)]) {
      for (const state of ways) {
        expect(right(state(reference), reference), state(reference)).to.equal(1);
      }
    }
  });

  it('knows a number however it is written, and never takes it for another', () => {
    const forms: readonly ((n: number, d: number) => string)[] = [
      (n, d) => `\\frac{${n}}{${d}}`,
      (n, d) => `${n}/${d}`,
      (n, d) => `\\frac{${3 * n}}{${3 * d}}`,
      (n, d) => `\\frac{\\sqrt{${2 * n * n}}}{${d}\\sqrt{2}}`,
      (n, d) => `${n} \\cdot ${d}^{-1}`,
      (n, d) => `x = \\dfrac{${n}}{${d}}`,
      (n, d) => `\\frac{${n - d}}{${d}}+1`,
    ];
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 50 }),
        fc.constantFrom(...forms),
        fc.constantFrom(...ways),
        (n, d, off, form, state) =>
          right(state(form(n, d)), `\\frac{${n}}{${d}}`) === 1 &&
          right(state(form(n + off, d)), `\\frac{${n}}{${d}}`) === 0,
      ),
      { numRuns: 60 },
    );
  });

  it('allows the tolerance that it is given to numbers, and to nothing else', () => {
    const near = (answer: string, reference: string) =>
      verifyMath(answer, [reference], reader, { rel: 0.001 }).correct;
    expect(near('1.414', '\\sqrt2')).to.equal(1);
    expect(near('1.40', '\\sqrt2')).to.equal(0);
    expect(near('1.0001x', 'x')).to.equal(0);
  });

  it('scores the share of the parts that is right, in order', () => {
    expect(right('\\boxed{\\frac12} and \\boxed{x^2}', '0.5', 'x\\cdot x')).to.equal(1);
    expect(right('#### (1,2); 3', '(1,2)', '4')).to.equal(0.5);
    expect(right('The answer is 3', '3', '4')).to.equal(0.5);
    expect(verifyMath('#### 3; 5', ['3', '4'], reader, { partial: false }).correct).to.equal(0);
  });

  it('takes any of several answers where the reference gives them', () => {
    const any = (answer: string) =>
      verifyMath(answer, ['\\frac{3}{10} || y = 1'], reader, { alternatives: ['||'] }).correct;
    expect([any('0.3'), any('1 = y'), any('0.4')]).to.deep.equal([1, 1, 0]);
  });

  it('compares as text what is no mathematics', () => {
    expect(right('答案是分层抽样。', '分层抽样')).to.equal(1);
    expect(right('The answer is Paris.', 'paris')).to.equal(1);
    expect(right('The answer is London.', 'paris')).to.equal(0);
    expect(right('\\boxed{Evelyn}', '\\text{Evelyn}')).to.equal(1);
    expect(right('\\boxed{C}', '\\text{(C)}')).to.equal(1);
    expect(right('x axis', 'x')).to.equal(1);
    expect(right('x', 'x axis')).to.equal(0);
  });

  it('survives any response, bounded by its size', function () {
    this.timeout(60_000);
    survives((response) => {
      expect(right(response, '\\frac{\\sqrt{3}}{7}')).to.equal(0);
    });
    fc.assert(fc.property(anyText, (text) => right(`\\boxed{${text}}`, '\\frac{\\sqrt{3}}{7}') === 0));
  });

  it('takes time in proportion to what stands around a plus-minus, and not to the power of it', () => {
    // 2^40 steps, where each level were gone through twice.
    const deep = (inner: string) => `${'-'.repeat(40)}(${inner})`;
    expect(right(`\\boxed{${deep('1 \\pm x')}}`, deep('1+x, 1-x'))).to.equal(0);
    expect(right(`\\boxed{${deep('1 \\pm x')}}`, '1+x, 1-x')).to.equal(1);
  });

  it('survives any formula, bounded by its size', function () {
    this.timeout(60_000);
    fc.assert(
      fc.property(formulas, (text) => right(`\\boxed{${text}}`, '\\frac{\\sqrt{3}}{7}') === 0),
      { numRuns: 200 },
    );
  });

  it('reads nothing that takes the parser more steps than answers do, however small it is', () => {
    // Found by climbing: half a second of processor time, where it is read to its end.
    const slow =
      '\\begin{pmatrix}\\sin()!\\sqrt\\sin()\\sqrt\\ln\\overline\\{\\exp\\circ\\lg\\exp\\circ\\lg\\lvert \\rvert ' +
      '[(\\lg9+)){}(\\bar\\prime\\exp]\\}:\\sqrt[1]{2}[\\pi)\\sqrt[1]{2}';
    expect(latexOf(slow)).to.equal(slow);
    expect(reader.read(slow)).to.equal(null);
    expect(reader.read('\\{x \\mid x \\ge 1\\}'), 'what is read after it').not.to.equal(null);
  });

  it('adds answer and correct, and says which references it does not read', async () => {
    const notices: string[] = [];
    const stage = await createStage(math, {}, { notice: (text) => notices.push(text) });
    const reference = [['\\frac12'], ['分层抽样.'], ['36}']];
    const place = (row: number) => ({ file: 'exam.jsonl', line: row + 1 });
    await stage.prepare!({ batch: batchOf({ reference }), hash: '', place });
    expect(notices).to.deep.equal([
      'verify/math: 2 references are not read as mathematics and compared as text, the first "分层抽样." at exam.jsonl:2.',
    ]);
    const made = await stage.run({ response: ['#### 0.5', 'dunno', ''], reference }, stageEvent());
    expect(made).to.deep.equal({ answer: ['0.5', 'dunno', null], correct: Float32Array.of(1, 0, 0) });
  });
});
