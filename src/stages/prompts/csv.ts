import { type CsvError, parse } from 'csv-parse/sync';
import { RlevError } from '../../core/errors.ts';
import type { RawRecord } from './record.ts';

/** Fields that are text whatever they look like. */
const texts = new Set(['id', 'exam', 'question', 'solution', 'reference']);

/**
 * The records of a CSV text (RFC 4180) whose first line names the fields. A cell that is empty is a field that is
 * absent. `reference` is one answer, or several as a JSON array or separated by `|`. A column whose every cell is a
 * number, or `true` or `false`, holds numbers or booleans; `points` and `exam_total` are read as numbers where they
 * are numbers. Lines end in `\n`, `\r\n` or `\r`; in cells they all become `\n`.
 *
 * @param report called with a `data/syntax` error where the text is no CSV
 */
export function readCsv(text: string, file: string, report: (error: RlevError) => void): RawRecord[] {
  let rows: { record: Record<string, string>; info: { lines: number } }[];
  try {
    rows = parse(text.replace(/\r\n?/g, '\n'), {
      columns: true,
      info: true,
      skip_empty_lines: true,
    }) as unknown as typeof rows;
  } catch (cause) {
    const { message, lines } = cause as CsvError & { lines?: number };
    report(
      new RlevError({
        code: 'data/syntax',
        message: 'This file is not CSV with a header line.',
        place: { file, ...(lines !== undefined && { line: lines }) },
        help: message,
        cause,
      }),
    );
    return [];
  }
  const names = Object.keys(rows[0]?.record ?? {});
  const readers = new Map(names.map((name) => [name, readerOf(name, rows)]));
  return rows.map(({ record, info }) => {
    const fields: Record<string, unknown> = {};
    for (const [name, cell] of Object.entries(record)) {
      if (cell !== '') fields[name] = readers.get(name)!(cell);
    }
    const linesInside = Object.values(record).reduce((n, cell) => n + cell.split('\n').length - 1, 0);
    return { fields, place: { file, line: info.lines - linesInside } };
  });
}

type Reader = (cell: string) => unknown;

function readerOf(name: string, rows: readonly { record: Record<string, string> }[]): Reader {
  if (name === 'reference') return answers;
  if (texts.has(name)) return (cell) => cell;
  if (name === 'points' || name === 'exam_total') return (cell) => (isNumber(cell) ? Number(cell) : cell);
  const cells = rows.map(({ record }) => record[name]!).filter((cell) => cell !== '');
  if (cells.every(isNumber)) return Number;
  if (cells.every((cell) => cell === 'true' || cell === 'false')) return (cell) => cell === 'true';
  return (cell) => cell;
}

function isNumber(cell: string): boolean {
  return cell.trim() !== '' && Number.isFinite(Number(cell));
}

function answers(cell: string): unknown {
  if (cell.startsWith('[')) {
    try {
      const list: unknown = JSON.parse(cell);
      if (Array.isArray(list)) return list;
    } catch {
      // An answer may itself begin with a bracket: an interval, for one.
    }
  }
  return cell.includes('|') ? cell.split('|').map((answer) => answer.trim()) : cell;
}
