import type { Ragged } from '../core/columns.ts';
import type { Rollouts } from '../core/services.ts';

/** Responses as they grow, a fixed number of places a row. */
export class ResponseRecorder {
  readonly #places: number;
  readonly #lengths: Int32Array;
  readonly #tokens: Int32Array;
  readonly #logprobs: Float32Array;
  readonly #eosLogprobs: Float32Array;
  readonly #stopped: Uint8Array;

  constructor(rows: number, maxTokens: number) {
    this.#places = maxTokens;
    this.#lengths = new Int32Array(rows);
    this.#tokens = new Int32Array(rows * maxTokens);
    this.#logprobs = new Float32Array(rows * maxTokens);
    this.#eosLogprobs = new Float32Array(rows * maxTokens);
    this.#stopped = new Uint8Array(rows);
  }

  length(row: number): number {
    return this.#lengths[row]!;
  }

  /** Adds a token to a row's response; true where the response ends with it. */
  add(row: number, token: number, logprob: number, eosLogprob: number, stops: boolean): boolean {
    const length = this.#lengths[row]!++;
    const at = row * this.#places + length;
    this.#tokens[at] = token;
    this.#logprobs[at] = logprob;
    this.#eosLogprobs[at] = eosLogprob;
    if (stops) this.#stopped[row] = 1;
    return stops || length + 1 === this.#places;
  }

  rollouts(): Rollouts {
    const offsets = new Int32Array(this.#lengths.length + 1);
    for (let row = 0; row < this.#lengths.length; row++) offsets[row + 1] = offsets[row]! + this.length(row);
    return {
      tokens: this.#packed(offsets, this.#tokens, new Int32Array(offsets.at(-1)!)),
      logprobs: this.#packed(offsets, this.#logprobs, new Float32Array(offsets.at(-1)!)),
      eosLogprobs: this.#packed(offsets, this.#eosLogprobs, new Float32Array(offsets.at(-1)!)),
      stopped: this.#stopped,
    };
  }

  #packed<V extends Int32Array | Float32Array>(offsets: Int32Array, from: V, values: V): Ragged<V> {
    for (let row = 0; row < this.#lengths.length; row++) {
      const start = row * this.#places;
      values.set(from.subarray(start, start + this.length(row)), offsets[row]);
    }
    return { offsets: offsets.slice(), values };
  }
}
