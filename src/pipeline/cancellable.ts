import { RlevError } from '../core/errors.ts';

/**
 * Does work under a signal whose reason is an error of this package.
 *
 * @param what is cancelled, as the subject of a sentence
 * @throws RlevError `run/cancelled` where the work heeds its signal and the outer one fires
 */
export async function cancellable<T>(
  outer: AbortSignal | undefined,
  what: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = new AbortController();
  const cancel = (): void =>
    abort.abort(new RlevError({ code: 'run/cancelled', message: `${what} was cancelled.` }));
  outer?.addEventListener('abort', cancel, { once: true });
  if (outer?.aborted) cancel();
  try {
    return await work(abort.signal);
  } finally {
    outer?.removeEventListener('abort', cancel);
  }
}
