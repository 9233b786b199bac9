import { z } from 'zod';
import { normal, permutation, randomKey, uniform } from '../../core/random.ts';
import { defineMap } from '../../core/stage.ts';
import { deviation } from '../advantage/groups.ts';
import { signalParts, signalSchema } from './signals.ts';
import { type RealValues, standIn } from './stand-in.ts';

export interface Noise {
  readonly noise: 'additive' | 'multiplicative' | 'dropped' | 'swapped';
  readonly amount: number;
}

/**
 * Values with noise. z is standard normal, u uniform in [0, 1), each drawn under the seed for the id of its question:
 * more questions, or another order of them, leave the others' draws as they are.
 *
 *     additive        max(0, v + amount * sd * z), sd that of all values (over n)
 *     multiplicative  v * exp(amount * z - amount^2 / 2), whose expectation is v
 *     dropped         0 where u < amount, else v
 *     swapped         where u < amount, the value of another such question, in a circle drawn under the seed; else v
 *
 * @returns float64 [questions], 0 or more
 */
export function noisyValues(
  { ids, values }: RealValues,
  { noise, amount }: Noise,
  seed: number,
): Float64Array {
  const keyOf = (i: number) => randomKey(seed, `value/noisy ${ids[i]}`);
  switch (noise) {
    case 'additive': {
      const spread = amount * deviation(values, 0);
      return values.map((v, i) => Math.max(0, v + spread * normal(keyOf(i), 0)));
    }
    case 'multiplicative':
      return values.map((v, i) => v * Math.exp(amount * normal(keyOf(i), 0) - amount ** 2 / 2));
    case 'dropped':
      return values.map((v, i) => (uniform(keyOf(i), 0) < amount ? 0 : v));
    case 'swapped': {
      const chosen = Array.from(values.keys()).filter((i) => uniform(keyOf(i), 0) < amount);
      const circle = permutation(randomKey(seed, 'value/noisy'), chosen.length);
      const swapped = values.slice();
      circle.forEach((from, k) => {
        swapped[chosen[circle[(k + 1) % circle.length]!]!] = values[chosen[from]!]!;
      });
      return swapped;
    }
  }
}

export const noisy = defineMap({
  name: 'value/noisy',
  summary: 'The real values with noise, for every question the same throughout a run, never below 0.',
  formula:
    "additive max(0, v' + amount sd z); multiplicative v' exp(amount z - amount^2 / 2); dropped 0, or swapped, with probability amount; v' in evaluations",
  source: 'of this package, after the ablations of RLEV, arXiv 2510.20187',
  example: 'value: { use: value/noisy, noise: swapped, amount: 0.2, signal: { use: value/points } }',
  params: z
    .strictObject({
      noise: z
        .enum(['additive', 'multiplicative', 'dropped', 'swapped'])
        .describe('What goes wrong: a value is off, off by a factor, lost, or that of another question.'),
      amount: z
        .number()
        .min(0)
        .describe(
          'additive: in standard deviations of the values; multiplicative: standard deviation of the logarithm; dropped, swapped: share of the questions.',
        ),
      signal: signalSchema,
    })
    .refine(({ noise, amount }) => amount <= 1 || noise === 'additive' || noise === 'multiplicative', {
      path: ['amount'],
      message: 'amount is a share of the questions here, at most 1',
    }),
  parts: signalParts,
  remarks: ({ amount }) =>
    amount > 0
      ? []
      : [
          {
            code: 'setting/no-effect',
            parameter: ['amount'],
            message: 'amount 0 leaves every value as it is.',
            help: 'Give an amount above 0.',
          },
        ],
  needs: () => ['prompt_id'],
  adds: () => ['value'],
  create: ({ signal, ...noise }, setup) =>
    standIn(signal, setup, (real) => noisyValues(real, noise, setup.seed)),
});
