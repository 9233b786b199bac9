import type { Graph, Value } from './graph.ts';
import { elementwiseKernels } from './kernels-elementwise.ts';
import { indexingKernels } from './kernels-indexing.ts';
import { reductionKernels } from './kernels-reduction.ts';
import { shapeKernels } from './kernels-shape.ts';

/** Attributes of a TensorFlow.js kernel, as its operations pass them. */
// biome-ignore lint/suspicious/noExplicitAny: every kernel has attributes of its own, which tfjs types as unknown.
export type KernelAttributes = Readonly<Record<string, any>>;

/**
 * Records one TensorFlow.js kernel as ONNX nodes. Inputs go by the names that tfjs gives them; a kernel that
 * takes a list has them as `0`, `1` and so on.
 */
export type Kernel = (
  graph: Graph,
  inputs: Readonly<Record<string, Value>>,
  attributes: KernelAttributes,
) => Value | readonly Value[];

/** Every kernel that can be traced, by its TensorFlow.js name. */
export const kernels: Readonly<Record<string, Kernel>> = {
  ...elementwiseKernels,
  ...reductionKernels,
  ...shapeKernels,
  ...indexingKernels,
};
