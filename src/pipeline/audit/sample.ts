import { foldIn, type RandomKey } from '../../core/random.ts';

/**
 * How many rows to draw from each part: equally many, and all of a part that has fewer. Where `n` does not divide, the
 * last parts get one more.
 *
 * @param sizes rows of each part
 * @param n rows in all; at most as many as there are
 */
export function allocate(sizes: readonly number[], n: number): number[] {
  const drawn = sizes.map(() => 0);
  let left = Math.min(
    n,
    sizes.reduce((sum, size) => sum + size, 0),
  );
  while (left > 0) {
    const open = sizes.flatMap((size, i) => (drawn[i]! < size ? [i] : []));
    const each = Math.floor(left / open.length);
    const last = each === 0 ? open.slice(-left) : open;
    for (const i of last) {
      const more = Math.min(Math.max(each, 1), sizes[i]! - drawn[i]!);
      drawn[i]! += more;
      left -= more;
    }
  }
  return drawn;
}

/**
 * A row's place in the order of drawing: 53 random bits that follow from the key and the row_id
 * `step.round.group.sample`, whatever the order in which rows come.
 */
export function priorityOf(key: RandomKey, rowId: string): number {
  const [step = 0, round = 0, group = 0, sample = 0] = rowId.split('.').map(Number);
  const { a, b } = foldIn(key, step, round, group, sample);
  return a * 2 ** 21 + (b >>> 11);
}

/**
 * The first `k` items, in an order, of those that were added, in memory for 2k. In the order of drawing that is a
 * simple random sample without replacement, and part of that of any larger k.
 */
export class First<T> {
  readonly #k: number;
  readonly #compare: (a: T, b: T) => number;
  #items: T[] = [];
  #whole = false;

  constructor(k: number, compare: (a: T, b: T) => number) {
    this.#k = k;
    this.#compare = compare;
  }

  add(item: T): void {
    const last = this.#items[this.#k - 1];
    if (this.#whole && (last === undefined || this.#compare(item, last) >= 0)) return;
    this.#items.push(item);
    if (this.#items.length >= 2 * this.#k) this.#cut();
  }

  /** In order. */
  items(): readonly T[] {
    this.#cut();
    return this.#items;
  }

  #cut(): void {
    this.#items.sort(this.#compare);
    this.#items = this.#items.slice(0, this.#k);
    this.#whole = this.#items.length === this.#k;
  }
}
