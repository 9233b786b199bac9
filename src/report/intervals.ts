/**
 * 95% confidence intervals over questions. Questions are the unit that is sampled; every statistic here is a
 * weighted mean of a number per question, or a ratio or difference of such means, so its variance follows from
 * its influence values (the linearisation of survey statistics) and no resampling is needed: the same data give
 * the same interval, without a seed. Where such a normal interval is known to fail (a proportion near 0 or 1, few
 * questions) its well-tested correction is used instead: Wilson's, and Agresti and Min's for paired differences.
 */
export type Interval = readonly [low: number, high: number];

/** The 97.5% quantile of the standard normal distribution. */
const z = 1.959963984540054;

/** sum(w*y) / sum(w), with the influence of each question, which sum to 0; null where all weights are 0. */
export interface WeightedMean {
  readonly value: number;
  /** u_i = w_i (y_i - value) / sum(w); the variance of `value` is about sum(u_i^2). */
  readonly influence: Float64Array;
}

/** See {@link WeightedMean}. Shapes: both [n]. */
export function weightedMean(weights: Float64Array, y: Float64Array): WeightedMean | null {
  const total = sum(weights, (w) => w);
  if (!(total > 0)) return null;
  const value = sum(weights, (w, i) => w * y[i]!) / total;
  return { value, influence: weights.map((w, i) => (w * (y[i]! - value)) / total) };
}

/**
 * Wilson's score interval of a proportion p seen in n trials; n need not be whole.
 * Wilson (1927), "Probable inference, the law of succession, and statistical inference".
 */
export function wilson(p: number, n: number): Interval {
  const centre = (p + z ** 2 / (2 * n)) / (1 + z ** 2 / n);
  const half = (z / (1 + z ** 2 / n)) * Math.sqrt((p * (1 - p)) / n + z ** 2 / (4 * n ** 2));
  return [p === 0 ? 0 : Math.max(0, centre - half), p === 1 ? 1 : Math.min(1, centre + half)];
}

/**
 * The interval of a weighted share of scores in [0, 1] (accuracy, H-Acc): Wilson's, with the effective number of
 * questions n = p(1-p) / variance, as for shares in weighted surveys (Dean & Pagano 2015). With one 0/1 score a
 * question and equal weights it is Wilson's own. n is at most Kish's number sum(w)^2 / sum(w^2/samples), so a few
 * heavy questions that agree do not pass for certainty. Null for fewer than two questions or no weight.
 */
export function shareInterval(
  weights: Float64Array,
  scores: Float64Array,
  samples: Float64Array,
): Interval | null {
  const mean = weightedMean(weights, scores);
  if (!mean || weights.length < 2) return null;
  return wilson(mean.value, effectiveNumber(mean, weights, samples));
}

/** How many questions of equal weight tell as much of a weighted share of scores; see {@link shareInterval}. */
export function effectiveNumber(
  { value: p, influence }: WeightedMean,
  weights: Float64Array,
  samples: Float64Array,
): number {
  const variance = sumOfSquares(influence);
  const total = sum(weights, (w) => w);
  const kish = total ** 2 / sumOfSquares(weights);
  const kishOfSamples = total ** 2 / sum(weights, (w, i) => w ** 2 / samples[i]!);
  // All scores alike (up to rounding) say nothing about their spread.
  return variance > 1e-24 ? Math.min((p * (1 - p)) / variance, kishOfSamples) : kish;
}

/**
 * The interval of a paired difference of weighted shares, mean(after - before) on the same questions. Agresti and
 * Min (2005), "Simple improved confidence intervals for comparing matched proportions": two pseudo-questions are
 * added, half a one in each cell of the table right/wrong before/after, each as heavy as the typical unit of
 * weight, sum(w^2)/sum(w). It shrinks towards no difference, hardly at all for many questions; with few of very
 * unequal weight it covers less than 95% (92% of 40 exam questions worth 1, 4 or 10, simulated; a percentile
 * bootstrap 90%), but errs towards too small a change. Null for fewer than two questions or no weight.
 */
