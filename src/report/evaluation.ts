import { RlevError } from '../core/errors.ts';

/**
 * One evaluation, a row a response: typed columns of equal length. Rows that share a `promptId` are samples of
 * one question and must agree on `value` and `points`.
 */
export interface Evaluation {
  readonly promptId: readonly string[];
  /** v(x) >= 0, the value of the question. */
  readonly value: Float64Array;
  /** The points of the question as its author wrote them; NaN where unknown. Only labels and buckets use them. */
  readonly points?: Float64Array;
  /** The verifier's score in [0, 1]. */
  readonly correct: Float32Array;
  /** Response length in tokens. */
  readonly length: Int32Array | Float64Array;
}

/**
 * An evaluation with its samples averaged inside each question, a row a question, in the order of the ids: no
 * statistic depends on the order in which responses arrived.
 */
export interface Questions {
  readonly id: readonly string[];
  readonly value: Float64Array;
  readonly points: Float64Array | null;
  readonly correct: Float64Array;
  readonly length: Float64Array;
  /** Number of responses to each question. */
  readonly samples: Float64Array;
}

/**
 * The questions of an evaluation.
 *
 * @throws RlevError `usage/arguments` for columns of unequal length; `data/empty` for no rows; `data/value` for a
 *   value, score or length out of its range; `run/mismatch` where samples of one question disagree on its value
 *   or points.
 */
export function questionsOf(evaluation: Evaluation): Questions {
  const rows = evaluation.promptId.length;
  checkColumns(evaluation, rows);
  const order = evaluation.promptId.map((_, row) => row).sort((a, b) => canonically(evaluation, a, b));
  const firsts = order.filter((row, i) => i === 0 || idAt(row) !== idAt(order[i - 1]!));
  const n = firsts.length;
  const value = Float64Array.from(firsts, (row) => evaluation.value[row]!);
  const points = evaluation.points ? Float64Array.from(firsts, (row) => evaluation.points![row]!) : null;
  const correct = new Float64Array(n);
  const length = new Float64Array(n);
  const samples = new Float64Array(n);

  let question = -1;
  for (const row of order) {
    if (row === firsts[question + 1]) question++;
    checkRow(evaluation, row, value[question]!, points?.[question]);
    correct[question]! += evaluation.correct[row]!;
    length[question]! += evaluation.length[row]!;
    samples[question]! += 1;
  }
  for (let q = 0; q < n; q++) {
    correct[q]! /= samples[q]!;
    length[q]! /= samples[q]!;
  }
  return { id: firsts.map(idAt), value, points, correct, length, samples };

  function idAt(row: number): string {
    return evaluation.promptId[row]!;
  }
}

/** The questions at `indices`, in that order. */
export function pick(questions: Questions, indices: readonly number[]): Questions {
  const take = (column: Float64Array) => Float64Array.from(indices, (i) => column[i]!);
  return {
    id: indices.map((i) => questions.id[i]!),
    value: take(questions.value),
    points: questions.points && take(questions.points),
    correct: take(questions.correct),
    length: take(questions.length),
    samples: take(questions.samples),
  };
}

/** Code-unit order of ids, the same in every locale; then of scores, so that sums round alike in any row order. */
function canonically({ promptId, correct }: Evaluation, a: number, b: number): number {
  const x = promptId[a]!;
  const y = promptId[b]!;
  if (x === y) return correct[a]! - correct[b]!;
  return x < y ? -1 : 1;
}

function checkColumns(evaluation: Evaluation, rows: number): void {
  for (const name of ['value', 'points', 'correct', 'length'] as const) {
    const column = evaluation[name];
    if (column === undefined || column.length === rows) continue;
    throw new RlevError({
      code: 'usage/arguments',
      message: `An evaluation has ${rows} prompt ids but ${column.length} entries in ${name}.`,
      value: column.length,
      help: 'Give every column one entry a response.',
    });
  }
  if (rows > 0) return;
  throw new RlevError({
    code: 'data/empty',
    message: 'An evaluation without responses has no statistics.',
    help: 'Evaluate on at least one question.',
  });
}

function checkRow(evaluation: Evaluation, row: number, value: number, points: number | undefined): void {
  const id = evaluation.promptId[row]!;
  const inRange = (name: 'value' | 'correct' | 'length', most: number, range: string) => {
    const found = evaluation[name][row]!;
    if (found >= 0 && found <= most) return;
    throw new RlevError({
      code: 'data/value',
      message: `Question ${id} has ${name} ${found}; it must be ${range}.`,
      value: found,
    });
  };
  inRange('value', Number.MAX_VALUE, 'a finite number, 0 or more');
  inRange('correct', 1, 'in [0, 1]');
  inRange('length', Number.MAX_VALUE, 'a finite number of tokens, 0 or more');
  const samePoints = points === undefined || Object.is(points, evaluation.points![row]!);
  if (evaluation.value[row] === value && samePoints) return;
  throw new RlevError({
    code: 'run/mismatch',
    message: `Question ${id} has two values: ${value} and ${evaluation.value[row]}.`,
    value: id,
    help: 'Give every question its own id.',
  });
}
