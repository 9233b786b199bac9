import { batchOf } from '../../../src/core/batch.ts';
import type { AnyColumns } from '../../../src/core/columns.ts';
import type { Dataset } from '../../../src/core/stage.ts';
import { dataColumns } from '../../../src/stages/prompts/data-columns.ts';

/** A question as a file has it, as far as values go; further fields are `data.*`. */
export interface Asked {
  readonly id: string;
  readonly points?: number;
  readonly exam_total?: number;
  readonly [field: string]: unknown;
}

/** Questions as a source shows them: row i stands in line i + 1 of exam.jsonl. */
export function datasetOf(questions: readonly Asked[]): Dataset {
  const own = dataColumns(questions.map(({ id, points, exam_total, question, ...fields }) => fields));
  const columns: AnyColumns = {
    prompt_id: questions.map(({ id }) => id),
    exam: questions.map(() => 'exam'),
    reference: questions.map(() => ['1']),
    prompt: questions.map(({ question }) => `${question ?? ''}\n`),
    points: Float64Array.from(questions, ({ points = 1 }) => points),
    exam_total: Float64Array.from(questions, ({ exam_total = 100 }) => exam_total),
    ...own.columns,
  };
  return {
    batch: batchOf(columns, own.specs),
    hash: '0',
    place: (row) => ({ file: 'exam.jsonl', line: row + 1 }),
  };
}

/** Questions `a`, `b`, ... worth these points of 100. */
export function worth(...points: readonly number[]): Dataset {
  return datasetOf(points.map((p, i) => ({ id: String.fromCharCode(97 + i), points: p })));
}
