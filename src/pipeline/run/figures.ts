import { type Batch, columnOf } from '../../core/batch.ts';

/** What a progress line says of a cohort; a figure is absent where its column is, or where it has no row. */
export interface CohortFigures {
  readonly reward?: number;
  /** H-Acc of the cohort; null where all its values are 0. */
  readonly hAccuracy?: number | null;
  /** Response tokens. */
  readonly tokens?: number;
}

/** Mean reward, human-aligned accuracy sum(v * correct) / sum(v) and response tokens of a batch. */
export function figuresOf(batch: Batch): CohortFigures {
  const has = (name: string): boolean => batch.getChild(name) !== null;
  return {
    ...(has('reward') && batch.numRows > 0 && { reward: mean(columnOf(batch, 'reward')) }),
    ...(has('value') && has('correct') && { hAccuracy: hAccuracy(batch) }),
    ...(has('response_tokens') && { tokens: columnOf(batch, 'response_tokens').values.length }),
  };
}

function mean(values: Float64Array): number {
  return values.reduce((total, x) => total + x, 0) / values.length;
}

function hAccuracy(batch: Batch): number | null {
  const value = columnOf(batch, 'value');
  const correct = columnOf(batch, 'correct');
  let earned = 0;
  let total = 0;
  for (let i = 0; i < value.length; i++) {
    earned += value[i]! * correct[i]!;
    total += value[i]!;
  }
  return total > 0 ? earned / total : null;
}
