import { quantile } from '../core/quantile.ts';
import type { ValueScale } from '../core/stage.ts';
import { fixed, percent, plainNumber } from './format.ts';
import { type Bin, barOf, type Histogram, histogramOf } from './histogram.ts';
import { textTable } from './text-table.ts';
import { type ScaleSummary, scaleSentence, scaleSummary } from './values.ts';

export interface Distribution {
  readonly min: number;
  readonly q25: number;
  readonly median: number;
  readonly q75: number;
  readonly max: number;
  readonly mean: number;
  readonly distinct: number;
}

/** What questions are worth, and what a scale makes of that. */
export interface ValueReport {
  readonly n: number;
  readonly values: Distribution;
  readonly histogram: ValueHistogram;
  /** Absent where no scale is asked about. */
  readonly scales?: Distribution;
  readonly scale_histogram?: Histogram;
  readonly saturation?: ScaleSummary;
}

export interface ValueHistogram extends Histogram {
  readonly bins: readonly ValueBin[];
}

export interface ValueBin extends Bin {
  /** Questions of the bin at the top of the scale. */
  readonly saturated: number;
  /** Least and largest s(x) of its questions; null where there is none, or no scale. */
  readonly s_from: number | null;
  readonly s_to: number | null;
}

/**
 * The distribution of values and of s(x) over questions.
 *
 * @param values v(x), one a question
 * @throws RlevError as `scaleSummary`
 */
export function valueReport(values: Float64Array, scale: ValueScale | undefined): ValueReport {
  const summary = scaleSummary(values, scale ?? { formula: '1', of: () => 1 });
  const histogram = histogramOf(values);
  const threshold = (scale && summary.saturates_at) ?? Infinity;
  const last = histogram.bins.at(-1)!;
  const bins = histogram.bins.map((bin): ValueBin => {
    const inside = values.filter((v) =>
      bin.from === bin.to ? v === bin.from : v >= bin.from && (v < bin.to || (bin === last && v === bin.to)),
    );
    const scales = scale ? inside.map((v) => scale.of(v)) : new Float64Array(0);
    return {
      ...bin,
      saturated: inside.filter((v) => v >= threshold).length,
      s_from: scales.length > 0 ? scales.reduce((a, b) => Math.min(a, b)) : null,
      s_to: scales.length > 0 ? scales.reduce((a, b) => Math.max(a, b)) : null,
    };
  });
  const report = { n: values.length, values: distributionOf(values), histogram: { ...histogram, bins } };
  if (!scale) return report;
  const scales = values.map((v) => scale.of(v));
  return {
    ...report,
    scales: distributionOf(scales),
    scale_histogram: histogramOf(scales),
    saturation: summary,
  };
}

function distributionOf(numbers: Float64Array): Distribution {
  return {
    min: quantile(numbers, 0),
    q25: quantile(numbers, 0.25),
    median: quantile(numbers, 0.5),
    q75: quantile(numbers, 0.75),
    max: quantile(numbers, 1),
    mean: numbers.toSorted().reduce((a, b) => a + b, 0) / numbers.length,
    distinct: new Set(numbers).size,
  };
}

/** The report as text of at most `width` characters a line. */
export function valueReportText(report: ValueReport, width: number): string {
  const { n, values, scales, saturation, histogram, scale_histogram } = report;
  const rows = [row('v(x)', values), ...(scales ? [row('s(x)', scales)] : [])];
  const headings = ['', 'least', '25%', 'median', '75%', 'most', 'mean', 'distinct'];
  const right = new Set(headings.slice(1));
  const notes = scales ? ['s(x)', ...histogram.bins.map(scaleOf)] : [];
  const beside = width - widest(notes) - 2;
  const parts = [textTable(headings, rows, { width, right }), barsOf('v(x)', histogram, n, beside, notes)];
  if (scale_histogram && saturation) {
    parts.push(barsOf('s(x)', scale_histogram, n, beside), scaleSentence(saturation));
  }
  return parts.join('\n\n');
}

function row(name: string, d: Distribution): string[] {
  const shown = [d.min, d.q25, d.median, d.q75, d.max, d.mean, d.distinct];
  return [name, ...shown.map(plainNumber)];
}

/** A line a bin: its numbers, a bar, how many questions, in `width` characters; and a note, the first that of the head. */
function barsOf(
  name: string,
  { bins }: Histogram,
  n: number,
  width: number,
  notes: readonly string[] = [],
): string {
  const labels = [name, ...bins.map(rangeOf)];
  const counts = ['questions', ...bins.map(({ count }) => fixed(count))];
  const shares = ['', ...bins.map(({ count }) => percent(count / n))];
  const [first, second, third] = [widest(labels), widest(counts), widest(shares)];
  const room = Math.max(8, Math.min(40, width - first - second - third - 6));
  const most = bins.reduce((a, { count }) => Math.max(a, count), 1);
  const bars = ['', ...bins.map(({ count }) => barOf(count / most, room))];
  return labels
    .map((label, i) =>
      [
        label.padEnd(first),
        bars[i]!.padEnd(room),
        counts[i]!.padStart(second),
        shares[i]!.padStart(third),
        notes[i] ?? '',
      ]
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function scaleOf({ s_from, s_to, saturated, count }: ValueBin): string {
  if (s_from === null || s_to === null) return '';
  const range = rangeOf({ from: s_from, to: s_to });
  if (saturated === 0) return range;
  return saturated === count ? `${range}, clipped` : `${range}, ${fixed(saturated)} clipped`;
}

function rangeOf({ from, to }: Pick<Bin, 'from' | 'to'>): string {
  const [a, b] = [plainNumber(from), plainNumber(to)];
  return a === b ? a : `${a}-${b}`;
}

function widest(texts: readonly string[]): number {
  return texts.reduce((most, text) => Math.max(most, text.length), 0);
}
