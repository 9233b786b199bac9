import { createHash } from 'node:crypto';
import {
  Bool,
  type Data,
  type DataType,
  Field,
  Float32,
  Float64,
  Int32,
  List,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Utf8,
} from 'apache-arrow';
import {
  type AnyColumnData,
  type AnyColumns,
  type ColumnSpec,
  isRagged,
  type Kind,
  type KnownColumn,
  rowsOf,
  type Specs,
  vocabulary,
} from './columns.ts';
import { RlevError } from './errors.ts';

/** The canonical buffers of one column: what Arrow stores and what identity hashes, built in one place. */
interface Buffers {
  readonly rows: number;
  readonly nulls: number;
  /** Bit-packed, least significant first; absent where nothing is null. */
  readonly validity?: Uint8Array;
  /** Offsets of lists, or of strings where there is no list. */
  readonly offsets?: Int32Array;
  /** Offsets of the strings inside lists. */
  readonly innerOffsets?: Int32Array;
  readonly values: Uint8Array | Int32Array | Float32Array | Float64Array;
}

/**
 * One record batch from typed columns: declared schema and nullability, offsets from zero, no dictionaries. The same
 * columns always give the same buffers.
 *
 * @throws RlevError `stage/contract` for an unknown name, data of another type, or columns of unequal length.
 */
export function encode(columns: AnyColumns, specs: Specs = {}): RecordBatch {
  const names = Object.keys(columns);
  const rows = names.length === 0 ? 0 : rowsOf(columns[names[0]!]!);
  const fields: Field[] = [];
  const children: Data[] = [];
  for (const name of names) {
    const spec = specOf(name, specs);
    const buffers = canonical(name, spec, columns[name]!);
    if (buffers.rows !== rows) {
      throw new RlevError({
        code: 'stage/contract',
        message: `Column ${name} has ${buffers.rows} rows, ${names[0]} has ${rows}.`,
        value: buffers.rows,
      });
    }
    const type = arrowType(spec.kind);
    fields.push(new Field(name, type, spec.nullable));
    children.push(toData(type, spec.kind, buffers));
  }
  const type = new Struct(fields);
  const data = makeData({ type, length: rows, nullCount: 0, children });
  return new RecordBatch(new Schema(fields), data);
}

/** sha256 over names, kinds and canonical buffers: equal for equal columns, whatever made or stored them. */
export function contentHash(columns: AnyColumns, specs: Specs = {}): string {
  const hash = createHash('sha256');
  for (const name of Object.keys(columns).sort()) {
    const spec = specOf(name, specs);
    const b = canonical(name, spec, columns[name]!);
    const parts = [b.validity, b.offsets, b.innerOffsets, b.values];
    hash.update(
      JSON.stringify([name, spec.kind, spec.nullable, b.rows, parts.map((p) => p?.byteLength ?? -1)]),
    );
    for (const part of parts) {
      if (part) hash.update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
    }
  }
  return hash.digest('hex');
}

function specOf(name: string, specs: Specs): ColumnSpec {
  const spec = name in vocabulary ? vocabulary[name as KnownColumn] : specs[name];
  if (spec) return spec;
  throw new RlevError({
    code: 'stage/contract',
    message: `No column is called ${name}.`,
    value: name,
    help: "Name a column of the vocabulary (src/core/columns.ts), or `data.<field>` for one of the data's own.",
  });
}

function arrowType(kind: Kind): DataType {
  switch (kind) {
    case 'utf8':
      return new Utf8();
    case 'bool':
      return new Bool();
    case 'int32':
      return new Int32();
    case 'float32':
      return new Float32();
    case 'float64':
      return new Float64();
    case 'list<int32>':
      return new List(new Field('item', new Int32(), false));
    case 'list<float32>':
      return new List(new Field('item', new Float32(), false));
    case 'list<utf8>':
      return new List(new Field('item', new Utf8(), false));
  }
}

/** The kind of column that an Arrow type holds. @throws RlevError `stage/contract` for a type that no column has */
export function kindOf(type: DataType): Kind {
  const text = `${type}`;
  const kinds: Record<string, Kind> = {
    Utf8: 'utf8',
    Bool: 'bool',
    Int32: 'int32',
    Float32: 'float32',
    Float64: 'float64',
    'List<Int32>': 'list<int32>',
    'List<Float32>': 'list<float32>',
    'List<Utf8>': 'list<utf8>',
  };
  const kind = kinds[text];
  if (kind) return kind;
  throw new RlevError({
    code: 'stage/contract',
    message: `No column has the Arrow type ${text}.`,
    value: text,
  });
}

const arrays = { int32: Int32Array, float32: Float32Array, float64: Float64Array } as const;

