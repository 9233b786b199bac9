/** Numbers from `from` up to `to`, that itself only in the last bin; where both are equal, that number alone. */
export interface Bin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** Bins, and how their edges follow each other: `each` distinct number, by equal steps, or by equal factors. */
export interface Histogram {
  readonly steps: 'each' | 'equal' | 'factor';
  readonly bins: readonly Bin[];
}

const mostDistinct = 12;
const about = 10;
const farApart = 20;

/**
 * A histogram of numbers of 0 or more: a bin for each up to 12 different ones; else bins between round edges, about 10
 * of them in equal steps, or, where the largest is more than 20 times the median, by 1, 2, 5, 10, with 0 by itself.
 */
export function histogramOf(numbers: Float64Array): Histogram {
  const sorted = numbers.toSorted();
  const distinct = [...new Set(sorted)];
  const count = (inside: (x: number) => boolean): number =>
    sorted.reduce((n, x) => n + (inside(x) ? 1 : 0), 0);
  if (distinct.length <= mostDistinct) {
    return { steps: 'each', bins: distinct.map((x) => ({ from: x, to: x, count: count((y) => y === x) })) };
  }
  const [least, most] = [sorted[0]!, sorted.at(-1)!];
  const median = sorted[Math.floor(sorted.length / 2)]!;
  const positive = distinct.find((x) => x > 0)!;
  const wide = most > farApart * median && most > farApart * positive;
  const edges = wide ? factorEdges(positive, most) : equalEdges(least, most);
  const between = edges.slice(1).map((to, i): Bin => {
    const from = edges[i]!;
    const last = i === edges.length - 2;
    return { from, to, count: count((x) => x >= from && (x < to || (last && x === to))) };
  });
  const zero = wide && least === 0 ? [{ from: 0, to: 0, count: count((x) => x === 0) }] : [];
  return { steps: wide ? 'factor' : 'equal', bins: [...zero, ...between] };
}

/** Multiples of a step of 1, 2 or 5 times a power of 10, from at most `least` to at least `most`. */
function equalEdges(least: number, most: number): number[] {
  const rough = (most - least) / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * (1 - 1e-9))!;
  const first = Math.floor(least / step + 1e-9);
  const last = Math.max(Math.ceil(most / step - 1e-9), first + 1);
  return Array.from({ length: last - first + 1 }, (_, i) => rounded((first + i) * step));
}

/** 1, 2, 5, 10 and so on, from at most `least` to at least `most`. */
function factorEdges(least: number, most: number): number[] {
  const powers = Array.from(
    { length: Math.ceil(Math.log10(most)) - Math.floor(Math.log10(least)) + 1 },
    (_, i) => 10 ** (Math.floor(Math.log10(least)) + i),
  );
  const all = powers.flatMap((p) => [p, 2 * p, 5 * p].map(rounded));
  const from = all.findLastIndex((x) => x <= least);
  const to = all.findIndex((x) => x >= most);
  return all.slice(Math.max(0, from), to + 1);
}

/** Without what binary fractions leave: 0.3, not 0.30000000000000004. */
function rounded(x: number): number {
  return Number(x.toPrecision(12));
}

const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A bar of a share of `width` characters, to an eighth of one; never empty for a share above 0. */
export function barOf(share: number, width: number): string {
  const parts = Math.max(share > 0 ? 1 : 0, Math.round(share * width * 8));
  return '█'.repeat(Math.floor(parts / 8)) + eighths[parts % 8]!;
}
