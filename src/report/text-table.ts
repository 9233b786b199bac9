export interface TextTableOptions {
  /** Characters a line may have. */
  readonly width: number;
  /** Columns whose cells stand at the right. */
  readonly right?: ReadonlySet<string>;
}

const gap = 2;
const narrowest = 8;

/**
 * Cells under their headings in lines of at most `width` characters: the widest columns are cut, never below 8
 * characters, and columns for which no room is left are named below.
 */
export function textTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  { width, right = new Set() }: TextTableOptions,
): string {
  const natural = headings.map((heading, i) =>
    Math.max(heading.length, ...rows.map((row) => row[i]!.length)),
  );
  let shown = headings.length;
  const least = (n: number): number =>
    natural.slice(0, n).reduce((sum, w) => sum + Math.min(w, narrowest) + gap, -gap);
  while (shown > 1 && least(shown) > width) shown--;
  const widths = natural.slice(0, shown);
  const over = (): number => widths.reduce((sum, w) => sum + w + gap, -gap) - width;
  for (let excess = over(); excess > 0; excess = over()) {
    const widest = Math.max(...widths);
    if (widest <= narrowest) break;
    widths[widths.indexOf(widest)]!--;
  }
  const line = (cells: readonly string[]): string =>
    widths
      .map((w, i) => (right.has(headings[i]!) ? cut(cells[i]!, w).padStart(w) : cut(cells[i]!, w).padEnd(w)))
      .join(' '.repeat(gap))
      .trimEnd();
  const lines = [headings, ...rows].map(line);
  const hidden = headings.slice(shown);
  if (hidden.length > 0) lines.push(`not shown: ${hidden.join(', ')}`);
  return lines.join('\n');
}

function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text;
}
