import { z } from 'zod';
import type { Columns } from '../../core/columns.ts';
import { defineMap } from '../../core/stage.ts';
import { centreGroups, type Singleton } from './groups.ts';
import {
  deviationsOf,
  lossMaskParam,
  presetParam,
  singletonParam,
  whiteningEpsParam,
  whiteningOf,
  whiteningStdParam,
} from './presets.ts';
import { discountedReturns } from './token-returns.ts';
import { type Whitening, whiten } from './whiten.ts';

/**
 * REINFORCE++-baseline: A_t = whiten(R - mean of the group), over all response tokens of the batch.
 *
 * Source: Hu, "REINFORCE++", arXiv 2501.03262. Differences of s(x) between questions are kept, a scale that all share
 * is cancelled. Whitening subtracts the mean over tokens, which is not 0 where lengths differ: a group without signal
 * then gets minus that mean, and exactly 0 only where no group has signal.
 *
 * @param rewards float64 [rows]
 * @param groups int32 [rows]: rows with equal numbers answer the same prompt
 * @param offsets int32 [rows + 1] of the responses' tokens
 * @param singleton what a group of one enters the whitening with: 0 (OpenRLHF), or its reward (verl)
 * @param counts one per token, above 0 where it counts; absent: all do
 * @param tokenRewards one per token: what is in them beside the reward, such as a KL, is added from each token on
 *   after the baseline, as OpenRLHF has it; absent: the reward alone
 * @returns float64, one per token, 0 where a token does not count
 */
export function reinforcePlusPlusBaselineAdvantages(
  rewards: Float64Array,
  groups: Int32Array,
  offsets: Int32Array,
  { singleton = 'zero', ...whitening }: { readonly singleton?: Singleton } & Whitening,
  counts?: ArrayLike<number>,
  tokenRewards?: ArrayLike<number>,
): Float64Array {
  const centred = centreGroups(rewards, groups, singleton);
  const perToken = new Float64Array(offsets[rewards.length]!);
  const togo = tokenRewards && discountedReturns(tokenRewards, offsets, 1, counts);
  for (let i = 0; i < rewards.length; i++) {
    for (let t = offsets[i]!; t < offsets[i + 1]!; t++) {
      perToken[t] = centred[i]! + (togo ? togo[t]! - rewards[i]! : 0);
    }
  }
  return whiten(perToken, counts, whitening);
}

type Needed = 'group' | 'reward' | 'response_tokens' | 'loss_mask' | 'token_rewards';

export const reinforcePlusPlusBaseline = defineMap({
  name: 'advantage/reinforce++-baseline',
  summary:
    'Advantage of a token: its reward minus the mean of its group, whitened over the tokens of the batch.',
  formula: 'A_t = whiten(R - mean of its group) over all response tokens of the batch',
  source: 'Hu, "REINFORCE++", arXiv 2501.03262',
  example: 'advantage: { use: advantage/reinforce++-baseline }',
  params: z.strictObject({
    preset: presetParam('verl', 'openrlhf'),
    std: whiteningStdParam,
    eps: whiteningEpsParam,
    singleton: singletonParam,
    lossMask: lossMaskParam,
    tokenRewards: z
      .boolean()
      .default(false)
      .describe('Add, after the baseline, what token_rewards has beside the reward, as OpenRLHF does KL.'),
  }),
  needs: ({ lossMask, tokenRewards }): readonly Needed[] => [
    'group',
    'reward',
    'response_tokens',
    ...(lossMask ? (['loss_mask'] as const) : []),
    ...(tokenRewards ? (['token_rewards'] as const) : []),
  ],
  derived: true,
  adds: () => ['advantage'],
  dividesBy: ({ std }) => (std ? 'batch-std' : 'nothing'),
  create: ({ preset, std, eps, singleton = deviationsOf(preset).singleton, lossMask, tokenRewards }) => ({
    run: ({ group, reward, response_tokens: { offsets }, loss_mask, token_rewards }: Columns<Needed>) => {
      const options = { singleton, ...whiteningOf(preset, eps), std };
      const counts = lossMask ? loss_mask.values : undefined;
      const perToken = reinforcePlusPlusBaselineAdvantages(
        reward,
        group,
        offsets,
        options,
        counts,
        tokenRewards ? token_rewards.values : undefined,
      );
      return { advantage: { offsets, values: Float32Array.from(perToken) } };
    },
  }),
});
