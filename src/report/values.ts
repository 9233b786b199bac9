import { RlevError } from '../core/errors.ts';
import type { ValueScale } from '../core/stage.ts';
import { fixed, percent, plainNumber } from './format.ts';

/** How a value scale s(x) spreads over the questions of a data set. */
export interface ScaleSummary {
  readonly n: number;
  /** Questions at the top of the scale, where it stays from some value on: it tells their values apart no longer. */
  readonly saturated: number;
  readonly saturated_share: number;
  /** The least value among them; null where there are none. */
  readonly saturates_at: number | null;
  readonly s_min: number;
  readonly s_mean: number;
  readonly s_max: number;
  /** Distinct values of the questions, and of s: fewer where saturation merges some. */
  readonly distinct_values: number;
  readonly distinct_scales: number;
}

/**
 * The spread of s(x) over questions. Of a scale that does not say where it saturates, it is taken to do so where its
 * largest s is that of several values.
 *
 * @param values v(x) >= 0, one a question.
 * @throws RlevError `data/empty` for no values, `data/value` for a negative or non-finite one, or such an s; what the scale
 *   throws.
 */
export function scaleSummary(values: Float64Array, scale: ValueScale): ScaleSummary {
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
  const scales = values.map((v) => scale.of(v));
  const endless = scales.findIndex((s) => !Number.isFinite(s));
  if (endless >= 0) {
    throw new RlevError({
      code: 'data/value',
      message: `s(x) of the value ${values[endless]} is ${scales[endless]}.`,
      value: values[endless],
      help: 'Clip the scale, or normalise the values.',
    });
  }
  const s_max = scales.reduce((a, b) => Math.max(a, b));
  const top = values.filter((_, i) => scales[i]! >= (scale.ceiling ?? s_max));
  const saturated = scale.ceiling !== undefined || new Set(top).size > 1 ? top : new Float64Array(0);
  return {
    n,
    saturated: saturated.length,
    saturated_share: saturated.length / n,
    saturates_at: saturated.length > 0 ? saturated.reduce((a, b) => Math.min(a, b)) : null,
    s_min: scales.reduce((a, b) => Math.min(a, b)),
    s_mean: scales.reduce((a, b) => a + b) / n,
    s_max,
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
