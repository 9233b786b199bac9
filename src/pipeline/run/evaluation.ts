import { type Batch, columnOf } from '../../core/batch.ts';
import { rowLength } from '../../core/columns.ts';
import { RlevError } from '../../core/errors.ts';
import type { Evaluation } from '../../report/evaluation.ts';

/** Columns that a branch must have added where it ends. */
export const evaluationColumns = ['prompt_id', 'points', 'value', 'correct', 'response_tokens'] as const;

/**
 * What reports need of an evaluated batch.
 *
 * @throws RlevError `config/columns` where the branch ended before responses were verified and valued
 */
export function evaluationOf(batch: Batch): Evaluation {
  const names = batch.schema.fields.map((f) => f.name);
  const missing = evaluationColumns.filter((n) => !names.includes(n));
  if (missing.length > 0) {
    throw new RlevError({
      code: 'config/columns',
      message: `An evaluation needs the columns ${missing.join(', ')}, and the branch ends before they are added.`,
      value: missing,
      help: 'Let `through:` name the value stage.',
    });
  }
  const tokens = columnOf(batch, 'response_tokens');
  return {
    promptId: [...columnOf(batch, 'prompt_id')],
    points: columnOf(batch, 'points'),
    value: columnOf(batch, 'value'),
    correct: columnOf(batch, 'correct'),
    length: Int32Array.from({ length: batch.numRows }, (_, i) => rowLength(tokens, i)),
  };
}
