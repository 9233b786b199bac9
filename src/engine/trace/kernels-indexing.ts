import { RlevError } from '../../core/errors.ts';
import type { Dtype } from './graph.ts';
import type { Kernel } from './kernels.ts';
import { axesOf } from './kernels-reduction.ts';
import { binary, cast, reshape, scalar, select } from './tensors.ts';

const gather: Kernel = (graph, { x, indices }, { axis, batchDims }) => {
  const along = axesOf(x!, axis)[0]!;
  const batches = batchDims ?? 0;
  const shape = [...x!.shape.slice(0, along), ...indices!.shape.slice(batches), ...x!.shape.slice(along + 1)];
  const type = { dtype: x!.dtype, shape };
  if (batches === 0) return graph.node('Gather', [x!, indices!], type, { axis: along });
  if (batches !== along) {
    throw new RlevError({
      code: 'engine/unsupported',
      message: `The onnx engine gathers with batchDims only along the axis that follows them, not ${along} after ${batches}.`,
    });
  }
  const places = cast(graph, reshape(graph, indices!, [...indices!.shape, 1]), 'int64');
  return graph.node('GatherND', [x!, places], type, { batch_dims: batches });
};

const gatherNd: Kernel = (graph, { params, indices }) => {
  const depth = indices!.shape.at(-1)!;
  const shape = [...indices!.shape.slice(0, -1), ...params!.shape.slice(depth)];
  return graph.node('GatherND', [params!, cast(graph, indices!, 'int64')], { dtype: params!.dtype, shape });
};

/** A comparison, not ONNX's OneHot: that one counts negative indices from the end instead of giving no 1. */
const oneHot: Kernel = (graph, { indices }, { depth, onValue, offValue, dtype }) => {
  const numbers = graph.constant(
    Int32Array.from({ length: depth }, (_, i) => i),
    { dtype: 'int32', shape: [depth] },
  );
  const places = reshape(graph, cast(graph, indices!, 'int32'), [...indices!.shape, 1]);
  const hot = binary(graph, 'Equal', places, numbers, 'bool');
  const type = (dtype ?? 'int32') as Dtype;
  if (onValue === 1 && offValue === 0) return cast(graph, hot, type);
  return select(graph, hot, scalar(graph, onValue, type), scalar(graph, offValue, type));
};

export const indexingKernels: Readonly<Record<string, Kernel>> = {
  GatherV2: gather,
  GatherNd: gatherNd,
  OneHot: oneHot,
};
