import { z } from 'zod';
import { permutation, randomKey } from '../../core/random.ts';
import { defineMap } from '../../core/stage.ts';
import { signalParts, signalSchema } from './signals.ts';
import { standIn } from './stand-in.ts';

/**
 * The values dealt out anew, each to one question: v'_i = v_p(i), p a uniform permutation under the seed.
 *
 * @param values float64 [questions]
 */
export function shuffledValues(values: Float64Array, seed: number): Float64Array {
  const order = permutation(randomKey(seed, 'value/shuffled'), values.length);
  return values.map((_, i) => values[order[i]!]!);
}

export const shuffled = defineMap({
  name: 'value/shuffled',
  summary: 'The real values dealt out anew over all questions: as many of each, and none where it belongs.',
  formula:
    "v(x) = v'(p(x)), p a permutation of the questions drawn with the seed of the run; v' in evaluations",
  source: 'the second ablation of RLEV, arXiv 2510.20187',
  example: 'value: { use: value/shuffled, signal: { use: value/points } }',
  params: z.strictObject({ signal: signalSchema }),
  parts: signalParts,
  needs: () => ['prompt_id'],
  adds: () => ['value'],
  create: ({ signal }, setup) => standIn(signal, setup, ({ values }) => shuffledValues(values, setup.seed)),
});
