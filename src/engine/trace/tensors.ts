import { RlevError } from '../../core/errors.ts';
import type { Dtype, Graph, Shape, Value } from './graph.ts';
import { sameShape, sizeOf } from './graph.ts';

/**
 * Graph-building operations that keep the graph lean: identities vanish, uniform constants fold, and a broadcast
 * is carried along unmade for as long as elementwise operations can work on the smaller tensor.
 */

/** The shape that numpy-style broadcasting gives. */
function broadcastShape(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1)
      throw new RlevError({
        code: 'engine/unsupported',
        message: `Shapes [${a}] and [${b}] do not broadcast.`,
      });
    return x === 1 ? y : x;
  });
}

/** The number of which a constant tensor consists, if it is uniform. */
export function uniform(value: Value): number | undefined {
  return value.constant && 'fill' in value.constant ? value.constant.fill : undefined;
}

/** The smaller tensor that a value broadcasts, or the value. */
function core(graph: Graph, value: Value): Value {
  const number = uniform(value);
  if (number !== undefined) return graph.fill(number, { dtype: value.dtype, shape: [] });
  return value.node?.op === 'Expand' ? value.node.inputs[0]! : value;
}

export function expand(graph: Graph, value: Value, shape: Shape): Value {
  if (sameShape(value.shape, shape)) return value;
  const small = core(graph, value);
  const number = uniform(small);
  if (number !== undefined) return graph.fill(number, { dtype: value.dtype, shape });
  if (sizeOf(small.shape) === sizeOf(shape)) return reshape(graph, small, shape);
  return graph.node('Expand', [small, graph.ints(shape)], { dtype: value.dtype, shape });
}

export function reshape(graph: Graph, value: Value, shape: Shape): Value {
  if (sameShape(value.shape, shape)) return value;
  const number = uniform(value);
  if (number !== undefined) return graph.fill(number, { dtype: value.dtype, shape });
  if (value.node?.op === 'Reshape') return reshape(graph, value.node.inputs[0]!, shape);
  if (value.node?.op === 'Expand' && sizeOf(value.node.inputs[0]!.shape) === 1)
    return expand(graph, reshape(graph, value.node.inputs[0]!, []), shape);
  return graph.node('Reshape', [value, graph.ints(shape)], { dtype: value.dtype, shape });
}

export function transpose(graph: Graph, value: Value, perm: readonly number[]): Value {
  const shape = perm.map((axis) => value.shape[axis]!);
  const number = uniform(value);
  if (number !== undefined) return graph.fill(number, { dtype: value.dtype, shape });
  const moved = perm.filter((axis) => value.shape[axis] !== 1);
  if (moved.every((axis, i) => i === 0 || axis > moved[i - 1]!)) return reshape(graph, value, shape);
  if (value.node?.op === 'Transpose') {
    const first = value.node.attributes.perm as readonly number[];
    return transpose(
      graph,
      value.node.inputs[0]!,
      perm.map((axis) => first[axis]!),
    );
  }
  return graph.node('Transpose', [value], { dtype: value.dtype, shape }, { perm });
}

export function cast(graph: Graph, value: Value, dtype: Dtype): Value {
  if (value.dtype === dtype) return value;
  const number = uniform(value);
  if (number !== undefined) {
    const whole = dtype === 'bool' ? Number(number !== 0) : Math.trunc(number);
    return graph.fill(dtype === 'float32' ? number : whole, { dtype, shape: value.shape });
  }
  return map(graph, value, (small) =>
    graph.node('Cast', [small], { dtype, shape: small.shape }, { to: onnxElementType[dtype] }),
  );
}

const onnxElementType: Record<Dtype, number> = { float32: 1, int32: 6, int64: 7, bool: 9 };

/** Applies an elementwise operation of one operand before its broadcast instead of after it. */
export function map(graph: Graph, value: Value, apply: (small: Value) => Value): Value {
  return expand(graph, apply(core(graph, value)), value.shape);
}

export function unary(graph: Graph, op: string, value: Value, dtype: Dtype = value.dtype): Value {
  return map(graph, value, (small) => graph.node(op, [small], { dtype, shape: small.shape }));
}

const folded: Record<string, (a: number, b: number) => number> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
};

/** An elementwise operation of two operands that broadcast against each other. */
export function binary(
  graph: Graph,
  op: string,
  left: Value,
  right: Value,
  dtype: Dtype = left.dtype,
): Value {
  const shape = broadcastShape(left.shape, right.shape);
  const a = core(graph, left);
  const b = core(graph, right);
  const [x, y] = [uniform(a), uniform(b)];
  const fold =
    folded[op] ?? (op === 'Div' && dtype === 'float32' ? (p: number, q: number) => p / q : undefined);
  if (fold && x !== undefined && y !== undefined) {
    const number = dtype === 'float32' ? Math.fround(fold(x, y)) : fold(x, y) | 0;
    return graph.fill(number, { dtype, shape });
  }
  if (y === 0 && (op === 'Add' || op === 'Sub')) return expand(graph, a, shape);
  if (x === 0 && op === 'Add') return expand(graph, b, shape);
  if (x === 0 && op === 'Sub') return expand(graph, unary(graph, 'Neg', b), shape);
  if (y === 1 && (op === 'Mul' || op === 'Div')) return expand(graph, a, shape);
  if (x === 1 && op === 'Mul') return expand(graph, b, shape);
  const small = broadcastShape(a.shape, b.shape);
  return expand(graph, graph.node(op, [a, b], { dtype, shape: small }), shape);
}

