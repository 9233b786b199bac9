import { z } from 'zod';
import { defineMap } from '../../core/stage.ts';
import { plainText, statements } from './extract.ts';
import { judgeParts, type Verdict, verdictColumns } from './parts.ts';

/**
 * Whether a response gives the reference, letter by letter after both are put in one form: Unicode NFKC, lower case,
 * runs of white space as one space, without the dollar signs, quotation marks, brackets or full stop around them.
 *
 * The answer is the first line of what the response states (after its last `#`, in `\boxed{}`, after "answer is"),
 * or the whole response where it states none. Where the reference has several parts, the answer is split at
 * semicolons, commas or spaces, whichever gives as many parts; the score is the share that is right.
 *
 * @param reference one answer a part
 */
export function verifyExact(response: string, reference: readonly string[]): Verdict {
  const text = plainText(response);
  // A reference may itself hold what looks like a statement.
  const isAll = reference.length === 1 && canonical(text) === canonical(plainText(reference[0]!));
  const stated = isAll ? null : statements(text);
  const whole = stated ?? [text];
  const answers =
    whole.length > 1 ? whole : splitInto(reference.length, stated ? firstLine(whole[0]!) : whole[0]!);
  return judgeParts(
    answers.filter((answer) => answer.trim() !== ''),
    reference,
    (answer) => answer.trim(),
    (answer, expected) => canonical(answer) === canonical(plainText(expected)),
  );
}

function firstLine(text: string): string {
  return text.split('\n').find((line) => line.trim() !== '') ?? '';
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

const around = new Set([...' $"\'`*.。:“”‘’']);

/** The form in which texts are compared. */
function canonical(text: string): string {
  const spaced = text.toLowerCase().split(/\s+/).join(' ');
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
  params: z.strictObject({}),
  needs: () => ['response', 'reference'],
  adds: () => ['answer', 'correct'],
  create: () => ({
    run: ({ response, reference }) =>
      verdictColumns(response.map((text, i) => verifyExact(text, reference[i]!))),
  }),
});
