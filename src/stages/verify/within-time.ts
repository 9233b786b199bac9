import { Script } from 'node:vm';

/**
 * Milliseconds of one try, and how many are made: a thousand times what the work takes, so that a busy machine, which
 * may not let a process work for a tenth of a second, changes no verdict.
 */
const limit = 500;
const tries = 3;

/** What a verdict says where the clock decided it. */
export const outOfTime = `[stopped after ${(limit * tries) / 1000} s] `;

const slot = Symbol.for('rlev.within-time');
const script = new Script(`globalThis[Symbol.for('rlev.within-time')]()`);

/**
 * The result of work that takes less than a millisecond, or null where it did not end in three tries of half a second:
 * it is stopped where it is. The last resort behind bounds on what is worked on, since a clock is not the same in
 * every run. State that the work changes may be left broken.
 */
export function withinTime<T>(work: () => T): { readonly result: T } | null {
  const place = globalThis as unknown as Record<symbol, unknown>;
  for (let i = 0; i < tries; i++) {
    place[slot] = work;
    try {
      return { result: script.runInThisContext({ timeout: limit }) as T };
    } catch (error) {
      if ((error as NodeJS.ErrnoException)?.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    } finally {
      delete place[slot];
    }
  }
  return null;
}
