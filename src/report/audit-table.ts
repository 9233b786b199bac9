import type { AuditCost, AuditEstimates, AuditSummary } from './audit.ts';
import { absent, decimalsFor, fixed, percent, plainNumber } from './format.ts';
import type { Estimate } from './stratified.ts';

type Part = AuditEstimates & { readonly label: string };

/**
 * How two verifiers agree, by value and overall, and what their disagreement costs, as plain text for a terminal of 80
 * to 100 columns.
 *
 * @param names of the two sides
 * @param unit what questions are worth: `points`, or `value`
 */
export function auditTable(
  summary: AuditSummary,
  names: readonly [string, string],
  unit: 'points' | 'value',
): string {
  const parts: Part[] = [...summary.by_value, { label: 'all', ...summary }];
  const parted = [
    agreementTable(parts, names),
    '',
    ...costTable(`${unit} in dispute`, parts, (part) => part.points),
    '',
    ...(summary.reward ? [...costTable('reward s(x) in dispute', parts, (part) => part.reward), ''] : []),
    '[ ]: 95% interval for all verdicts, from those drawn. all: weighted back to all of them.',
    'at stake: what only right answers would earn. in dispute: what one verifier gives and the other',
    'does not.',
    '',
    auditVerdict(summary, names, unit),
  ];
  return parted.flat().join('\n');
}

/** What it comes to, in one or two sentences. */
function auditVerdict(
  { points, by_value, sampled, rows }: AuditSummary,
  names: readonly [string, string],
  unit: 'points' | 'value',
): string {
  if (!points || points.disputed.value === 0) {
    const upper = points?.disputed.interval?.[1] ?? 0;
    const agree = `${names[0]} and ${names[1]} agree on every ${sampled < rows ? 'verdict that was drawn' : 'verdict'}.`;
    if (!points || upper === 0) return agree;
    return `${agree}\nAt most ${amount(upper, upper)} of ${amount(points.at_stake, points.at_stake)} ${unit} (${percent(upper / points.at_stake)}) depend on which of them is asked.`;
  }
  const { disputed, at_stake, share, only } = points;
  const scale = disputed.value;
  const parts = by_value.map(({ label, points: cost }) => ({ label, value: cost?.disputed.value ?? 0 }));
  const dearest = parts.reduce((a, b) => (b.value > a.value ? b : a));
  const total = [cell(disputed, (x) => amount(x, scale))].flat().join(' ').trim();
  const split = names.map((name) => `${amount(only[name]!.value, scale)} only ${name} gives`).join(', ');
  return [
    `${total} of ${amount(at_stake, at_stake)} ${unit} (${percent(share.value)}) depend on which verifier is asked:`,
    `${split}. ${percent(dearest.value / disputed.value, 0)} of them are in the bucket ${dearest.label}.`,
  ].join('\n');
}

function agreementTable(parts: readonly Part[], names: readonly [string, string]): string[] {
  const heading = ['', 'drawn', 'of', 'agree, %', ...names.map((name) => `only ${name}, %`), 'kappa'];
  const lines = parts.map(({ label, sampled, rows, agreement, only, kappa }) => [
    label,
    fixed(sampled),
    fixed(rows),
    cell(agreement, (x) => fixed(100 * x, 1)),
    ...names.map((name) => cell(only[name]!, (x) => fixed(100 * x, 1))),
    cell(kappa, (x) => fixed(x, 2)),
  ]);
  return align([heading, ...lines]);
}

function costTable(
  title: string,
  parts: readonly Part[],
  costOf: (part: Part) => AuditCost | null,
): string[] {
  const heading = [title, 'at stake', 'in dispute', 'in dispute, %', 'a response'];
  const lines = parts.map((part): Cell[] => {
    const cost = costOf(part);
    if (!cost) return [part.label, absent, absent, absent, absent];
    const { at_stake, disputed, share, per_response } = cost;
    const size = disputed.interval?.[1] ?? disputed.value;
    return [
      part.label,
      amount(at_stake, at_stake),
      cell(disputed, (x) => amount(x, size)),
      cell(share, (x) => fixed(100 * x, 1)),
      plainNumber(per_response),
    ];
  });
  return align([heading, ...lines]);
}

/** Points or reward, with the decimals that a number of this size needs. */
function amount(value: number, size: number): string {
  return fixed(value, size >= 100 ? 0 : Math.min(3, decimalsFor(size, 2)));
}

/** A text, or a number and its interval. */
type Cell = string | readonly [string, string];

/** Without its interval where that has no width: all was drawn. */
function cell(estimate: Estimate | null, write: (x: number) => string): Cell {
  if (!estimate) return absent;
  const { value, interval } = estimate;
  const wide = interval && interval[1] > interval[0];
  return [write(value), wide ? `[${write(interval[0])}, ${write(interval[1])}]` : ''];
}

/** Pads columns to equal width: the first to the left, all others to the right, intervals below each other. */
function align(lines: readonly (readonly Cell[])[]): string[] {
  const columns = lines[0]!.map((_, column) => {
    const pairs = lines.flatMap((line) => (typeof line[column] === 'string' ? [] : [line[column]!]));
    const number = Math.max(0, ...pairs.map(([value]) => value.length));
    const interval = Math.max(0, ...pairs.map(([, range]) => range.length));
    return lines.map((line) => {
      const at = line[column]!;
      if (typeof at === 'string') return at;
      return at[0].padStart(number) + (interval > 0 ? ` ${at[1].padStart(interval)}` : '');
    });
  });
  const widths = columns.map((texts) => Math.max(...texts.map((text) => text.length)));
  const pad = (text: string, column: number): string =>
    column === 0 ? text.padEnd(widths[column]!) : text.padStart(widths[column]!);
  return lines.map((_, i) => columns.map((texts, column) => pad(texts[i]!, column)).join('  '));
}
