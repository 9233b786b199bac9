/**
 * The q-quantile with a straight line between the two nearest of the n ordered numbers: that at (n - 1) q, counted
 * from 0 (Hyndman and Fan's type 7, the default of R and NumPy).
 *
 * @param numbers float64 [n], at least one
 * @param q in [0, 1]
 */
export function quantile(numbers: Float64Array, q: number): number {
  const sorted = numbers.toSorted();
  const at = (sorted.length - 1) * q;
  const below = Math.floor(at);
  const low = sorted[below]!;
  return low + (at - below) * ((sorted[below + 1] ?? low) - low);
}
