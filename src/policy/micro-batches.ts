import { type Ragged, rowLength, rowOf } from '../core/columns.ts';
import { RlevError } from '../core/errors.ts';
import { lengthBucket } from './buckets.ts';

/** Static sizes of a micro-batch: rows, tokens a row, response tokens a row. */
export interface MicroBatchShape {
  readonly rows: number;
  readonly length: number;
  readonly responses: number;
}

/** Rows of a request that one run of a program computes; `indices.length` is at most `shape.rows`. */
export interface MicroBatch {
  readonly shape: MicroBatchShape;
  /** Which rows of the request. */
  readonly indices: readonly number[];
}

const bucket = 16;

/**
 * Splits rows into micro-batches of at most `tokenBudget` tokens, padding included (but two rows always fit: some
 * kernels compute a single one in another order). Longest rows come first, each micro-batch as long as its first row.
 *
 * A shape is a program that must be compiled and holds memory, so few occur, and the same ones from request to
 * request: lengths come from a ladder, the number of rows follows from the length (only the last micro-batch may have
 * a half or a quarter of them), and the response tokens from the length and the shortest prompt.
 *
 * Rows without response tokens have nothing to compute and are left out.
 */
export function planMicroBatches(
  prompts: Ragged,
  responses: Ragged,
  rows: ArrayLike<number>,
  tokenBudget: number,
): MicroBatch[] {
  const padded = (i: number): number => lengthBucket(rowLength(prompts, i) + rowLength(responses, i), bucket);
  const order = Array.from(rows).filter((i) => rowLength(responses, i) > 0);
  order.sort((i, j) => padded(j) - padded(i) || rowLength(responses, j) - rowLength(responses, i) || i - j);
  const shortest = order.reduce((least, i) => Math.min(least, rowLength(prompts, i)), Infinity);
  const neverPredicted = Math.floor(shortest / bucket) * bucket;
  const batches: MicroBatch[] = [];
  for (let start = 0; start < order.length; ) {
    const length = padded(order[start]!);
    const left = order.length - start;
    const count = rowsFor(Math.max(2, Math.floor(tokenBudget / length)), left);
    batches.push({
      shape: { rows: count, length, responses: length - neverPredicted },
      indices: order.slice(start, start + count),
    });
    start += count;
  }
  return batches;
}

/** `most` rows, or the half or the quarter of them where that holds all that are left. */
function rowsFor(most: number, left: number): number {
  for (const share of [4, 2]) {
    const rows = Math.max(2, Math.ceil(most / share));
    if (left <= rows) return rows;
  }
  return most;
}

/** Where a program finds the state in which each response token is chosen. */
export interface PositionFeeds {
  /** int32 [rows * length], prompt and response, padded on the right. */
  readonly tokens: Int32Array;
  /** int32 [rows * responses], the flat position that predicts each response token; 0 at padding. */
  readonly indices: Int32Array;
}

/** What a program reads of the tokens of a micro-batch. */
export interface TokenFeeds extends PositionFeeds {
  /** int32 [rows * responses], the response tokens. */
  readonly targets: Int32Array;
  /** float32 [rows * responses], 1 / temperature of the row (1 where it is 0). */
  readonly inverseTemperature: Float32Array;
}

/** Lays out the tokens of a micro-batch, without what only logits need. */
export function positionFeeds(
  batch: MicroBatch,
  prompts: Ragged<Int32Array>,
  responses: Ragged<Int32Array>,
  padId: number,
): PositionFeeds {
  const { shape } = batch;
  const tokens = new Int32Array(shape.rows * shape.length).fill(padId);
  const indices = new Int32Array(shape.rows * shape.responses);
  for (const [b, row] of batch.indices.entries()) {
    const prompt = rowOf(prompts, row);
    const response = rowOf(responses, row);
    const start = b * shape.length;
    tokens.set(prompt, start);
    tokens.set(response, start + prompt.length);
    const at = b * shape.responses;
    for (let t = 0; t < response.length; t++) indices[at + t] = start + prompt.length + t - 1;
  }
  return { tokens, indices };
}

/** Lays out the tokens of a micro-batch. */
export function tokenFeeds(
  batch: MicroBatch,
  prompts: Ragged<Int32Array>,
  responses: Ragged<Int32Array>,
  temperature: Float32Array,
  padId: number,
): TokenFeeds {
  const { shape } = batch;
  const targets = new Int32Array(shape.rows * shape.responses);
  const inverseTemperature = new Float32Array(shape.rows * shape.responses).fill(1);
  for (const [b, row] of batch.indices.entries()) {
    const at = b * shape.responses;
    targets.set(rowOf(responses, row), at);
    inverseTemperature.fill(1 / (temperature[row]! || 1), at, at + shape.responses);
  }
  return { ...positionFeeds(batch, prompts, responses, padId), targets, inverseTemperature };
}

/** Lays out a ragged column of response tokens as float32 [rows * responses], zero at padding. */
export function tokenColumn(batch: MicroBatch, column: Ragged<Float32Array>): Float32Array {
  const { shape } = batch;
  const dense = new Float32Array(shape.rows * shape.responses);
  for (const [b, row] of batch.indices.entries()) dense.set(rowOf(column, row), b * shape.responses);
  return dense;
}

/** Throws `stage/contract` where a column has not one number for each response token. */
export function checkAligned(name: string, column: Ragged, responses: Ragged): void {
  const rows = responses.offsets.length - 1;
  const count = column.offsets.length - 1;
  const wrong = (message: string): RlevError =>
    new RlevError({
      code: 'stage/contract',
      message,
      value: name,
      help: 'Whatever adds it gives one number for each response token, the stop token included.',
    });
  if (count !== rows) throw wrong(`${name} has ${count} rows for ${rows} responses.`);
  for (let i = 0; i < rows; i++) {
    const [given, tokens] = [rowLength(column, i), rowLength(responses, i)];
    if (given !== tokens)
      throw wrong(`${name} of row ${i} has ${given} numbers for ${tokens} response tokens.`);
  }
}

/** Throws `policy/context` where a row is longer than the model can read, or has no prompt to start from. */
export function checkContext(prompts: Ragged, responses: Ragged, contextLength: number): void {
  for (let i = 0; i < prompts.offsets.length - 1; i++) {
    const length = rowLength(prompts, i) + rowLength(responses, i);
    if (length > contextLength) {
      throw new RlevError({
        code: 'policy/context',
        message: `Row ${i} has ${length} tokens of prompt and response; the model reads ${contextLength}.`,
        value: length,
        help: 'Shorten the prompts or lower maxTokens.',
      });
    }
    if (rowLength(prompts, i) === 0 && rowLength(responses, i) > 0) {
      throw new RlevError({
        code: 'policy/context',
        message: `Row ${i} has an empty prompt, so nothing predicts its first token.`,
        help: 'Give the prompt at least one token, such as BOS.',
      });
    }
  }
}
