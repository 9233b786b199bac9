import type { AnyColumnData } from '../core/columns.ts';
import { bucketsOf } from './buckets.ts';
import { rowNumbers, sameRow } from './column-numbers.ts';
import { Moments, PairMoments, type PairSpread, pairSpreadOf, type Spread, spreadOf } from './moments.ts';

/** One side of a comparison of one column in one cohort. */
export interface ColumnSide {
  readonly data: AnyColumnData;
  /** float64 [rows]: what the rows are sorted into buckets by, points or value. */
  readonly keys: Float64Array;
}

/** Two sides of a column, and their rows one by one where both have them. */
export interface Differing {
  readonly before: Spread;
  readonly after: Spread;
  readonly pairs: PairSpread;
}

export interface ColumnDifference extends Differing {
  readonly column: string;
  /** By points where the questions have them, else by value; lowest first. Empty for text. */
  readonly by_value: readonly ({
    readonly label: string;
    readonly from: number;
    readonly to: number;
  } & Differing)[];
}

/** Columns that differ, and those compared and equal in every row. */
export interface ColumnsDiff {
  readonly differing: readonly ColumnDifference[];
  readonly equal: readonly string[];
}

class Sums {
  readonly before = new Moments();
  readonly after = new Moments();
  readonly pairs = new PairMoments();

  merge(other: Sums): void {
    this.before.merge(other.before);
    this.after.merge(other.after);
    this.pairs.merge(other.pairs);
  }

  spreads(): Differing {
    return { before: spreadOf(this.before), after: spreadOf(this.after), pairs: pairSpreadOf(this.pairs) };
  }
}

/**
 * How columns differ between two sides, folded cohort by cohort. Memory grows with the number of distinct keys, not
 * with the number of cohorts.
 */
export class ColumnDiffs {
  readonly #columns = new Map<string, Map<number, Sums>>();
  readonly #unpaired = new Set<string>();
  readonly #byPoints: boolean;

  /** @param byPoints whether keys are points, else values; only labels differ */
  constructor(byPoints: boolean) {
    this.#byPoints = byPoints;
  }

  /**
   * @param partner row i of `before` is row partner[i] of `after`, -1 for none; absent where rows stand side by side
   */
  add(column: string, before: ColumnSide, after: ColumnSide, partner?: Int32Array): void {
    let sums = this.#columns.get(column);
    if (!sums) {
      sums = new Map();
      this.#columns.set(column, sums);
    }
    const x = rowNumbers(before.data);
    const y = before.data === after.data ? x : rowNumbers(after.data);
    const at = (key: number): Sums => {
      const known = sums.get(key);
      if (known) return known;
      const fresh = new Sums();
      sums.set(key, fresh);
      return fresh;
    };
    let paired = 0;
    for (let i = 0; i < x.length; i++) {
      const sum = at(before.keys[i]!);
      sum.before.add(x[i]!);
      const j = partner ? partner[i]! : i;
      if (j < 0 || j >= y.length) continue;
      paired++;
      sum.pairs.add(x[i]!, y[j]!, sameRow(before.data, i, after.data, j));
    }
    for (let j = 0; j < y.length; j++) at(after.keys[j]!).after.add(y[j]!);
    if (paired < Math.max(x.length, y.length)) this.#unpaired.add(column);
  }

  /** All columns, in the order in which they came. A column differs where a row does, or where one side alone has it. */
  result(): ColumnsDiff {
    const differing = this.#differences();
    const names = new Set(differing.map(({ column }) => column));
    return { differing, equal: [...this.#columns.keys()].filter((column) => !names.has(column)) };
  }

  #differences(): ColumnDifference[] {
    return [...this.#columns].flatMap(([column, byKey]) => {
      const all = new Sums();
      for (const sums of byKey.values()) all.merge(sums);
      if (all.pairs.equal === all.pairs.n && !this.#unpaired.has(column)) return [];
      const isText = all.before.n + all.after.n === 0;
      return [{ column, ...all.spreads(), by_value: isText ? [] : this.#buckets(byKey) }];
    });
  }

  #buckets(byKey: ReadonlyMap<number, Sums>): ColumnDifference['by_value'] {
    const keys = Float64Array.from([...byKey.keys()].filter((key) => !Number.isNaN(key)));
    const none = new Float64Array(keys.length);
    const points = this.#byPoints ? keys : null;
    const questions = {
      id: Array.from(keys, String),
      value: keys,
      points,
      correct: none,
      length: none,
      samples: none,
    };
    if (keys.length === 0) return [];
    return bucketsOf(questions).map(({ label, from, to, indices }) => {
      const sums = new Sums();
      for (const i of indices) sums.merge(byKey.get(keys[i]!)!);
      return { label, from, to, ...sums.spreads() };
    });
  }
}
