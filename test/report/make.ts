import type { Evaluation } from '../../src/report/evaluation.ts';

export interface Row {
  id: string;
  value: number;
  points?: number;
  correct: number;
  length: number;
}

/** An evaluation from rows, as a reader would write it down. */
export function evaluationOf(rows: readonly Row[]): Evaluation {
  const columns = {
    promptId: rows.map((r) => r.id),
    value: Float64Array.from(rows, (r) => r.value),
    correct: Float32Array.from(rows, (r) => r.correct),
    length: Int32Array.from(rows, (r) => r.length),
  };
  if (!rows.some((r) => r.points !== undefined)) return columns;
  return { ...columns, points: Float64Array.from(rows, (r) => r.points ?? Number.NaN) };
}

/** One row a question, `q0`, `q1`, ..., from parallel lists. */
export function questions(
  value: readonly number[],
  correct: readonly number[],
  length: readonly number[],
): Evaluation {
  return evaluationOf(
    value.map((v, i) => ({ id: `q${i}`, value: v, correct: correct[i]!, length: length[i]! })),
  );
}
