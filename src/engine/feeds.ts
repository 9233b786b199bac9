import { RlevError } from '../core/errors.ts';
import type { Arrays, TensorProgram } from './engine.ts';

/** Checks that `feeds` are exactly the inputs of a program, of the right type and length. */
export function checkFeeds(program: TensorProgram, feeds: Arrays): void {
  for (const [name, spec] of Object.entries(program.inputs)) {
    const data = feeds[name];
    const length = spec.shape.reduce((product, n) => product * n, 1);
    const expected = `${spec.dtype} [${spec.shape}], ${length} elements`;
    if (data === undefined) throw wrongFeed(program, name, expected, 'nothing');
    const dtype =
      data instanceof Float32Array ? 'float32' : data instanceof Int32Array ? 'int32' : typeof data;
    if (dtype !== spec.dtype || data.length !== length)
      throw wrongFeed(program, name, expected, `${dtype}, ${data.length} elements`);
  }
  for (const name of Object.keys(feeds)) {
    if (!Object.hasOwn(program.inputs, name)) throw wrongFeed(program, name, 'no such input', 'one');
  }
}

function wrongFeed(program: TensorProgram, name: string, expected: string, actual: string): RlevError {
  return new RlevError({
    code: 'engine/failed',
    message: `Program ${program.name}, input ${name}: expected ${expected}; got ${actual}.`,
    value: actual,
  });
}

/** The error for a program that runs after `release()`. */
export function released(program: TensorProgram): RlevError {
  return new RlevError({
    code: 'engine/failed',
    message: `Program ${program.name} was released and cannot run any more.`,
  });
}
