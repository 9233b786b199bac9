import { z } from 'zod';
import { defineMap } from '../../core/stage.ts';
import { lines, plainText } from './extract.ts';
import { type Answering, answering, answeringParams, judge, type Verdict, verdictColumns } from './parts.ts';

const standard = { ...answering, case: 'ignore' };

/**
 * Whether a response gives the reference, letter by letter after both are put in one form: Unicode NFKC, one case,
 * runs of white space as one space, without the dollar signs, quotation marks, brackets or full stop around them.
 *
 * The answer is the first line of what the response states (after its last `#`, in `\boxed{}`, after "answer is"),
 * or the whole response where it states none. Where the reference has several parts, the answer is split at
 * semicolons, commas or spaces, whichever gives as many parts; the score is the share that is right.
 *
 * @param reference one answer a part
 */
export function verifyExact(
  response: string,
  reference: readonly string[],
  options: Partial<Answering & { case: 'ignore' | 'keep' }> = {},
): Verdict {
  const how = { ...standard, ...options };
  const fold = how.case === 'keep' ? (text: string) => text : folded;
  const same = (answer: string, expected: string) =>
    canonical(fold(answer)) === canonical(fold(plainText(expected)));
  return judge(response, reference, how, {
    find(text, stated, parts) {
      // A reference may itself hold what looks like a statement.
      const isAll =
        how.extract === 'stated' && parts.length === 1 && parts[0]!.some((expected) => same(text, expected));
      return answersIn(text, isAll ? null : stated, parts.length).filter((answer) => answer.trim() !== '');
    },
    text: (answer) => answer.trim(),
    right: same,
  });
}

/** The texts that a response gives as answers, as many as there are parts where it can be split so. */
function answersIn(text: string, stated: readonly string[] | null, parts: number): readonly string[] {
  if (stated && stated.length !== 1) return stated;
  return splitInto(parts, stated ? (lines(stated[0]!)[0] ?? '') : text);
}

const separators = [/[;\n]/, /[,、]/, /\s/];

function splitInto(parts: number, answer: string): readonly string[] {
  if (parts === 1) return [answer];
  for (const separator of separators) {
    const split = answer.split(separator).filter((part) => part.trim() !== '');
    if (split.length === parts) return split;
  }
  return [answer];
}

/** One case for all letters, ß and SS alike. */
function folded(text: string): string {
  return text.toUpperCase().toLowerCase();
}

const around = new Set([...' $"\'`*.。:“”‘’']);

/** The form in which texts are compared. */
export function canonical(text: string): string {
  const spaced = text.split(/\s+/).join(' ');
  let start = 0;
  let end = spaced.length;
  for (;;) {
    if (start < end && around.has(spaced[start]!)) start++;
    else if (start < end && around.has(spaced[end - 1]!)) end--;
    else if (start < end && spaced[start] === '(' && closes(spaced, start, end)) {
      start++;
      end--;
    } else return spaced.slice(start, end);
  }
}

/** Whether the text has one pair of round brackets, around all of it. */
function closes(text: string, start: number, end: number): boolean {
  const close = text.indexOf(')', start);
  return close === end - 1 && text.indexOf('(', start + 1) < 0;
}

export const exact = defineMap({
  name: 'verify/exact',
  summary: 'Correctness of a response whose answer is text, compared letter by letter.',
  formula:
    'correct = share of the parts with the same letters, white space and what stands around them aside',
  example: 'verify: { use: verify/exact }',
  params: z.strictObject({
    case: z.enum(['ignore', 'keep']).default('ignore').describe('Whether a and A are one letter, or two.'),
    ...answeringParams,
  }),
  needs: () => ['response', 'reference'],
  adds: () => ['answer', 'correct'],
  create: (params) => ({
    run: ({ response, reference }) =>
      verdictColumns(response.map((text, i) => verifyExact(text, reference[i]!, params))),
  }),
});
