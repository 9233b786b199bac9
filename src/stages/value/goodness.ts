/**
 * R2 = 1 - sum (y - p)^2 / sum (y - mean y)^2: 1 for exact predictions, 0 for those no better than the mean, and
 * below for worse. NaN where all labels are equal.
 *
 * @param labels float64 [n]
 * @param predicted float64 [n]
 */
export function rSquared(labels: Float64Array, predicted: Float64Array): number {
  if (labels.every((y) => y === labels[0])) return NaN;
  const mean = labels.reduce((a, b) => a + b, 0) / labels.length;
  const total = labels.reduce((sum, y) => sum + (y - mean) ** 2, 0);
  return 1 - labels.reduce((sum, y, i) => sum + (y - predicted[i]!) ** 2, 0) / total;
}

/**
 * Spearman's rank correlation: that of the ranks, equal numbers sharing their mean rank. NaN where all numbers of one
 * side are equal.
 */
export function rankCorrelation(a: Float64Array, b: Float64Array): number {
  const [r, s] = [ranksOf(a), ranksOf(b)];
  const mean = (a.length + 1) / 2;
  const product = (p: Float64Array, q: Float64Array): number =>
    p.reduce((sum, x, i) => sum + (x - mean) * (q[i]! - mean), 0);
  const size = Math.sqrt(product(r, r) * product(s, s));
  return size > 0 ? product(r, s) / size : NaN;
}

/** Ranks from 1, equal numbers sharing the mean of theirs. */
export function ranksOf(numbers: Float64Array): Float64Array {
  const order = Array.from(numbers.keys()).sort((i, j) => numbers[i]! - numbers[j]!);
  const ranks = new Float64Array(numbers.length);
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to + 1 < order.length && numbers[order[to + 1]!] === numbers[order[from]!]) to++;
    for (let k = from; k <= to; k++) ranks[order[k]!] = (from + to) / 2 + 1;
    from = to + 1;
  }
  return ranks;
}
