import { absent, decimalsFor, fixed, signed } from './format.ts';
import type { Interval } from './intervals.ts';
import {
  type Comparison,
  type Differences,
  type Estimates,
  type Measure,
  measures,
  type Summary,
} from './statistics.ts';

/** How a measure is named and scaled where people read it: shares as percentages. */
const shown: Record<Measure, { name: string; unit: string; factor: number }> = {
  accuracy: { name: 'accuracy', unit: '%', factor: 100 },
  h_accuracy: { name: 'H-Acc', unit: '%', factor: 100 },
  mean_length: { name: 'mean length', unit: 'tokens', factor: 1 },
  value_density: { name: 'value density', unit: '% per token', factor: 100 },
};

/** A line of a table: a lone heading, or a label with its cells. */
type Line = readonly string[];

/**
 * The measures of two evaluations side by side with their paired differences, overall and by value, as plain text
 * for a terminal of 80 to 100 columns; ends with {@link verdict}.
 *
 * @param byValue The measures to break down by value: all, except accuracy where it is H-Acc in every bucket.
 */
export function comparisonTable(
  comparison: Comparison,
  byValue: readonly Measure[] = measuresByValue(comparison),
): string {
  const decimals = decimalsOf(comparison.after);
  const lines: Line[] = [['', '', 'before', '', 'after', '', 'change']];
  const add = (label: string, measure: Measure, part: Sides) =>
    lines.push([
      `  ${label}`,
      ...level(part.before, measure, decimals[measure]),
      ...level(part.after, measure, decimals[measure]),
      ...change(part.difference, measure, decimals[measure]),
    ]);

  lines.push([`all ${fixed(comparison.n)} questions`]);
  for (const measure of measures) add(titleOf(measure), measure, comparison);
  const ranges = sideBySide(comparison.by_value.map(({ label, n }) => [label, `(${fixed(n)})`]));
  for (const measure of byValue) {
    lines.push([`${shown[measure].name} by value, ${shown[measure].unit} (questions)`]);
    comparison.by_value.forEach((part, i) => {
      add(ranges[i]!, measure, part);
    });
  }
  const notes = [
    '[ ]: 95% interval over questions. change: after minus before on the same questions, paired;',
    'of a percentage, in percentage points.',
    ...definitions,
  ];
  return [...align(lines), '', ...notes, '', verdict(comparison)].join('\n');
}

type Sides = Pick<Comparison['by_value'][number], 'before' | 'after' | 'difference'>;

/** One evaluation, overall and by value, as plain text for a terminal of 80 to 100 columns. */
export function summaryTable(summary: Summary): string {
  const decimals = decimalsOf(summary);
  const lines: Line[] = [
    ['', '', ...measures.flatMap((measure) => ['', shown[measure].name])],
    ['', 'n', ...measures.flatMap((measure) => ['', shown[measure].unit])],
  ];
  for (const part of [{ label: 'all', ...summary }, ...summary.by_value]) {
    const cells = measures.flatMap((measure) => level(part, measure, decimals[measure]));
    lines.push([part.label, fixed(part.n), ...cells]);
  }
  return [...align(lines), '', 'n: questions. [ ]: 95% interval over questions.', ...definitions].join('\n');
}

const definitions = [
  'H-Acc: the share of all value that right answers earn. value density: H-Acc per response token.',
  'Higher is better; a shorter response is cheaper.',
];

/** One plain sentence: whether the paired difference of H-Acc lies above zero. */
export function verdict({ difference, n }: Comparison): string {
  const interval = difference.intervals.h_accuracy;
  if (difference.h_accuracy === null || !interval) {
    const why = n < 2 ? 'one question gives no interval' : 'every question has value 0';
    return `Whether H-Acc changed cannot be said: ${why}.`;
  }
  const [low, high] = [100 * interval[0], 100 * interval[1]];
  const nearest = Math.min(Math.abs(low), Math.abs(high));
  const decimals = Math.max(1, nearest > 0 ? decimalsFor(nearest, 1) : 1);
  const size = fixed(100 * Math.abs(difference.h_accuracy), decimals);
  const range = `its paired 95% interval, ${signed(low, decimals)} to ${signed(high, decimals)},`;
  if (low > 0) return `H-Acc rose by ${size} percentage points; ${range} lies above zero.`;
  if (high < 0) return `H-Acc fell by ${size} percentage points; ${range} lies below zero.`;
  const way = signed(100 * difference.h_accuracy, decimals);
  return `H-Acc changed by ${way} percentage points; ${range} includes zero: no clear change.`;
}

/** Where every bucket holds one value, H-Acc is accuracy in each of them, and says it once. */
function measuresByValue({ by_value }: Comparison): readonly Measure[] {
  return by_value.every((part) => part.single) ? measures.slice(1) : measures;
}

function titleOf(measure: Measure): string {
  return `${shown[measure].name}, ${shown[measure].unit}`;
}

/** Percentages to a tenth; else two digits of the width of the overall interval, the same in the whole table. */
function decimalsOf(overall: Estimates): Record<Measure, number> {
  const digits = (measure: Measure) => {
    const interval = overall.intervals[measure];
    const size = interval ? interval[1] - interval[0] : (overall[measure] ?? 0) / 10;
    return Math.min(4, decimalsFor(size * shown[measure].factor, 2));
  };
  return {
    accuracy: 1,
    h_accuracy: 1,
    mean_length: digits('mean_length'),
    value_density: digits('value_density'),
  };
}

function level(estimates: Estimates, measure: Measure, decimals: number): [string, string] {
  return cell(estimates[measure], estimates.intervals[measure], shown[measure].factor, (x) =>
    fixed(x, decimals),
  );
}

function change(differences: Differences, measure: Measure, decimals: number): [string, string] {
  return cell(differences[measure], differences.intervals[measure], shown[measure].factor, (x) =>
    signed(x, decimals),
  );
}

function cell(
  value: number | null,
  interval: Interval | null,
  factor: number,
  write: (x: number) => string,
): [string, string] {
  if (value === null) return [absent, ''];
  const range = interval ? `[${write(factor * interval[0])}, ${write(factor * interval[1])}]` : '';
  return [write(factor * value), range];
}

/** Pads columns to equal width: the first to the left, numbers to the right, a range close to its number. */
function align(lines: readonly Line[]): string[] {
  const table = lines.filter((line) => line.length > 1);
  const widths = table[0]!.map((_, column) => Math.max(...table.map((line) => line[column]!.length)));
  return lines.map((line) =>
    line
      .map((text, column) => {
        if (column === 0) return line.length > 1 ? text.padEnd(widths[0]!) : text;
        const isRange = table.some((row) => row[column]!.startsWith('['));
        return (isRange ? ' ' : '  ') + text.padStart(widths[column]!);
      })
      .join('')
      .trimEnd(),
  );
}

/** `1 point    (120)`: pairs, with the second of each at the right of its column. */
function sideBySide(pairs: readonly [string, string][]): string[] {
  const left = Math.max(...pairs.map(([a]) => a.length));
  const right = Math.max(...pairs.map(([, b]) => b.length));
  return pairs.map(([a, b]) => `${a.padEnd(left)}  ${b.padStart(right)}`);
}
