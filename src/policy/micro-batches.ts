import { type Ragged, rowLength, rowOf } from '../core/columns.ts';
import { RlevError } from '../core/errors.ts';

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
const rowBucket = 8;

/**
 * Splits rows into micro-batches of at most `tokenBudget` tokens, padding included (one row may exceed it, and two
 * always go together: some kernels compute a single row in another order). Longest rows come first. Lengths and row
 * counts are rounded up, so that few shapes occur: a shape is a program that must be compiled.
 *
 * Rows without response tokens have nothing to compute and are left out.
 */
export function planMicroBatches(
  prompts: Ragged,
  responses: Ragged,
  rows: ArrayLike<number>,
  tokenBudget: number,
): MicroBatch[] {
  const total = (i: number): number => rowLength(prompts, i) + rowLength(responses, i);
  const order = Array.from(rows).filter((i) => rowLength(responses, i) > 0);
  order.sort(
    (i, j) =>
      roundUp(total(j), bucket) - roundUp(total(i), bucket) ||
      rowLength(responses, j) - rowLength(responses, i) ||
      i - j,
  );
  const batches: MicroBatch[] = [];
  for (let start = 0; start < order.length; ) {
    const length = roundUp(total(order[start]!), bucket);
    const most = roundDown(Math.max(tokenBudget / length, 2));
    // The rest is dealt evenly, so that the last micro-batch is not mostly padding.
    const left = order.length - start;
    const even = Math.ceil(left / Math.ceil(left / most));
    const count = Math.min(most, even);
    const indices = order.slice(start, start + count);
    const longest = Math.max(...indices.map((i) => rowLength(responses, i)));
    batches.push({
      shape: {
        rows: Math.max(2, Math.min(most, roundUp(count, rowBucket))),
        length,
        responses: Math.min(roundUp(longest, bucket), length),
      },
      indices,
    });
    start += count;
  }
  return batches;
}

/** What a program reads of the tokens of a micro-batch. */
export interface TokenFeeds {
  /** int32 [rows * length], prompt and response, padded on the right. */
  readonly tokens: Int32Array;
  /** int32 [rows * responses], the flat position that predicts each response token; 0 at padding. */
  readonly indices: Int32Array;
  /** int32 [rows * responses], the response tokens. */
  readonly targets: Int32Array;
  /** float32 [rows * responses], 1 / temperature of the row (1 where it is 0). */
  readonly inverseTemperature: Float32Array;
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
  const tokens = new Int32Array(shape.rows * shape.length).fill(padId);
  const indices = new Int32Array(shape.rows * shape.responses);
  const targets = new Int32Array(shape.rows * shape.responses);
  const inverseTemperature = new Float32Array(shape.rows * shape.responses).fill(1);
  for (const [b, row] of batch.indices.entries()) {
    const prompt = rowOf(prompts, row);
    const response = rowOf(responses, row);
    const start = b * shape.length;
    tokens.set(prompt, start);
    tokens.set(response, start + prompt.length);
    const at = b * shape.responses;
    for (let t = 0; t < response.length; t++) indices[at + t] = start + prompt.length + t - 1;
    targets.set(response, at);
    inverseTemperature.fill(1 / (temperature[row]! || 1), at, at + shape.responses);
  }
  return { tokens, indices, targets, inverseTemperature };
}

/** Lays out a ragged column of response tokens as float32 [rows * responses], zero at padding. */
export function tokenColumn(batch: MicroBatch, column: Ragged<Float32Array>): Float32Array {
  const { shape } = batch;
  const dense = new Float32Array(shape.rows * shape.responses);
  for (const [b, row] of batch.indices.entries()) dense.set(rowOf(column, row), b * shape.responses);
  return dense;
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

function roundUp(n: number, multiple: number): number {
  return Math.ceil(n / multiple) * multiple;
}

/** A row count that fits, a multiple of `rowBucket` where that leaves any. */
function roundDown(n: number): number {
  return n < rowBucket ? Math.floor(n) : Math.floor(n / rowBucket) * rowBucket;
}
