import type {
  DataId,
  DataType,
  KernelBackend,
  NamedTensorInfoMap,
  Tensor,
  TensorInfo,
} from '@tensorflow/tfjs';

type BackendValues = Parameters<KernelBackend['write']>[0];

import { RlevError } from '../../core/errors.ts';
import type { TensorProgram } from '../engine.ts';
import { explained } from '../program-error.ts';
import { onBackend, tf } from '../tf.ts';
import type { Dtype, Value } from './graph.ts';
import { Graph } from './graph.ts';
import { kernels } from './kernels.ts';

const backendName = 'rlev-trace';

/** What a program computes, as a graph. */
export interface Trace {
  readonly inputs: Readonly<Record<string, Value>>;
  readonly outputs: Readonly<Record<string, Value>>;
  readonly graph: Graph;
}

/**
 * Runs a program once on tensors without data and records what it would compute. The current tfjs backend is the
 * same afterwards, and no tensor is left.
 *
 * @throws `engine/unsupported` for an operation without a kernel here, and where the program reads data.
 */
export function trace(program: TensorProgram): Trace {
  const recorder = sharedRecorder();
  const graph = recorder.start(program.name);
  const inputs: Record<string, Value> = {};
  const outputs: Record<string, Value> = {};
  const record = () =>
    tf.tidy(() => {
      const tensors: Record<string, Tensor> = {};
      for (const [name, spec] of Object.entries(program.inputs)) {
        const value = graph.input(`in:${name}`, spec);
        inputs[name] = value;
        tensors[name] = tf.engine().makeTensorFromTensorInfo(recorder.infoOf(value));
      }
      const results = program.run(tensors);
      for (const [name, tensor] of Object.entries(results)) outputs[name] = recorder.recorded(tensor);
    });
  try {
    onBackend(backendName, record);
  } catch (cause) {
    throw explained(program, 'onnx', cause);
  } finally {
    recorder.stop();
  }
  return { inputs, outputs, graph };
}

/** Stands in for a tfjs backend: its data are values of a graph. */
class Recorder extends tf.KernelBackend {
  #values = new WeakMap<DataId, Value>();
  #counts = new Map<DataId, number>();
  #graph: Graph | undefined;
  #program = '';

  start(program: string): Graph {
    this.#program = program;
    this.#graph = new Graph();
    return this.#graph;
  }

  stop(): void {
    this.#graph = undefined;
  }

  get graph(): Graph {
    return this.#graph!;
  }

  infoOf(value: Value): TensorInfo {
    const dataId = {};
    this.#values.set(dataId, value);
    this.#counts.set(dataId, 1);
    return { dataId, shape: [...value.shape], dtype: value.dtype as TensorInfo['dtype'] };
  }

  recorded(info: TensorInfo): Value {
    const value = this.#values.get(info.dataId);
    if (value) return value;
    throw new RlevError({
      code: 'engine/unsupported',
      message: `Program ${this.#program} uses a tensor that was made outside of it.`,
      help: 'What varies must be an input of the program; a constant can be made inside it.',
    });
  }

  override write(values: BackendValues, shape: number[], dtype: DataType): DataId {
    const type = { dtype: dtype as Dtype, shape };
    return this.infoOf(this.graph.constant(typed(values as ArrayLike<number>, type.dtype), type)).dataId;
  }

  override readSync(): never {
    throw new RlevError({
      code: 'engine/unsupported',
      message: `Program ${this.#program} reads the data of a tensor while it is traced, when there are none.`,
      help: 'Make what varies an input of the program, and compute with tensors only.',
    });
  }

  override read(): Promise<never> {
    return this.readSync();
  }

  override refCount(dataId: DataId): number {
    return this.#counts.get(dataId) ?? 0;
  }

  override incRef(dataId: DataId): void {
    this.#counts.set(dataId, this.refCount(dataId) + 1);
  }

  override disposeData(dataId: DataId, force = false): boolean {
    const count = this.refCount(dataId) - 1;
    if (count > 0 && !force) {
      this.#counts.set(dataId, count);
      return false;
    }
    this.#counts.delete(dataId);
    return true;
  }

  override numDataIds(): number {
    return this.#counts.size;
  }

  override memory() {
    return { unreliable: true };
  }

  override floatPrecision(): 32 {
    return 32;
  }

  override dispose(): void {}
}

function typed(values: ArrayLike<number>, dtype: Dtype): Float32Array | Int32Array | Uint8Array {
  if (dtype === 'float32') return values instanceof Float32Array ? values : Float32Array.from(values);
  if (dtype === 'int32') return values instanceof Int32Array ? values : Int32Array.from(values);
  return values instanceof Uint8Array ? values : Uint8Array.from(values, Number);
}

/** The recorder, registered as a tfjs backend the first time. tfjs keeps it: its registry is the thread's. */
function sharedRecorder(): Recorder {
  const known = tf.findBackend(backendName) as Recorder | null;
  if (known) return known;
  const recorder = new Recorder();
  tf.registerBackend(backendName, () => recorder, 0);
  for (const [kernelName, kernel] of Object.entries(kernels)) {
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: ({ inputs, attrs }) => {
        const results = kernel(recorder.graph, valuesOf(recorder, inputs), attrs ?? {});
        return Array.isArray(results)
          ? results.map((value: Value) => recorder.infoOf(value))
          : recorder.infoOf(results as Value);
      },
    });
  }
  return recorder;
}

function valuesOf(recorder: Recorder, inputs: NamedTensorInfoMap): Record<string, Value> {
  const values: Record<string, Value> = {};
  for (const [name, info] of Object.entries(inputs)) if (info) values[name] = recorder.recorded(info);
  return values;
}
