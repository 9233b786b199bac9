/** Element types of the ONNX subset that traced programs use. int64 stands only where ONNX asks for it. */
export type Dtype = 'float32' | 'int32' | 'bool' | 'int64';

export type Shape = readonly number[];

/** An attribute of a node: numbers are integers unless wrapped in `float`. */
export type Attribute = number | string | readonly number[] | { readonly float: number };

export type Attributes = Readonly<Record<string, Attribute>>;

export type Constant =
  | { readonly fill: number }
  | { readonly values: Float32Array | Int32Array | Uint8Array | BigInt64Array };

/** A tensor of the graph: an input, a constant, or what a node gives. */
export interface Value {
  readonly id: number;
  readonly dtype: Dtype;
  readonly shape: Shape;
  readonly input?: string;
  readonly constant?: Constant;
  readonly node?: Node;
}

export interface Node {
  readonly op: string;
  readonly domain: '' | 'com.microsoft';
  readonly inputs: readonly Value[];
  readonly attributes: Attributes;
  readonly outputs: readonly Value[];
}

export interface ValueType {
  readonly dtype: Dtype;
  readonly shape: Shape;
}

/** Uniform tensors of more bytes than this are made when the graph runs, not stored in it. */
export const storedConstantBytes = 1024;

const elementBytes: Record<Dtype, number> = { float32: 4, int32: 4, int64: 8, bool: 1 };

/** Number of elements of a shape. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, n) => product * n, 1);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}

/**
 * A growing ONNX graph in which equal nodes and equal constants are one value. What nothing uses at the end is
 * never written.
 */
export class Graph {
  #nextId = 0;
  readonly #known = new Map<string, readonly Value[]>();

  input(name: string, type: ValueType): Value {
    return { id: this.#nextId++, dtype: type.dtype, shape: type.shape, input: name };
  }

  /** A tensor whose elements are all the same number. */
  fill(number: number, type: ValueType): Value {
    const key = `fill ${type.dtype} [${type.shape}] ${Object.is(number, -0) ? '-0' : number}`;
    return this.#once(key, () => [
      { id: this.#nextId++, dtype: type.dtype, shape: type.shape, constant: { fill: number } },
    ])[0]!;
  }

  /** A constant tensor; one whose elements are equal becomes a `fill`. */
  constant(values: Float32Array | Int32Array | Uint8Array, type: ValueType): Value {
    const first = values[0];
    if (first !== undefined && values.every((v) => Object.is(v, first))) return this.fill(first, type);
    return this.#stored(values, type);
  }

  /** A one-dimensional int64 constant: what ONNX takes for shapes, axes and counts. */
  ints(values: readonly number[]): Value {
    return this.#stored(BigInt64Array.from(values, BigInt), { dtype: 'int64', shape: [values.length] });
  }

  node(op: string, inputs: readonly Value[], type: ValueType, attributes: Attributes = {}): Value {
    return this.nodes(op, inputs, [type], attributes)[0]!;
  }

  /** A node of several outputs, or of ONNX Runtime's own domain. */
  nodes(
    op: string,
    inputs: readonly Value[],
    types: readonly ValueType[],
    attributes: Attributes = {},
    domain: Node['domain'] = '',
  ): readonly Value[] {
    const stored = inputs.map((v) => this.made(v));
    const ids = stored.map((v) => v.id).join();
    const described = types.map((t) => `${t.dtype}[${t.shape}]`).join();
    return this.#once(`${domain}${op}(${ids})${JSON.stringify(attributes)}:${described}`, () => {
      const outputs: Value[] = [];
      const node: Node = { op, domain, inputs: stored, attributes, outputs };
      for (const type of types)
        outputs.push({ id: this.#nextId++, dtype: type.dtype, shape: type.shape, node });
      return outputs;
    });
  }

  /** The value itself, or, for a large uniform constant, the node that makes it when the graph runs. */
  made(value: Value): Value {
    if (value.constant === undefined || !('fill' in value.constant)) return value;
    if (sizeOf(value.shape) * elementBytes[value.dtype] <= storedConstantBytes) return value;
    const scalar = this.fill(value.constant.fill, { dtype: value.dtype, shape: [] });
    return this.node('Expand', [scalar, this.ints(value.shape)], value);
  }

  #stored(values: Float32Array | Int32Array | Uint8Array | BigInt64Array, type: ValueType): Value {
    const make = () => [
      { id: this.#nextId++, dtype: type.dtype, shape: type.shape, constant: { values: values.slice() } },
    ];
    if (values.byteLength > storedConstantBytes) return make()[0]!;
    return this.#once(`constant ${type.dtype} [${type.shape}] ${values.join()}`, make)[0]!;
  }

  #once(key: string, make: () => readonly Value[]): readonly Value[] {
    let values = this.#known.get(key);
    if (values === undefined) {
      values = make();
      this.#known.set(key, values);
    }
    return values;
  }
}
