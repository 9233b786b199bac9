import { z } from 'zod';
import { columnOf } from '../../core/batch.ts';
import { formatPlace, show } from '../../core/errors.ts';
import { type Dataset, defineMap } from '../../core/stage.ts';
import { canonical } from './exact.ts';
import { plainText } from './extract.ts';
import { type Answer, answersOf, joined } from './math/answers.ts';
import type { MathReader } from './math/reader.ts';
import type { Tolerance } from './math/same.ts';
import { agree, numberOf } from './numbers.ts';
import {
  type Answering,
  answering,
  answeringParams,
  judge,
  partsOf,
  type Verdict,
  verdictColumns,
} from './parts.ts';

let reader: Promise<MathReader> | undefined;

/** The reader of mathematics, loaded once: about a tenth of a second. */
export function loadReader(): Promise<MathReader> {
  reader ??= import('./math/reader.ts').then(({ createReader }) => createReader());
  return reader;
}

/**
 * Whether a response gives what the reference is in mathematics, however it is written: `\frac{\sqrt{3}}{3}` is
 * `1/\sqrt{3}`, `2x - y - 2 = 0` is `y = 2x - 2`, `x \ge 1` is `[1, \infty)`.
 *
 * The answer is the first line of what the response states (after its last `#`, in `\boxed{}`, after "answer is"), or
 * of its last line; of a line with mathematics between dollar signs, the first of these, with those that `,` or "or"
 * join to it. What is the same letter by letter is right; numbers compare by exact value; what one of the two texts
 * is not read as mathematics for is compared as text. `math/same.ts` says when two readings are the same.
 *
 * @param reference one answer a part, in LaTeX or as it is typed
 */
export function verifyMath(
  response: string,
  reference: readonly string[],
  reader: MathReader,
  options: Partial<Tolerance & Answering> = {},
): Verdict {
  const how = { abs: 0, rel: 0, ...answering, ...options };
  const right = ({ line, math }: Answer, expected: string): boolean => {
    const wanted = joined(plainText(expected));
    if (squeezed(line) === squeezed(wanted) || squeezed(math) === squeezed(wanted)) return true;
    const [given, sought] = withoutLoneUnit(math, wanted);
    const [a, b] = [numberOf(given), numberOf(sought)];
    if (a && b) return agree(a, b, how.abs, how.rel);
    const [left, right] = [reader.read(given), reader.read(sought)];
    if (left && right) return reader.same(left, right, how);
    return !right && wordsOf(line) === wordsOf(wanted);
  };
  return judge(response, reference, how, {
    find: (text, stated, parts) => answersOf(text, stated, parts.length),
    text: ({ math }) => math,
    right,
  });
}

const named = /\\(?:text|mathrm|mbox)/;
const unit = /(?<=[\d}])(?:\\ |[\s~])*\\(?:text|mathrm|mbox)\s?\{[^{}]*\}(?:\s?\^\s?\{?\d\}?)?\s*$/;

/** An answer and its reference, where one of them has a unit at its end and the other none, without it. */
function withoutLoneUnit(answer: string, reference: string): readonly [string, string] {
  if (named.test(answer) === named.test(reference)) return [answer, reference];
  return [answer.replace(unit, ''), reference.replace(unit, '')];
}

/** A text as words are compared. */
function wordsOf(text: string): string {
  return canonical(text.replace(/\\(?:text|textbf|mathrm|mbox)\s?\{([^{}]*)\}/g, '$1').toLowerCase());
}

/** A text without what has no meaning in mathematics. */
function squeezed(text: string): string {
  return text
    .replace(/\\(?:left|right|displaystyle|[,;:! ]|quad)(?![A-Za-z])|[\s$]|\\[()[\]]/g, '')
    .replace(/\\[dtc]frac/g, '\\frac')
    .replace(/[.。,;]+$/, '');
}

export const math = defineMap({
  name: 'verify/math',
  summary: 'Correctness of a response whose answer is mathematics, in LaTeX or as it is typed.',
  example: 'verify: { use: verify/math }',
  params: z.strictObject({
    abs: z
      .number()
      .min(0)
      .default(0)
      .describe('Largest absolute difference of a number that counts as right.'),
    rel: z
      .number()
      .min(0)
      .default(0)
      .describe('Largest difference of a number that counts as right, over the reference.'),
    ...answeringParams,
  }),
  needs: () => ['response', 'reference'],
  adds: () => ['answer', 'correct'],
  create: async (params, { notice }) => {
    const reader = await loadReader();
    return {
      prepare: (dataset) => tellUnread(dataset, params, reader, notice),
      run: ({ response, reference }) =>
        verdictColumns(response.map((text, i) => verifyMath(text, reference[i]!, reader, params))),
    };
  },
});

/** Those answers of a reference that are not read as mathematics. */
export function unreadOf(
  reference: readonly string[],
  how: Answering,
  reader: MathReader,
): readonly string[] {
  return partsOf(reference, how)
    .flat()
    .filter((part) => !reader.read(joined(plainText(part))));
}

function tellUnread(
  dataset: Dataset,
  how: Answering,
  reader: MathReader,
  notice: (text: string) => void,
): void {
  const unread = columnOf(dataset.batch, 'reference').flatMap((reference, row) =>
    unreadOf(reference, how, reader).map((part) => ({ part, row })),
  );
  const [first] = unread;
  if (!first) return;
  const which = `${show(first.part)} at ${formatPlace(dataset.place(first.row))}`;
  notice(
    unread.length === 1
      ? `verify/math: 1 reference is not read as mathematics and compared as text: ${which}.`
      : `verify/math: ${unread.length} references are not read as mathematics and compared as text, the first ${which}.`,
  );
}
