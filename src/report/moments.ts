/**
 * Count, mean, spread and range of numbers that come one after the other, in memory that does not grow. NaN counts as
 * no number.
 *
 * Source: Welford (1962); merging: Chan, Golub and LeVeque (1979).
 */
export class Moments {
  n = 0;
  mean = 0;
  /** Sum of squared differences from the mean. */
  squares = 0;
  /** Sum of absolute values. */
  sizes = 0;
  min = Infinity;
  max = -Infinity;

  add(x: number): void {
    if (Number.isNaN(x)) return;
    this.n++;
    const delta = x - this.mean;
    this.mean += delta / this.n;
    this.squares += delta * (x - this.mean);
    this.sizes += Math.abs(x);
    if (x < this.min) this.min = x;
    if (x > this.max) this.max = x;
  }

  merge(other: Moments): void {
    if (other.n === 0) return;
    const n = this.n + other.n;
    const delta = other.mean - this.mean;
    this.squares += other.squares + (delta * delta * this.n * other.n) / n;
    this.mean += (delta * other.n) / n;
    this.n = n;
    this.sizes += other.sizes;
    this.min = Math.min(this.min, other.min);
    this.max = Math.max(this.max, other.max);
  }
}

/** What a set of numbers looks like; null where there are none. `sd` has n - 1 below, and is 0 for one number. */
export interface Spread {
  readonly n: number;
  readonly mean: number | null;
  readonly sd: number | null;
  /** Mean of the absolute values. */
  readonly mean_size: number | null;
  readonly min: number | null;
  readonly max: number | null;
}

export function spreadOf({ n, mean, squares, sizes, min, max }: Moments): Spread {
  if (n === 0) return { n, mean: null, sd: null, mean_size: null, min: null, max: null };
  return { n, mean, sd: n > 1 ? Math.sqrt(squares / (n - 1)) : 0, mean_size: sizes / n, min, max };
}

/** The same for pairs of numbers: how often they are equal, how far apart they are and how they move together. */
export class PairMoments {
  n = 0;
  equal = 0;
  /** Pairs in which both are numbers. */
  numbers = 0;
  /** Sum and largest of the absolute differences. */
  apart = 0;
  farthest = 0;
  /** Pairs of opposite signs, neither of them 0. */
  flips = 0;
  meanX = 0;
  meanY = 0;
  squaresX = 0;
  squaresY = 0;
  products = 0;

  /** @param equal whether the two are the same, also where they are no numbers or stand for a list */
  add(x: number, y: number, equal: boolean): void {
    this.n++;
    if (equal) this.equal++;
    if (Number.isNaN(x) || Number.isNaN(y)) return;
    this.numbers++;
    const apart = Math.abs(x - y);
    this.apart += apart;
    if (apart > this.farthest) this.farthest = apart;
    if (x * y < 0) this.flips++;
    const dx = x - this.meanX;
    const dy = y - this.meanY;
    this.meanX += dx / this.numbers;
    this.meanY += dy / this.numbers;
    this.squaresX += dx * (x - this.meanX);
    this.squaresY += dy * (y - this.meanY);
    this.products += dx * (y - this.meanY);
  }

  merge(other: PairMoments): void {
    this.n += other.n;
    this.equal += other.equal;
    if (other.numbers === 0) return;
    const n = this.numbers + other.numbers;
    const share = (this.numbers * other.numbers) / n;
    const dx = other.meanX - this.meanX;
    const dy = other.meanY - this.meanY;
    this.squaresX += other.squaresX + dx * dx * share;
    this.squaresY += other.squaresY + dy * dy * share;
    this.products += other.products + dx * dy * share;
    this.meanX += (dx * other.numbers) / n;
    this.meanY += (dy * other.numbers) / n;
    this.numbers = n;
    this.apart += other.apart;
    this.farthest = Math.max(this.farthest, other.farthest);
    this.flips += other.flips;
  }
}

/** Rows that both sides have, compared one by one. */
export interface PairSpread {
  readonly n: number;
  readonly equal: number;
  /** equal / n; null where there is no pair. */
  readonly share_equal: number | null;
  /** Null where no pair holds two numbers: text. */
  readonly mean_difference: number | null;
  readonly max_difference: number | null;
  readonly sign_flips: number;
  /** Pearson's; null where one side does not vary. */
  readonly correlation: number | null;
}

export function pairSpreadOf(pairs: PairMoments): PairSpread {
  const { n, equal, numbers, apart, farthest, flips, squaresX, squaresY, products } = pairs;
  const spread = Math.sqrt(squaresX * squaresY);
  return {
    n,
    equal,
    share_equal: n > 0 ? equal / n : null,
    mean_difference: numbers > 0 ? apart / numbers : null,
    max_difference: numbers > 0 ? farthest : null,
    sign_flips: flips,
    correlation: spread > 0 ? Math.max(-1, Math.min(1, products / spread)) : null,
  };
}
