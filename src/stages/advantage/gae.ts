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
import { type Holes, rewardsPerToken, type TokenColumn, tokenColumns } from './token-returns.ts';
import { type Whitening, whiten } from './whiten.ts';

interface Discounts {
  readonly gamma: number;
  readonly lambda: number;
  /** What tokens that do not count are to those before them. Default: nothing. */
  readonly holes?: Holes | undefined;
}

/**
 * GAE before whitening: delta_t = r_t + gamma V_{t+1} - V_t, A_t = delta_t + gamma lambda A_{t+1}, and the returns
 * A_t + V_t that a critic learns. V after the last token is 0. t + 1 is the next token of the response that counts; or
 * the next token, where holes of the mask are passed through with neither reward nor value.
 *
 * Source: Schulman et al., "High-dimensional continuous control using generalized advantage estimation",
 * arXiv 1506.02438.
 *
 * @param tokenRewards one per token
 * @param values one per token: the critic's
 * @param offsets int32 [rows + 1] of the responses' tokens
 * @param counts one per token, above 0 where it counts; absent: all do
 * @returns two float64, one per token, 0 where a token does not count
 */
export function gaeEstimates(
  tokenRewards: ArrayLike<number>,
  values: ArrayLike<number>,
  offsets: Int32Array,
  { gamma, lambda, holes = 'skipped' }: Discounts,
  counts?: ArrayLike<number>,
): { advantages: Float64Array; returns: Float64Array } {
  const advantages = new Float64Array(values.length);
  const returns = new Float64Array(values.length);
  for (let i = 0; i + 1 < offsets.length; i++) {
    let nextValue = 0;
    let nextAdvantage = 0;
    for (let t = offsets[i + 1]! - 1; t >= offsets[i]!; t--) {
      if (counts && !(counts[t]! > 0)) {
        if (holes === 'passed') {
          nextAdvantage = gamma * nextValue + gamma * lambda * nextAdvantage;
          nextValue = 0;
        }
        continue;
      }
      const value = values[t]!;
      const advantage = tokenRewards[t]! + gamma * nextValue - value + gamma * lambda * nextAdvantage;
      advantages[t] = advantage;
      returns[t] = advantage + value;
      nextValue = value;
      nextAdvantage = advantage;
    }
  }
  return { advantages, returns };
}

/**
 * GAE: the advantages above, whitened over all response tokens of the batch; the returns are not.
 *
 * Differences of s(x) are kept as far as the critic has not learnt them: it predicts the scaled reward. A scale that
 * rewards and values share is cancelled. Groups do not matter.
 */
export function gaeAdvantages(
  tokenRewards: ArrayLike<number>,
  values: ArrayLike<number>,
  offsets: Int32Array,
  { gamma, lambda, holes, ...whitening }: Discounts & Whitening,
  counts?: ArrayLike<number>,
): { advantages: Float64Array; returns: Float64Array } {
  const { advantages, returns } = gaeEstimates(
    tokenRewards,
    values,
    offsets,
    { gamma, lambda, holes },
    counts,
  );
  return { advantages: whiten(advantages, counts, whitening), returns };
}

type Needed = TokenColumn | 'values';

export const gae = defineMap({
  name: 'advantage/gae',
  summary: 'Advantage of a token by generalised advantage estimation on a critic’s values, whitened.',
  formula: 'A_t = whiten(sum over k of (gamma lambda)^k delta_{t+k}), delta_t = r_t + gamma V_{t+1} - V_t',
  source: 'Schulman et al., arXiv 1506.02438',
  example: 'advantage: { use: advantage/gae, lambda: 0.95 }',
  params: z.strictObject({
    preset: presetParam('verl', 'openrlhf'),
    gamma: z.number().min(0).max(1).default(1).describe('Discount of what comes a token later.'),
    lambda: z
      .number()
      .min(0)
      .max(1)
      .default(1)
      .describe('How far ahead rewards count rather than the critic: 0 the next value, 1 all rewards.'),
    std: whiteningStdParam,
    eps: whiteningEpsParam,
    lossMask: lossMaskParam,
    tokenRewards: tokenRewardsParam,
  }),
  needs: (params): readonly Needed[] => [...tokenColumns(params), 'values'],
  derived: true,
  adds: () => ['advantage', 'returns'],
  dividesBy: ({ std }) => (std ? 'batch-std' : 'nothing'),
  create: ({ preset, gamma, lambda, std, eps, ...source }) => ({
    run: (columns: Columns<Needed>) => {
      const { rewards, offsets, counts } = rewardsPerToken(columns, source);
      const { holes } = deviationsOf(preset);
      const options = { gamma, lambda, holes, ...whiteningOf(preset, eps), std };
      const { advantages, returns } = gaeAdvantages(rewards, columns.values.values, offsets, options, counts);
      return {
        advantage: { offsets, values: Float32Array.from(advantages) },
        returns: { offsets, values: Float32Array.from(returns) },
      };
    },
  }),
});
