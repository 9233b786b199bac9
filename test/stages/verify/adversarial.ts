import { expect } from 'chai';
import fc from 'fast-check';

/** Responses that cost a careless verifier its time: a megabyte each. */
const million = 1_000_000;

export const adversarial: readonly string[] = [
  '',
  ' '.repeat(million),
  '\n'.repeat(million),
  '9'.repeat(million),
  `0.${'9'.repeat(million)}`,
  `\\boxed{${'7'.repeat(million)}}`,
  '1,'.repeat(million / 2),
  '111,'.repeat(million / 4),
  '1/'.repeat(million / 2),
  '1.'.repeat(million / 2),
  '- '.repeat(million / 2),
  '('.repeat(million),
  '{'.repeat(million),
  `\\boxed{${'{'.repeat(million)}`,
  '\\boxed{'.repeat(million / 8),
  '\\boxed{1}'.repeat(million / 10),
  '\\frac{'.repeat(million / 6),
  '#'.repeat(million),
  'answer is '.repeat(million / 10),
  `answer${' '.repeat(million)}`,
  '选'.repeat(million),
  'A'.repeat(million),
  'A '.repeat(million / 2),
  'B or '.repeat(million / 5),
  `A${' '.repeat(million)}B`,
  '$'.repeat(million),
  '\ud800#\udfff\u0000',
  '1e999999999',
  `a${'\u0301\u0316'.repeat(million / 2)}`,
  '\ufdfa'.repeat(million),
  '1½'.repeat(million / 2),
  '1 '.repeat(million / 2),
  '9e999'.repeat(million / 5),
  `${'9'.repeat(390)}e999 `.repeat(2500),
  `5 ${'m '.repeat(million / 2)}`,
  'answer: 9^9^9^9',
  '\\boxed{9^{9^{9^{9^{9}}}}}',
  '\\boxed{99999999999999999999!}',
  '\\boxed{((((((((9!)!)!)!)!)!)!)!)!}',
  `\\boxed{9${'!'.repeat(250)}}`,
  `\\boxed{\\binom{10^{9}}{10^{8}}}`,
  `\\boxed{${'\\frac{1}{'.repeat(1000)}1${'}'.repeat(1000)}}`,
  `\\boxed{${'\\sqrt{'.repeat(40)}2${'}'.repeat(40)}}`,
  `\\boxed{${'['.repeat(40)}1${']'.repeat(40)}}`,
  `\\boxed{${'|'.repeat(60)}1${'|'.repeat(60)}}`,
  `\\boxed{${'\\left|'.repeat(20)}1${'\\right|'.repeat(20)}}`,
  `\\boxed{${'\\pm'.repeat(60)}1}`,
  `\\boxed{${'(\\lg'.repeat(9)}1${']'.repeat(9)}}`,
  `\\boxed{${'i\\text{or}e:'.repeat(20)}1}`,
  `\\boxed{${'\\ln('.repeat(9)}x${')'.repeat(9)}}`,
  `\\boxed{${'\\log_2x_1;'.repeat(30)}}`,
  '\\boxed{\\sum_{k=1}^{10^{10}} k}',
  '\\boxed{\\int_0^{10^{10}} x dx}',
  '\\boxed{e^{e^{e^{e^{e}}}}}',
  '\\boxed{\\sin(10^{1000})}',
  `\\boxed{${'\\sqrt{('.repeat(4)}1\\pm x${')}'.repeat(4)}}`,
  `\\boxed{${'e^{'.repeat(7)}\\sin{\\frac{1}{2}\\pm\\infty^2}${'}'.repeat(7)}}`,
  '\\boxed{-\\binom a\\vec{\\pm\\ge:=\\le}}',
  '```'.repeat(million / 3),
  `\`\`\`${'a'.repeat(million)}`,
  '{"a":'.repeat(million / 5),
  '[1,'.repeat(million / 3),
  `${'['.repeat(million / 2)}${']'.repeat(million / 2)}`,
  `"${'\\'.repeat(million)}"`,
  '#1e-999999999',
];

/** Texts of whatever characters, with those that verifiers look for among them. */
export const anyText = fc.string({
  unit: fc.oneof(
    fc.constantFrom(...'\\{}[]()$#^_|,.:;=<>/%+-0123456789AbcxÀé½²中文答案是选\u0301\ud800\n '),
    fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
  ),
});

/** Formulas, or nearly, of all that the parser of LaTeX is given. */
const atom = fc.constantFrom(
  ...[
    '1',
    '9',
    'x',
    'n',
    '\\pi',
    '\\infty',
    'abc',
    '+',
    '-',
    '=',
    '<',
    '\\le',
    '\\pm',
    '\\cdot',
    '/',
    '^',
    '_',
  ],
  ...[
    '!',
    ',',
    ';',
    ':',
    '\\in',
    '\\cup',
    '\\sin',
    '\\ln',
    '\\log_2',
    '\\frac',
    '\\sqrt',
    '\\binom',
    '%',
    '.',
    '&',
  ],
);
const brackets = fc.constantFrom(
  ['(', ')'],
  ['{', '}'],
  ['[', ')'],
  ['\\{', '\\}'],
  ['|', '|'],
  ['\\left|', '\\right|'],
  ['\\sqrt{', '}'],
  ['^{', '}'],
  ['9^{', '}'],
  ['(', ')!'],
  ['\\begin{pmatrix}', '\\end{pmatrix}'],
);
export const { formula: formulas } = fc.letrec<{ formula: string }>((tie) => ({
  formula: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    fc.array(atom, { maxLength: 6 }).map((atoms) => atoms.join(' ')),
    fc
      .tuple(brackets, tie('formula'), tie('formula'))
      .map(([[open, close], inner, next]) => `${open}${inner}${close}${next}`),
  ),
}));

/** Calls a verifier on each and fails where one throws, or takes ten times as long as any may, in processor time. */
export function survives(verify: (response: string) => unknown): void {
  for (const response of adversarial) {
    const before = process.cpuUsage();
    verify(response);
    const { user, system } = process.cpuUsage(before);
    if (user + system > 1_000_000) {
      expect.fail(`${(user + system) / 1000} ms on ${JSON.stringify(response.slice(0, 40))}`);
    }
  }
}