/** `Where`, with its three operands broadcast against each other. */
export function select(graph: Graph, condition: Value, yes: Value, no: Value): Value {
  const shape = broadcastShape(broadcastShape(condition.shape, yes.shape), no.shape);
  const [c, a, b] = [core(graph, condition), core(graph, yes), core(graph, no)];
  const small = broadcastShape(broadcastShape(c.shape, a.shape), b.shape);
  return expand(graph, graph.node('Where', [c, a, b], { dtype: yes.dtype, shape: small }), shape);
}

/** A uniform tensor of rank 0. */
export function scalar(graph: Graph, number: number, dtype: Dtype): Value {
  return graph.fill(number, { dtype, shape: [] });
}

/** One of ONNX's Reduce operations over `axes`; reduced axes are dropped unless `keep`. */
export function reduce(
  graph: Graph,
  op: string,
  value: Value,
  axes: readonly number[],
  keep: boolean,
): Value {
  const reduced = new Set(axes);
  const kept = value.shape.map((n, axis) => (reduced.has(axis) ? 1 : n));
  const shape = keep ? kept : value.shape.filter((_, axis) => !reduced.has(axis));
  const real = axes.filter((axis) => value.shape[axis] !== 1);
  if (real.length === 0) return reshape(graph, value, shape);
  const sorted = graph.ints([...real].sort((a, b) => a - b));
  const result = graph.node(op, [value, sorted], { dtype: value.dtype, shape: kept }, { keepdims: 1 });
  return reshape(graph, result, shape);
}

/** The part of a tensor that starts at `begin` and has `size`. */
export function slice(graph: Graph, value: Value, begin: readonly number[], size: readonly number[]): Value {
  const axes = value.shape.flatMap((n, axis) => (size[axis] === n ? [] : [axis]));
  if (axes.length === 0) return value;
  const type = { dtype: value.dtype, shape: [...size] };
  const number = uniform(value);
  if (number !== undefined) return graph.fill(number, type);
  const starts = axes.map((axis) => begin[axis]!);
  const ends = axes.map((axis) => begin[axis]! + size[axis]!);
  return graph.node('Slice', [value, graph.ints(starts), graph.ints(ends), graph.ints(axes)], type);
}

export function concat(graph: Graph, values: readonly Value[], axis: number): Value {
  const parts = values.filter((v) => v.shape[axis] !== 0);
  if (parts.length === 1) return parts[0]!;
  const shape = [...values[0]!.shape];
  shape[axis] = values.reduce((sum, v) => sum + v.shape[axis]!, 0);
  return graph.node('Concat', parts, { dtype: values[0]!.dtype, shape }, { axis });
}

/** Cuts a tensor along `axis` into parts of the given sizes. */
export function split(graph: Graph, value: Value, sizes: readonly number[], axis: number): readonly Value[] {
  if (sizes.length === 1) return [value];
  const types = sizes.map((n) => ({
    dtype: value.dtype,
    shape: value.shape.map((full, i) => (i === axis ? n : full)),
  }));
  return graph.nodes('Split', [value, graph.ints(sizes)], types, { axis });
}

export function pad(
  graph: Graph,
  value: Value,
  paddings: readonly (readonly [number, number])[],
  number: number,
): Value {
  if (paddings.every(([before, after]) => before === 0 && after === 0)) return value;
  const shape = value.shape.map((n, axis) => n + paddings[axis]![0] + paddings[axis]![1]);
  const amounts = graph.ints([...paddings.map((p) => p[0]), ...paddings.map((p) => p[1])]);
  return graph.node('Pad', [value, amounts, scalar(graph, number, value.dtype)], {
    dtype: value.dtype,
    shape,
  });
}

/** A matrix product over the last two axes, of operands that may be transposed there. */
export function matMul(
  graph: Graph,
  left: Value,
  right: Value,
  transposeLeft: boolean,
  transposeRight: boolean,
): Value {
  const [a, transA] = untransposed(left, transposeLeft);
  const [b, transB] = untransposed(right, transposeRight);
  const batch = broadcastShape(left.shape.slice(0, -2), right.shape.slice(0, -2));
  const rows = left.shape.at(transposeLeft ? -1 : -2)!;
  const columns = right.shape.at(transposeRight ? -2 : -1)!;
  const type = { dtype: left.dtype, shape: [...batch, rows, columns] };
  if (!transA && !transB) return graph.node('MatMul', [a, b], type);
  const attributes = { transA: Number(transA), transB: Number(transB) };
  return graph.nodes('FusedMatMul', [a, b], [type], attributes, 'com.microsoft')[0]!;
}

/** Takes a transposition of the last two axes out of an operand and into the flag of the product. */
function untransposed(value: Value, transposed: boolean): [Value, boolean] {
  const { node } = value;
  if (node?.op !== 'Transpose') return [value, transposed];
  const perm = node.attributes.perm as readonly number[];
  const rank = perm.length;
  const swapsLastTwo = perm.every((axis, i) => axis === (i < rank - 2 ? i : 2 * rank - 3 - i));
  return swapsLastTwo ? [node.inputs[0]!, !transposed] : [value, transposed];
}
