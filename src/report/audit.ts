import type { KeyRange } from './buckets.ts';
import type { Interval } from './intervals.ts';
import { type Estimate, stratifiedKappa, stratifiedShare } from './stratified.ts';

/** Rows of one value bucket: what is known of all of them, and both verdicts on those that were drawn. */
export interface AuditStratum extends KeyRange {
  /** Rows of the bucket, the sum of their points, and of their s(x) where the run scaled rewards. */
  readonly rows: number;
  readonly points: number;
  readonly scale: number | null;
  /** Of the rows drawn, one entry a row. `scale` is empty where the run scaled no rewards. */
  readonly drawn: {
    readonly first: Float64Array;
    readonly second: Float64Array;
    readonly points: Float64Array;
    readonly scale: Float64Array;
  };
}

/** What depends on which of the two verifiers is asked, in points or in reward. */
export interface AuditCost {
  /** What right answers to every row would earn. */
  readonly at_stake: number;
  /** Sum of w * |a - b| over all rows, w the points or s(x) of a row: expected, from the rows drawn. */
  readonly disputed: Estimate;
  /** disputed / at_stake. */
  readonly share: Estimate;
  /** disputed / rows: what one response is expected to gain or lose. */
  readonly per_response: number;
  /** The part that only this side gives, by the name of the side. */
  readonly only: Readonly<Record<string, Estimate>>;
}

/** How two verifiers agree, over some rows. */
export interface AuditEstimates {
  readonly rows: number;
  readonly sampled: number;
  /** Share of rows to which both give the same score. */
  readonly agreement: Estimate;
  /** Share of rows that only this side finds right (of partial credit: to which it gives more), by its name. */
  readonly only: Readonly<Record<string, Estimate>>;
  /** Cohen's; null where both gave one and the same score throughout. */
  readonly kappa: Estimate | null;
  /** Null where nothing has points. */
  readonly points: AuditCost | null;
  /** The same in expected reward, s(x) * |a - b|; null where the run recorded no s(x). */
  readonly reward: AuditCost | null;
}

export interface AuditSummary extends AuditEstimates {
  readonly by_value: readonly (KeyRange & AuditEstimates)[];
}

/**
 * How two verifiers agree on the rows of a run, by value and weighted back to the whole of it, and what their
 * disagreement costs. Formulas and sources are with {@link stratifiedShare} and {@link stratifiedKappa}: each figure
 * but kappa is a share of known weights, the rows, their points or their s(x).
 *
 * @param strata at least one, each with at least one row drawn
 * @param names of the two sides
 */
export function summarizeAudit(
  strata: readonly AuditStratum[],
  names: readonly [string, string],
): AuditSummary {
  return {
    ...estimatesOf(strata, names),
    by_value: strata.map((stratum) => {
      const { label, from, to } = stratum;
      return { label, from, to, ...estimatesOf([stratum], names) };
    }),
  };
}

type Weighing = 'rows' | 'points' | 'scale';
type Judging = (a: number, b: number) => number;

const same: Judging = (a, b) => (a === b ? 1 : 0);
const more: Judging = (a, b) => (a > b ? 1 : 0);
const apart: Judging = (a, b) => Math.abs(a - b);
const surplus: Judging = (a, b) => Math.max(a - b, 0);

function estimatesOf(strata: readonly AuditStratum[], names: readonly [string, string]): AuditEstimates {
  const share = (weighing: Weighing, judging: Judging, swapped = false): Estimate | null =>
    stratifiedShare(strata.map((stratum) => scored(stratum, weighing, judging, swapped)));
  const bySide = <T>(of: (swapped: boolean) => T): Record<string, T> => ({
    [names[0]]: of(false),
    [names[1]]: of(true),
  });
  const cost = (weighing: 'points' | 'scale'): AuditCost | null => {
    const total = sumOf(strata, (stratum) => stratum[weighing] ?? 0);
    const disputed = share(weighing, apart);
    if (!disputed) return null;
    return {
      at_stake: total,
      disputed: times(disputed, total),
      share: disputed,
      per_response: (disputed.value * total) / rows,
      only: bySide((swapped) => times(share(weighing, surplus, swapped)!, total)),
    };
  };
  const rows = sumOf(strata, (stratum) => stratum.rows);
  const rated = strata.map(({ rows, drawn: { first, second } }) => ({ rows, first, second }));
  return {
    rows,
    sampled: sumOf(strata, ({ drawn }) => drawn.first.length),
    agreement: share('rows', same)!,
    only: bySide((swapped) => share('rows', more, swapped)!),
    kappa: stratifiedKappa(rated),
    points: cost('points'),
    reward: strata.every(({ scale }) => scale !== null) ? cost('scale') : null,
  };
}

function scored(
  { rows, drawn, ...totals }: AuditStratum,
  weighing: Weighing,
  judging: Judging,
  swapped: boolean,
) {
  const { first, second } = drawn;
  const scores = first.map((a, i) => (swapped ? judging(second[i]!, a) : judging(a, second[i]!)));
  if (weighing === 'rows')
    return { rows, total: rows, weights: new Float64Array(first.length).fill(1), scores };
  return { rows, total: totals[weighing] ?? 0, weights: drawn[weighing], scores };
}

function times({ value, interval }: Estimate, factor: number): Estimate {
  const scaled: Interval | null = interval && [factor * interval[0], factor * interval[1]];
  return { value: factor * value, interval: scaled };
}

function sumOf<T>(items: readonly T[], term: (item: T) => number): number {
  return items.reduce((sum, item) => sum + term(item), 0);
}
