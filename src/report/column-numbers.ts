import { type AnyColumnData, isRagged, rowsOf } from '../core/columns.ts';

/**
 * One number a row, for statistics: the number itself; of a list of float32 its mean, of a list of int32 (tokens) its
 * length; NaN for null and for text.
 *
 * @returns float64 [rows]
 */
export function rowNumbers(data: AnyColumnData): Float64Array {
  const rows = rowsOf(data);
  const numbers = new Float64Array(rows);
  if (!isRagged(data)) {
    for (let i = 0; i < rows; i++) numbers[i] = scalar(data[i]);
    return numbers;
  }
  const { offsets, values, valid } = data;
  const isMean = values instanceof Float32Array;
  for (let i = 0; i < rows; i++) {
    const start = offsets[i]!;
    const end = offsets[i + 1]!;
    if (valid && !valid[i]) numbers[i] = NaN;
    else if (!isMean) numbers[i] = end - start;
    else {
      // from the first on: a list of one number has that number as its mean, exactly
      const first = end > start ? values[start]! : NaN;
      let sum = 0;
      for (let t = start; t < end; t++) sum += values[t]! - first;
      numbers[i] = first + sum / (end - start);
    }
  }
  return numbers;
}

function scalar(x: AnyColumnData extends ArrayLike<infer T> ? T : unknown): number {
  if (typeof x === 'number') return x;
  return typeof x === 'boolean' ? Number(x) : NaN;
}

/** Whether row i of one column is row j of another of the same kind: bit for bit, and NaN is NaN. */
export function sameRow(a: AnyColumnData, i: number, b: AnyColumnData, j: number): boolean {
  return differsAt(a, i, b, j) === undefined;
}

/** Where two rows part: at an element of their lists, or -1 for the rows as wholes; undefined where they are equal. */
export function differsAt(a: AnyColumnData, i: number, b: AnyColumnData, j: number): number | undefined {
  if (!isRagged(a) || !isRagged(b)) {
    if (isRagged(a) || isRagged(b)) return -1;
    return sameValue(a[i], b[j]) ? undefined : -1;
  }
  if ((a.valid?.[i] ?? 1) !== (b.valid?.[j] ?? 1)) return -1;
  const from = a.offsets[i]!;
  const other = b.offsets[j]!;
  const length = a.offsets[i + 1]! - from;
  if (length !== b.offsets[j + 1]! - other) return -1;
  for (let t = 0; t < length; t++) {
    if (!Object.is(a.values[from + t], b.values[other + t])) return t;
  }
  return undefined;
}

function sameValue(x: unknown, y: unknown): boolean {
  if (!Array.isArray(x) || !Array.isArray(y)) return Object.is(x, y);
  return x.length === y.length && x.every((part, k) => part === y[k]);
}

/** Row i as plain JSON: a number, a string, null, or a list. */
export function rowValue(data: AnyColumnData, i: number): unknown {
  if (!isRagged(data)) return data[i];
  if (data.valid && !data.valid[i]) return null;
  return Array.from(data.values.subarray(data.offsets[i], data.offsets[i + 1]));
}
