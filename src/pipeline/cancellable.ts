import { RlevError } from '../core/errors.ts';

/**
 * Does work under a signal whose reason is an error of this package.
 *
 * @param what is cancelled, as the subject of a sentence
 * @throws RlevError `run/cancelled` for whatever the work throws once the outer signal has fired
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
  } catch (error) {
    // whatever a stage throws because its signal fired
    throw abort.signal.aborted ? abort.signal.reason : error;
  } finally {
    outer?.removeEventListener('abort', cancel);
  }
}
