import { z } from 'zod';
import { spreadOverTokens } from '../../core/columns.ts';
import { defineMap } from '../../core/stage.ts';
import { centreGroups, groupRows } from './groups.ts';

/**
 * GRPO: A_i = (R_i - mean) / (sd + eps), mean and sample standard deviation (ddof 1) over the responses to one prompt.
 *
 * Source: Shao et al., "DeepSeekMath", arXiv 2402.03300. The division cancels s(x), constant inside a group, up to
 * eps. Where all rewards of a group are equal the result is exactly 0. A group of one gives 0 (as TRL; verl keeps R).
 *
 * @param rewards float64 [rows]
 * @param groups int32 [rows]: rows with equal numbers answer the same prompt
 * @param eps 1e-6 in verl, 1e-4 in TRL, 1e-9 in OpenRLHF
 * @param ddof 1, or 0 for the population's deviation
 * @returns float64 [rows]
 */
export function grpoAdvantages(
  rewards: Float64Array,
  groups: Int32Array,
  { eps, ddof }: { readonly eps: number; readonly ddof: number },
): Float64Array {
  const advantages = centreGroups(rewards, groups);
  for (const rows of groupRows(groups)) {
    const squares = rows.reduce((sum, i) => sum + advantages[i]! ** 2, 0);
    if (squares === 0) continue;
    const sd = Math.sqrt(squares / (rows.length - ddof));
    for (const i of rows) advantages[i]! /= sd + eps;
  }
  return advantages;
}

/**
 * Dr. GRPO: A_i = R_i - mean over the responses to one prompt, which keeps s(x). To be the published estimator it
 * wants a loss with `aggregate: constant`. A group of one gives 0.
 *
 * Source: Liu et al., "Understanding R1-Zero-like training", arXiv 2503.20783.
 */
export const drGrpoAdvantages = centreGroups;

export const grpo = defineMap({
  name: 'advantage/grpo',
  summary:
    'Advantage of a response: its reward minus the mean of its group, over the standard deviation or not.',
  params: z.strictObject({
    std: z
      .boolean()
      .default(true)
      .describe(
        'Divide by the standard deviation of the group, as published, which cancels s(x); false is Dr. GRPO.',
      ),
    eps: z.number().min(0).default(1e-6).describe('Added to the standard deviation.'),
  }),
  needs: () => ['group', 'reward', 'response_tokens'],
  adds: () => ['advantage'],
  dividesBy: ({ std }) => (std ? 'group-std' : 'nothing'),
  create: ({ std, eps }) => ({
    run: ({ group, reward, response_tokens }) => {
      const perRow = std ? grpoAdvantages(reward, group, { eps, ddof: 1 }) : drGrpoAdvantages(reward, group);
      return { advantage: spreadOverTokens(perRow, response_tokens) };
    },
  }),
});
