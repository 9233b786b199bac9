import { z } from 'zod';
import type { Columns } from '../../core/columns.ts';
import { spreadOverTokens } from '../../core/columns.ts';
import { defineMap } from '../../core/stage.ts';
import { groupRows, type Singleton } from './groups.ts';
import { deviationsOf, lossMaskParam, presetParam, singletonParam } from './presets.ts';
import { countsPerRow } from './token-returns.ts';

/**
 * OPO: A_i = R_i - sum(L_j R_j) / sum(L_j), over the responses to one prompt, L the number of their tokens: the
 * baseline of least variance where the squared gradient of a response grows as its length.
 *
 * Source: Hao et al., "On-policy RL with optimal reward baseline", arXiv 2505.23585. Keeps s(x). Computed on
 * differences from the group's first reward: equal rewards of a group give exactly 0.
 *
 * @param rewards float64 [rows]
 * @param groups int32 [rows]: rows with equal numbers answer the same prompt
 * @param lengths [rows]: tokens that count; a group in which none does gets 0
 * @param singleton what a group of one gives: 0, or its reward (verl)
 * @returns float64 [rows]
 */
export function opoAdvantages(
  rewards: Float64Array,
  groups: Int32Array,
  lengths: ArrayLike<number>,
  singleton: Singleton = 'zero',
): Float64Array {
  const advantages = new Float64Array(rewards.length);
  for (const rows of groupRows(groups)) {
    const first = rewards[rows[0]!]!;
    if (rows.length === 1) {
      advantages[rows[0]!] = singleton === 'reward' ? first : 0;
      continue;
    }
    const tokens = rows.reduce((sum, i) => sum + lengths[i]!, 0);
    if (tokens === 0) continue;
    const baseline = rows.reduce((sum, i) => sum + lengths[i]! * (rewards[i]! - first), 0) / tokens;
    for (const i of rows) advantages[i] = rewards[i]! - first - baseline;
  }
  return advantages;
}

type Needed = 'group' | 'reward' | 'response_tokens' | 'loss_mask';

export const opo = defineMap({
  name: 'advantage/opo',
  summary: 'Advantage of a response: its reward minus the mean of its group, weighted by length.',
  formula: 'A_i = R_i - sum(L_j R_j) / sum(L_j) over its group, L the number of tokens',
  source: 'Hao et al., "On-policy RL with optimal reward baseline", arXiv 2505.23585',
  example: 'advantage: { use: advantage/opo }',
  params: z.strictObject({
    preset: presetParam('verl'),
    singleton: singletonParam,
    lossMask: lossMaskParam,
  }),
  needs: ({ lossMask }): readonly Needed[] =>
    lossMask ? ['group', 'reward', 'response_tokens', 'loss_mask'] : ['group', 'reward', 'response_tokens'],
  derived: true,
  adds: () => ['advantage'],
  dividesBy: () => 'nothing',
  create: ({ preset, singleton = deviationsOf(preset).singleton, lossMask }) => ({
    run: ({ group, reward, response_tokens, loss_mask }: Columns<Needed>) => {
      const counts = lossMask ? loss_mask.values : undefined;
      const lengths = countsPerRow(response_tokens.offsets, counts);
      const advantage = spreadOverTokens(opoAdvantages(reward, group, lengths, singleton), response_tokens);
      if (!counts) return { advantage };
      return {
        advantage: { ...advantage, values: advantage.values.map((a, t) => (counts[t]! > 0 ? a : 0)) },
      };
    },
  }),
});
