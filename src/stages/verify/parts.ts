import { z } from 'zod';
import type { ColumnData } from '../../core/columns.ts';
import { type Extract, extractParam, readable, statements } from './extract.ts';

/** What a verifier says of one response. */
export interface Verdict {
  /** The answer that was found; null where none was. */
  readonly answer: string | null;
  /** Share of the question's parts that are right, in [0, 1]. */
  readonly correct: number;
}

/** How answers are found and counted, whatever they are compared by. */
export interface Answering {
  readonly extract: Extract;
  readonly references: 'parts' | 'any';
  readonly alternatives: readonly string[];
  readonly partial: boolean;
}

/** The parameters of every verifier that compares answers with references. */
export const answeringParams = {
  extract: extractParam.default('stated'),
  references: z
    .enum(['parts', 'any'])
    .default('parts')
    .describe(
      'What a list of references holds: the answers to the parts of a question, or answers of which any is right.',
    ),
  alternatives: z
    .array(z.string().min(1))
    .default([])
    .describe('Texts that stand in a reference between answers of which any is right, such as `||`.'),
  partial: z
    .boolean()
    .default(true)
    .describe('Score the share of the parts that is right; false: 1 where all are, else 0.'),
};

export const answering: Answering = {
  extract: 'stated',
  references: 'parts',
  alternatives: [],
  partial: true,
};

/** The parts of a question, each with the answers of which any is right. */
export function partsOf(
  reference: readonly string[],
  { references, alternatives }: Pick<Answering, 'references' | 'alternatives'>,
): readonly (readonly string[])[] {
  const split = reference.map((part) =>
    alternatives
      .reduce((texts, separator) => texts.flatMap((text) => text.split(separator)), [part])
      .filter((text) => text.trim() !== ''),
  );
  return references === 'any' ? [split.flat()] : split;
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

/** What a verifier does by itself: find answers, and compare one with a reference. */
export interface Judging<A> {
  /**
   * The answers of a response, made plain by `readable`, in which `stated` are its statements.
   *
   * @param parts from `partsOf`
   */
  find(text: string, stated: readonly string[] | null, parts: readonly (readonly string[])[]): readonly A[];
  /** An answer as it is recorded. */
  text(answer: A): string;
  right(answer: A, reference: string): boolean;
}

/**
 * The verdict on a response to a question of several parts: part i is right where answer i is; where more answers were
 * found than there are parts, the last ones count.
 */
export function judge<A>(
  response: string,
  reference: readonly string[],
  how: Answering,
  { find, text, right }: Judging<A>,
): Verdict {
  const plain = readable(response, how.extract);
  const parts = partsOf(reference, how);
  const answers = find(plain, statements(plain, how.extract), parts).slice(-parts.length);
  if (answers.length === 0) return { answer: null, correct: 0 };
  const hits = answers.filter((answer, i) => parts[i]!.some((one) => right(answer, one))).length;
  const correct = how.partial ? hits / parts.length : hits === parts.length ? 1 : 0;
  return { answer: answers.map(text).join('; '), correct };
}
