import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import type * as Ort from 'onnxruntime-node';
import { RlevError } from '../core/errors.ts';
import type {
  Arrays,
  CompiledProgram,
  Engine,
  EngineOptions,
  TensorData,
  TensorProgram,
  TensorSpec,
} from './engine.ts';
import { checkFeeds, released } from './feeds.ts';
import { tf } from './tf.ts';
import { writeModel } from './trace/model.ts';
import { cast } from './trace/tensors.ts';
import { trace } from './trace/trace.ts';

type Device = NonNullable<EngineOptions['device']>;

const require = createRequire(import.meta.url);

/**
 * The default engine: a program is traced to an ONNX graph once, which ONNX Runtime optimises, compiles and runs.
 *
 * @throws `engine/unavailable` where ONNX Runtime, or its provider for the device, does not load.
 */
export async function openOnnxEngine(options: EngineOptions): Promise<Engine> {
  const device = options.device ?? 'cpu';
  const ort = loadRuntime(device);
  const threads = options.threads ?? physicalCores();
  const programs = new Set<CompiledProgram>();
  const session = (bytes: Uint8Array) => createSession(ort, bytes, device, threads);
  if (device !== 'cpu') await probe(session, device);
  return {
    name: 'onnx',
    device,
    versions: { onnxruntime: ort.env.versions.node ?? ort.env.versions.common, tfjs: tf.version.tfjs },
    async compile(program) {
      const compiled = await compile(ort, session, program, () => programs.delete(compiled));
      programs.add(compiled);
      return compiled;
    },
    async close() {
      for (const program of [...programs]) await program.release();
    },
  };
}

/** The ONNX model of a program, and what its outputs are. Booleans leave it as int32. */
export function programToOnnx(program: TensorProgram): {
  readonly bytes: Uint8Array;
  readonly outputs: Readonly<Record<string, TensorSpec>>;
} {
  const { graph, inputs, outputs } = trace(program);
  const results = Object.entries(outputs).map(([name, value]) => {
    const given = graph.made(value.dtype === 'bool' ? cast(graph, value, 'int32') : value);
    return [name, given] as const;
  });
  const named = Object.fromEntries(results.map(([name, value]) => [`out:${name}`, value]));
  const specs = results.map(([name, { shape, dtype }]) => [name, { shape, dtype }]);
  return {
    bytes: writeModel(program.name, Object.values(inputs), named),
    outputs: Object.fromEntries(specs) as Record<string, TensorSpec>,
  };
}

async function compile(
  ort: typeof Ort,
  createSession: (bytes: Uint8Array) => Promise<Ort.InferenceSession>,
  program: TensorProgram,
  onRelease: () => void,
): Promise<CompiledProgram> {
  const { bytes, outputs } = programToOnnx(program);
  let session: Ort.InferenceSession | undefined = await createSession(bytes).catch((cause: unknown) => {
    throw failed(program, 'could not be compiled', cause);
  });
  return {
    outputs,
    async run(feeds) {
      if (session === undefined) throw released(program);
      checkFeeds(program, feeds);
      const results = await session.run(tensorsOf(ort, program, feeds)).catch((cause: unknown) => {
        throw failed(program, 'failed', cause);
      });
      const arrays: Record<string, TensorData> = {};
      for (const name of Object.keys(outputs)) arrays[name] = results[`out:${name}`]!.data as TensorData;
      return arrays;
    },
    async release() {
      const open = session;
      session = undefined;
      onRelease();
      await open?.release();
    },
  };
}

function tensorsOf(ort: typeof Ort, program: TensorProgram, feeds: Arrays): Record<string, Ort.Tensor> {
  const tensors: Record<string, Ort.Tensor> = {};
  for (const [name, spec] of Object.entries(program.inputs))
    tensors[`in:${name}`] = new ort.Tensor(spec.dtype, feeds[name] as Float32Array, spec.shape);
  return tensors;
}

function createSession(
  ort: typeof Ort,
  bytes: Uint8Array,
  device: Device,
  threads: number,
): Promise<Ort.InferenceSession> {
  return ort.InferenceSession.create(bytes, {
    executionProviders: device === 'cpu' ? ['cpu'] : [device, 'cpu'],
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
    // A planned memory pattern keeps a training step's buffers all at once: 2.0 GB where 1.1 GB do as fast.
    enableMemPattern: false,
    // Threads that spin while they wait take the core that another thread needs, and were no faster alone.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  });
}

/** Hyper-threads of one core gain matrix products nothing, so only cores count. */
function physicalCores(): number {
  const cores = availableParallelism();
  try {
    const doubled = readFileSync('/sys/devices/system/cpu/smt/active', 'utf8').trim() === '1';
    return doubled ? Math.max(1, Math.floor(cores / 2)) : cores;
  } catch {
    return cores;
  }
}

function loadRuntime(device: Device): typeof Ort {
  try {
    return require('onnxruntime-node') as typeof Ort;
  } catch (cause) {
    throw unavailable(device, 'ONNX Runtime does not load', cause);
  }
}

/** Runs nothing much on a device, so that a missing driver shows when the engine opens. */
async function probe(
  session: (bytes: Uint8Array) => Promise<Ort.InferenceSession>,
  device: Device,
): Promise<void> {
  const { bytes } = programToOnnx({
    name: 'probe',
    inputs: { x: { shape: [2], dtype: 'float32' } },
    run: ({ x }) => ({ y: x!.add(1) }),
  });
  try {
    await (await session(bytes)).release();
  } catch (cause) {
    throw unavailable(device, `ONNX Runtime has no working ${device} provider here`, cause);
  }
}

const remedies: Record<Device, string> = {
  cpu: 'Install it: npm install onnxruntime-node (with ONNXRUNTIME_NODE_INSTALL=skip where its download host is not reached).',
  webgpu:
    'WebGPU needs a GPU driver (on Linux a Vulkan one, such as mesa-vulkan-drivers). Or use device: cpu.',
  cuda: 'CUDA needs Linux x64, CUDA 12 and cuDNN 9, and its provider: ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node. Or use device: cpu.',
};

function unavailable(device: Device, message: string, cause: unknown): RlevError {
  const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
  return new RlevError({
    code: 'engine/unavailable',
    message: `Engine onnx on ${device}: ${message} (${reason}).`,
    value: device,
    help: remedies[device],
    cause,
  });
}

function failed(program: TensorProgram, what: string, cause: unknown): RlevError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new RlevError({
    code: 'engine/failed',
    message: `Program ${program.name} ${what} in ONNX Runtime: ${reason}`,
    cause,
  });
}
