import { RlevError } from '../core/errors.ts';
import type { TensorProgram } from './engine.ts';

/** What went wrong inside a program, with its name, and the way out where there is one. */
export function explained(program: TensorProgram, engine: string, cause: unknown): RlevError {
  if (cause instanceof RlevError) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  const kernel = /Kernel '(\w+)' not registered/.exec(text)?.[1];
  const gradient = /gradient function not found for (\w+)/.exec(text)?.[1];
  if (kernel) {
    return new RlevError({
      code: 'engine/unsupported',
      message: `Program ${program.name} uses the operation ${kernel}, which the engine ${engine} lacks.`,
      value: kernel,
      help: 'Write it with other operations, or run it on another engine.',
      cause,
    });
  }
  if (gradient) {
    return new RlevError({
      code: 'engine/unsupported',
      message: `Program ${program.name} takes the gradient of ${gradient}, which has none.`,
      value: gradient,
      help: 'Write it with other operations, or give it a gradient with tf.customGrad.',
      cause,
    });
  }
  return new RlevError({
    code: 'engine/failed',
    message: `Program ${program.name} failed on the engine ${engine}: ${text}`,
    cause,
  });
}
