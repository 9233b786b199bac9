import type { ColumnDifference, Differing } from './column-diff.ts';
import { absent, fixed, percent } from './format.ts';
import type { Spread } from './moments.ts';

/** Columns that are worth a table by value. */
const byValue = ['correct', 'value', 'scale', 'reward', 'advantage'];

/** A number to 4 significant digits: `0.01234`, `-1.5`, `12.35`. */
export function significant(x: number | null): string {
  if (x === null) return absent;
  if (x === 0 || Number.isInteger(x)) return fixed(x);
  const size = Math.abs(x);
  return size >= 1e-4 && size < 1e6 ? String(Number(x.toPrecision(4))) : x.toExponential(2);
}

/** `mean 0.412  sd 0.492  from 0 to 1`. */
export function spreadLine({ n, mean, sd, min, max }: Spread): string {
  if (n === 0) return 'no numbers';
  return `mean ${significant(mean)}  sd ${significant(sd)}  from ${significant(min)} to ${significant(max)}`;
}

/**
 * Columns that differ, one paragraph each, as plain text for a terminal: rows compared one by one, and for the
 * columns that the method is about a line for each value.
 *
 * @param names of the two sides
 */
export function differenceTable(
  differences: readonly ColumnDifference[],
  names: readonly [string, string],
): string {
  const told = differences.filter((difference) => !isEqual(difference) || isTabled(difference));
  const quiet = differences.filter((difference) => !told.includes(difference)).map(({ column }) => column);
  const parts = told.map((difference) => paragraph(difference, names));
  if (quiet.length > 0) parts.push(`equal in all rows that both sides have: ${quiet.join(', ')}`);
  if (told.some(isTabled)) {
    parts.push(
      'By value: means over rows; | |: of absolute values. A list counts as its mean, tokens as their number.',
    );
  }
  return parts.join('\n\n');
}

/** Whether all pairs are equal: then some rows have no partner. */
function isEqual({ pairs }: ColumnDifference): boolean {
  return pairs.equal === pairs.n;
}

function isTabled({ column, by_value }: ColumnDifference): boolean {
  return byValue.includes(column) && by_value.length > 0;
}

function paragraph(difference: ColumnDifference, [before, after]: readonly [string, string]): string {
  const { column, pairs } = difference;
  const alone = [difference.before.n - pairs.n, difference.after.n - pairs.n] as const;
  const unpaired =
    Math.max(...alone) > 0 ? `; without partner ${fixed(alone[0])} and ${fixed(alone[1])}` : '';
  const lines = [`${column}: ${pairsLine(difference)}${unpaired}`];
  if (isTabled(difference)) lines.push(...align(rows(difference, before, after)).map((line) => `  ${line}`));
  return lines.join('\n');
}

function pairsLine({ pairs }: Differing): string {
  if (pairs.n === 0) return 'no row in common';
  const parts = [`${fixed(pairs.n)} rows, ${percent(pairs.share_equal ?? 0)} equal`];
  if (pairs.mean_difference !== null) {
    parts.push(
      `difference ${significant(pairs.mean_difference)} on average, ${significant(pairs.max_difference)} at most`,
    );
  }
  if (pairs.correlation !== null) parts.push(`correlation ${fixed(pairs.correlation, 4)}`);
  if (pairs.sign_flips > 0) {
    parts.push(`${fixed(pairs.sign_flips)} sign flips (${percent(pairs.sign_flips / pairs.n)})`);
  }
  return parts.join('; ');
}

/** Means; where there are signs those of sizes too, for the mean advantage is near 0. */
function rows(difference: ColumnDifference, before: string, after: string): string[][] {
  const withSigns = [difference.before, difference.after].some(({ min }) => min !== null && min < 0);
  const sides = [before, after];
  const titles = ['', 'rows', ...sides];
  if (withSigns) titles.push(...sides.map((side) => `|${side}|`));
  titles.push('|difference|', 'equal', ...(withSigns ? ['sign flips'] : []));
  const line = (label: string, part: Differing): string[] => [
    label,
    fixed(Math.max(part.before.n, part.after.n)),
    ...[part.before, part.after].map(({ mean }) => significant(mean)),
    ...(withSigns ? [part.before, part.after].map(({ mean_size }) => significant(mean_size)) : []),
    significant(part.pairs.mean_difference),
    part.pairs.share_equal === null ? absent : percent(part.pairs.share_equal),
    ...(withSigns ? [fixed(part.pairs.sign_flips)] : []),
  ];
  return [titles, line('all', difference), ...difference.by_value.map((part) => line(part.label, part))];
}

function align(table: readonly (readonly string[])[]): string[] {
  const widths = table[0]!.map((_, i) => Math.max(...table.map((row) => row[i]!.length)));
  return table.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
}
