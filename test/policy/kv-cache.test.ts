import { expect } from 'chai';
import fc from 'fast-check';
import { KvCache } from '../../src/policy/kv-cache.ts';

const shape = { layers: 2, kvHeads: 3, headDim: 2 };

/** A number that names layer, row, position, head and element; values are the negative of keys. */
const mark = (layer: number, row: number, position: number, head: number, element: number): number =>
  layer * 1e6 + row * 1e4 + position * 100 + head * 10 + element;

/** New keys of rows at positions, flat [rows, kvHeads, headDim]. */
function tokens(layer: number, rows: readonly (readonly [row: number, position: number])[]): Float32Array {
  const out: number[] = [];
  for (const [row, position] of rows) {
    for (let head = 0; head < 3; head++) {
      for (let element = 0; element < 2; element++) out.push(mark(layer, row, position, head, element));
    }
  }
  return Float32Array.from(out);
}

function append(cache: KvCache, slots: readonly (readonly [number, number])[]): void {
  const lengths = Int32Array.from(slots, ([, position]) => position);
  for (let layer = 0; layer < 2; layer++) {
    const keys = tokens(layer, slots);
    cache.append(
      layer,
      keys,
      keys.map((x) => -x),
      lengths,
    );
  }
}

function expectRows(cache: KvCache, slots: readonly (readonly [row: number, length: number])[]): void {
  for (let layer = 0; layer < 2; layer++) {
    const { keys, values } = cache.layer(layer, slots.length);
    for (const [slot, [row, length]] of slots.entries()) {
      for (let head = 0; head < 3; head++) {
        for (let position = 0; position < length; position++) {
          for (let element = 0; element < 2; element++) {
            const at = ((slot * 3 + head) * cache.capacity + position) * 2 + element;
            expect(keys[at]).to.equal(mark(layer, row, position, head, element));
            expect(values[at]).to.equal(-mark(layer, row, position, head, element));
          }
        }
      }
    }
  }
}

describe('policy/kv-cache', () => {
  it('keeps every live row whole through appending, growing and moving', () => {
    const step = fc.record({ grow: fc.integer({ min: 0, max: 5 }), leave: fc.integer({ min: 0, max: 12 }) });
    const property = fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const cache = new KvCache(shape, 8, 64, 2);
      const slots: [number, number][] = Array.from({ length: 8 }, (_, row) => [row, 0]);
      for (const { grow, leave } of steps) {
        const longest = Math.max(...slots.map(([, length]) => length));
        cache.grow(Math.max(cache.capacity + grow, longest + 1), slots.length);
        append(cache, slots);
        for (const slot of slots) slot[1]++;
        if (leave < slots.length && slots.length > 1) {
          const last = slots.pop()!;
          if (leave < slots.length) {
            cache.move(slots.length, leave, last[1]);
            slots[leave] = last;
          }
        }
        expectRows(cache, slots);
      }
    });
    fc.assert(property, { numRuns: 50 });
  });

  it('gives a smaller batch as a prefix of the same memory', () => {
    const cache = new KvCache(shape, 8, 4, 4);
    const all = cache.layer(1, 8).keys;
    const some = cache.layer(1, 3).keys;
    expect(some.buffer).to.equal(all.buffer);
    expect(some.byteOffset).to.equal(all.byteOffset);
    expect(some.length).to.equal(3 * 3 * 4 * 2);
  });

  it('copies one prompt of a prefill to a slot, without its padding', () => {
    const cache = new KvCache(shape, 2, 8, 8);
    const prefill = new Float32Array(2 * 3 * 5 * 2);
    const at = (entry: number, head: number, position: number): number =>
      ((entry * 3 + head) * 5 + position) * 2;
    for (let head = 0; head < 3; head++) {
      for (let position = 0; position < 5; position++) {
        for (let element = 0; element < 2; element++) {
          prefill[at(1, head, position) + element] = mark(0, 7, position, head, element);
        }
      }
    }
    cache.write(
      0,
      1,
      prefill,
      prefill.map((x) => -x),
      1,
      5,
      4,
    );
    cache.write(1, 1, prefill, prefill, 0, 5, 0);
    const { keys } = cache.layer(0, 2);
    for (let head = 0; head < 3; head++) {
      for (let position = 0; position < 8; position++) {
        const expected = position < 4 ? mark(0, 7, position, head, 1) : 0;
        expect(keys[((3 + head) * 8 + position) * 2 + 1]).to.equal(expected);
      }
    }
  });
});
