import { createHash } from 'node:crypto';

/**
 * Counted randomness: every draw is a function of what it is for, and none of what was drawn before. A key is
 * folded from (seed, purpose, step, round, group, sample); a draw is counted by its position under the key. So a
 * resumed run, a reordered batch or another number of workers draws the same numbers.
 *
 * The function is Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), checked
 * against the known answers of Random123.
 */
export interface RandomKey {
  readonly a: number;
  readonly b: number;
}

/** The key of all draws for one purpose (`rollout/train`, `init`, `shuffle`) under a run's seed. */
export function randomKey(seed: number, purpose: string): RandomKey {
  const digest = createHash('sha256').update(`rlev random ${seed} ${purpose}`).digest();
  return { a: digest.readUInt32LE(0), b: digest.readUInt32LE(4) };
}

/** The key under `key` for the place (i, j, k, l): four 32-bit unsigned integers. */
export function foldIn(key: RandomKey, i: number, j = 0, k = 0, l = 0): RandomKey {
  const [a, b] = philox(key, i, j, k, l);
  return { a, b };
}

/** A uniform number in [0, 1) with 24 random bits, exactly representable in float32. */
export function uniform(key: RandomKey, position: number): number {
  return (philox(key, position, 0, 0, 1)[0] >>> 8) / 2 ** 24;
}

/** An integer in [0, below), unbiased up to 2^-53 * below. */
export function integer(key: RandomKey, position: number, below: number): number {
  const [hi, lo] = philox(key, position, 0, 0, 2);
  return Math.floor((((hi >>> 5) * 2 ** 26 + (lo >>> 6)) / 2 ** 53) * below);
}

/** A standard normal number (Box-Muller). */
export function normal(key: RandomKey, position: number): number {
  const [x, y] = philox(key, position, 0, 0, 3);
  const u = (x + 1) / 2 ** 32;
  return Math.sqrt(-2 * Math.log(u)) * Math.cos((2 * Math.PI * y) / 2 ** 32);
}

/** A permutation of 0..n-1 (Fisher-Yates). */
export function permutation(key: RandomKey, n: number): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = integer(key, i, i + 1);
    const swap = order[i]!;
    order[i] = order[j]!;
    order[j] = swap;
  }
  return order;
}

/** Philox4x32-10: four 32-bit words of counter under two of key, to four random words. */
export function philox(
  key: RandomKey,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
): [number, number, number, number] {
  let [x0, x1, x2, x3] = [c0 >>> 0, c1 >>> 0, c2 >>> 0, c3 >>> 0];
  let k0 = key.a >>> 0;
  let k1 = key.b >>> 0;
  for (let round = 0; round < 10; round++) {
    const hi0 = mulHigh(0xd2511f53, x0);
    const lo0 = Math.imul(0xd2511f53, x0) >>> 0;
    const hi1 = mulHigh(0xcd9e8d57, x2);
    const lo1 = Math.imul(0xcd9e8d57, x2) >>> 0;
    x0 = (hi1 ^ x1 ^ k0) >>> 0;
    x1 = lo1;
    x2 = (hi0 ^ x3 ^ k1) >>> 0;
    x3 = lo0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [x0, x1, x2, x3];
}

/** The upper 32 bits of a product of two unsigned 32-bit integers. */
function mulHigh(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  const low = aLow * bLow;
  const middle = aHigh * bLow + (low >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 65536) + (carry >>> 16)) >>> 0;
}
