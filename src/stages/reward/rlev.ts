import { z } from 'zod';
import { defineMap } from '../../core/stage.ts';

/**
 * s(x) = 1 + min(alpha * v(x), clip).
 *
 * Source: RLEV, arXiv 2510.20187, with alpha 10 and clip 1: a question worth a tenth of its paper or more has s = 2.
 *
 * @param values float64 [rows], 0 or more
 * @returns float64 [rows] in [1, 1 + clip]
 */
export function rlevScales(values: Float64Array, alpha: number, clip: number): Float64Array {
  return values.map((v) => 1 + Math.min(alpha * v, clip));
}

export const rlev = defineMap({
  name: 'reward/rlev',
  summary: 'Reward of a response: s(x) = 1 + min(alpha * v(x), clip) times its correctness.',
  formula: 'r(x, y) = s(x) * correct(x, y), s(x) = 1 + min(alpha * v(x), clip)',
  source: 'RLEV, arXiv 2510.20187, with alpha 10 and clip 1',
  example: 'reward: { use: reward/rlev, alpha: 10 }',
  params: z.strictObject({
    alpha: z.number().min(0).default(10).describe('How steeply the scale rises with value.'),
    clip: z.number().min(0).default(1).describe('Most that value adds to the scale of 1.'),
  }),
  needs: () => ['value', 'correct'],
  adds: () => ['scale', 'reward'],
  scalesReward: (params) => params,
  create: ({ alpha, clip }) => ({
    run: ({ value, correct }) => {
      const scale = rlevScales(value, alpha, clip);
      return { scale, reward: scale.map((s, i) => s * correct[i]!) };
    },
  }),
});
