import { RlevError } from '../core/errors.ts';
import { type Bucket, bucketsOf } from './buckets.ts';
import { type Evaluation, pick, type Questions, questionsOf } from './evaluation.ts';
import {
  type Interval,
  ratioInterval,
  shareDifferenceInterval,
  shareInterval,
  studentInterval,
  type WeightedMean,
  weightedMean,
} from './intervals.ts';

/** The four measures of an evaluation, in the order in which they are shown. */
export const measures = ['accuracy', 'h_accuracy', 'mean_length', 'value_density'] as const;
export type Measure = (typeof measures)[number];

/**
 * The measures of some questions, each with its 95% interval over questions.
 *
 * - `accuracy`: mean score, in [0, 1].
 * - `h_accuracy`: human-aligned accuracy, H-Acc = sum(v*correct) / sum(v), in [0, 1]; null where sum(v) is 0.
 * - `mean_length`: mean response length in tokens.
 * - `value_density`: H-Acc / mean length, a share of the value per token; null where either is missing or 0 tokens.
 *
 * An interval is null where the data cannot give one (fewer than two questions). Source of the measures: RLEV,
 * arXiv 2510.20187.
 */
export interface Estimates {
  readonly accuracy: number;
  readonly h_accuracy: number | null;
  readonly mean_length: number;
  readonly value_density: number | null;
  readonly intervals: Readonly<Record<Measure, Interval | null>>;
}

export interface BucketRange {
  readonly label: string;
  readonly from: number;
  readonly to: number;
  /** Whether all its questions have one value: then H-Acc is accuracy. */
  readonly single: boolean;
  readonly n: number;
}

/** What `rlev eval --json` prints. `n` counts questions, `responses` the samples of them. */
export interface Summary extends Estimates {
  readonly n: number;
  readonly responses: number;
  readonly by_value: readonly (BucketRange & Estimates)[];
}

/** After minus before on the same questions; null where either side has no such number. */
export interface Differences {
  readonly accuracy: number;
  readonly h_accuracy: number | null;
  readonly mean_length: number;
  readonly value_density: number | null;
  readonly intervals: Readonly<Record<Measure, Interval | null>>;
}

/** Two evaluations of the same questions, and their paired differences. */
export interface Comparison {
  readonly n: number;
  readonly before: Summary;
  readonly after: Summary;
  readonly difference: Differences;
  readonly by_value: readonly (BucketRange & {
    readonly before: Estimates;
    readonly after: Estimates;
    readonly difference: Differences;
  })[];
}

/**
 * The measures of an evaluation, overall and by value. Several responses to a question are averaged first; the
 * order of rows does not matter.
 *
 * @throws RlevError as {@link questionsOf} does.
 */
export function summarize(evaluation: Evaluation): Summary {
  const questions = questionsOf(evaluation);
  return summaryOf(questions, bucketsOf(questions));
}

/**
 * Two evaluations of the same questions, joined by prompt id, with paired differences overall and by value.
 *
 * @throws RlevError `run/mismatch` where a question is in only one of them, or has another value in the other;
 *   otherwise as {@link questionsOf} does.
 */
export function compare(before: Evaluation, after: Evaluation): Comparison {
  const a = questionsOf(before);
  const b = questionsOf(after);
  checkSameQuestions(a, b);
  const buckets = bucketsOf(a);
  return {
    n: a.id.length,
    before: summaryOf(a, buckets),
    after: summaryOf(b, buckets),
    difference: differences(a, b),
    by_value: buckets.map((bucket) => {
      const x = pick(a, bucket.indices);
      const y = pick(b, bucket.indices);
      return { ...rangeOf(bucket), before: estimates(x), after: estimates(y), difference: differences(x, y) };
    }),
  };
}

function summaryOf(questions: Questions, buckets: readonly Bucket[]): Summary {
  return {
    n: questions.id.length,
    responses: questions.samples.reduce((total, count) => total + count, 0),
    ...estimates(questions),
    by_value: buckets.map((bucket) => ({
      ...rangeOf(bucket),
      ...estimates(pick(questions, bucket.indices)),
    })),
  };
}

