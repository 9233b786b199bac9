import { z } from 'zod';
import { spreadOverTokens } from '../../core/columns.ts';
import { defineMap } from '../../core/stage.ts';
import { centreGroups, groupRows } from './groups.ts';
import { deviationsOf, groupEpsParam, presetParam } from './presets.ts';

/**
 * Pass@k: the best response to a prompt gets its reward minus the second best, all others 0: what it adds to the best
 * of the group. A tie for the best gives 0 to all, and so does a group of one. Optionally over (sd + eps) of the
 * group, ddof 1.
 *
 * Source: Tang et al., "Optimizing language models for inference time objectives using reinforcement learning",
 * arXiv 2503.19595. Keeps s(x); divided by the deviation, cancels it.
 *
 * @param rewards float64 [rows]
 * @param groups int32 [rows]: rows with equal numbers answer the same prompt
 * @param eps to divide by the group's deviation, this being added to it; undefined: divide by nothing
 * @returns float64 [rows]
 */
export function passAtKAdvantages(rewards: Float64Array, groups: Int32Array, eps?: number): Float64Array {
  const advantages = new Float64Array(rewards.length);
  const centred = centreGroups(rewards, groups);
  for (const rows of groupRows(groups)) {
    if (rows.length === 1) continue;
    const [best, second] = [...rows].sort((i, j) => rewards[j]! - rewards[i]!) as [number, number];
    const margin = rewards[best]! - rewards[second]!;
    if (margin === 0) continue;
    const sd = Math.sqrt(rows.reduce((sum, i) => sum + centred[i]! ** 2, 0) / (rows.length - 1));
    advantages[best] = eps === undefined ? margin : margin / (sd + eps);
  }
  return advantages;
}

export const passAtK = defineMap({
  name: 'advantage/pass-at-k',
  summary: 'Advantage of the best response to a prompt: its reward minus the second best; of all others 0.',
  formula: 'A of the best of a group = its R - the second best R; of all others 0',
  source: 'Tang et al., arXiv 2503.19595',
  example: 'advantage: { use: advantage/pass-at-k }',
  params: z.strictObject({
    preset: presetParam('verl'),
    std: z
      .boolean()
      .default(false)
      .describe(
        'Divide by the standard deviation of the group, as verl does by default, which cancels s(x).',
      ),
    eps: groupEpsParam,
  }),
  needs: () => ['group', 'reward', 'response_tokens'],
  derived: true,
  adds: () => ['advantage'],
  dividesBy: ({ std }) => (std ? 'group-std' : 'nothing'),
  create: ({ preset, std, eps = deviationsOf(preset).eps }) => ({
    run: ({ group, reward, response_tokens }) => {
      const perRow = passAtKAdvantages(reward, group, std ? eps : undefined);
      return { advantage: spreadOverTokens(perRow, response_tokens) };
    },
  }),
});
