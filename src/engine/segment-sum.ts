import type { TypedArray } from '@tensorflow/tfjs';
import { tf } from './tf.ts';

let registered = false;

/**
 * Replaces UnsortedSegmentSum of tfjs's plain JavaScript backend, whose work is rows times segments, by one pass
 * over the rows. It is the backward pass of every embedding.
 */
export function useFastSegmentSum(): void {
  if (registered) return;
  registered = true;
  tf.unregisterKernel('UnsortedSegmentSum', 'cpu');
  tf.registerKernel({
    kernelName: 'UnsortedSegmentSum',
    backendName: 'cpu',
    kernelFunc: ({ inputs, attrs, backend }) => {
      const store = backend as CpuBackend;
      const { x, segmentIds } = inputs as Required<typeof inputs>;
      const count = (attrs as { numSegments: number }).numSegments;
      const ids = store.data.get(segmentIds!.dataId).values;
      const rows = store.data.get(x!.dataId).values;
      const shape = [count, ...x!.shape.slice(segmentIds!.shape.length)];
      const sums = tf.util.getTypedArrayFromDType(x!.dtype as 'float32', tf.util.sizeFromShape(shape));
      addRows(sums, rows, ids);
      return { dataId: store.write(sums, shape, x!.dtype), shape, dtype: x!.dtype };
    },
  });
}

interface CpuBackend {
  readonly data: { get(dataId: object): { readonly values: TypedArray } };
  write(values: TypedArray, shape: number[], dtype: string): object;
}

/** Adds row i of `rows` to row `ids[i]` of `sums`; negative ids and ids past the end are dropped. */
function addRows(sums: TypedArray, rows: TypedArray, ids: TypedArray): void {
  if (ids.length === 0) return;
  const width = rows.length / ids.length;
  const count = sums.length / width;
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!;
    if (id < 0 || id >= count) continue;
    for (let j = 0; j < width; j++) sums[id * width + j]! += rows[i * width + j]!;
  }
}
