import { z } from 'zod';
import { columnOf } from '../../core/batch.ts';
import { RlevError } from '../../core/errors.ts';
import { type Dataset, defineMap } from '../../core/stage.ts';
import { Findings } from '../findings.ts';
import { placeIn } from '../place-in.ts';
import { extractParam, read, statements } from './extract.ts';
import { type Answering, answeringParams, partsOf, type Verdict, verdictColumns } from './parts.ts';
import type { Pattern } from './pattern.ts';

/**
 * Whether a response is matched: by one of the patterns of each part, and the score is the share of the parts. The
 * answer is what was found.
 */
export function verifyRegex(
  response: string,
  parts: readonly (readonly Pattern[])[],
  { extract, partial }: Pick<Answering, 'extract' | 'partial'> = { extract: 'all', partial: true },
): Verdict {
  const stated = statements(response.slice(-read), extract);
  const text = (stated ? stated.at(-1) : response)?.trim();
  if (text === undefined) return { answer: null, correct: 0 };
  const found = parts.flatMap((patterns) => firstFound(patterns, text) ?? []);
  const correct = partial ? found.length / parts.length : found.length === parts.length ? 1 : 0;
  return { answer: found.length > 0 ? found.join('; ') : null, correct };
}

function firstFound(patterns: readonly Pattern[], text: string): string | null {
  for (const pattern of patterns) {
    const found = pattern.find(text);
    if (found !== null) return found;
  }
  return null;
}

/** Patterns of references that are kept compiled. */
const mostKept = 1000;

export const regex = defineMap({
  name: 'verify/regex',
  summary: 'Correctness of a response that a regular expression must match: one for all, or its reference.',
  example: 'verify: { use: verify/regex, pattern: "# *[0-9]+$" }',
  params: z.strictObject({
    pattern: z
      .string()
      .min(1)
      .optional()
      .describe('What every response must match; without it, the reference of a question is its pattern.'),
    flags: z
      .string()
      .regex(/^[imsu]*$/)
      .default('')
      .describe('Any of i (case is ignored), m (^ and $ at every line) and s (. is a line break too).'),
    match: z
      .enum(['part', 'whole'])
      .default('part')
      .describe('Whether a part of the text must match, or all of it.'),
    ...answeringParams,
    extract: extractParam.default('all'),
  }),
  needs: ({ pattern }) => (pattern === undefined ? ['response', 'reference'] : ['response']),
  adds: () => ['answer', 'correct'],
  create: async (params, setup) => {
    const { patternOf } = await import('./pattern.ts');
    const place = placeIn(setup, 'pattern');
    const make = (source: string) => patternOf(source, params.flags, params.match === 'whole', place);
    const forAll = params.pattern === undefined ? null : [[make(params.pattern)]];
    const kept = new Map<string, Pattern>();
    const keptPattern = (source: string) => {
      const pattern = kept.get(source) ?? make(source);
      if (kept.size < mostKept) kept.set(source, pattern);
      return pattern;
    };
    const patternsOf = (reference: readonly string[]) =>
      partsOf(reference, params).map((patterns) => patterns.map(keptPattern));
    return {
      ...(forAll ? {} : { prepare: (dataset: Dataset) => requirePatterns(dataset, params, make) }),
      run: ({ response, reference }) =>
        verdictColumns(
          response.map((text, i) => verifyRegex(text, forAll ?? patternsOf(reference[i]!), params)),
        ),
    };
  },
});

function requirePatterns(dataset: Dataset, how: Answering, make: (source: string) => Pattern): void {
  const findings = new Findings();
  columnOf(dataset.batch, 'reference').forEach((reference, row) => {
    for (const source of partsOf(reference, how).flat()) {
      try {
        make(source);
      } catch (error) {
        if (!(error instanceof RlevError)) throw error;
        findings.add(new RlevError({ ...error.details(), code: 'data/value', place: dataset.place(row) }));
      }
    }
  });
  findings.throwIfAny();
}
