import type { CompiledProgram, Engine, TensorProgram } from '../engine/engine.ts';

/** Compiled programs by key: the most recently used stay, the others are released, for each holds memory. */
export class ProgramCache {
  readonly #engine: Engine;
  readonly #limit: number;
  readonly #programs = new Map<string, CompiledProgram>();

  constructor(engine: Engine, limit: number) {
    this.#engine = engine;
    this.#limit = limit;
  }

  get size(): number {
    return this.#programs.size;
  }

  /** The program under `key`, compiled from what `make` returns where it is not held. */
  async get(key: string, make: () => TensorProgram): Promise<CompiledProgram> {
    const held = this.#programs.get(key);
    if (held) {
      this.#programs.delete(key);
      this.#programs.set(key, held);
      return held;
    }
    const compiled = await this.#engine.compile(make());
    this.#programs.set(key, compiled);
    if (this.#programs.size > this.#limit) {
      const [oldest, program] = this.#programs.entries().next().value!;
      this.#programs.delete(oldest);
      await program.release();
    }
    return compiled;
  }

  async close(): Promise<void> {
    const programs = [...this.#programs.values()];
    this.#programs.clear();
    for (const program of programs) await program.release();
  }
}
