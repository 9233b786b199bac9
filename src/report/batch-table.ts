import { allColumnsOf, type Batch, specsOf } from '../core/batch.ts';
import { type Cell, cellsOf } from '../log/export.ts';
import { plainNumber } from './format.ts';
import { textTable } from './text-table.ts';

/** Rows of batches of the same columns, for a terminal: lists show their length and first items. */
export function batchTable(batches: readonly Batch[], width: number): string {
  const [first] = batches;
  if (!first) return 'no rows';
  const specs = specsOf(first);
  const names = first.schema.fields.map((f) => f.name);
  const rows = batches.flatMap((batch) => {
    const data = allColumnsOf(batch);
    const columns = names.map((name) => cellsOf(data[name]!, specs[name]!.kind));
    return Array.from({ length: batch.numRows }, (_, i) => columns.map((column) => show(column[i]!)));
  });
  const right = new Set(names.filter((name) => /^(int|float)/.test(specs[name]!.kind)));
  return textTable(names, rows, { width, right });
}

const items = 6;

function show(cell: Cell): string {
  if (cell === null) return '-';
  if (typeof cell === 'number') return plainNumber(cell);
  if (typeof cell === 'string') return JSON.stringify(cell).slice(1, -1);
  if (typeof cell === 'boolean') return String(cell);
  const shown = cell.slice(0, items).map(show).join(' ');
  return `${cell.length}: ${shown}${cell.length > items ? ' …' : ''}`;
}
