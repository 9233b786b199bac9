import { type Data, Table } from 'apache-arrow';
import {
  type AnyColumnData,
  type AnyColumns,
  type ColumnData,
  type ColumnName,
  type ColumnSpec,
  type Columns,
  isRagged,
  type KnownColumn,
  type Specs,
  vocabulary,
} from './columns.ts';
import { encode, kindOf } from './encode.ts';
import { RlevError } from './errors.ts';

/** Columns of one batch, on their way between stages. */
export type Batch = Table;

/** A batch from typed columns. */
export function batchOf(columns: AnyColumns, specs: Specs = {}): Batch {
  return new Table([encode(columns, specs)]);
}

/** The spec of a column of a batch, read from its Arrow field where the vocabulary has none. */
export function specsOf(batch: Batch): Specs {
  const specs: Record<string, ColumnSpec> = {};
  for (const field of batch.schema.fields) {
    specs[field.name] =
      field.name in vocabulary
        ? vocabulary[field.name as KnownColumn]
        : { kind: kindOf(field.type), nullable: field.nullable, doc: "a user's own column" };
  }
  return specs;
}

/** The typed data of one column. Numbers are views where the batch is one chunk. */
export function columnOf<N extends ColumnName>(batch: Batch, name: N): ColumnData<N> {
  const vector = batch.getChild(name);
  if (!vector) {
    throw new RlevError({
      code: 'stage/contract',
      message: `The batch has no column ${name}; it has ${batch.schema.fields.map((f) => f.name).join(', ')}.`,
      value: name,
    });
  }
  const spec = specsOf(batch)[name]!;
  const chunks = vector.data.map((d) => fromData(spec, d));
  return (chunks.length === 1 ? chunks[0] : concatenate(chunks)) as ColumnData<N>;
}

/** The typed data of several columns. */
export function columnsOf<N extends ColumnName>(batch: Batch, names: readonly N[]): Columns<N> {
  return Object.fromEntries(names.map((name) => [name, columnOf(batch, name)])) as Columns<N>;
}

/** All columns of a batch. */
export function allColumnsOf(batch: Batch): AnyColumns {
  return columnsOf(batch, batch.schema.fields.map((f) => f.name) as ColumnName[]);
}

/** A batch with columns added to it, or replaced in place. Rows and order are the batch's. */
export function withColumns(batch: Batch, added: Batch): Batch {
  if (batch.schema.fields.length === 0) return added;
  const vectors = Object.fromEntries(
    [...batch.schema.fields, ...added.schema.fields].map((f) => [
      f.name,
      (added.getChild(f.name) ?? batch.getChild(f.name))!,
    ]),
  );
  return new Table(vectors);
}

/** The rows of one batch, then those of another that has the same columns. */
export function stackRows(above: Batch, below: Batch): Batch {
  if (above.schema.fields.length === 0) return below;
  const names = above.schema.fields.map((f) => f.name) as ColumnName[];
  const stacked = names.map((name) => [name, concatenate([columnOf(above, name), columnOf(below, name)])]);
  return batchOf(Object.fromEntries(stacked), specsOf(above));
}

/** Rows of a batch by index, in the order given; an index may repeat. */
export function takeRows(batch: Batch, indices: ArrayLike<number>): Batch {
  const specs = specsOf(batch);
  const taken: Record<string, AnyColumnData> = {};
  for (const [name, data] of Object.entries(allColumnsOf(batch))) taken[name] = take(data, indices);
  return batchOf(taken, specs);
}

/** Rows of one column's data by index. */
export function take(data: AnyColumnData, indices: ArrayLike<number>): AnyColumnData {
  const n = indices.length;
  if (isRagged(data)) {
    const offsets = new Int32Array(n + 1);
    for (let i = 0; i < n; i++) {
      const row = indices[i]!;
      offsets[i + 1] = offsets[i]! + data.offsets[row + 1]! - data.offsets[row]!;
    }
    const values =
      data.values instanceof Int32Array ? new Int32Array(offsets[n]!) : new Float32Array(offsets[n]!);
    for (let i = 0; i < n; i++) {
      const row = indices[i]!;
      values.set(data.values.subarray(data.offsets[row], data.offsets[row + 1]), offsets[i]);
    }
    const valid = data.valid && Uint8Array.from({ length: n }, (_, i) => data.valid![indices[i]!]!);
    return { offsets, values, ...(valid && { valid }) } as AnyColumnData;
  }
  if (Array.isArray(data)) return Array.from({ length: n }, (_, i) => data[indices[i]!]) as AnyColumnData;
  const source = data as Int32Array | Float32Array | Float64Array | Uint8Array;
  const out = new (source.constructor as new (n: number) => typeof source)(n);
  for (let i = 0; i < n; i++) out[i] = source[indices[i]!]!;
  return out as AnyColumnData;
}

