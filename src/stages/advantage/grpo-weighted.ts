import { z } from 'zod';
import { spreadOverTokens } from '../../core/columns.ts';
import { defineMap } from '../../core/stage.ts';
import { grpoAdvantages } from './grpo.ts';
import { deviationsOf, groupEpsParam, presetParam, singletonParam } from './presets.ts';

/**
 * Value-weighted GRPO: A_i = s(x) * (c_i - mean) / (sd + eps), mean and sample standard deviation (ddof 1) of the
 * correctness c over the responses to one prompt.
 *
 * The form of GRPO in which values have an effect: published GRPO divides the reward s(x) c, and so s(x) cancels; here
 * correctness is normalised and s(x) multiplies what comes out. It reads `correct` and `scale`, not `reward`: what is
 * added to the reward after scaling, such as a penalty for length, does not enter. Equal correctness of a group gives
 * exactly 0.
 *
 * @param correct [rows]
 * @param scale float64 [rows]: s(x)
 * @param groups int32 [rows]: rows with equal numbers answer the same prompt
 * @returns float64 [rows]
 */
export function weightedGrpoAdvantages(
  correct: ArrayLike<number>,
  scale: Float64Array,
  groups: Int32Array,
  options: Parameters<typeof grpoAdvantages>[2],
): Float64Array {
  const normalized = grpoAdvantages(Float64Array.from(correct), groups, options);
  return normalized.map((a, i) => scale[i]! * a);
}

export const grpoWeighted = defineMap({
  name: 'advantage/grpo-weighted',
  summary: 'Advantage of a response: s(x) times its correctness, normalised within its group (GRPO).',
  formula: 'A_i = s(x) * (c_i - mean) / (sd + eps), mean and sd of the correctness c over its group',
  source: 'GRPO, arXiv 2402.03300, with the scale of RLEV, arXiv 2510.20187, outside the normalisation',
  example: 'advantage: { use: advantage/grpo-weighted }',
  params: z.strictObject({
    preset: presetParam('verl', 'openrlhf', 'trl'),
    eps: groupEpsParam,
    singleton: singletonParam,
  }),
  needs: () => ['group', 'correct', 'scale', 'response_tokens'],
  derived: true,
  adds: () => ['advantage'],
  dividesBy: () => 'nothing',
  create: ({ preset, eps = deviationsOf(preset).eps, singleton = deviationsOf(preset).singleton }) => ({
    run: ({ group, correct, scale, response_tokens }) => {
      const perRow = weightedGrpoAdvantages(correct, scale, group, { eps, ddof: 1, singleton });
      return { advantage: spreadOverTokens(perRow, response_tokens) };
    },
  }),
});
