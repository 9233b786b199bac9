import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import type { SparseRow } from './text-features.ts';

/** A linear predictor: intercept + weights . x. */
export interface Linear {
  readonly intercept: number;
  /** float64 [columns]. */
  readonly weights: Float64Array;
}

/**
 * Ridge regression of labels on sparse rows:
 *
 *     min over b, w of  sum_i (y_i - b - w . x_i)^2 + ridge * |w|^2
 *
 * by the normal equations of centred data. Source: Hoerl and Kennard, "Ridge regression", Technometrics 12, 1970.
 *
 * @param labels float64 [rows]
 * @param ridge above 0
 */
export function fitRidge(
  rows: readonly SparseRow[],
  labels: Float64Array,
  columns: number,
  ridge: number,
): Linear {
  return solve(
    momentsOf(
      rows,
      labels,
      rows.map((_, i) => i),
      columns,
    ),
    ridge,
  );
}

export function predict({ index, value }: SparseRow, { intercept, weights }: Linear): number {
  let sum = intercept;
  for (let k = 0; k < index.length; k++) sum += weights[index[k]!]! * value[k]!;
  return sum;
}

/**
 * What each row is predicted to be by a fit to the rows of all folds but its own.
 *
 * @param foldOf int32 [rows]: the fold of each row, from 0
 * @returns float64 [rows]
 */
export function crossPredict(
  rows: readonly SparseRow[],
  labels: Float64Array,
  columns: number,
  ridge: number,
  foldOf: Int32Array,
): Float64Array {
  const folds = foldOf.reduce((a, b) => Math.max(a, b), 0) + 1;
  const predicted = new Float64Array(rows.length);
  const members = Array.from({ length: folds }, (_, f) =>
    rows.flatMap((_, i) => (foldOf[i] === f ? [i] : [])),
  );
  const moments = members.map((rowsOf) => momentsOf(rows, labels, rowsOf, columns));
  members.forEach((held, f) => {
    const fit = solve(moments.filter((_, g) => g !== f).reduce(sumOf), ridge);
    for (const i of held) predicted[i] = predict(rows[i]!, fit);
  });
  return predicted;
}

/** Sums over rows that a fit needs: they add, so a fold can be left out. */
interface Moments {
  readonly n: number;
  readonly y: number;
  /** float64 [columns]: sums of x, and of x y. */
  readonly x: Float64Array;
  readonly xy: Float64Array;
  /** float64 [columns * columns]: sums of x x'. */
  readonly xx: Float64Array;
}

function momentsOf(
  rows: readonly SparseRow[],
  labels: Float64Array,
  members: readonly number[],
  columns: number,
): Moments {
  const x = new Float64Array(columns);
  const xy = new Float64Array(columns);
  const xx = new Float64Array(columns * columns);
  let y = 0;
  for (const i of members) {
    const { index, value } = rows[i]!;
    const label = labels[i]!;
    y += label;
    for (let k = 0; k < index.length; k++) {
      const [column, v] = [index[k]!, value[k]!];
      x[column]! += v;
      xy[column]! += v * label;
      const row = column * columns;
      for (let l = 0; l < index.length; l++) xx[row + index[l]!]! += v * value[l]!;
    }
  }
  return { n: members.length, y, x, xy, xx };
}

function sumOf(a: Moments, b: Moments): Moments {
  const add = (p: Float64Array, q: Float64Array): Float64Array => p.map((v, i) => v + q[i]!);
  return { n: a.n + b.n, y: a.y + b.y, x: add(a.x, b.x), xy: add(a.xy, b.xy), xx: add(a.xx, b.xx) };
}

function solve({ n, y, x, xy, xx }: Moments, ridge: number): Linear {
  const columns = x.length;
  const gram = new Matrix(columns, columns);
  const target = new Matrix(columns, 1);
  for (let i = 0; i < columns; i++) {
    target.set(i, 0, xy[i]! - (x[i]! * y) / n);
    for (let j = 0; j < columns; j++) {
      gram.set(i, j, xx[i * columns + j]! - (x[i]! * x[j]!) / n + (i === j ? ridge : 0));
    }
  }
  const weights = Float64Array.from(new CholeskyDecomposition(gram).solve(target).to1DArray());
  return { intercept: y / n - weights.reduce((sum, w, i) => sum + w * x[i]!, 0) / n, weights };
}
