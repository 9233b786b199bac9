import type { Ragged } from '../../core/columns.ts';
import { RlevError } from '../../core/errors.ts';
import type { Aggregation } from '../../core/services.ts';

/** What an optimizer update counts over all its rows, however they are split into micro-batches. */
export interface UpdateTotals {
  /** Tokens whose mask is above zero, each counted with its mask. */
  readonly tokens: number;
  /** Rows with at least one such token; or all of them, where masked rows are counted. */
  readonly rows: number;
}

/** Totals over the named rows of a mask. Rows of which no token counts are left out (verl, OpenRLHF) or counted (TRL). */
export function updateTotals(
  mask: Ragged<Float32Array>,
  rows: ArrayLike<number>,
  masked: 'left-out' | 'counted' = 'left-out',
): UpdateTotals {
  let tokens = 0;
  let counted = 0;
  for (let i = 0; i < rows.length; i++) {
    const sum = maskSum(mask, rows[i]!);
    tokens += sum;
    if (sum > 0 || masked === 'counted') counted++;
  }
  return { tokens, rows: counted };
}

/**
 * What each counted token of row `row` weighs in the loss of the whole update, so that the loss is the sum over
 * tokens of mask * weight * loss and splitting into micro-batches changes nothing:
 *
 * - `token-mean`: 1 / tokens of the update
 * - `token-sum`: 1
 * - `seq-mean-token-sum`: 1 / rows of the update
 * - `seq-mean-token-mean`: 1 / (tokens of the row * rows of the update)
 * - `constant`: 1 / (length * rows of the update), Dr. GRPO's
 *
 * (The modes of verl's `agg_loss`.)
 */
export function tokenWeight(
  aggregation: Aggregation,
  totals: UpdateTotals,
  mask: Ragged<Float32Array>,
  row: number,
  length: number | undefined,
): number {
  const tokens = maskSum(mask, row);
  if (tokens === 0) return 0;
  switch (aggregation) {
    case 'token-mean':
      return 1 / totals.tokens;
    case 'token-sum':
      return 1;
    case 'seq-mean-token-sum':
      return 1 / totals.rows;
    case 'seq-mean-token-mean':
      return 1 / (totals.rows * tokens);
    case 'constant':
      if (length === undefined) throw missingLength();
      return 1 / (totals.rows * length);
  }
}

function maskSum(mask: Ragged<Float32Array>, row: number): number {
  let sum = 0;
  for (let t = mask.offsets[row]!; t < mask.offsets[row + 1]!; t++) sum += mask.values[t]!;
  return sum;
}

function missingLength(): RlevError {
  return new RlevError({
    code: 'config/missing',
    message: 'The aggregation constant has no length to divide by.',
    help: 'Give the loss a `length`, such as the longest response.',
  });
}
