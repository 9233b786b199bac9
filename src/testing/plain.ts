import {
  type AnyColumnData,
  type ColumnData,
  type ColumnName,
  type ColumnSpec,
  isRagged,
  type Kind,
  type KnownColumn,
  type Ragged,
  raggedFloat32,
  raggedInt32,
  rowOf,
  rowsOf,
  vocabulary,
} from '../core/columns.ts';
import { didYouMean } from '../core/did-you-mean.ts';
import { RlevError, show } from '../core/errors.ts';

/** One cell as a person writes it: a number, text, a list of either; null where the column may be null. */
export type PlainCell = number | string | boolean | null | readonly number[] | readonly string[];

interface PlainCells {
  utf8: string;
  bool: boolean;
  int32: number;
  float32: number;
  float64: number;
  'list<int32>': ArrayLike<number>;
  'list<float32>': ArrayLike<number>;
  'list<utf8>': readonly string[];
}

/** A column as a person writes it, one cell a row, or as a stage holds it. */
export type PlainColumn<N extends ColumnName> =
  | ColumnData<N>
  | (N extends KnownColumn
      ? readonly (
          | PlainCells[(typeof vocabulary)[N]['kind']]
          | ((typeof vocabulary)[N]['nullable'] extends true ? null : never)
        )[]
      : readonly PlainCell[]);

/**
 * A column of typed data from one plain cell a row; typed data passes as it is.
 *
 * @throws RlevError `usage/arguments` for a name that no column has and cells that the column cannot hold
 */
export function columnFrom(
  name: string,
  cells: readonly unknown[] | AnyColumnData,
  spec: ColumnSpec = specFor(name, cells),
): AnyColumnData {
  if (isTyped(cells)) return cells;
  const list = cells as readonly unknown[];
  const wrong = unfitRow(list, spec);
  if (wrong >= 0) {
    throw new RlevError({
      code: 'usage/arguments',
      message: `Row ${wrong} of ${name} is ${show(list[wrong])}, which ${spec.nullable ? 'a nullable ' : ''}${spec.kind} cannot be.`,
      value: list[wrong],
    });
  }
  if (spec.kind === 'list<int32>' || spec.kind === 'list<float32>') {
    const rows = list.map((cell) => (cell ?? []) as ArrayLike<number>);
    const ragged = spec.kind === 'list<int32>' ? raggedInt32(rows) : raggedFloat32(rows);
    if (!list.includes(null)) return ragged;
    return { ...ragged, valid: Uint8Array.from(list, (cell) => (cell === null ? 0 : 1)) } as AnyColumnData;
  }
  if (spec.nullable || spec.kind === 'utf8' || spec.kind === 'list<utf8>') return list as AnyColumnData;
  if (spec.kind === 'bool') return Uint8Array.from(list, (cell) => (cell ? 1 : 0));
  const arrays = { int32: Int32Array, float32: Float32Array, float64: Float64Array };
  return arrays[spec.kind].from(list as readonly number[]);
}

/** The first row whose cell a column cannot hold; -1 where it can hold all. */
export function unfitRow(cells: readonly unknown[], spec: ColumnSpec): number {
  return cells.findIndex((cell) => !holds(spec, cell));
}

/** The spec of a column by its name, or, for `data.*`, by the first of its cells that is not null. */
export function specFor(name: string, cells: readonly unknown[] | AnyColumnData): ColumnSpec {
  if (name in vocabulary) return vocabulary[name as KnownColumn];
  if (name.startsWith('data.'))
    return { kind: kindOf(cells), nullable: Array.isArray(cells), doc: "a user's own" };
  throw new RlevError({
    code: 'usage/arguments',
    message: `No column is called ${name}.`,
    value: name,
    help: `${didYouMean(name, Object.keys(vocabulary))} A column of one's own is data.<name>.`,
  });
}

/** The cells of a column, one a row: lists of numbers as arrays, null where it is null. */
export function plainOf(data: AnyColumnData): PlainCell[] {
  return Array.from({ length: rowsOf(data) }, (_, i) => plainCell(data, i));
}

function plainCell(data: AnyColumnData, i: number): PlainCell {
  if (isRagged(data)) return data.valid?.[i] === 0 ? null : [...rowOf(data as Ragged<Float32Array>, i)];
  return data[i] as PlainCell;
}

function isTyped(cells: readonly unknown[] | AnyColumnData): cells is AnyColumnData {
  return !Array.isArray(cells);
}

function holds({ kind, nullable }: ColumnSpec, cell: unknown): boolean {
  if (cell === null) return nullable;
  const numbers = (x: unknown): x is ArrayLike<number> =>
    (Array.isArray(x) && x.every((y) => typeof y === 'number')) || ArrayBuffer.isView(x);
  switch (kind) {
    case 'utf8':
      return typeof cell === 'string';
    case 'bool':
      return typeof cell === 'boolean';
    case 'int32':
      return Number.isInteger(cell);
    case 'float32':
    case 'float64':
      return typeof cell === 'number';
    case 'list<int32>':
      return numbers(cell) && Array.from(cell).every(Number.isInteger);
    case 'list<float32>':
      return numbers(cell);
    case 'list<utf8>':
      return Array.isArray(cell) && cell.every((x) => typeof x === 'string');
  }
}

function kindOf(cells: readonly unknown[] | AnyColumnData): Kind {
  if (isTyped(cells)) {
    if (isRagged(cells)) return cells.values instanceof Int32Array ? 'list<int32>' : 'list<float32>';
    if (cells instanceof Int32Array) return 'int32';
    if (cells instanceof Float32Array) return 'float32';
    return cells instanceof Uint8Array ? 'bool' : 'float64';
  }
  const first = cells.find((cell) => cell !== null);
  if (Array.isArray(first)) return typeof first[0] === 'string' ? 'list<utf8>' : 'list<float32>';
  if (typeof first === 'number') return 'float64';
  return typeof first === 'boolean' ? 'bool' : 'utf8';
}
