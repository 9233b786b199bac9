import { z } from 'zod';
import type { Columns, Ragged } from '../../core/columns.ts';
import { defineMap } from '../../core/stage.ts';

export type RewardKl = 'k1' | 'abs' | 'k2' | 'k3';

/**
 * Estimate of KL(pi || pi_ref) at each token that was sampled (Schulman, 2020), d = log pi_ref - log pi: k1 = -d,
 * abs = |d|, k2 = d^2 / 2, k3 = exp(d) - d - 1 with d clamped to +-20 and the value to +-10.
 *
 * Subtracted from the reward, k1 gives the exact gradient of the KL-regularised objective; the others have its size,
 * not its gradient.
 *
 * @param logprobs one per token, under the policy that sampled
 * @param refLogprobs one per token
 * @returns float64, one per token
 */
export function klOfTokens(
  use: RewardKl,
  logprobs: ArrayLike<number>,
  refLogprobs: ArrayLike<number>,
): Float64Array {
  return Float64Array.from(logprobs, (logprob, i) => {
    const d = refLogprobs[i]! - logprob;
    switch (use) {
      case 'k1':
        return -d;
      case 'abs':
        return Math.abs(d);
      case 'k2':
        return (d * d) / 2;
      case 'k3': {
        const bounded = Math.min(Math.max(d, -20), 20);
        return Math.min(Math.max(Math.exp(bounded) - bounded - 1, -10), 10);
      }
    }
  });
}

/**
 * The reward of each response less coefficient * KL summed over its tokens, and the same at each token, the reward on
 * the last one that counts. What does not count has neither.
 *
 * @param rewards float64 [rows]
 * @param kl one per token
 * @param mask one per token; absent: all count
 * @returns float64 [rows], and float32 one per token
 */
export function penalised(
  rewards: Float64Array,
  kl: Float64Array,
  offsets: Int32Array,
  coefficient: number,
  mask?: Float32Array,
): { reward: Float64Array; tokenRewards: Float32Array } {
  const tokenRewards = new Float32Array(kl.length);
  const reward = rewards.map((r, i) => {
    let sum = 0;
    let last = -1;
    for (let t = offsets[i]!; t < offsets[i + 1]!; t++) {
      if (mask && !(mask[t]! > 0)) continue;
      sum += kl[t]!;
      tokenRewards[t] = -coefficient * kl[t]!;
      last = t;
    }
    if (last >= 0) tokenRewards[last] = r - coefficient * kl[last]!;
    return r - coefficient * sum;
  });
  return { reward, tokenRewards };
}

/**
 * Advantages less coefficient * KL summed from each token to the end: KL that no baseline is taken of, and nothing
 * divides. What does not count stays as it is.
 *
 * @param advantages one per token
 * @param kl one per token
 * @param mask one per token; absent: all count
 * @returns float32, one per token
 */
export function lessKlToCome(
  advantages: Float32Array,
  kl: Float64Array,
  offsets: Int32Array,
  coefficient: number,
  mask?: Float32Array,
): Float32Array {
  const less = advantages.slice();
  for (let i = 0; i + 1 < offsets.length; i++) {
    let sum = 0;
    for (let t = offsets[i + 1]! - 1; t >= offsets[i]!; t--) {
      if (mask && !(mask[t]! > 0)) continue;
      sum += kl[t]!;
      less[t] = advantages[t]! - coefficient * sum;
    }
  }
  return less;
}

type Into = 'reward' | 'token_rewards' | 'advantage';
type Needed =
  | Exclude<Into, 'token_rewards'>
  | 'sampled_logprobs'
  | 'old_logprobs'
  | 'ref_logprobs'
  | 'loss_mask';

/** KL in the reward: the penalty for leaving the reference is part of what the policy is to earn. */
export const rewardKl = defineMap({
  name: 'reward/kl',
  summary: 'Takes the KL divergence from the reference off the reward or the advantage.',
  formula:
    'R - coefficient * sum over t of KL_t; k1 = -d, abs = |d|, k2 = d^2 / 2, k3 = exp(d) - d - 1, d = log pi_ref - log pi',
  source: 'Schulman, "Approximating KL divergence", 2020',
  example: 'kl: { use: reward/kl, coefficient: 0.001 }',
  params: z.strictObject({
    coefficient: z.number().min(0).default(0.001).describe('What the KL is multiplied by.'),
    estimate: z.enum(['k1', 'abs', 'k2', 'k3']).default('k1').describe('Of the KL of a token; k1 is exact.'),
    into: z
      .enum(['reward', 'token_rewards', 'advantage'])
      .default('reward')
      .describe(
        'Change `reward`; add `token_rewards` for an estimator that reads them; or, behind one, change `advantage`.',
      ),
    of: z
      .enum(['sampled_logprobs', 'old_logprobs'])
      .default('sampled_logprobs')
      .describe('The log-probabilities of the policy.'),
    lossMask: z.boolean().default(false).describe('Count only the tokens that the column loss_mask marks.'),
  }),
  needs: ({ into, of, lossMask }): readonly Needed[] => [
    into === 'advantage' ? 'advantage' : 'reward',
    of,
    'ref_logprobs',
    ...(lossMask ? (['loss_mask'] as const) : []),
  ],
  derived: true,
  adds: ({ into }): readonly Into[] => [into],
  replaces: ({ into }) => (into === 'token_rewards' ? [] : [into]),
  remarks: ({ coefficient, estimate }) => [
    ...(coefficient === 0
      ? ([
          {
            code: 'setting/no-effect',
            parameter: ['coefficient'],
            message: 'coefficient 0 takes nothing off the reward.',
            help: 'Leave the stage out, or give it a coefficient such as 0.001.',
          },
        ] as const)
      : []),
    ...(estimate === 'k1'
      ? []
      : ([
          {
            code: 'setting/doubtful',
            parameter: ['estimate'],
            message: `Taken off the reward, ${estimate} does not have the gradient of the KL; k1 has it exactly.`,
            help: 'Take estimate: k1 here; k2 and k3 belong in the loss, kl of optimize/policy-gradient.',
          },
        ] as const)),
  ],
  create: ({ coefficient, estimate, into, of, lossMask }) => ({
    run: (columns: Columns<Needed>) => {
      const logprobs: Ragged<Float32Array> = columns[of];
      const { offsets } = logprobs;
      const kl = klOfTokens(estimate, logprobs.values, columns.ref_logprobs.values);
      const mask = lossMask ? columns.loss_mask.values : undefined;
      const only = (added: Partial<Columns<Into>>) => added as Columns<Into>;
      if (into === 'advantage') {
        const values = lessKlToCome(columns.advantage.values, kl, offsets, coefficient, mask);
        return only({ advantage: { offsets, values } });
      }
      const { reward, tokenRewards } = penalised(columns.reward, kl, offsets, coefficient, mask);
      return only(into === 'reward' ? { reward } : { token_rewards: { offsets, values: tokenRewards } });
    },
  }),
});
