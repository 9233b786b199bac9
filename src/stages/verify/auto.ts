import { z } from 'zod';
import { defineMap } from '../../core/stage.ts';
import { verifyChoice } from './choice.ts';
import { verifyExact } from './exact.ts';
import { plainText } from './extract.ts';
import { numberOf } from './numbers.ts';
import { verifyNumeric } from './numeric.ts';
import { type Verdict, verdictColumns } from './parts.ts';

/**
 * Verifies by the form of the reference: letters from A to H as a choice, numbers as numbers, all else as text. For
 * papers that mix kinds of questions; where all are of one kind, its own verifier also checks the references.
 *
 * @param reference one entry a part
 */
export function verifyAuto(response: string, reference: readonly string[]): Verdict {
  if (reference.every((part) => /^[A-H]{1,8}$/.test(part.trim()))) return verifyChoice(response, reference);
  if (reference.every((part) => numberOf(plainText(part)))) {
    return verifyNumeric(response, reference, { abs: 0, rel: 0 });
  }
  return verifyExact(response, reference);
}

export const auto = defineMap({
  name: 'verify/auto',
  summary: 'Correctness of a response, read as a choice, a number or text as its reference is.',
  params: z.strictObject({}),
  needs: () => ['response', 'reference'],
  adds: () => ['answer', 'correct'],
  create: () => ({
    run: ({ response, reference }) =>
      verdictColumns(response.map((text, i) => verifyAuto(text, reference[i]!))),
  }),
});
