import { type CsvError, parse } from 'csv-parse/sync';
import { RlevError, show } from '../../core/errors.ts';
import type { RawRecord } from './record.ts';

/** Fields that are text whatever they look like. */
const texts = new Set(['id', 'exam', 'question', 'solution', 'reference']);

const separators = [
  { sign: ';', name: 'semicolons' },
  { sign: '\t', name: 'tabs' },
  { sign: '|', name: 'bars' },
];

/**
 * The records of a CSV text (RFC 4180) whose first line names the fields. A cell that is empty is a field that is
 * absent. `reference` is one answer, or several as a JSON array or separated by `|`. A column whose every cell is a
 * number, or `true` or `false`, holds numbers or booleans; `points` and `exam_total` are read as numbers where they
 * are numbers. Lines end in `\n`, `\r\n` or `\r`; in cells they all become `\n`.
 *
 * @param report called with a `data/syntax` error where the text is no CSV
 */
export function readCsv(text: string, file: string, report: (error: RlevError) => void): RawRecord[] {
  const header = text.trimStart().split(/[\r\n]/, 1)[0]!;
  const other = header.includes(',') ? undefined : separators.find(({ sign }) => header.includes(sign));
  if (other) {
    report(
      new RlevError({
        code: 'data/syntax',
        message: `The names of the header line ${show(header)} seem to be separated by ${other.name}, and CSV takes commas.`,
        value: header,
        place: { file, line: text.slice(0, text.indexOf(header)).split(/\r\n?|\n/).length },
        help: 'Save the file with commas between cells, and cells that hold one in double quotes.',
      }),
    );
    return [];
  }
  let rows: { record: Record<string, string>; info: { lines: number } }[];
  try {
    rows = parse(text.replace(/\r\n?/g, '\n'), {
      columns: true,
      info: true,
      skip_empty_lines: true,
    }) as unknown as typeof rows;
  } catch (cause) {
    report(syntaxError(cause as CsvError & Partial<Failure>, file));
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

/** What csv-parse says of a line that it cannot take. */
interface Failure {
  readonly lines: number;
  readonly columns: readonly { readonly name: string }[];
  readonly record: readonly string[];
}

function syntaxError(cause: CsvError & Partial<Failure>, file: string): RlevError {
  const { code, message, lines, columns, record } = cause;
  const place = { file, ...(lines !== undefined && { line: lines }) };
  if (code !== 'CSV_RECORD_INCONSISTENT_COLUMNS' || !columns || !record) {
    return new RlevError({
      code: 'data/syntax',
      message: 'This file is not CSV with a header line.',
      place,
      help: message,
      cause,
    });
  }
  const [expected, found] = [columns.length, record.length];
  return new RlevError({
    code: 'data/syntax',
    message: `This line has ${found} ${found === 1 ? 'cell' : 'cells'}, and the header line names ${expected} ${expected === 1 ? 'column' : 'columns'}: ${columns.map(({ name }) => name).join(', ')}.`,
    value: found,
    place,
    help:
      found < expected
        ? 'Write a comma for every cell, also for an empty one: `1,,3`.'
        : 'Put a cell that holds a comma in double quotes: `"a, b"`.',
    cause,
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
