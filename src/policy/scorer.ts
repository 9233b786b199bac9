import { setImmediate } from 'node:timers/promises';
import type { Ragged } from '../core/columns.ts';
import { RlevError } from '../core/errors.ts';
import type { Scorer } from '../core/services.ts';
import type { Arrays, CompiledProgram, TensorData, TensorProgram } from '../engine/engine.ts';
import type { PolicyConfig } from './config.ts';
import {
  checkContext,
  type MicroBatch,
  type MicroBatchShape,
  planMicroBatches,
  tokenFeeds,
} from './micro-batches.ts';
import type { ProgramCache } from './program-cache.ts';
import { entropyProgram, scoreProgram } from './programs.ts';

export interface ScorerSetup {
  readonly config: PolicyConfig;
  readonly programs: ProgramCache;
  /** The weights to score with, by name. */
  weights(which: 'current' | 'reference'): Arrays;
  /** Tokens of a micro-batch, padding included. */
  readonly tokenBudget: number;
}

/** Scores with the forward pass that training differentiates. */
export function createScorer(setup: ScorerSetup): Scorer {
  return {
    score: (request, signal) => scoreResponses(setup, setup.weights(request.weights), request, signal),
  };
}

/** Rows to score: tokens, and the temperature that logits are divided by (1 where it is 0). */
export interface ScoreRows extends Responses {
  readonly temperature: Float32Array;
}

/** Prompts and the responses to them, a row each. */
export interface Responses {
  readonly promptTokens: Ragged<Int32Array>;
  readonly responseTokens: Ragged<Int32Array>;
}

/**
 * Log-probability of each response token under the given weights.
 *
 * @param which rows that are scored, the others 0. Default: all
 * @throws RlevError `policy/context` before anything is computed, `run/cancelled`, `run/non-finite`
 */
export function scoreResponses(
  setup: Omit<ScorerSetup, 'weights'>,
  weights: Arrays,
  rows: ScoreRows,
  signal?: AbortSignal,
  which?: ArrayLike<number>,
): Promise<Ragged<Float32Array>> {
  const { config } = setup;
  const scoring = {
    name: 'score',
    what: 'log-probability',
    ...(which && { rows: which }),
    program: (shape: MicroBatchShape) => scoreProgram(config, shape),
    async run(program: CompiledProgram, batch: MicroBatch) {
      const feeds = tokenFeeds(batch, rows.promptTokens, rows.responseTokens, rows.temperature, config.padId);
      return (await program.run({ ...weights, ...feeds })).logprobs!;
    },
  };
  return numberTokens(setup, scoring, rows, signal);
}

/** Entropy of the distribution that each response token of some rows is sampled from, in nats; 0 in other rows. */
export function entropiesOf(
  setup: Omit<ScorerSetup, 'weights'>,
  weights: Arrays,
  rows: ScoreRows,
  which: ArrayLike<number>,
  signal?: AbortSignal,
): Promise<Ragged<Float32Array>> {
  const { config } = setup;
  const entropies = {
    name: 'entropy',
    what: 'entropy',
    rows: which,
    program: (shape: MicroBatchShape) => entropyProgram(config, shape),
    async run(program: CompiledProgram, batch: MicroBatch) {
      const feeds = tokenFeeds(batch, rows.promptTokens, rows.responseTokens, rows.temperature, config.padId);
      const { targets: _, ...read } = feeds;
      return (await program.run({ ...weights, ...read })).entropy!;
    },
  };
  return numberTokens(setup, entropies, rows, signal);
}

/** What gives each response token of a micro-batch a number. */
export interface TokenNumbers {
  /** Names its programs in the cache. */
  readonly name: string;
  /** What the numbers are, for errors. */
  readonly what: string;
  /** Rows that get them, the others 0. Default: all. */
  readonly rows?: ArrayLike<number>;
  program(shape: MicroBatchShape): TensorProgram;
  /** [rows * responses] */
  run(program: CompiledProgram, batch: MicroBatch): Promise<TensorData>;
}

/**
 * One number for each response token, micro-batch by micro-batch.
 *
 * @throws RlevError `policy/context` before anything is computed, `run/cancelled`, `run/non-finite`
 */
export async function numberTokens(
  { config, programs, tokenBudget }: Omit<ScorerSetup, 'weights'>,
  { name, what, rows: wanted, program, run }: TokenNumbers,
  { promptTokens, responseTokens }: Responses,
  signal?: AbortSignal,
): Promise<Ragged<Float32Array>> {
  checkContext(promptTokens, responseTokens, config.contextLength);
  const { offsets } = responseTokens;
  const values = new Float32Array(responseTokens.values.length);
  const rows = wanted ?? Array.from({ length: offsets.length - 1 }, (_, i) => i);
  for (const batch of planMicroBatches(promptTokens, responseTokens, rows, tokenBudget)) {
    throwIfCancelled(signal);
    const { shape } = batch;
    const key = `${name} ${shape.rows}x${shape.length}x${shape.responses}`;
    const numbers = await run(await programs.get(key, () => program(shape)), batch);
    for (const [b, row] of batch.indices.entries()) {
      const start = b * shape.responses;
      const length = offsets[row + 1]! - offsets[row]!;
      values.set(numbers.subarray(start, start + length), offsets[row]);
    }
    await setImmediate();
  }
  const bad = values.findIndex((x) => !Number.isFinite(x));
  if (bad >= 0) {
    throw new RlevError({
      code: 'run/non-finite',
      message: `The ${what} of response token ${bad} is not finite.`,
      value: values[bad],
      help: 'The weights are not finite or have grown too large: start from an earlier checkpoint.',
    });
  }
  return { offsets, values };
}

/** Throws `run/cancelled` once the signal has fired. */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return;
  throw new RlevError({ code: 'run/cancelled', message: 'Training or scoring was cancelled.' });
}
