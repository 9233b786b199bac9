import { columnOf } from '../../core/batch.ts';
import { type Ragged, rowLength } from '../../core/columns.ts';
import type { Policy } from '../../core/services.ts';
import type { Cohort } from '../../streams/cohort.ts';

/** How far the policy that is about to be updated is from the one that sampled the rollouts. */
export interface OffPolicy {
  readonly step: number;
  readonly responses: number;
  /** Mean of w = pi(y) / pi_sampled(y) over the responses; 1 on policy. */
  readonly ratio_mean: number;
  readonly ratio_max: number;
  /** (sum w)^2 / sum w^2: responses that the batch is worth under the policy; all of them on policy. */
  readonly effective_samples: number;
  /** (sum w)^2 / (n sum w^2), in (0, 1]. */
  readonly effective_share: number;
}

/**
 * Importance ratios of whole responses, w = exp(sum over tokens of log pi - log pi_sampled). The log is clamped to
 * +-20, as the losses clamp it.
 *
 * Source: Kong, "A note on importance sampling using standardized weights" (1992), for the effective sample size.
 *
 * @param logprobs float32 per response token, under the policy that is updated
 * @param sampled the same under the one that sampled
 */
export function importanceRatios(
  logprobs: Ragged<Float32Array>,
  sampled: Ragged<Float32Array>,
): Omit<OffPolicy, 'step'> {
  const responses = logprobs.offsets.length - 1;
  let sum = 0;
  let squares = 0;
  let largest = 0;
  for (let i = 0; i < responses; i++) {
    const [a, b] = [logprobs.offsets[i]!, sampled.offsets[i]!];
    let log = 0;
    for (let t = 0; t < rowLength(logprobs, i); t++) log += logprobs.values[a + t]! - sampled.values[b + t]!;
    const w = Math.exp(Math.max(-20, Math.min(20, log)));
    sum += w;
    squares += w * w;
    largest = Math.max(largest, w);
  }
  const effective = squares > 0 ? (sum * sum) / squares : 0;
  return {
    responses,
    ratio_mean: sum / responses,
    ratio_max: largest,
    effective_samples: effective,
    effective_share: effective / responses,
  };
}

/** Scores a cohort's responses under the policy as it is now. */
export async function measureOffPolicy(policy: Policy, { batch, event }: Cohort): Promise<OffPolicy> {
  const logprobs = await policy.scorer.score(
    {
      promptTokens: columnOf(batch, 'prompt_tokens'),
      responseTokens: columnOf(batch, 'response_tokens'),
      temperature: columnOf(batch, 'temperature'),
      weights: 'current',
    },
    event.signal,
  );
  return { step: event.step, ...importanceRatios(logprobs, columnOf(batch, 'sampled_logprobs')) };
}
