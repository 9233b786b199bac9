import { setImmediate } from 'node:timers/promises';
import { RlevError } from '../core/errors.ts';
import { uniform } from '../core/random.ts';
import type { Rollouts, SampleRequest, Sampler } from '../core/services.ts';
import type { Arrays, Engine } from '../engine/engine.ts';
import { lengthBucket, rowBucket } from './buckets.ts';
import type { Choice } from './choose-token.ts';
import type { PolicyConfig } from './config.ts';
import { decodeProgram, prefillProgram } from './decode-program.ts';
import { KvCache } from './kv-cache.ts';
import { ProgramCache } from './program-cache.ts';
import { ResponseRecorder } from './response-recorder.ts';
import { ropeTables } from './rope.ts';
import { checkSampleRequest } from './sample-request.ts';

export interface SamplerSetup {
  readonly engine: Engine;
  readonly config: PolicyConfig;
  /** The weights of a published version by name, as they were published. Throws where the version is gone. */
  weights(version: number): Arrays;
  /** Rows decoded at a time, by default 256; others wait for a free slot. */
  readonly maxRows?: number;
  /** Compiled programs that are kept, by default 32. */
  readonly maxPrograms?: number;
}

export interface LocalSampler extends Sampler {
  close(): Promise<void>;
}

/** Tokens of one prefill call, padding included. */
const prefillTokens = 256;
const prefillBucket = 16;
const cacheBucket = 32;

/**
 * Samples in this thread. Each distinct prompt is read once, all but its last token; every row then starts by decoding
 * that last token, with its own random draws. A row that ends leaves the batch at once, and waiting rows are taken
 * in when a quarter of the slots is free.
 *
 * What a row draws depends on its key alone, and by what probabilities not on the rows beside it: on onnx they were
 * equal bit for bit for every batch up to a hidden size of 128, and to 2e-6 up to 512, where products of 128 rows and
 * more are split among threads otherwise.
 */
export function createSampler(setup: SamplerSetup): LocalSampler {
  const programs = new ProgramCache(setup.engine, setup.maxPrograms ?? 32);
  const tables = new TableCache(setup.config);
  return {
    async sample(request, signal) {
      checkSampleRequest(request, setup.config);
      const generation = new Generation(setup, programs, tables, request);
      return generation.run(signal);
    },
    close: () => programs.close(),
  };
}

/** A row that is being decoded. */
interface Slot {
  /** Index into the request's rows. */
  readonly row: number;
  /** The token to be read next. */
  token: number;
  /** Tokens in the cache: the position of `token`. */
  length: number;
}

/** One request, from its prompts to its rollouts. */
class Generation {
  readonly #config: PolicyConfig;
  readonly #programs: ProgramCache;
  readonly #request: SampleRequest;
  readonly #tables: TableCache;
  readonly #weights: Arrays;
  readonly #choice: Choice;
  readonly #stops: ReadonlySet<number>;
  readonly #recorder: ResponseRecorder;
  readonly #maxRows: number;
  readonly #cache: KvCache;
  readonly #slots: Slot[] = [];
  #next = 0;

