import { z } from 'zod';
import { defineMap } from '../../core/stage.ts';
import { verifyChoice } from './choice.ts';
import { verifyExact } from './exact.ts';
import { plainText } from './extract.ts';
import type { MathReader } from './math/reader.ts';
import { loadReader, verifyMath } from './math.ts';
import { numberOf } from './numbers.ts';
import { verifyNumeric } from './numeric.ts';
import {
  type Answering,
  answering,
  answeringParams,
  partsOf,
  type Verdict,
  verdictColumns,
} from './parts.ts';

/** What a reference is, all its parts: letters from A to H, numbers, mathematics, or text. */
export function formOf(
  reference: readonly string[],
  how: Pick<Answering, 'references' | 'alternatives'> = answering,
): 'choice' | 'numeric' | 'math' | 'exact' {
  const texts = partsOf(reference, how).flat().map(plainText);
  if (texts.every((text) => /^[A-H]{1,8}$/.test(text.trim()))) return 'choice';
  if (texts.every((text) => numberOf(text))) return 'numeric';
  return texts.some((text) => /\\[A-Za-z]|[\^$=<>√π∞≤≥≠∪∩]/.test(text)) ? 'math' : 'exact';
}

/**
 * Verifies by the form of the reference: letters from A to H as a choice, numbers as numbers, LaTeX and formulas as
 * mathematics, all else as text. For papers that mix kinds of questions; where all are of one kind, its own verifier
 * also checks the references.
 *
 * @param reference one entry a part
 * @param reader from `loadReader`: without it, mathematics is compared as text
 */
export function verifyAuto(
  response: string,
  reference: readonly string[],
  reader?: MathReader,
  options: Partial<Answering> = {},
): Verdict {
  switch (formOf(reference, { ...answering, ...options })) {
    case 'choice':
      return verifyChoice(response, reference, options);
    case 'numeric':
      return verifyNumeric(response, reference, options);
    case 'math':
      if (reader) return verifyMath(response, reference, reader, options);
      return verifyExact(response, reference, options);
    case 'exact':
      return verifyExact(response, reference, options);
  }
}

export const auto = defineMap({
  name: 'verify/auto',
  summary: 'Correctness of a response, read as a choice, a number, mathematics or text as its reference is.',
  formula: 'that of verify/choice, verify/numeric, verify/math or verify/exact, by the form of the reference',
  example: 'verify: { use: verify/auto }',
  params: z.strictObject(answeringParams),
  needs: () => ['response', 'reference'],
  adds: () => ['answer', 'correct'],
  create: (params) => ({
    run: async ({ response, reference }) => {
      const isMath = reference.some((parts) => formOf(parts, params) === 'math');
      const reader = isMath ? await loadReader() : undefined;
      return verdictColumns(response.map((text, i) => verifyAuto(text, reference[i]!, reader, params)));
    },
  }),
});
