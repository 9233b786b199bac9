import { foldIn, permutation, randomKey } from '../../core/random.ts';

export interface Window {
  readonly seed: number;
  /** Which cohort, from 0. */
  readonly step: number;
  /** Which refill of the step, from 0. */
  readonly round: number;
  /** Prompts a round. */
  readonly size: number;
  readonly shuffle: boolean;
}

/**
 * Which of `n` questions a round of a step gets: a function of the step alone, so a resumed run skips none and
 * repeats none.
 *
 * Rounds 0 walk through the data, `size` a step, in a new order every epoch; a step that reaches the end of an epoch
 * goes on with the next. A refill takes other questions than round 0 had, in an order drawn for the step, for as long
 * as there are others.
 *
 * @returns int32 [size]: row numbers below n
 */
export function windowOf(n: number, { seed, step, round, size, shuffle }: Window): Int32Array {
  const key = randomKey(seed, 'prompts');
  const inOrder = Int32Array.from({ length: n }, (_, i) => i);
  const orders = new Map<number, Int32Array>();
  const first = Int32Array.from({ length: size }, (_, i) => {
    const position = step * size + i;
    const epoch = Math.floor(position / n);
    let order = orders.get(epoch);
    if (!order) {
      order = shuffle ? permutation(foldIn(key, epoch), n) : inOrder;
      orders.set(epoch, order);
    }
    return order[position % n]!;
  });
  if (round === 0) return first;

  const drawn = new Set(first);
  const order = shuffle ? permutation(foldIn(key, step, 1), n) : inOrder;
  const others = order.filter((row) => !drawn.has(row));
  const pool = others.length > 0 ? others : order;
  return Int32Array.from({ length: size }, (_, i) => pool[((round - 1) * size + i) % pool.length]!);
}
