import { z } from 'zod';
import { defineMap } from '../../core/stage.ts';
import { signalParts, signalSchema } from './signals.ts';
import { standIn } from './stand-in.ts';

/** The same mean for each of some values. @param values float64 [questions] */
export function uniformValues(values: Float64Array): Float64Array {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return values.map(() => mean);
}

export const uniform = defineMap({
  name: 'value/uniform',
  summary:
    'The mean of the real values over the data, for every question: training that knows no differences.',
  formula: "v(x) = mean over the data of v'; v' in evaluations",
  source: 'the first ablation of RLEV, arXiv 2510.20187',
  example: 'value: { use: value/uniform, signal: { use: value/points } }',
  params: z.strictObject({ signal: signalSchema }),
  parts: signalParts,
  needs: () => ['prompt_id'],
  adds: () => ['value'],
  create: ({ signal }, setup) => standIn(signal, setup, ({ values }) => uniformValues(values)),
});
