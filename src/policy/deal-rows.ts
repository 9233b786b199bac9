import type { Ragged } from '../core/columns.ts';
import { foldIn, permutation, type RandomKey } from '../core/random.ts';
import { tokenWeight, updateTotals } from './losses/aggregate.ts';
import type { AggregateParams } from './losses/loss.ts';

/** How often the rows of a request are gone through, and in how many parts. */
export interface Dealing {
  readonly epochs: number;
  /** Optimizer updates an epoch; rows are dealt by a permutation drawn under `key`, in order where it is 1. */
  readonly miniBatches: number;
  readonly key: RandomKey;
}

/** The rows of each update of a request of `rows` rows, epoch after epoch. */
export function* dealRows(rows: number, { epochs, miniBatches, key }: Dealing): Generator<Int32Array> {
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order =
      miniBatches === 1
        ? Int32Array.from({ length: rows }, (_, i) => i)
        : permutation(foldIn(key, epoch), rows);
    for (let i = 0; i < miniBatches; i++) {
      const start = Math.floor((i * rows) / miniBatches);
      yield order.subarray(start, Math.floor(((i + 1) * rows) / miniBatches));
    }
  }
}

/** What each token weighs in the loss of an update on `rows`: its mask times its weight; other rows have 0. */
export function tokenShares(
  mask: Ragged<Float32Array>,
  rows: Int32Array,
  { aggregate, length, masked }: AggregateParams,
): Ragged<Float32Array> {
  const totals = updateTotals(mask, rows, masked);
  const values = new Float32Array(mask.values.length);
  for (const row of rows) {
    const weight = tokenWeight(aggregate, totals, mask, row, length);
    for (let t = mask.offsets[row]!; t < mask.offsets[row + 1]!; t++) values[t] = mask.values[t]! * weight;
  }
  return { offsets: mask.offsets, values };
}

/** A mask that counts every response token. */
export function fullMask({ offsets, values }: Ragged): Ragged<Float32Array> {
  return { offsets, values: new Float32Array(values.length).fill(1) };
}

/** Means of the metrics of several updates; one that an update lacks counts as 0. */
export class MetricMeans {
  readonly #sums: Record<string, number> = {};
  #updates = 0;

  get updates(): number {
    return this.#updates;
  }

  add(metrics: Readonly<Record<string, number>>): void {
    this.#updates++;
    for (const [name, value] of Object.entries(metrics)) this.#sums[name] = (this.#sums[name] ?? 0) + value;
  }

  means(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.#sums).map(([name, sum]) => [name, sum / this.#updates]));
  }
}