  constructor(setup: SamplerSetup, programs: ProgramCache, tables: TableCache, request: SampleRequest) {
    const { rows, prompts, maxTokens } = request;
    this.#config = setup.config;
    this.#programs = programs;
    this.#tables = tables;
    this.#request = request;
    this.#weights = setup.weights(request.version);
    this.#choice = choiceOf(request);
    this.#stops = new Set(setup.config.stopIds);
    this.#recorder = new ResponseRecorder(rows.length, maxTokens);
    this.#maxRows = setup.maxRows ?? 256;
    const longest = rows.reduce((length, { prompt }) => Math.max(length, prompts[prompt]!.length), 1);
    const slots = rowBucket(Math.min(rows.length, this.#maxRows));
    // The last token of a response is chosen and never read.
    const capacity = lengthBucket(longest + maxTokens - 1, cacheBucket);
    this.#cache = new KvCache(setup.config, slots, capacity, lengthBucket(longest, cacheBucket));
  }

  async run(signal?: AbortSignal): Promise<Rollouts> {
    const { rows } = this.#request;
    while (this.#next < rows.length || this.#slots.length > 0) {
      throwIfCancelled(signal);
      const waiting = rows.length - this.#next;
      if (waiting > 0 && this.#slots.length <= this.#maxRows * 0.75) await this.#admit(signal);
      await this.#decode();
      // An engine may run a whole program without a turn of the event loop, by which an abort would come.
      await setImmediate();
    }
    return this.#recorder.rollouts();
  }

  /** Takes waiting rows into the free slots and fills their caches. */
  async #admit(signal?: AbortSignal): Promise<void> {
    const { rows, prompts } = this.#request;
    const slotsOf = new Map<number, number[]>();
    while (this.#next < rows.length && this.#slots.length < this.#maxRows) {
      const row = this.#next++;
      const { prompt } = rows[row]!;
      const tokens = prompts[prompt]!;
      slotsOf.set(prompt, [...(slotsOf.get(prompt) ?? []), this.#slots.length]);
      this.#slots.push({ row, token: tokens.at(-1)!, length: tokens.length - 1 });
    }
    const byLength = new Map<number, number[]>();
    for (const prompt of slotsOf.keys()) {
      const length = prompts[prompt]!.length - 1;
      if (length === 0) continue;
      const bucket = lengthBucket(length, prefillBucket);
      byLength.set(bucket, [...(byLength.get(bucket) ?? []), prompt]);
    }
    for (const [length, group] of byLength) {
      // As many for one length always, so that a prompt's numbers do not depend on the prompts beside it.
      const count = Math.max(1, Math.floor(prefillTokens / length));
      for (let start = 0; start < group.length; start += count) {
        throwIfCancelled(signal);
        await this.#prefill(group.slice(start, start + count), count, length, slotsOf);
      }
    }
  }

  async #prefill(
    group: readonly number[],
    count: number,
    length: number,
    slotsOf: ReadonlyMap<number, readonly number[]>,
  ): Promise<void> {
    const tokens = new Int32Array(count * length).fill(this.#config.padId);
    const read = group.map((prompt) => this.#request.prompts[prompt]!.subarray(0, -1));
    for (const [entry, prompt] of read.entries()) tokens.set(prompt, entry * length);
    const program = await this.#programs.get(`prefill ${count}x${length}`, () =>
      prefillProgram(this.#config, count, length),
    );
    const result = await program.run({ ...this.#weights, ...this.#tables.get(length), tokens });
    this.#cache.grow(
      lengthBucket(Math.max(...read.map((p) => p.length)) + 1, cacheBucket),
      this.#slots.length,
    );
    for (let layer = 0; layer < this.#config.layers; layer++) {
      const keys = result[`${layer}.keys`] as Float32Array;
      const values = result[`${layer}.values`] as Float32Array;
      for (const [entry, prompt] of group.entries()) {
        for (const slot of slotsOf.get(prompt)!) {
          this.#cache.write(layer, slot, keys, values, entry, length, read[entry]!.length);
        }
      }
    }
  }

  /** One token for every live row. */
  async #decode(): Promise<void> {
    const slots = this.#slots;
    const cache = this.#cache;
    const { rows, temperature, topP } = this.#request;
    const count = rowBucket(slots.length);
    const tokens = new Int32Array(count);
    const lengths = new Int32Array(count);
    const uniforms = new Float32Array(count);
    let longest = 0;
    for (const [i, { row, token, length }] of slots.entries()) {
      tokens[i] = token;
      lengths[i] = length;
      uniforms[i] = uniform(rows[row]!.key, this.#recorder.length(row));
      longest = Math.max(longest, length);
    }
    cache.grow(lengthBucket(longest + 1, cacheBucket), slots.length);

    const choice = this.#choice;
    const feeds: Record<string, Float32Array | Int32Array> = {
      ...this.#weights,
      ...this.#tables.get(cache.capacity),
      tokens,
      lengths,
    };
    for (let layer = 0; layer < this.#config.layers; layer++) {
      const { keys, values } = cache.layer(layer, count);
      feeds[`past.${layer}.keys`] = keys;
      feeds[`past.${layer}.values`] = values;
    }
    if (choice.how !== 'greedy') {
      feeds.uniforms = uniforms;
      feeds.temperature = Float32Array.of(temperature);
    }
    if (choice.how === 'truncate') feeds.topP = Float32Array.of(topP === 1 ? 2 : topP);
    const key = `${JSON.stringify(choice)} ${count}x${cache.capacity}`;
    const program = await this.#programs.get(key, () =>
      decodeProgram(this.#config, count, cache.capacity, choice),
    );
    this.#advance(await program.run(feeds), lengths.subarray(0, slots.length));
  }

  /** Records what was chosen, extends the cache, and lets rows that end leave: the last row takes their slot. */
  #advance(result: Arrays, lengths: Int32Array): void {
    const { token: tokens, logprob: logprobs, eosLogprob: eosLogprobs } = result;
    for (let layer = 0; layer < this.#config.layers; layer++) {
      const keys = result[`${layer}.keys`] as Float32Array;
      this.#cache.append(layer, keys, result[`${layer}.values`] as Float32Array, lengths);
    }
    for (let i = this.#slots.length - 1; i >= 0; i--) {
      const slot = this.#slots[i]!;
      slot.token = tokens![i]!;
      slot.length++;
      const stops = this.#stops.has(slot.token);
      if (Number.isNaN(logprobs![i])) throw notFinite(this.#request, slot);
      const ended = this.#recorder.add(slot.row, slot.token, logprobs![i]!, eosLogprobs![i]!, stops);
      if (!ended) continue;
      const last = this.#slots.pop()!;
      if (last === slot) continue;
      this.#slots[i] = last;
      this.#cache.move(this.#slots.length, i, last.length);
    }
  }
}

/** Rotary tables for positions from 0, made longer as they are needed. */
class TableCache {
  readonly #config: PolicyConfig;
  #positions = 0;
  #tables: Readonly<Record<string, Float32Array>> = {};

  constructor(config: PolicyConfig) {
    this.#config = config;
  }

  /** The tables of the first `positions` positions, under the names that programs give them. */
  get(positions: number): Record<string, Float32Array> {
    if (positions > this.#positions) {
      this.#positions = Math.max(positions, this.#positions * 2);
      const all = Array.from({ length: this.#positions }, (_, t) => t);
      const queries = ropeTables(this.#config, all, 1 / Math.sqrt(this.#config.headDim));
      const keys = ropeTables(this.#config, all);
      this.#tables = {
        'queries.cos': queries.cos,
        'queries.sin': queries.sin,
        'keys.cos': keys.cos,
        'keys.sin': keys.sin,
      };
    }
    const size = positions * this.#config.headDim;
    return Object.fromEntries(Object.entries(this.#tables).map(([name, t]) => [name, t.subarray(0, size)]));
  }
}

function choiceOf({ temperature, topK, topP }: SampleRequest): Choice {
  if (temperature === 0) return { how: 'greedy' };
  return topK > 0 || topP < 1 ? { how: 'truncate', topK } : { how: 'sample' };
}

function throwIfCancelled(signal?: AbortSignal): void {
  if (!signal?.aborted) return;
  throw new RlevError({ code: 'run/cancelled', message: 'Sampling was cancelled.' });
}

function notFinite(request: SampleRequest, slot: Slot): RlevError {
  return new RlevError({
    code: 'run/non-finite',
    message: `Policy version ${request.version} gave no finite probabilities for row ${slot.row}.`,
    value: Number.NaN,
    help: 'Its weights are not finite, or grew too large: lower the learning rate, or start from an earlier checkpoint.',
  });
}
