import { z } from 'zod';
import { columnOf } from '../../core/batch.ts';
import { formatPlace, show } from '../../core/errors.ts';
import { type Dataset, defineMap } from '../../core/stage.ts';
import { canonical } from './exact.ts';
import { lines, plainText, readable, statements } from './extract.ts';
import type { MathReader } from './math/reader.ts';
import type { Tolerance } from './math/same.ts';
import { agree, numberOf } from './numbers.ts';
import {
  type Answering,
  answering,
  answeringParams,
  judgeParts,
  partsOf,
  type Verdict,
  verdictColumns,
} from './parts.ts';
import { outOfTime } from './within-time.ts';

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
  const text = readable(response, how.extract);
  const parts = partsOf(reference, how);
  let stopped = false;
  const read = (of: string) => {
    const reading = reader.read(of);
    stopped ||= reading === 'stopped';
    return reading === 'stopped' ? null : reading;
  };
  const right = ({ line, math }: Answer, expected: string): boolean => {
    const wanted = joined(plainText(expected));
    if (squeezed(line) === squeezed(wanted) || squeezed(math) === squeezed(wanted)) return true;
    const answer = named.test(wanted) ? math : math.replace(unit, '');
    const [a, b] = [numberOf(answer), numberOf(wanted)];
    if (a && b) return agree(a, b, how.abs, how.rel);
    const [left, right] = [read(answer), read(wanted)];
    if (left && right) return reader.same(left, right, how);
    return !right && canonical(line.toLowerCase()) === canonical(wanted.toLowerCase());
  };
  const verdict = judgeParts(
    answersOf(text, statements(text, how.extract), parts.length),
    parts,
    how.partial,
    ({ math }) => math,
    right,
  );
  return stopped ? { ...verdict, answer: `${outOfTime}${verdict.answer}` } : verdict;
}

/** Words in an answer, and a unit at its end, which is not looked at where the reference has none. */
const named = /\\(?:text|mathrm)/;
const unit = /(?<=[\d}])(?:\\ |[\s~])*\\(?:text|mathrm)\s?\{[^{}]*\}(?:\s?\^\s?\{?\d\}?)?\s*$/;

/** A text without what has no meaning in mathematics. */
function squeezed(text: string): string {
  return text
    .replace(/\\(?:left|right|displaystyle|[,;:! ]|quad)(?![A-Za-z])|[\s$]|\\[()[\]]/g, '')
    .replace(/\\[dtc]frac/g, '\\frac')
    .replace(/[.。,;]+$/, '');
}

/** A line that states an answer, and the mathematics of it. */
interface Answer {
  readonly line: string;
  readonly math: string;
}

function answersOf(text: string, stated: readonly string[] | null, parts: number): readonly Answer[] {
  const found = stated
    ? stated.length === 1
      ? [lines(stated[0]!)[0] ?? '']
      : stated
    : [lines(text).at(-1) ?? ''];
  const all = parts > 1 && found.length === 1 ? split(found[0]!, parts) : found;
  return all.map((line) => ({ line: joined(line), math: mathOf(line) })).filter(({ math }) => math !== '');
}

const separators = [';', ',、', ' '];

/** The parts of a text, at separators that stand in no bracket: those that give as many, the strongest first. */
function split(text: string, parts: number): readonly string[] {
  for (const separator of separators) {
    const found: string[] = [''];
    let depth = 0;
    for (const character of text) {
      if ('([{'.includes(character)) depth++;
      else if (')]}'.includes(character)) depth--;
      if (depth <= 0 && separator.includes(character)) found.push('');
      else found[found.length - 1] += character;
    }
    const some = found.filter((part) => part.trim() !== '');
    if (some.length === parts) return some;
  }
  return [text];
}

const segment = /\$\$?([^$]+)\$\$?|\\\((.+?)\\\)|\\\[(.+?)\\\]/g;
const joint = /^[\s,、;]*(?:and|or|和|或者?|与|及)?[\s,]*$/i;
const joining = /\\text\s?\{\s*(?:or|and|或|和)\s*\}|(?<![A-Za-z\\])(?:and|or)(?![A-Za-z])|或者?|和|与|及/gi;
const names = 'sin|cos|tan|cot|sec|csc|log|exp|arc(?:sin|cos|tan)|sqrt|infty|and';
const small = 'is|so|as|if|by|in|it|we|of|at|to|for';
const prose = new RegExp(
  String.raw`(?<![\\{A-Za-z])(?!(?:${names})(?![A-Za-z]))[A-Za-z]{3,}|\s(?:${small})\s|[.。]\s|[,，]\s?(?:因为|since|because)`,
  'i',
);

/** The mathematics of a line, without the words around it. */
function mathOf(line: string): string {
  const bounded = line.slice(0, 2000);
  const found = [...bounded.matchAll(segment)];
  const first = found[0];
  if (first && !/[^\s\p{P}\p{L}]/u.test(bounded.slice(0, first.index))) {
    const texts = [inside(first)];
    let end = first.index + first[0].length;
    for (const next of found.slice(1)) {
      if (!joint.test(bounded.slice(end, next.index))) break;
      texts.push(inside(next));
      end = next.index + next[0].length;
    }
    return joined(texts.join(', '));
  }
  const bare = bounded
    .replace(/^[\s*:：=]+/, '')
    .replace(/^\(\d\)[.、:]?\s+(?=\S)/, '')
    .replace(/\$/g, '')
    .replace(/(?<=\d)\s?(?:degrees?\b|度)/g, '^\\circ ');
  const words = prose.exec(bare);
  const math = words && words.index > 0 ? bare.slice(0, words.index) : bare;
  return joined(math);
}

/** A text with commas for the words that join answers. */
function joined(text: string): string {
  return trimmed(text.replace(joining, ','));
}

function inside([, dollars, round, square]: RegExpMatchArray): string {
  return (dollars ?? round ?? square)!;
}

function trimmed(text: string): string {
  return text.replace(/^[\s*:：]+|[\s*.。,，;；]+$/g, '');
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
  const count = unread.length === 1 ? '1 reference is' : `${unread.length} references are`;
  notice(
    `verify/math: ${count} not read as mathematics and compared as text, the first ${show(first.part)} at ${formatPlace(dataset.place(first.row))}.`,
  );
}
