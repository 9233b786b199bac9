import type { ParquetWriter } from 'hyparquet-writer';
import { allColumnsOf, type Batch, specsOf } from '../core/batch.ts';
import {
  type AnyColumnData,
  type AnyColumns,
  isRagged,
  type Kind,
  type Ragged,
  type Specs,
} from '../core/columns.ts';
import { encode } from '../core/encode.ts';
import { RlevError } from '../core/errors.ts';
import { toMessages } from './arrow-stream.ts';

/** A way to write batches, all of the same columns, as one file; chunks come as batches do. */
export type Export = (batches: AsyncIterable<Batch>) => AsyncGenerator<string | Uint8Array>;

/** `arrow` is an Arrow IPC stream; in `csv` a list is JSON in its cell. */
export const exportFormats = { jsonl, csv, arrow, parquet } as const satisfies Record<string, Export>;
export type ExportFormat = keyof typeof exportFormats;

/** One value as JSON and CSV have it: lists as arrays, null where nothing is; NaN and infinities as text. */
export type Cell = string | number | boolean | null | readonly Cell[];

/** The values of a column, a row each. */
export function cellsOf(data: AnyColumnData, kind: Kind): Cell[] {
  if (isRagged(data)) return listsOf(data).map((row) => row?.map(finite) ?? null);
  if (kind === 'bool')
    return Array.from(data as Iterable<number | boolean | null>, (x) => (x === null ? null : Boolean(x)));
  return Array.from(data as Iterable<Cell>, (x) => (typeof x === 'number' ? finite(x) : x));
}

function finite(x: number): Cell {
  return Number.isFinite(x) ? x : String(x);
}

async function* jsonl(batches: AsyncIterable<Batch>): AsyncGenerator<string> {
  for await (const batch of batches) {
    let text = '';
    for (const row of rowsAsCells(batch)) {
      const fields = batch.schema.fields.map(({ name }, i) => [name, row[i]]);
      text += `${JSON.stringify(Object.fromEntries(fields))}\n`;
    }
    yield text;
  }
}

async function* csv(batches: AsyncIterable<Batch>): AsyncGenerator<string> {
  // loaded where it is used: every command would wait for it
  const { stringify } = await import('csv-stringify/sync');
  let header = true;
  for await (const batch of batches) {
    const columns = batch.schema.fields.map((f) => f.name);
    yield stringify(rowsAsCells(batch), { header, columns, cast: { object: (x) => JSON.stringify(x) } });
    header = false;
  }
}

async function* arrow(batches: AsyncIterable<Batch>): AsyncGenerator<Uint8Array> {
  let head: Uint8Array | undefined;
  for await (const batch of batches) {
    const messages = toMessages(encode(allColumnsOf(batch), specsOf(batch)));
    if (!head) yield messages.head;
    else if (Buffer.compare(head, messages.head) !== 0) throw otherColumns(batch);
    head = messages.head;
    yield messages.body;
  }
  // an end of stream that is marked as such
  if (head) yield new Uint8Array([255, 255, 255, 255, 0, 0, 0, 0]);
}

/** Rows of a row group: what is held in memory until it is written. */
const rowGroup = 10_000;

async function* parquet(batches: AsyncIterable<Batch>): AsyncGenerator<Uint8Array> {
  const { ByteWriter, ParquetWriter } = await import('hyparquet-writer');
  const bytes = new ByteWriter();
  const take = (): Uint8Array => {
    const chunk = bytes.getBytes().slice();
    bytes.index = 0;
    return chunk;
  };
  let file: ParquetWriter | undefined;
  let fields = '';
  let pending: { name: string; data: unknown[] }[] = [];
  const flush = async (): Promise<void> => {
    await file!.write({ columnData: pending, rowGroupSize: rowGroup });
    for (const column of pending) column.data = [];
  };
  for await (const batch of batches) {
    const columns: AnyColumns = allColumnsOf(batch);
    const specs = specsOf(batch);
    const schema = parquetSchema(specs);
    if (!file) {
      file = new ParquetWriter({ writer: bytes, schema, createdBy: 'rlev' });
      fields = JSON.stringify(schema);
      pending = Object.keys(columns).map((name) => ({ name, data: [] }));
    } else if (fields !== JSON.stringify(schema)) throw otherColumns(batch);
    for (const column of pending) {
      for (const value of parquetValues(columns[column.name]!, specs[column.name]!.kind))
        column.data.push(value);
    }
    if (pending[0]!.data.length < rowGroup) continue;
    await flush();
    yield take();
  }
  if (!file) return;
  if (pending[0]!.data.length > 0) await flush();
  await file.finish();
  yield take();
}

type SchemaElement = ConstructorParameters<typeof ParquetWriter>[0]['schema'][number];

const physical: Record<string, Pick<SchemaElement, 'type' | 'converted_type'>> = {
  utf8: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  bool: { type: 'BOOLEAN' },
  int32: { type: 'INT32' },
  float32: { type: 'FLOAT' },
  float64: { type: 'DOUBLE' },
};

/** Lists have the three levels of the Parquet specification. */
function parquetSchema(specs: Specs): SchemaElement[] {
  const columns = Object.entries(specs).flatMap(([name, { kind, nullable }]): SchemaElement[] => {
    const repetition_type = nullable ? 'OPTIONAL' : 'REQUIRED';
    const item = /^list<(.*)>$/.exec(kind)?.[1];
    if (!item) return [{ name, repetition_type, ...physical[kind] }];
    return [
      { name, repetition_type, converted_type: 'LIST', num_children: 1 },
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      { name: 'element', repetition_type: 'REQUIRED', ...physical[item] },
    ];
  });
  return [{ name: 'root', num_children: Object.keys(specs).length }, ...columns];
}

function parquetValues(data: AnyColumnData, kind: Kind): Iterable<unknown> {
  if (isRagged(data)) return listsOf(data);
  return kind === 'bool' ? cellsOf(data, kind) : data;
}

function listsOf(data: Ragged): (number[] | null)[] {
  return Array.from({ length: data.offsets.length - 1 }, (_, i) =>
    data.valid && !data.valid[i]
      ? null
      : Array.from(data.values.subarray(data.offsets[i], data.offsets[i + 1])),
  );
}

function rowsAsCells(batch: Batch): Cell[][] {
  const specs = specsOf(batch);
  const columns = Object.entries(allColumnsOf(batch)).map(([name, data]) => cellsOf(data, specs[name]!.kind));
  return Array.from({ length: batch.numRows }, (_, i) => columns.map((column) => column[i]!));
}

function otherColumns(batch: Batch): RlevError {
  return new RlevError({
    code: 'run/mismatch',
    message: 'A later step has other columns than the first, and one file has the same columns throughout.',
    value: batch.schema.fields.map((f) => f.name),
    help: 'Name the columns with --columns, or export one step at a time.',
  });
}