function fromData(spec: ColumnSpec, data: Data): AnyColumnData {
  const n = data.length;
  const isValid = (i: number): boolean => data.getValid(i);
  const anyNull = spec.nullable && data.nullCount > 0;
  switch (spec.kind) {
    case 'int32':
    case 'float32':
    case 'float64': {
      const values = data.values.subarray(0, n) as Float64Array;
      return spec.nullable ? Array.from(values, (x, i) => (isValid(i) ? x : null)) : values;
    }
    case 'bool': {
      const bit = (i: number): number =>
        (data.values[(data.offset + i) >> 3]! >> ((data.offset + i) & 7)) & 1;
      return spec.nullable
        ? Array.from({ length: n }, (_, i) => (isValid(i) ? bit(i) === 1 : null))
        : Uint8Array.from({ length: n }, (_, i) => bit(i));
    }
    case 'utf8': {
      const texts = textsOf(data);
      return anyNull ? texts.map((t, i) => (isValid(i) ? t : null)) : texts;
    }
    case 'list<utf8>': {
      const inner = textsOf(data.children[0]!);
      return Array.from({ length: n }, (_, i) =>
        isValid(i) ? inner.slice(data.valueOffsets[i], data.valueOffsets[i + 1]) : null,
      ) as AnyColumnData;
    }
    default: {
      const start = n === 0 ? 0 : data.valueOffsets[0]!;
      const end = n === 0 ? 0 : data.valueOffsets[n]!;
      const offsets =
        n === 0
          ? new Int32Array(1)
          : start === 0
            ? data.valueOffsets.subarray(0, n + 1)
            : data.valueOffsets.subarray(0, n + 1).map((o: number) => o - start);
      const values = data.children[0]!.values.subarray(start, end);
      const valid = anyNull ? Uint8Array.from({ length: n }, (_, i) => (isValid(i) ? 1 : 0)) : undefined;
      return { offsets, values, ...(valid && { valid }) } as AnyColumnData;
    }
  }
}

function concatenate(chunks: readonly AnyColumnData[]): AnyColumnData {
  const first = chunks[0]!;
  if (chunks.every(Array.isArray)) return chunks.flat() as AnyColumnData;
  if (isRagged(first)) {
    const parts = chunks as readonly { offsets: Int32Array; values: Float32Array; valid?: Uint8Array }[];
    const rows = parts.reduce((n, p) => n + p.offsets.length - 1, 0);
    const offsets = new Int32Array(rows + 1);
    let row = 0;
    for (const p of parts) {
      for (let i = 1; i < p.offsets.length; i++, row++) {
        offsets[row + 1] = offsets[row]! + p.offsets[i]! - p.offsets[i - 1]!;
      }
    }
    const values = joinArrays(parts.map((p) => p.values));
    const valid = parts.some((p) => p.valid)
      ? joinArrays(parts.map((p) => p.valid ?? new Uint8Array(p.offsets.length - 1).fill(1)))
      : undefined;
    return { offsets, values, ...(valid && { valid }) } as AnyColumnData;
  }
  return joinArrays(chunks as Float64Array[]);
}

function joinArrays<A extends Uint8Array | Int32Array | Float32Array | Float64Array>(parts: readonly A[]): A {
  const total = parts.reduce((n, p) => n + p.length, 0);
  const out = new (parts[0]!.constructor as new (n: number) => A)(total);
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textsOf(data: Data): string[] {
  const { length: n, values, valueOffsets } = data;
  if (n === 0) return [];
  const start = valueOffsets[0]!;
  const all = decoder.decode(values.subarray(start, valueOffsets[n]));
  // ASCII has as many characters as bytes: one decoding for all rows is several times faster
  if (all.length === valueOffsets[n]! - start) {
    return Array.from({ length: n }, (_, i) =>
      all.slice(valueOffsets[i]! - start, valueOffsets[i + 1]! - start),
    );
  }
  return Array.from({ length: n }, (_, i) =>
    decoder.decode(values.subarray(valueOffsets[i], valueOffsets[i + 1])),
  );
}
