import type { Tensor } from '@tensorflow/tfjs';
import { RlevError } from '../core/errors.ts';
import { openEagerEngine } from './eager.ts';
import { openOnnxEngine } from './onnx.ts';

/** Shape and element type of a tensor that enters or leaves a program. All shapes are static. */
export interface TensorSpec {
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32';
}

export type TensorData = Float32Array | Int32Array;

/** Tensors by name, as flat row-major arrays. They may be views into larger buffers. */
export type Arrays = Readonly<Record<string, TensorData>>;

/** A computation written with `@tensorflow/tfjs` operations. */
export interface TensorProgram {
  readonly name: string;
  readonly inputs: Readonly<Record<string, TensorSpec>>;
  /**
   * Pure. A tracing engine calls it once, an eager one every time; so everything that varies (learning rates,
   * random numbers, step counts) is an input, and data of tensors is never read inside.
   */
  run(inputs: Readonly<Record<string, Tensor>>): Readonly<Record<string, Tensor>>;
}

/** A program made ready to run. */
export interface CompiledProgram {
  readonly outputs: Readonly<Record<string, TensorSpec>>;
  /** Boolean outputs come as int32. Throws `engine/failed` where `feeds` are not what the program takes. */
  run(feeds: Arrays): Promise<Record<string, TensorData>>;
  /** Frees the memory that the program holds. It cannot run afterwards. */
  release(): Promise<void>;
}

/** What runs tensor programs. One thread has one engine at a time. */
export interface Engine {
  readonly name: EngineName;
  readonly device: string;
  /** Versions of what the numbers depend on, for the record. */
  readonly versions: Readonly<Record<string, string>>;
  /** Throws `engine/unsupported` where the program uses an operation that this engine lacks. */
  compile(program: TensorProgram): Promise<CompiledProgram>;
  close(): Promise<void>;
}

export type EngineName = 'onnx' | 'reference' | 'tensorflow' | 'tensorflow-gpu';

export interface EngineOptions {
  readonly use: EngineName;
  /** Where the `onnx` engine runs; the others have a device of their own. */
  readonly device?: 'cpu' | 'webgpu' | 'cuda';
  /** Threads of one operation; by default one for every physical core. */
  readonly threads?: number;
}

/**
 * Opens an engine.
 *
 * @throws `engine/unavailable` where it is not installed or does not load, with what to install.
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  switch (options.use) {
    case 'onnx':
      return openOnnxEngine(options);
    case 'reference':
    case 'tensorflow':
    case 'tensorflow-gpu':
      return openEagerEngine(options);
    default:
      throw new RlevError({
        code: 'engine/unavailable',
        message: `There is no engine named ${String(options.use)}.`,
        value: options.use,
        help: 'Engines are onnx, reference, tensorflow and tensorflow-gpu.',
      });
  }
}
