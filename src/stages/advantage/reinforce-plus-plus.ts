import { z } from 'zod';
import type { Columns } from '../../core/columns.ts';
import { defineMap } from '../../core/stage.ts';
import { whiten } from './whiten.ts';

/**
 * The return at each token of responses whose reward stands on their last token: G_t = gamma^(L - 1 - t) R.
 *
 * @param rewards float64 [rows]
 * @param offsets int32 [rows + 1]: response i has the tokens offsets[i] .. offsets[i + 1]
 * @returns float64, one per token
 */
export function tokenReturns(rewards: Float64Array, offsets: Int32Array, gamma: number): Float64Array {
  const returns = new Float64Array(offsets[rewards.length]!);
  for (let i = 0; i < rewards.length; i++) {
    let g = rewards[i]!;
    for (let t = offsets[i + 1]! - 1; t >= offsets[i]!; t--) {
      returns[t] = g;
      g *= gamma;
    }
  }
  return returns;
}

/**
 * REINFORCE++: A_t = (G_t - mean) / sqrt(variance + eps), over all response tokens of the batch; no groups.
 *
 * Source: Hu, "REINFORCE++", arXiv 2501.03262. Differences of s(x) between questions are kept, a scale that all share
 * is cancelled. A longer response counts more in mean and variance. A batch whose returns are all equal gives 0, and
 * so does a batch of one token. Groups do not matter, so neither do groups of one.
 *
 * @param rewards float64 [rows]
 * @param offsets int32 [rows + 1] of the responses' tokens
 * @param counts one per token, above 0 where it counts; absent: all do
 * @returns float64, one per token, 0 where a token does not count
 */
export function reinforcePlusPlusAdvantages(
  rewards: Float64Array,
  offsets: Int32Array,
  { gamma, eps, ddof }: { readonly gamma: number; readonly eps: number; readonly ddof: number },
  counts?: ArrayLike<number>,
): Float64Array {
  return whiten(tokenReturns(rewards, offsets, gamma), counts, { eps, ddof });
}

type Needed = 'reward' | 'response_tokens' | 'loss_mask';

export const reinforcePlusPlus = defineMap({
  name: 'advantage/reinforce++',
  summary: 'Advantage of a token: its discounted return, whitened over all response tokens of the batch.',
  params: z.strictObject({
    gamma: z
      .number()
      .min(0)
      .max(1)
      .default(1)
      .describe('Discount of the reward for each token before the end.'),
    eps: z.number().min(0).default(1e-8).describe('Added to the variance.'),
    lossMask: z
      .boolean()
      .default(false)
      .describe('Whiten over the tokens that the column loss_mask marks only.'),
  }),
  needs: ({ lossMask }): readonly Needed[] =>
    lossMask ? ['reward', 'response_tokens', 'loss_mask'] : ['reward', 'response_tokens'],
  adds: () => ['advantage'],
  dividesBy: () => 'batch-std',
  create: ({ gamma, eps, lossMask }) => ({
    run: ({ reward, response_tokens: { offsets }, loss_mask }: Columns<Needed>) => {
      const counts = lossMask ? loss_mask.values : undefined;
      const perToken = reinforcePlusPlusAdvantages(reward, offsets, { gamma, eps, ddof: 1 }, counts);
      return { advantage: { offsets, values: Float32Array.from(perToken) } };
    },
  }),
});
