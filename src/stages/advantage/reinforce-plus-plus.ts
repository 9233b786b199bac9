import { z } from 'zod';
import type { Columns } from '../../core/columns.ts';
import { defineMap } from '../../core/stage.ts';
import {
  deviationsOf,
  lossMaskParam,
  presetParam,
  tokenRewardsParam,
  whiteningEpsParam,
  whiteningOf,
  whiteningStdParam,
} from './presets.ts';
import {
  discountedReturns,
  type Holes,
  rewardsPerToken,
  type TokenColumn,
  tokenColumns,
} from './token-returns.ts';
import { type Whitening, whiten } from './whiten.ts';

/**
 * REINFORCE++: A_t = (G_t - mean) / sqrt(variance + eps), over all response tokens of the batch; no groups.
 *
 * Source: Hu, "REINFORCE++", arXiv 2501.03262. Differences of s(x) between questions are kept, a scale that all share
 * is cancelled. A longer response counts more in mean and variance. A batch whose returns are all equal gives 0, and
 * so does a batch of one token. Groups do not matter, so neither do groups of one.
 *
 * @param tokenRewards one per token: what `rewardOnLastToken` makes, or KL and shaping in it
 * @param offsets int32 [rows + 1] of the responses' tokens
 * @param counts one per token, above 0 where it counts; absent: all do
 * @returns float64, one per token, 0 where a token does not count
 */
export function reinforcePlusPlusAdvantages(
  tokenRewards: ArrayLike<number>,
  offsets: Int32Array,
  { gamma, holes, ...whitening }: { readonly gamma: number; readonly holes?: Holes } & Whitening,
  counts?: ArrayLike<number>,
): Float64Array {
  return whiten(discountedReturns(tokenRewards, offsets, gamma, counts, holes), counts, whitening);
}

export const reinforcePlusPlus = defineMap({
  name: 'advantage/reinforce++',
  summary: 'Advantage of a token: its discounted return, whitened over all response tokens of the batch.',
  formula: 'A_t = whiten(G_t) over all response tokens of the batch, G_t = r_t + gamma G_{t+1}',
  source: 'Hu, "REINFORCE++", arXiv 2501.03262',
  example: 'advantage: { use: advantage/reinforce++ }',
  params: z.strictObject({
    preset: presetParam('verl', 'openrlhf'),
    gamma: z
      .number()
      .min(0)
      .max(1)
      .default(1)
      .describe('Discount of the reward for each token before the end.'),
    std: whiteningStdParam,
    eps: whiteningEpsParam,
    lossMask: lossMaskParam,
    tokenRewards: tokenRewardsParam,
  }),
  needs: (params): readonly TokenColumn[] => tokenColumns(params),
  derived: true,
  adds: () => ['advantage'],
  dividesBy: ({ std }) => (std ? 'batch-std' : 'nothing'),
  create: ({ preset, gamma, std, eps, ...source }) => ({
    run: (columns: Columns<TokenColumn>) => {
      const { rewards, offsets, counts } = rewardsPerToken(columns, source);
      const { holes } = deviationsOf(preset);
      const options = { gamma, holes, ...whiteningOf(preset, eps), std };
      const perToken = reinforcePlusPlusAdvantages(rewards, offsets, options, counts);
      return { advantage: { offsets, values: Float32Array.from(perToken) } };
    },
  }),
});
