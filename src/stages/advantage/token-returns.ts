import type { Columns } from '../../core/columns.ts';

/**
 * One reward a token: that of the response on its last token that counts, 0 elsewhere. A response of which no token
 * counts has none.
 *
 * @param rewards float64 [rows]
 * @param offsets int32 [rows + 1]: response i has the tokens offsets[i] .. offsets[i + 1]
 * @param counts one per token, above 0 where it counts; absent: all do
 * @returns float64, one per token
 */
export function rewardOnLastToken(
  rewards: Float64Array,
  offsets: Int32Array,
  counts?: ArrayLike<number>,
): Float64Array {
  const perToken = new Float64Array(offsets[rewards.length]!);
  for (let i = 0; i < rewards.length; i++) {
    let last = offsets[i + 1]! - 1;
    while (last >= offsets[i]! && counts && !(counts[last]! > 0)) last--;
    if (last >= offsets[i]!) perToken[last] = rewards[i]!;
  }
  return perToken;
}

/**
 * The return at each token that counts, G_t = r_t + gamma * G_next, next being the next token of the response that
 * counts: what stands in a hole of the mask neither adds to it nor, unless holes are passed through, discounts it. 0 at
 * the other tokens.
 *
 * @param tokenRewards one per token
 * @param offsets int32 [rows + 1] of the responses' tokens
 * @param counts one per token, above 0 where it counts; absent: all do
 * @returns float64, one per token
 */
export function discountedReturns(
  tokenRewards: ArrayLike<number>,
  offsets: Int32Array,
  gamma: number,
  counts?: ArrayLike<number>,
  holes: Holes = 'skipped',
): Float64Array {
  const returns = new Float64Array(tokenRewards.length);
  for (let i = 0; i + 1 < offsets.length; i++) {
    let g = 0;
    for (let t = offsets[i + 1]! - 1; t >= offsets[i]!; t--) {
      if (counts && !(counts[t]! > 0)) {
        if (holes === 'passed') g *= gamma;
        continue;
      }
      g = tokenRewards[t]! + gamma * g;
      returns[t] = g;
    }
  }
  return returns;
}

/**
 * What a token that does not count, such as a tool's output inside a response, is to those before it: nothing (verl),
 * or a step in which nothing is earned and the value is 0 (OpenRLHF).
 */
export type Holes = 'skipped' | 'passed';

/** How many tokens of each response count. */
export function countsPerRow(offsets: Int32Array, counts?: ArrayLike<number>): Int32Array {
  return Int32Array.from({ length: offsets.length - 1 }, (_, i) => {
    let n = 0;
    for (let t = offsets[i]!; t < offsets[i + 1]!; t++) if (!counts || counts[t]! > 0) n++;
    return n;
  });
}

/** Where an estimator per token takes its rewards and its mask from. */
export interface TokenSource {
  readonly tokenRewards: boolean;
  readonly lossMask: boolean;
}

export type TokenColumn = 'reward' | 'token_rewards' | 'response_tokens' | 'loss_mask';

/** The columns that it needs. */
export function tokenColumns({ tokenRewards, lossMask }: TokenSource): readonly TokenColumn[] {
  return [
    tokenRewards ? 'token_rewards' : 'reward',
    'response_tokens',
    ...(lossMask ? (['loss_mask'] as const) : []),
  ];
}

/** One reward a token, and which tokens count, of those columns. */
export function rewardsPerToken(
  { reward, token_rewards, response_tokens: { offsets }, loss_mask }: Columns<TokenColumn>,
  { tokenRewards, lossMask }: TokenSource,
): { rewards: ArrayLike<number>; offsets: Int32Array; counts: ArrayLike<number> | undefined } {
  const counts = lossMask ? loss_mask.values : undefined;
  const rewards = tokenRewards ? token_rewards.values : rewardOnLastToken(reward, offsets, counts);
  return { rewards, offsets, counts };
}