function canonical(name: string, spec: ColumnSpec, data: AnyColumnData): Buffers {
  const wrong = (): RlevError =>
    new RlevError({
      code: 'stage/contract',
      message: `Column ${name} must be ${spec.nullable ? 'nullable ' : ''}${spec.kind}, not ${describe(data)}.`,
      value: describe(data),
      ...(spec.kind in arrays && {
        help: `Return a ${arrays[spec.kind as keyof typeof arrays].name}: ${arrays[spec.kind as keyof typeof arrays].name}.from(numbers).`,
      }),
    });
  const rows = rowsOf(data);
  if (spec.kind === 'list<int32>' || spec.kind === 'list<float32>') {
    if (!isRagged(data)) throw wrong();
    if (!(data.values instanceof (spec.kind === 'list<int32>' ? Int32Array : Float32Array))) throw wrong();
    if (data.valid && !spec.nullable) throw wrong();
    const start = data.offsets[0]!;
    const end = data.offsets[rows]!;
    const offsets = start === 0 ? data.offsets : data.offsets.map((o) => o - start);
    const nulls = data.valid ? count(data.valid, 0) : 0;
    return { rows, nulls, ...packed(data.valid, nulls), offsets, values: data.values.subarray(start, end) };
  }
  if (isRagged(data)) throw wrong();
  if (!Array.isArray(data)) {
    if (spec.kind === 'bool') {
      if (!(data instanceof Uint8Array)) throw wrong();
      return { rows, nulls: 0, values: pack(data) };
    }
    if (spec.kind === 'utf8' || spec.kind === 'list<utf8>' || !(data instanceof arrays[spec.kind]))
      throw wrong();
    return { rows, nulls: 0, values: data };
  }
  const valid = Uint8Array.from(data, (x) => (x === null ? 0 : 1));
  const nulls = count(valid, 0);
  if (nulls > 0 && !spec.nullable) throw wrong();
  const base = { rows, nulls, ...packed(valid, nulls) };
  if (spec.kind === 'utf8') {
    if (!data.every((x) => x === null || typeof x === 'string')) throw wrong();
    return { ...base, ...strings(data as (string | null)[]) };
  }
  if (spec.kind === 'list<utf8>') {
    if (!data.every((x) => x === null || (Array.isArray(x) && x.every((y) => typeof y === 'string'))))
      throw wrong();
    const lists = data as (readonly string[] | null)[];
    const offsets = new Int32Array(rows + 1);
    for (let i = 0; i < rows; i++) offsets[i + 1] = offsets[i]! + (lists[i]?.length ?? 0);
    const inner = strings(lists.flatMap((x) => x ?? []));
    return { ...base, offsets, innerOffsets: inner.offsets, values: inner.values };
  }
  if (spec.kind === 'bool') {
    return { ...base, values: pack(Uint8Array.from(data, (x) => (x ? 1 : 0))) };
  }
  if (!spec.nullable || !data.every((x) => x === null || typeof x === 'number')) throw wrong();
  return { ...base, values: new arrays[spec.kind]((data as (number | null)[]).map((x) => x ?? 0)) };
}

function toData(type: DataType, kind: Kind, b: Buffers): Data {
  const base = { length: b.rows, nullCount: b.nulls, nullBitmap: b.validity };
  switch (kind) {
    case 'utf8':
      return makeData({
        ...base,
        type: type as Utf8,
        valueOffsets: b.offsets!,
        data: b.values as Uint8Array,
      });
    case 'bool':
      return makeData({ ...base, type: type as Bool, data: b.values as Uint8Array });
    case 'int32':
      return makeData({ ...base, type: type as Int32, data: b.values as Int32Array });
    case 'float32':
      return makeData({ ...base, type: type as Float32, data: b.values as Float32Array });
    case 'float64':
      return makeData({ ...base, type: type as Float64, data: b.values as Float64Array });
    default: {
      const list = type as List;
      const itemType = list.children[0]!.type;
      const length = b.offsets![b.rows]!;
      const child = b.innerOffsets
        ? makeData({
            type: itemType as Utf8,
            length,
            nullCount: 0,
            valueOffsets: b.innerOffsets,
            data: b.values as Uint8Array,
          })
        : makeData({ type: itemType as Float32, length, nullCount: 0, data: b.values as Float32Array });
      return makeData({ ...base, type: list, valueOffsets: b.offsets!, child: child as Data });
    }
  }
}

function strings(texts: readonly (string | null)[]): { offsets: Int32Array; values: Uint8Array } {
  const offsets = new Int32Array(texts.length + 1);
  for (let i = 0; i < texts.length; i++) {
    offsets[i + 1] = offsets[i]! + Buffer.byteLength(texts[i] ?? '', 'utf8');
  }
  const bytes = Buffer.alloc(offsets[texts.length]!);
  for (let i = 0; i < texts.length; i++) bytes.write(texts[i] ?? '', offsets[i]!, 'utf8');
  return { offsets, values: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}

function pack(flags: Uint8Array): Uint8Array {
  const bits = new Uint8Array((flags.length + 7) >> 3);
  for (let i = 0; i < flags.length; i++) if (flags[i]) bits[i >> 3]! |= 1 << (i & 7);
  return bits;
}

function packed(valid: Uint8Array | undefined, nulls: number): { validity?: Uint8Array } {
  return valid && nulls > 0 ? { validity: pack(valid) } : {};
}

function count(flags: Uint8Array, of: number): number {
  let n = 0;
  for (const flag of flags) if (flag === of) n++;
  return n;
}

function describe(data: AnyColumnData): string {
  if (isRagged(data)) return `a list of ${data.values.constructor.name}${data.valid ? ' with nulls' : ''}`;
  if (!Array.isArray(data)) return data.constructor.name;
  const kinds = new Set(data.map((x) => (x === null ? 'null' : Array.isArray(x) ? 'lists' : typeof x)));
  return `an array of ${[...kinds].join(' and ') || 'nothing'}`;
}
