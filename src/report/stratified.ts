import {
  effectiveNumber,
  type Interval,
  ratioInterval,
  studentQuantile,
  weightedMean,
  wilson,
} from './intervals.ts';

/** What is known of a population from a sample of it, with its 95% interval; null where none can be given. */
export interface Estimate {
  readonly value: number;
  readonly interval: Interval | null;
}

/** Rows drawn at random, without replacement, from a part of the population. */
export interface Stratum {
  /** Rows of the part, and the sum of their weights. */
  readonly rows: number;
  readonly total: number;
  /** Of the rows drawn: weights, 0 or more, and scores in [0, 1]. Shapes: both [n]. */
  readonly weights: Float64Array;
  readonly scores: Float64Array;
}

/**
 * The share sum(w*y) / sum(w) of a population of known weights, from a stratified sample:
 *
 *     theta = sum_h W_h theta_h,   W_h = T_h / sum T,   theta_h = sum(w*y) / sum(w) over the n_h rows drawn of stratum h
 *
 * T_h the sum of all weights of the stratum: the separate ratio estimator (Cochran 1977, "Sampling Techniques", 6.10),
 * which with weights of 1 is the stratified mean sum_h N_h mean_h / N (5.3). Its variance is
 *
 *     V = sum_h W_h^2 (1 - n_h/N_h) theta_h (1 - theta_h) / e_h
 *
 * (5.6), e_h the effective number of rows drawn of a stratum. The interval is Wilson's with theta (1 - theta) / V rows,
 * as for shares in weighted surveys (Dean and Pagano 2015), and at most 1 / (sum_h W_h^2 (1 - n_h/N_h) / e_h), so that
 * a heavy stratum that showed no case does not pass for one that has none. In simulations of rare cases it held the
 * truth in 94 to 98% of samples; intervals of the strata put together by their squares (Zou, Huang and Zhang 2009) in 89
 * to 95%.
 *
 * Where every row was drawn it is exact and its interval has no width. Null where no row drawn of a stratum has weight.
 */
export function stratifiedShare(strata: readonly Stratum[]): Estimate | null {
  const weighty = strata.filter(({ total }) => total > 0);
  const all = weighty.reduce((sum, { total }) => sum + total, 0);
  let hits = 0;
  let variance = 0;
  let most = 0;
  for (const { rows, total, weights, scores } of weighty) {
    const share = weightedMean(weights, scores);
    if (!share) return null;
    const part = (total / all) ** 2 * (1 - weights.length / rows);
    const effective = effectiveNumber(share, weights, ones(weights.length));
    hits += total * share.value;
    variance += (part * share.value * (1 - share.value)) / effective;
    most += part / effective;
  }
  if (weighty.length === 0) return null;
  const value = hits / all;
  const effective = variance > 0 ? Math.min((value * (1 - value)) / variance, 1 / most) : 1 / most;
  return { value, interval: wilson(value, effective) };
}

/** Two scores in [0, 1] of each of `n` rows that were drawn from a part of `rows` rows. */
export interface RatedStratum {
  readonly rows: number;
  readonly first: Float64Array;
  readonly second: Float64Array;
}

/**
 * Cohen's kappa of two raters from a stratified sample: how much rarer they disagree than two raters would who give
 * the same scores as often, each without regard to the other.
 *
 *     kappa = 1 - D_o / D_e,   D_o = E|a - b|,   D_e = E|a - b'|, b' the second score of another row
 *
 * each row weighing W_h / n_h, W_h = N_h / N. Of scores 0 and 1 it is kappa as published (Cohen 1960); of others the
 * linearly weighted one (Cohen 1968).
 *
 * The normal interval of kappa, from its linearised variance (Fleiss, Cohen and Everitt 1969), held the truth in 89% of
 * simulated samples of 45 rows a stratum with few disagreements, as D_o is then far from normal. So the interval is that
 * of the ratio D_o / D_e on the log scale (Zou and Donner 2008), of the interval of D_o as {@link stratifiedShare} has
 * it, that of D_e, Student's from its linearised stratified variance sum_h W_h^2 (1 - f_h) s_h^2 / n_h, and the
 * correlation of the two. It has width where no row drawn differs.
 *
 * Null where one score is all that both gave: there is no chance to correct for.
 */
export function stratifiedKappa(strata: readonly RatedStratum[]): Estimate | null {
  const all = strata.reduce((sum, { rows }) => sum + rows, 0);
  const marginals = [new Map<number, number>(), new Map<number, number>()] as const;
  for (const { rows, first, second } of strata) {
    const w = rows / all / first.length;
    for (const a of first) marginals[0].set(a, (marginals[0].get(a) ?? 0) + w);
    for (const b of second) marginals[1].set(b, (marginals[1].get(b) ?? 0) + w);
  }
  const fromFirst = distances(marginals[1], marginals[0].keys());
  const fromSecond = distances(marginals[0], marginals[1].keys());
  let expected = 0;
  for (const [a, w] of marginals[0]) expected += w * fromFirst.get(a)!;
  if (!(expected > 1e-12)) return null;

  const apart = strata.map(({ first, second }) => first.map((a, i) => Math.abs(a - second[i]!)));
  const chance = strata.map(({ first, second }) =>
    first.map((a, i) => fromFirst.get(a)! + fromSecond.get(second[i]!)!),
  );
  const observed = stratifiedShare(
    strata.map(({ rows }, h) => ({ rows, total: rows, weights: ones(apart[h]!.length), scores: apart[h]! })),
  )!;
  const freedom = strata.reduce((sum, { first }) => sum + first.length - 1, 0);
  const top = { value: observed.value, influence: influence(strata, apart, all) };
  const bottom = { value: expected, influence: influence(strata, chance, all) };
  const half =
    freedom > 0
      ? studentQuantile(freedom) * Math.sqrt(bottom.influence.reduce((sum, u) => sum + u * u, 0))
      : 0;
  const ratio = ratioInterval(
    { mean: top, interval: observed.interval },
    { mean: bottom, interval: [expected - half, expected + half] },
  );
  return {
    value: 1 - observed.value / expected,
    interval: ratio && [Math.max(-1, 1 - ratio[1]), 1 - ratio[0]],
  };
}

/** What each row adds to a stratified mean of `z`, so that the sum of squares is its variance. */
function influence(strata: readonly RatedStratum[], z: readonly Float64Array[], all: number): Float64Array {
  const parts = strata.map(({ rows }, h) => {
    const n = z[h]!.length;
    const mean = z[h]!.reduce((sum, x) => sum + x, 0) / n;
    const factor = n > 1 ? (rows / all) * Math.sqrt((1 - n / rows) / (n * (n - 1))) : 0;
    return Array.from(z[h]!, (x) => factor * (x - mean));
  });
  return Float64Array.from(parts.flat());
}

/** Mean distance from each of some scores to those of a rater. */
function distances(marginal: ReadonlyMap<number, number>, scores: Iterable<number>): Map<number, number> {
  const mean = (score: number): number => {
    let sum = 0;
    for (const [other, w] of marginal) sum += w * Math.abs(score - other);
    return sum;
  };
  return new Map(Array.from(scores, (score) => [score, mean(score)]));
}

function ones(n: number): Float64Array {
  return new Float64Array(n).fill(1);
}
