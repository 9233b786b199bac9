import { expect } from 'chai';
import type { Arrays, Engine, TensorData, TensorProgram } from '../../src/engine/engine.ts';

/** Numbers from -1 to 1 without pattern, the same every time. */
export function noise(length: number, seed = 1): Float32Array {
  return Float32Array.from({ length }, (_, i) => {
    const wave = Math.sin((i + 1) * 12.9898 + seed * 78.233) * 43758.5453;
    return 2 * (wave - Math.floor(wave)) - 1;
  });
}

export async function runOnce(
  engine: Engine,
  program: TensorProgram,
  feeds: Arrays,
): Promise<Record<string, TensorData>> {
  const compiled = await engine.compile(program);
  try {
    return await compiled.run(feeds);
  } finally {
    await compiled.release();
  }
}

/** Holds two results together: every difference within `tolerance` of the largest magnitude of its tensor. */
export function expectClose(
  actual: Readonly<Record<string, TensorData>>,
  expected: Readonly<Record<string, TensorData>>,
  tolerance = 1e-5,
): void {
  expect(Object.keys(actual)).to.deep.equal(Object.keys(expected));
  for (const [name, numbers] of Object.entries(expected)) {
    const others = actual[name]!;
    expect(others.constructor.name, name).to.equal(numbers.constructor.name);
    expect(others.length, name).to.equal(numbers.length);
    const scale = Array.from(numbers).reduce(
      (max, x) => (Number.isFinite(x) ? Math.max(max, Math.abs(x)) : max),
      1e-6,
    );
    numbers.forEach((x, i) => {
      const y = others[i]!;
      if (!Number.isFinite(x)) expect(y, `${name}[${i}]`).to.deep.equal(x);
      else expect(y, `${name}[${i}]`).to.be.closeTo(x, tolerance * scale);
    });
  }
}