function rangeOf({ label, from, to, single, indices }: Bucket): BucketRange {
  return { label, from, to, single, n: indices.length };
}

function estimates(questions: Questions): Estimates {
  const { value, correct, samples } = questions;
  const { accuracy, hAccuracy, length, density } = means(questions);
  const hInterval = shareInterval(value, correct, samples);
  const lengthInterval = studentInterval(length.value, length.influence, 0);
  const densityInterval =
    hAccuracy && density
      ? ratioInterval({ mean: hAccuracy, interval: hInterval }, { mean: length, interval: lengthInterval })
      : null;
  return {
    accuracy: accuracy.value,
    h_accuracy: hAccuracy?.value ?? null,
    mean_length: length.value,
    value_density: density?.value ?? null,
    intervals: {
      accuracy: shareInterval(ones(correct.length), correct, samples),
      h_accuracy: hInterval,
      mean_length: lengthInterval,
      value_density: densityInterval,
    },
  };
}

function differences(before: Questions, after: Questions): Differences {
  const a = means(before);
  const b = means(after);
  const length = minus(b.length, a.length);
  const density = a.density && b.density && minus(b.density, a.density);
  // Without any spread in what density is made of, its normal interval would have no width.
  const spread = density?.influence.some((u) => u !== 0) === true;
  return {
    accuracy: b.accuracy.value - a.accuracy.value,
    h_accuracy: a.hAccuracy && b.hAccuracy && b.hAccuracy.value - a.hAccuracy.value,
    mean_length: length.value,
    value_density: density?.value ?? null,
    intervals: {
      accuracy: shareDifferenceInterval(ones(before.id.length), before.correct, after.correct),
      h_accuracy: shareDifferenceInterval(before.value, before.correct, after.correct),
      mean_length: studentInterval(length.value, length.influence),
      value_density: density && spread ? studentInterval(density.value, density.influence) : null,
    },
  };
}

function means({ value, correct, length }: Questions) {
  const equal = ones(correct.length);
  const tokens = weightedMean(equal, length)!;
  const hAccuracy = weightedMean(value, correct);
  return {
    accuracy: weightedMean(equal, correct)!,
    hAccuracy,
    length: tokens,
    density: hAccuracy && tokens.value > 0 ? quotient(hAccuracy, tokens) : null,
  };
}

/** a/b, linearised: the influence on it is (u_a - (a/b) u_b) / b. */
function quotient(a: WeightedMean, b: WeightedMean): WeightedMean {
  const value = a.value / b.value;
  return { value, influence: a.influence.map((u, i) => (u - value * b.influence[i]!) / b.value) };
}

function minus(a: WeightedMean, b: WeightedMean): WeightedMean {
  return { value: a.value - b.value, influence: a.influence.map((u, i) => u - b.influence[i]!) };
}

function ones(n: number): Float64Array {
  return new Float64Array(n).fill(1);
}

function checkSameQuestions(before: Questions, after: Questions): void {
  const missing = (from: Questions, other: Questions) => {
    const ids = new Set(other.id);
    return from.id.find((id) => !ids.has(id));
  };
  const onlyBefore = missing(before, after);
  const onlyAfter = missing(after, before);
  const lone = onlyBefore ?? onlyAfter;
  if (lone !== undefined) {
    throw new RlevError({
      code: 'run/mismatch',
      message: `Question ${lone} is only in the evaluation ${onlyBefore === undefined ? 'after' : 'before'}, so the two cannot be paired.`,
      value: lone,
      help: 'Compare evaluations of the same data.',
    });
  }
  const other = before.value.findIndex((value, i) => value !== after.value[i]);
  if (other < 0) return;
  throw new RlevError({
    code: 'run/mismatch',
    message: `Question ${before.id[other]} has value ${before.value[other]} before and ${after.value[other]} after.`,
    value: before.id[other],
    help: 'Compare evaluations with the same value stage.',
  });
}
