import type { Graph, Value } from './graph.ts';
import { sizeOf } from './graph.ts';
import type { Kernel, KernelAttributes } from './kernels.ts';
import { binary, cast, concat, matMul, reduce, reshape, scalar, slice } from './tensors.ts';

/** Axes as tfjs passes them: one, several, or none for all; negative ones count from the end. */
export function axesOf(value: Value, axis: unknown): number[] {
  const rank = value.shape.length;
  const axes = axis === undefined || axis === null ? value.shape.map((_, i) => i) : [axis].flat();
  return axes.map((i) => (Number(i) + rank) % rank);
}

const over =
  (op: string): Kernel =>
  (graph, { x }, { axis, keepDims }) =>
    reduce(graph, op, x!.dtype === 'bool' ? cast(graph, x!, 'int32') : x!, axesOf(x!, axis), keepDims);

const ofBooleans =
  (op: string): Kernel =>
  (graph, { x }, { axis, keepDims }) =>
    cast(graph, reduce(graph, op, cast(graph, x!, 'int32'), axesOf(x!, axis), keepDims), 'bool');

/** Position of the largest or smallest element, the first of equal ones. */
const position =
  (op: string): Kernel =>
  (graph, { x }, { axis }) => {
    const along = axesOf(x!, axis)[0]!;
    const shape = x!.shape.filter((_, i) => i !== along);
    return cast(
      graph,
      graph.node(op, [x!], { dtype: 'int64', shape }, { axis: along, keepdims: 0 }),
      'int32',
    );
  };

const alongAxis =
  (op: string): Kernel =>
  (graph, inputs, attributes) => {
    const x = inputs.logits ?? inputs.x!;
    const axis = axesOf(x, attributes.dim ?? attributes.axis ?? -1)[0]!;
    return graph.node(op, [cast(graph, x, 'float32')], { dtype: 'float32', shape: x.shape }, { axis });
  };

const cumsum: Kernel = (graph, { x }, { axis, exclusive, reverse }) => {
  const along = scalar(graph, axesOf(x!, axis)[0]!, 'int32');
  const attributes = { exclusive: Number(exclusive ?? false), reverse: Number(reverse ?? false) };
  return graph.node('CumSum', [x!, along], { dtype: x!.dtype, shape: x!.shape }, attributes);
};

/** ONNX has no running product: log2(n) multiplications of the tensor with itself, shifted by 1, 2, 4, ... */
const cumprod: Kernel = (graph, { x }, { axis, exclusive, reverse }) => {
  const along = axesOf(x!, axis)[0]!;
  const shift = (value: Value, by: number) => shifted(graph, value, along, by, Boolean(reverse));
  let product = exclusive ? shift(x!, 1) : x!;
  for (let by = 1; by < x!.shape[along]!; by *= 2)
    product = binary(graph, 'Mul', product, shift(product, by));
  return product;
};

/** The tensor moved along an axis, with ones where nothing moved in. */
function shifted(graph: Graph, value: Value, axis: number, by: number, backwards: boolean): Value {
  const resized = (n: number) => value.shape.map((full, i) => (i === axis ? n : full));
  const kept = value.shape[axis]! - by;
  if (kept <= 0) return graph.fill(1, value);
  const begin = value.shape.map((_, i) => (i === axis && backwards ? by : 0));
  const part = slice(graph, value, begin, resized(kept));
  const ones = graph.fill(1, { dtype: value.dtype, shape: resized(by) });
  return concat(graph, backwards ? [part, ones] : [ones, part], axis);
}

const batchMatMul: Kernel = (graph, { a, b }, { transposeA, transposeB }) =>
  matMul(graph, a!, b!, Boolean(transposeA), Boolean(transposeB));

const topK: Kernel = (graph, { x }, { k, sorted }: KernelAttributes) => {
  const shape = [...x!.shape.slice(0, -1), k];
  const types = [{ dtype: x!.dtype, shape } as const, { dtype: 'int64', shape } as const];
  const attributes = { axis: x!.shape.length - 1, largest: 1, sorted: Number(sorted ?? true) };
  const [values, indices] = graph.nodes('TopK', [x!, graph.ints([k])], types, attributes);
  return [values!, cast(graph, indices!, 'int32')];
};

/** A table of up to this many rows takes its gradient by a matrix product with one-hot rows. */
const oneHotSegments = 512;

/**
 * Rows summed by segment, in the order in which they stand, whatever the number of threads. Never ScatterND:
 * ONNX Runtime's adds to duplicate indices race.
 */
const unsortedSegmentSum: Kernel = (graph, { x, segmentIds }, { numSegments }) => {
  const count = sizeOf(segmentIds!.shape);
  const inner = x!.shape.slice(segmentIds!.shape.length);
  const width = sizeOf(inner);
  const rows = reshape(graph, x!, [count, width]);
  let sums: Value;
  if (numSegments <= oneHotSegments && x!.dtype === 'float32') {
    const ids = reshape(graph, segmentIds!, [count, 1]);
    const segments = graph.constant(
      Int32Array.from({ length: numSegments }, (_, i) => i),
      {
        dtype: 'int32',
        shape: [1, numSegments],
      },
    );
    const member = cast(graph, binary(graph, 'Equal', ids, segments, 'bool'), 'float32');
    sums = matMul(graph, member, rows, true, false);
  } else {
    const ids = cast(graph, reshape(graph, segmentIds!, [count, 1]), 'int64');
    const targets = graph.node('Expand', [ids, graph.ints([count, width])], {
      dtype: 'int64',
      shape: [count, width],
    });
    const type = { dtype: x!.dtype, shape: [numSegments, width] };
    const zeros = graph.fill(0, type);
    sums = graph.node('ScatterElements', [zeros, targets, rows], type, { axis: 0, reduction: 'add' });
  }
  return reshape(graph, sums, [numSegments, ...inner]);
};

export const reductionKernels: Readonly<Record<string, Kernel>> = {
  Sum: over('ReduceSum'),
  Mean: (graph, { x }, { axis, keepDims }) =>
    reduce(graph, 'ReduceMean', cast(graph, x!, 'float32'), axesOf(x!, axis), keepDims),
  Max: (graph, { x }, attributes) =>
    over('ReduceMax')(graph, { x: x! }, named(attributes, 'reductionIndices')),
  Min: over('ReduceMin'),
  Prod: over('ReduceProd'),
  All: ofBooleans('ReduceMin'),
  Any: ofBooleans('ReduceMax'),
  ArgMax: position('ArgMax'),
  ArgMin: position('ArgMin'),
  Softmax: alongAxis('Softmax'),
  LogSoftmax: alongAxis('LogSoftmax'),
  Cumsum: cumsum,
  Cumprod: cumprod,
  BatchMatMul: batchMatMul,
  TopK: topK,
  UnsortedSegmentSum: unsortedSegmentSum,
};

/** tfjs names the axes of Max differently from those of its siblings. */
function named(attributes: KernelAttributes, other: string): KernelAttributes {
  return { ...attributes, axis: attributes.axis ?? attributes[other] };
}
