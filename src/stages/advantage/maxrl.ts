import { z } from 'zod';
import { spreadOverTokens } from '../../core/columns.ts';
import { defineMap } from '../../core/stage.ts';
import { centreGroups, groupRows, type Singleton } from './groups.ts';

/**
 * MaxRL: A_i = (R_i - mean) / mean over the responses to one prompt; 0 where the mean is not above 0, where the
 * formula would have no value or turn round the sign.
 *
 * Source: Tajwar et al., "Maximum likelihood reinforcement learning", 2026. The division cancels s(x) exactly. Equal
 * rewards of a group, and a group of one, give exactly 0.
 *
 * @param rewards float64 [rows], meant to be 0 or more
 * @param groups int32 [rows]: rows with equal numbers answer the same prompt
 * @param eps added to the mean: 1e-6 in SkyRL
 * @param singleton what a group of one gives: 0, or its reward (SkyRL)
 * @returns float64 [rows]
 */
export function maxRlAdvantages(
  rewards: Float64Array,
  groups: Int32Array,
  { eps = 0, singleton = 'zero' }: { readonly eps?: number; readonly singleton?: Singleton } = {},
): Float64Array {
  const advantages = centreGroups(rewards, groups, singleton);
  for (const rows of groupRows(groups)) {
    if (rows.length === 1) continue;
    const first = rewards[rows[0]!]!;
    const mean = first + rows.reduce((sum, i) => sum + (rewards[i]! - first), 0) / rows.length;
    for (const i of rows) advantages[i] = mean > 0 ? advantages[i]! / (mean + eps) : 0;
  }
  return advantages;
}

export const maxRl = defineMap({
  name: 'advantage/maxrl',
  summary: 'Advantage of a response: its reward minus the mean of its group, over that mean.',
  formula: 'A_i = (R_i - mean) / mean over its group; 0 where the mean is not above 0',
  source: 'Tajwar et al., "Maximum likelihood reinforcement learning", 2026',
  example: 'advantage: { use: advantage/maxrl }',
  params: z.strictObject({
    eps: z.number().min(0).default(0).describe('Added to the mean; 1e-6 in SkyRL.'),
    singleton: z
      .enum(['zero', 'reward'])
      .default('zero')
      .describe('Advantage of the only response to a prompt: 0, or its reward, as in SkyRL.'),
  }),
  needs: () => ['group', 'reward', 'response_tokens'],
  derived: true,
  adds: () => ['advantage'],
  dividesBy: () => 'group-mean',
  create: (options) => ({
    run: ({ group, reward, response_tokens }) => ({
      advantage: spreadOverTokens(maxRlAdvantages(reward, group, options), response_tokens),
    }),
  }),
});
