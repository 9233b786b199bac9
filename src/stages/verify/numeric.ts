import { z } from 'zod';
import { columnOf } from '../../core/batch.ts';
import { RlevError, show } from '../../core/errors.ts';
import { type Dataset, defineMap } from '../../core/stage.ts';
import { Findings } from '../findings.ts';
import { plainText, statements } from './extract.ts';
import { agree, numberOf, numbersIn, type WrittenNumber } from './numbers.ts';
import { judgeParts, type Verdict, verdictColumns } from './parts.ts';

/** Largest difference from the reference that still counts as right. */
export interface Tolerance {
  readonly abs: number;
  readonly rel: number;
}

/**
 * Whether a response gives the number that the reference is.
 *
 * The answer is what the response states (after its last `#`, in `\boxed{}`, after "answer is"), or its last number
 * where it states none. A statement that names two different numbers names none. Where the reference has several
 * parts, the numbers of the statement are taken in order, and the score is the share that is right. Numbers compare
 * by exact value: `1,000` is 1000, `\frac{1}{2}` and `50%` are 0.5.
 *
 * @param reference one number a part, each as text
 */
export function verifyNumeric(
  response: string,
  reference: readonly string[],
  { abs, rel }: Tolerance = { abs: 0, rel: 0 },
): Verdict {
  const text = plainText(response);
  const found = statedNumbers(statements(text), reference.length) ?? numbersIn(text);
  return judgeParts(
    found,
    reference,
    (number) => number.text,
    (number, expected) => {
      const right = numberOf(plainText(expected));
      return right !== null && agree(number, right, abs, rel);
    },
  );
}

function statedNumbers(stated: readonly string[] | null, parts: number): readonly WrittenNumber[] | null {
  if (!stated) return null;
  if (stated.length > 1) {
    return stated.slice(-parts).flatMap((box) => one(numbersIn(lastSide(box))));
  }
  const lines = stated[0]!.split('\n').map((line) => numbersIn(lastSide(line)));
  const line = lines.find((numbers) => numbers.length > 0) ?? [];
  return parts === 1 ? one(line) : line;
}

/** `x = 2 + 1 = 3` states 3. */
function lastSide(line: string): string {
  return line.slice(line.lastIndexOf('=') + 1);
}

/** The number, where they are all the same. */
function one(numbers: readonly WrittenNumber[]): readonly WrittenNumber[] {
  const first = numbers[0];
  return first && numbers.every((number) => agree(number, first, 0, 0)) ? [first] : [];
}

export const numeric = defineMap({
  name: 'verify/numeric',
  summary: 'Correctness of a response whose answer is a number.',
  params: z.strictObject({
    abs: z.number().min(0).default(0).describe('Largest absolute difference that counts as right.'),
    rel: z
      .number()
      .min(0)
      .default(0)
      .describe('Largest difference that counts as right, over the reference.'),
  }),
  needs: () => ['response', 'reference'],
  adds: () => ['answer', 'correct'],
  create: (tolerance) => ({
    prepare: requireNumbers,
    run: ({ response, reference }) =>
      verdictColumns(response.map((text, i) => verifyNumeric(text, reference[i]!, tolerance))),
  }),
});

function requireNumbers(dataset: Dataset): void {
  const findings = new Findings();
  columnOf(dataset.batch, 'reference').forEach((parts, row) => {
    for (const part of parts) {
      if (numberOf(plainText(part))) continue;
      findings.add(
        new RlevError({
          code: 'data/value',
          message: `The reference ${show(part)} is not a number, so verify/numeric can find no answer right.`,
          value: part,
          place: dataset.place(row),
          help: 'Give a number (1234, -0.5, 3/4, \\frac{3}{4}, 50%), or use verify/exact or verify/choice.',
        }),
      );
    }
  });
  findings.throwIfAny();
}
