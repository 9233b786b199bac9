/**
 * Shapes of a program are static, so work is padded to a few sizes: enough that little is wasted, few enough that
 * compiled programs are used again.
 */

const rowBuckets = [4, 8, 16, 32, 48, 64, 96, 128, 192, 256] as const;

/**
 * Rows of a decode call for `rows` live ones; multiples of 128 above 256. Always multiples of four: a product of a
 * single row, and the rest that does not fill a vector register, are computed by other routines with other rounding.
 */
export function rowBucket(rows: number): number {
  return rowBuckets.find((bucket) => rows <= bucket) ?? Math.ceil(rows / 128) * 128;
}

/** A length of at least `length`: multiples of `smallest` at first, then at most a quarter too long. */
export function lengthBucket(length: number, smallest: number): number {
  const step = Math.max(smallest, 2 ** Math.floor(Math.log2(Math.max(1, length - 1))) / 4);
  return Math.max(1, Math.ceil(length / step)) * step;
}
