import type { UpdateTokens } from './loss.ts';

/** A token that counts, and (A - mean A)(log pi - mean log pi) of it, means over all that count. */
export interface Covariance {
  readonly token: number;
  readonly covariance: number;
}

/**
 * How much each counted token of an update adds to the covariance of advantage and log-probability, by which entropy
 * falls (Cui et al., 2025, arXiv 2505.22617).
 */
export function covariances({ logprobs, advantages, mask }: UpdateTokens): readonly Covariance[] {
  const counted = Array.from(mask.keys()).filter((t) => mask[t]! > 0);
  const mean = (x: Float32Array): number => counted.reduce((sum, t) => sum + x[t]!, 0) / counted.length;
  const [advantage, logprob] = [mean(advantages), mean(logprobs)];
  return counted.map((token) => ({
    token,
    covariance: (advantages[token]! - advantage) * (logprobs[token]! - logprob),
  }));
}

/** 1 at the given tokens of n. */
export function marked(n: number, tokens: Iterable<number>): Float32Array {
  const marks = new Float32Array(n);
  for (const t of tokens) marks[t] = 1;
  return marks;
}
