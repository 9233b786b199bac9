import { quantile } from '../core/quantile.ts';

/**
 * Which counted tokens are among the share of highest entropy ("Beyond the 80/20 rule", Wang et al., 2025, arXiv
 * 2506.01939; TRL's `top_entropy_quantile`): those at or above the quantile 1 - share of the entropies of all counted
 * tokens, linearly interpolated. Ties at the quantile all stay.
 *
 * @param entropies one per token
 * @param mask one per token, above 0 where it counts
 * @param share above 0, at most 1
 * @returns 1 or 0 for each token
 */
export function topEntropy(entropies: Float32Array, mask: Float32Array, share: number): Float32Array {
  const bound = quantile(
    Float64Array.from(entropies).filter((_, t) => mask[t]! > 0),
    1 - share,
  );
  return entropies.map((h, t) => (mask[t]! > 0 && h >= bound ? 1 : 0));
}
