import { z } from 'zod';
import { spreadOverTokens } from '../../core/columns.ts';
import { defineMap } from '../../core/stage.ts';
import { drGrpoAdvantages } from './dr-grpo.ts';
import { centreGroups, deviation, groupRows, type Singleton } from './groups.ts';
import { deviationsOf, groupEpsParam, presetParam, singletonParam } from './presets.ts';

/**
 * GRPO: A_i = (R_i - mean) / (sd + eps), mean and sample standard deviation (ddof 1) over the responses to one prompt.
 *
 * Source: Shao et al., "DeepSeekMath", arXiv 2402.03300. The division cancels s(x), constant inside a group, up to
 * eps. Where all rewards of a group are equal the result is exactly 0.
 *
 * @param rewards float64 [rows]
 * @param groups int32 [rows]: rows with equal numbers answer the same prompt
 * @param eps 1e-6 in verl, 1e-4 in TRL, 1e-9 in OpenRLHF
 * @param ddof 1, or 0 for the population's deviation
 * @param singleton what a group of one gives: 0 (TRL), or R / (1 + eps) (verl, which takes mean 0 and sd 1)
 * @returns float64 [rows]
 */
export function grpoAdvantages(
  rewards: Float64Array,
  groups: Int32Array,
  {
    eps,
    ddof,
    singleton = 'zero',
  }: { readonly eps: number; readonly ddof: number; readonly singleton?: Singleton },
): Float64Array {
  const advantages = centreGroups(rewards, groups, singleton);
  for (const rows of groupRows(groups)) {
    const squares = rows.reduce((sum, i) => sum + advantages[i]! ** 2, 0);
    if (squares === 0) continue;
    const sd = rows.length === 1 ? 1 : Math.sqrt(squares / (rows.length - ddof));
    for (const i of rows) advantages[i]! /= sd + eps;
  }
  return advantages;
}

/**
 * Batch-normalised GRPO: A_i = (R_i - mean of its group) / (sd of all rewards of the batch + eps), ddof 1.
 *
 * Source: TRL, `scale_rewards: batch`; Liu et al., "Tricks or traps", arXiv 2508.08221. One divisor for all keeps the
 * differences of s(x) between questions and cancels a scale that all share. Equal rewards of a group give exactly 0.
 *
 * @param rewards float64 [rows]
 * @param groups int32 [rows]
 * @returns float64 [rows]
 */
export function batchGrpoAdvantages(
  rewards: Float64Array,
  groups: Int32Array,
  { eps, singleton = 'zero' }: { readonly eps: number; readonly singleton?: Singleton },
): Float64Array {
  const centred = centreGroups(rewards, groups, singleton);
  const sd = deviation(rewards);
  return sd === 0 ? centred : centred.map((a) => a / (sd + eps));
}

export const grpo = defineMap({
  name: 'advantage/grpo',
  summary:
    'Advantage of a response: its reward minus the mean of its group, over a standard deviation or not.',
  formula: 'A_i = (R_i - mean) / (sd + eps), mean and sd over its group',
  source: 'Shao et al., "DeepSeekMath", arXiv 2402.03300; `std: batch`: Liu et al., arXiv 2508.08221',
  example: 'advantage: { use: advantage/grpo, std: false }',
  params: z.strictObject({
    preset: presetParam('verl', 'openrlhf', 'trl'),
    std: z
      .union([z.boolean(), z.literal('batch')])
      .default(true)
      .describe(
        'Divide by the standard deviation of the group, as published, which cancels s(x), or of all rewards of the `batch`; false is Dr. GRPO.',
      ),
    eps: groupEpsParam,
    singleton: singletonParam,
  }),
  needs: () => ['group', 'reward', 'response_tokens'],
  derived: true,
  adds: () => ['advantage'],
  dividesBy: ({ std }) => (std === 'batch' ? 'batch-std' : std ? 'group-std' : 'nothing'),
  create: ({ preset, std, eps = deviationsOf(preset).eps, singleton = deviationsOf(preset).singleton }) => {
    const advantagesOf = (rewards: Float64Array, groups: Int32Array): Float64Array => {
      if (std === 'batch') return batchGrpoAdvantages(rewards, groups, { eps, singleton });
      if (std) return grpoAdvantages(rewards, groups, { eps, ddof: 1, singleton });
      return drGrpoAdvantages(rewards, groups, singleton);
    };
    return {
      run: ({ group, reward, response_tokens }) => ({
        advantage: spreadOverTokens(advantagesOf(reward, group), response_tokens),
      }),
    };
  },
});
