import { z } from 'zod';
import type { Columns } from '../../core/columns.ts';
import { defineMap } from '../../core/stage.ts';
import { lossMaskParam, tokenRewardsParam } from './presets.ts';
import { discountedReturns, rewardsPerToken, type TokenColumn, tokenColumns } from './token-returns.ts';

/**
 * ReMax: A_t = G_t - b(x), G_t the sum of rewards from the token on, b(x) the reward of the greedy response.
 *
 * Source: Li et al., "ReMax", arXiv 2310.10505. Keeps s(x), which scales response and baseline alike. A group without
 * signal gives 0 only where the greedy response earns the same.
 *
 * @param tokenRewards one per token
 * @param offsets int32 [rows + 1] of the responses' tokens
 * @param baselines float64 [rows]
 * @param counts one per token, above 0 where it counts; absent: all do
 * @returns float64, one per token, 0 where a token does not count
 */
export function reMaxAdvantages(
  tokenRewards: ArrayLike<number>,
  offsets: Int32Array,
  baselines: Float64Array,
  counts?: ArrayLike<number>,
): Float64Array {
  const advantages = discountedReturns(tokenRewards, offsets, 1, counts);
  for (let i = 0; i < baselines.length; i++) {
    for (let t = offsets[i]!; t < offsets[i + 1]!; t++) {
      if (!counts || counts[t]! > 0) advantages[t]! -= baselines[i]!;
    }
  }
  return advantages;
}

type Needed = TokenColumn | 'baseline_reward';

export const reMax = defineMap({
  name: 'advantage/remax',
  summary: 'Advantage of a token: the rewards from it on minus the reward of the greedy response.',
  formula: 'A_t = G_t - reward of the greedy response, G_t the sum of rewards from the token on',
  source: 'Li et al., "ReMax", arXiv 2310.10505',
  example: 'advantage: { use: advantage/remax }',
  params: z.strictObject({ lossMask: lossMaskParam, tokenRewards: tokenRewardsParam }),
  needs: (params): readonly Needed[] => [...tokenColumns(params), 'baseline_reward'],
  derived: true,
  adds: () => ['advantage'],
  dividesBy: () => 'nothing',
  create: (source) => ({
    run: (columns: Columns<Needed>) => {
      const { rewards, offsets, counts } = rewardsPerToken(columns, source);
      const perToken = reMaxAdvantages(rewards, offsets, columns.baseline_reward, counts);
      return { advantage: { offsets, values: Float32Array.from(perToken) } };
    },
  }),
});
