/**
 * Cancellation across threads. A message would wait until the other thread's event loop turns, which it does not while
 * a program runs; a shared flag is seen at the next look.
 */

/** Shared memory that is raised when the signal fires, or by `raise`. `release` ends the listening. */
export interface SharedFlag {
  readonly flag: Int32Array;
  raise(): void;
  release(): void;
}

export function shareSignal(signal?: AbortSignal): SharedFlag {
  const flag = new Int32Array(new SharedArrayBuffer(4));
  const raise = (): void => void Atomics.store(flag, 0, 1);
  if (signal?.aborted) raise();
  signal?.addEventListener('abort', raise, { once: true });
  return { flag, raise, release: () => signal?.removeEventListener('abort', raise) };
}

/** A signal whose `aborted` reads the flag each time. It fires no event: it is for loops that look. */
export function sharedSignal(flag: Int32Array): AbortSignal {
  const { signal } = new AbortController();
  return Object.defineProperty(signal, 'aborted', { get: () => Atomics.load(flag, 0) === 1 });
}
