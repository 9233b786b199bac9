import { createRequire } from 'node:module';
import type { Tensor } from '@tensorflow/tfjs';
import { RlevError } from '../core/errors.ts';
import type {
  Arrays,
  CompiledProgram,
  Engine,
  EngineName,
  EngineOptions,
  TensorData,
  TensorProgram,
  TensorSpec,
} from './engine.ts';
import { checkFeeds, released } from './feeds.ts';
import { explained } from './program-error.ts';
import { useFastSegmentSum } from './segment-sum.ts';
import { onBackend, tf } from './tf.ts';
import { trace } from './trace/trace.ts';

const require = createRequire(import.meta.url);

/**
 * An engine that runs a program's operations one by one, as tfjs does by itself: on the plain JavaScript backend
 * (`reference`) or on libtensorflow (`tensorflow`, `tensorflow-gpu`).
 *
 * @throws `engine/unavailable` where libtensorflow's package is not installed or does not load.
 */
export async function openEagerEngine(options: EngineOptions): Promise<Engine> {
  const { use } = options;
  const versions: Record<string, string> = { tfjs: tf.version.tfjs };
  if (use === 'tensorflow' || use === 'tensorflow-gpu') versions[use] = loadTensorFlow(use);
  else useFastSegmentSum();
  return {
    name: use,
    device: use === 'tensorflow-gpu' ? 'gpu' : 'cpu',
    versions,
    async compile(program) {
      return eager(program, use);
    },
    async close() {},
  };
}

/** The tfjs backend on which an eager engine runs. */
function backendOf(engine: EngineName): string {
  return engine === 'reference' ? 'cpu' : 'tensorflow';
}

function eager(program: TensorProgram, engine: EngineName): CompiledProgram {
  const outputs = outputsOf(program, engine);
  let open = true;
  return {
    outputs,
    async run(feeds) {
      if (!open) throw released(program);
      checkFeeds(program, feeds);
      return compute(program, engine, feeds, dataOf);
    },
    async release() {
      open = false;
    },
  };
}

/** A trace tells the shapes for nothing; what cannot be traced, and may run eagerly, is run on zeros. */
function outputsOf(program: TensorProgram, engine: EngineName): Record<string, TensorSpec> {
  try {
    const { outputs } = trace(program);
    return Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, specOf(value)]));
  } catch {
    const zeros = Object.entries(program.inputs).map(([name, { shape, dtype }]) => {
      const length = shape.reduce((product, n) => product * n, 1);
      return [name, dtype === 'int32' ? new Int32Array(length) : new Float32Array(length)];
    });
    return compute(program, engine, Object.fromEntries(zeros) as Arrays, specOf);
  }
}

function specOf({ shape, dtype }: { readonly shape: readonly number[]; readonly dtype: string }): TensorSpec {
  return { shape: [...shape], dtype: dtype === 'float32' ? 'float32' : 'int32' };
}

/** Runs a program on a backend and takes from each output tensor what is wanted before it is disposed. */
function compute<T extends TensorData | TensorSpec>(
  program: TensorProgram,
  engine: EngineName,
  feeds: Arrays,
  take: (tensor: Tensor) => T,
): Record<string, T> {
  const computeAll = () => {
    const taken: Record<string, T> = {};
    tf.tidy(() => {
      const tensors: Record<string, Tensor> = {};
      for (const [name, { shape, dtype }] of Object.entries(program.inputs))
        tensors[name] = tf.tensor(feeds[name]!, [...shape], dtype);
      for (const [name, tensor] of Object.entries(program.run(tensors))) taken[name] = take(tensor);
    });
    return taken;
  };
  try {
    return onBackend(backendOf(engine), computeAll);
  } catch (cause) {
    throw explained(program, engine, cause);
  }
}

/** A copy: the plain backend hands out what it stores, which may be the very array that was fed. */
function dataOf(tensor: Tensor): TensorData {
  const data = tensor.dataSync();
  return tensor.dtype === 'float32' ? Float32Array.from(data) : Int32Array.from(data);
}

/** Loads libtensorflow's package, which registers the backend `tensorflow`, and gives its version. */
function loadTensorFlow(use: 'tensorflow' | 'tensorflow-gpu'): string {
  const gpu = use === 'tensorflow-gpu';
  const name = gpu ? '@tensorflow/tfjs-node-gpu' : '@tensorflow/tfjs-node';
  const before = tf.backend() && tf.getBackend();
  try {
    require(name);
    return (require(`${name}/package.json`) as { version: string }).version;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    const needs = gpu
      ? 'an NVIDIA GPU with CUDA 11.2 and cuDNN 8.1, and Node older than 23'
      : 'Node older than 23';
    throw new RlevError({
      code: 'engine/unavailable',
      message: `Engine ${use}: ${name} is not installed or does not load (${reason}).`,
      value: use,
      help: `Run: npm install ${name}@${tf.version.tfjs}. It downloads libtensorflow and needs ${needs}. Or use the engine onnx.`,
      cause,
    });
  } finally {
    void tf.setBackend(before);
  }
}
