import { RlevError } from '../core/errors.ts';
import { fixed, percent, plainNumber } from './format.ts';

/** How the value scale s(x) = 1 + min(alpha*v, clip) spreads over the questions of a data set. */
export interface ScaleSummary {
  readonly n: number;
  /** Questions with alpha*v >= clip: their values are no longer told apart. */
  readonly saturated: number;
  readonly saturated_share: number;
  /** The value from which on s saturates, clip/alpha; null where it never does. */
  readonly saturates_at: number | null;
  readonly s_min: number;
  readonly s_mean: number;
  readonly s_max: number;
  /** Distinct values of the questions, and of s: fewer where saturation merges some. */
  readonly distinct_values: number;
  readonly distinct_scales: number;
}

/**
 * The spread of s(x) over questions (RLEV, arXiv 2510.20187: alpha 10, clip 1).
 *
 * @param values v(x) >= 0, one a question.
 * @param clip Upper bound of alpha*v; `Infinity` for none.
 * @throws RlevError `data/empty` for no values, `data/value` for a negative or non-finite one.
 */
export function scaleSummary(values: Float64Array, alpha: number, clip = 1): ScaleSummary {
  const n = values.length;
  if (n === 0) {
    throw new RlevError({ code: 'data/empty', message: 'A value scale needs at least one question.' });
  }
  const wrong = values.find((v) => !(v >= 0 && v < Infinity));
  if (wrong !== undefined) {
    throw new RlevError({
      code: 'data/value',
      message: `A question has value ${wrong}; it must be a finite number, 0 or more.`,
      value: wrong,
    });
  }
  const scales = values.map((v) => 1 + Math.min(alpha * v, clip));
  const saturated = values.reduce((count, v) => count + (alpha * v >= clip ? 1 : 0), 0);
  return {
    n,
    saturated,
    saturated_share: saturated / n,
    saturates_at: alpha > 0 && clip < Infinity ? clip / alpha : null,
    s_min: scales.reduce((a, b) => Math.min(a, b)),
    s_mean: scales.reduce((a, b) => a + b) / n,
    s_max: scales.reduce((a, b) => Math.max(a, b)),
    distinct_values: new Set(values).size,
    distinct_scales: new Set(scales).size,
  };
}

/** The summary in a sentence or two, for the start of a run. */
export function scaleSentence(summary: ScaleSummary): string {
  const { n, saturated, s_min, s_max } = summary;
  const range =
    s_min === s_max ? `is ${plainNumber(s_min)}` : `runs from ${plainNumber(s_min)} to ${plainNumber(s_max)}`;
  const spread = `s(x) ${range} over ${fixed(n)} questions`;
  if (saturated === 0) return `${spread}; it saturates for none of them.`;
  const share = `${fixed(saturated)} of them (${percent(summary.saturated_share)})`;
  return `${spread}; it saturates for ${share}, whose values of ${plainNumber(summary.saturates_at ?? 0)} and more count alike.`;
}
