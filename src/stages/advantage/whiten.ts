export interface Whitening {
  /** Added to the variance: 1e-8 in verl; OpenRLHF has none. */
  readonly eps: number;
  /** 1 for the sample's variance (verl), 0 for the population's (OpenRLHF). */
  readonly ddof: number;
  /** Least variance: 1e-8 in OpenRLHF. Default: 0. */
  readonly floor?: number;
  /** Added to how many numbers a mean divides by: 1e-8 in verl. Default: 0. */
  readonly countEps?: number;
  /** Divide by the deviation, or subtract the mean alone. Default: true. */
  readonly std?: boolean;
}

/**
 * (x - mean) / sqrt(max(variance, floor) + eps) over the numbers that count; the others become 0.
 *
 * Computed on differences from the first number that counts, so numbers that are all equal, or only one, give
 * exactly 0, with `countEps` too. That moves the mean by its 1e-8 / n: nothing to see, unless all numbers are far from
 * 0 and near to each other.
 *
 * @param x float64 [n]
 * @param counts [n], above 0 where a number counts; absent: all do
 * @returns float64 [n]
 */
export function whiten(
  x: Float64Array,
  counts: ArrayLike<number> | undefined,
  { eps, ddof, floor = 0, countEps = 0, std = true }: Whitening,
): Float64Array {
  const white = new Float64Array(x.length);
  const counted: number[] = [];
  for (let i = 0; i < x.length; i++) if (!counts || counts[i]! > 0) counted.push(i);
  const n = counted.length;
  if (n < 2) return white;
  const first = x[counted[0]!]!;
  let sum = 0;
  for (const i of counted) sum += x[i]! - first;
  const mean = sum / n;
  if (counted.every((i) => x[i] === first)) return white;
  const short = ((first + mean) * countEps) / (n + countEps);
  let squares = 0;
  for (const i of counted) {
    white[i] = x[i]! - first - mean + short;
    squares += white[i]! ** 2;
  }
  if (squares === 0 || !std) return white;
  const variance = (squares / (n + countEps)) * (n / (n - ddof));
  const scale = 1 / Math.sqrt(Math.max(variance, floor) + eps);
  for (const i of counted) white[i]! *= scale;
  return white;
}
