import { type AnyColumnData, isRagged } from '../core/columns.ts';
import { show } from '../core/errors.ts';
import { type PlainCell, plainOf } from './plain.ts';

/** One row in which a column is not what was expected. */
export interface Difference {
  readonly row: number;
  /** Absent where there is no such row. */
  readonly expected?: unknown;
  readonly actual?: unknown;
}

/**
 * The rows in which two columns differ. Numbers a and b are equal where |a - b| <= tolerance * max(1, |b|), and NaN
 * equals NaN; a float32 column equals what its precision makes of the number expected. A number that is expected of a
 * row of tokens is expected of each token.
 *
 * @param expected typed data, or one plain cell a row
 */
export function differences(
  actual: AnyColumnData,
  expected: AnyColumnData | readonly unknown[],
  tolerance = 0,
): Difference[] {
  const is = plainOf(actual);
  const shall: readonly unknown[] = Array.isArray(expected) ? expected : plainOf(expected as AnyColumnData);
  const single =
    actual instanceof Float32Array || (isRagged(actual) && actual.values instanceof Float32Array);
  const found: Difference[] = [];
  for (let row = 0; row < Math.max(is.length, shall.length); row++) {
    if (row >= is.length) found.push({ row, expected: shall[row] });
    else if (row >= shall.length) found.push({ row, actual: is[row] });
    else if (!sameCell(is[row]!, shall[row], tolerance, single))
      found.push({ row, expected: shall[row], actual: is[row] });
  }
  return found;
}

/** Whether a cell is what was expected; `single`: it has gone through float32. */
export function sameCell(actual: PlainCell, expected: unknown, tolerance: number, single: boolean): boolean {
  if (Array.isArray(actual)) {
    const cells = actual as readonly PlainCell[];
    if (typeof expected === 'number')
      return cells.length > 0 && cells.every((cell) => sameCell(cell, expected, tolerance, single));
    const list = isList(expected) ? Array.from(expected) : undefined;
    return (
      list?.length === cells.length && cells.every((cell, i) => sameCell(cell, list[i], tolerance, single))
    );
  }
  if (typeof actual === 'boolean' || typeof expected === 'boolean') return Boolean(actual) === expected;
  if (typeof actual !== 'number' || typeof expected !== 'number') return actual === expected;
  const b = single ? Math.fround(expected) : expected;
  return actual === b || (Number.isNaN(actual) && Number.isNaN(b)) || near(actual, b, tolerance);
}

/** |a - b| <= tolerance * max(1, |b|). */
export function near(a: number, b: number, tolerance: number): boolean {
  return Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(b));
}

/** The differences in words, one line a row, the first few of them. */
export function describeDifferences(found: readonly Difference[], limit = 5): string {
  const lines = found.slice(0, limit).map((difference) => {
    const { row } = difference;
    if (!('actual' in difference))
      return `row ${row}: expected ${show(difference.expected)}, there is no such row`;
    if (!('expected' in difference)) return `row ${row}: is ${show(difference.actual)}, expected no such row`;
    return `row ${row}: expected ${show(difference.expected)}, is ${show(difference.actual)}`;
  });
  if (found.length > limit) lines.push(`and ${found.length - limit} more rows`);
  return lines.join('\n');
}

function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && 'length' in value);
}
