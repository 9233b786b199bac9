/** Sizes of a policy's attention state, in elements. */
export interface CacheShape {
  readonly layers: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

/**
 * Keys and values of the tokens that live rows have read, per layer:
 *
 *     [slot][kv head][position < capacity][headDim]      float32, row-major
 *
 * A smaller batch is a prefix of a larger one, so nothing is copied when rows leave. What lies behind a row's length
 * is stale and finite; attention masks it.
 */
export class KvCache {
  readonly shape: CacheShape;
  /** Per layer, keys. */
  readonly keys: readonly Float32Array[];
  readonly values: readonly Float32Array[];
  #capacity: number;

  /** Room for `slots` rows of up to `longest` positions each, laid out for `capacity` positions at first. */
  constructor(shape: CacheShape, slots: number, longest: number, capacity: number) {
    const size = slots * shape.kvHeads * longest * shape.headDim;
    const buffers = (): Float32Array[] => Array.from({ length: shape.layers }, () => new Float32Array(size));
    this.shape = shape;
    this.keys = buffers();
    this.values = buffers();
    this.#capacity = capacity;
  }

  /** Positions a row has room for in the present layout. */
  get capacity(): number {
    return this.#capacity;
  }

  /** Lays the first `slots` rows out anew, in place, for `capacity` positions; never fewer than now. */
  grow(capacity: number, slots: number): void {
    if (capacity <= this.#capacity) return;
    const { kvHeads, headDim } = this.shape;
    const from = this.#capacity * headDim;
    const to = capacity * headDim;
    for (const buffer of [...this.keys, ...this.values]) {
      // From the last block to the first: a block's new place never covers one that has still to move.
      for (let block = slots * kvHeads - 1; block > 0; block--) {
        buffer.copyWithin(block * to, block * from, block * from + from);
      }
    }
    this.#capacity = capacity;
  }

  /** The first `slots` rows of a layer, flat [slots, kvHeads, capacity, headDim], as views. */
  layer(index: number, slots: number): { keys: Float32Array; values: Float32Array } {
    const size = slots * this.shape.kvHeads * this.#capacity * this.shape.headDim;
    return { keys: this.keys[index]!.subarray(0, size), values: this.values[index]!.subarray(0, size) };
  }

  /**
   * Copies `length` positions of entry `entry` of a prefill's keys and values, flat
   * [entries, kvHeads, positions, headDim], to the start of a slot.
   */
  write(
    index: number,
    slot: number,
    keys: Float32Array,
    values: Float32Array,
    entry: number,
    positions: number,
    length: number,
  ): void {
    const { kvHeads, headDim } = this.shape;
    for (let head = 0; head < kvHeads; head++) {
      const from = (entry * kvHeads + head) * positions * headDim;
      const to = (slot * kvHeads + head) * this.#capacity * headDim;
      this.keys[index]!.set(keys.subarray(from, from + length * headDim), to);
      this.values[index]!.set(values.subarray(from, from + length * headDim), to);
    }
  }

  /** Stores one new token of each of the first `lengths.length` slots, flat [slots, kvHeads, headDim], at its length. */
  append(index: number, keys: Float32Array, values: Float32Array, lengths: Int32Array): void {
    const { kvHeads, headDim } = this.shape;
    const keyBuffer = this.keys[index]!;
    const valueBuffer = this.values[index]!;
    let from = 0;
    for (let slot = 0; slot < lengths.length; slot++) {
      for (let head = 0; head < kvHeads; head++) {
        let to = ((slot * kvHeads + head) * this.#capacity + lengths[slot]!) * headDim;
        // A plain loop: so many short `set` calls would cost more than the copies.
        for (const end = from + headDim; from < end; from++, to++) {
          keyBuffer[to] = keys[from]!;
          valueBuffer[to] = values[from]!;
        }
      }
    }
  }

  /** Copies the first `length` positions of a slot over another. */
  move(from: number, to: number, length: number): void {
    const { kvHeads, headDim } = this.shape;
    for (let head = 0; head < kvHeads; head++) {
      const source = (from * kvHeads + head) * this.#capacity * headDim;
      const target = (to * kvHeads + head) * this.#capacity * headDim;
      for (const buffer of this.keys) buffer.copyWithin(target, source, source + length * headDim);
      for (const buffer of this.values) buffer.copyWithin(target, source, source + length * headDim);
    }
  }
}