export function shareDifferenceInterval(
  weights: Float64Array,
  before: Float64Array,
  after: Float64Array,
): Interval | null {
  const total = sum(weights, (w) => w);
  if (!(total > 0) || weights.length < 2) return null;
  const unit = sumOfSquares(weights) / total;
  const padded = total + 2 * unit;
  const centre = sum(weights, (w, i) => w * (after[i]! - before[i]!)) / padded;
  const squares = sum(weights, (w, i) => (w * (after[i]! - before[i]! - centre)) ** 2);
  const half = (z * Math.sqrt(squares + unit ** 2 * (1 + 2 * centre ** 2))) / padded;
  return [Math.max(-1, centre - half), Math.min(1, centre + half)];
}

/** Student's interval from an estimate and its influence values; null for fewer than two questions. */
export function studentInterval(
  value: number,
  influence: Float64Array,
  atLeast = -Infinity,
): Interval | null {
  const n = influence.length;
  if (n < 2) return null;
  const half = studentQuantile(n - 1) * Math.sqrt((n / (n - 1)) * sumOfSquares(influence));
  return [Math.max(atLeast, value - half), value + half];
}

/**
 * The interval of a ratio of two positive estimates from the intervals of each and the correlation of their
 * influence values: the method of variance estimates recovery on the log scale (Zou & Donner 2008, "Construction
 * of confidence limits about effect measures"). Null where the denominator is not bounded away from 0.
 */
export function ratioInterval(
  top: { mean: WeightedMean; interval: Interval | null },
  bottom: { mean: WeightedMean; interval: Interval | null },
): Interval | null {
  if (!top.interval || !bottom.interval || !(bottom.interval[0] > 0)) return null;
  const [topLow, topHigh] = top.interval;
  const [bottomLow, bottomHigh] = bottom.interval;
  const a = top.mean.value;
  const b = bottom.mean.value;
  if (a === 0) return [0, topHigh / bottomLow];
  const r = correlation(top.mean.influence, bottom.mean.influence);
  const distance = (x: number, y: number) => Math.sqrt(Math.max(0, x * x + y * y - 2 * r * x * y));
  const down = topLow > 0 ? distance(Math.log(a / topLow), Math.log(bottomHigh / b)) : Infinity;
  const up = distance(Math.log(topHigh / a), Math.log(b / bottomLow));
  return [(a / b) * Math.exp(-down), (a / b) * Math.exp(up)];
}

/**
 * The 97.5% quantile of Student's t with `df` degrees of freedom: exact for 1 and 2, else the Cornish-Fisher
 * expansion (Abramowitz & Stegun 26.7.5), within 0.004 at 3 and closer above.
 */
export function studentQuantile(df: number): number {
  if (df === 1) return Math.tan(Math.PI * 0.475);
  if (df === 2) return 0.95 * Math.sqrt(2 / (1 - 0.95 ** 2));
  const g1 = (z ** 3 + z) / 4;
  const g2 = (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96;
  const g3 = (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384;
  const g4 = (79 * z ** 9 + 776 * z ** 7 + 1482 * z ** 5 - 1920 * z ** 3 - 945 * z) / 92160;
  return z + g1 / df + g2 / df ** 2 + g3 / df ** 3 + g4 / df ** 4;
}

function correlation(x: Float64Array, y: Float64Array): number {
  const scale = Math.sqrt(sumOfSquares(x) * sumOfSquares(y));
  return scale > 0 ? sum(x, (u, i) => u * y[i]!) / scale : 0;
}

function sumOfSquares(x: Float64Array): number {
  return sum(x, (u) => u * u);
}

function sum(x: Float64Array, term: (value: number, index: number) => number): number {
  let total = 0;
  for (let i = 0; i < x.length; i++) total += term(x[i]!, i);
  return total;
}
