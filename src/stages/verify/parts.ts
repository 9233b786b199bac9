import type { ColumnData } from '../../core/columns.ts';

/** What a verifier says of one response. */
export interface Verdict {
  /** The answer that was found; null where none was. */
  readonly answer: string | null;
  /** Share of the question's parts that are right, in [0, 1]. */
  readonly correct: number;
}

/** Longest answer that is kept, in characters. */
const kept = 200;

/** The columns `answer` and `correct` from one verdict a row. */
export function verdictColumns(verdicts: readonly Verdict[]): {
  answer: ColumnData<'answer'>;
  correct: ColumnData<'correct'>;
} {
  return {
    answer: verdicts.map(({ answer }) => answer?.slice(0, kept) ?? null),
    correct: Float32Array.from(verdicts, ({ correct }) => correct),
  };
}

/**
 * The verdict on the answers found to a question of several parts: part i is right where answer i is; where more
 * answers were found than there are parts, the last ones count.
 */
export function judgeParts<A>(
  found: readonly A[],
  reference: readonly string[],
  text: (answer: A) => string,
  right: (answer: A, reference: string) => boolean,
): Verdict {
  const answers = found.slice(-reference.length);
  if (answers.length === 0) return { answer: null, correct: 0 };
  const hits = answers.filter((answer, i) => right(answer, reference[i]!)).length;
  return { answer: answers.map(text).join('; '), correct: hits / reference.length };
}
