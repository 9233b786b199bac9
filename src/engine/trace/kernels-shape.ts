import type { Dtype, Value } from './graph.ts';
import { sizeOf, storedConstantBytes } from './graph.ts';
import type { Kernel } from './kernels.ts';
import { axesOf } from './kernels-reduction.ts';
import { concat, expand, pad, reshape, scalar, slice, split, transpose, uniform } from './tensors.ts';

/** A shape in which -1 stands for what is left. */
function resolved(value: Value, shape: readonly number[]): number[] {
  const known = sizeOf(shape.filter((n) => n !== -1));
  return shape.map((n) => (n === -1 ? sizeOf(value.shape) / known : n));
}

const expandDims: Kernel = (graph, { input }, { dim }) => {
  const shape = [...input!.shape];
  shape.splice(dim < 0 ? dim + shape.length + 1 : dim, 0, 1);
  return reshape(graph, input!, shape);
};

const tile: Kernel = (graph, { x }, { reps }) => {
  const shape = x!.shape.map((n, i) => n * reps[i]);
  if (x!.shape.every((n, i) => n === 1 || reps[i] === 1)) return expand(graph, x!, shape);
  const number = uniform(x!);
  if (number !== undefined) return graph.fill(number, { dtype: x!.dtype, shape });
  return graph.node('Tile', [x!, graph.ints(reps)], { dtype: x!.dtype, shape });
};

const sliceKernel: Kernel = (graph, { x }, { begin, size }) => {
  const rank = x!.shape.length;
  const starts = Array.from({ length: rank }, (_, i) => [begin].flat()[i] ?? 0);
  const sizes = starts.map((start, i) => {
    const n = [size].flat()[i] ?? -1;
    return n === -1 ? x!.shape[i]! - start : n;
  });
  return slice(graph, x!, starts, sizes);
};

const splitV: Kernel = (graph, { x }, { numOrSizeSplits, axis }) => {
  const along = axesOf(x!, axis)[0]!;
  const full = x!.shape[along]!;
  if (typeof numOrSizeSplits === 'number') {
    return split(graph, x!, Array(numOrSizeSplits).fill(full / numOrSizeSplits), along);
  }
  const given: readonly number[] = numOrSizeSplits;
  const rest = full - given.filter((n) => n !== -1).reduce((sum, n) => sum + n, 0);
  return split(
    graph,
    x!,
    given.map((n) => (n === -1 ? rest : n)),
    along,
  );
};

const concatKernel: Kernel = (graph, inputs, { axis }) => {
  const values = Object.values(inputs);
  return concat(graph, values, axesOf(values[0]!, axis)[0]!);
};

const pack: Kernel = (graph, inputs, { axis }) => {
  const values = Object.values(inputs);
  const shape = [...values[0]!.shape];
  const along = axis < 0 ? axis + shape.length + 1 : axis;
  shape.splice(along, 0, 1);
  return concat(
    graph,
    values.map((v) => reshape(graph, v, shape)),
    along,
  );
};

const unpack: Kernel = (graph, { value }, { axis }) => {
  const along = axesOf(value!, axis)[0]!;
  const shape = value!.shape.filter((_, i) => i !== along);
  const parts = split(graph, value!, Array(value!.shape[along]!).fill(1), along);
  return parts.map((part) => reshape(graph, part, shape));
};

const reverse: Kernel = (graph, { x }, { dims }) => {
  const axes = axesOf(x!, dims).filter((axis) => x!.shape[axis]! > 1);
  if (axes.length === 0 || uniform(x!) !== undefined) return x!;
  const [starts, ends, steps] = [-1, Number.MIN_SAFE_INTEGER, -1].map((n) => graph.ints(axes.map(() => n)));
  return graph.node('Slice', [x!, starts!, ends!, graph.ints(axes), steps!], x!);
};

const range: Kernel = (graph, _, { start, stop, step, dtype }) => {
  const count = Math.max(0, Math.ceil((stop - start) / step));
  const type = { dtype: dtype as Dtype, shape: [count] };
  if (count * 4 > storedConstantBytes) {
    const bounds = [start, start + count * step, step].map((n: number) => scalar(graph, n, type.dtype));
    return graph.node('Range', bounds, type);
  }
  const numbers = Array.from({ length: count }, (_, i) => start + i * step);
  return graph.constant(dtype === 'int32' ? Int32Array.from(numbers) : Float32Array.from(numbers), type);
};

export const shapeKernels: Readonly<Record<string, Kernel>> = {
  Reshape: (graph, { x }, { shape }) => reshape(graph, x!, resolved(x!, shape)),
  ExpandDims: expandDims,
  Transpose: (graph, { x }, { perm }) => transpose(graph, x!, perm),
  BroadcastTo: (graph, { x }, { shape }) => expand(graph, x!, shape),
  Tile: tile,
  Slice: sliceKernel,
  SplitV: splitV,
  Concat: concatKernel,
  Pack: pack,
  Unpack: unpack,
  PadV2: (graph, { x }, { paddings, constantValue }) => pad(graph, x!, paddings, constantValue ?? 0),
  Reverse: reverse,
  Fill: (graph, _, { shape, value, dtype }) =>
    graph.fill(Number(value), { dtype: dtype ?? 'float32', shape }),
  ZerosLike: (graph, { x }) => graph.fill(0, x!),
  OnesLike: (graph, { x }) => graph.fill(1, x!),
  Range: range,
  LinSpace: (graph, _, { start, stop, num }) => {
    const step = num > 1 ? (stop - start) / (num - 1) : 0;
    const numbers = Float32Array.from({ length: num }, (_, i) => start + i * step);
    return graph.constant(numbers, { dtype: 'float32', shape: [num] });
  },
};
