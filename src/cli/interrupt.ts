/**
 * Ctrl-C as an abort signal: the first asks the work to end, a second ends the process at once. `release` gives the
 * keys back.
 */
export function onInterrupt(): { readonly signal: AbortSignal; release(): void } {
  const abort = new AbortController();
  const stop = (): void => {
    if (abort.signal.aborted) process.exit(130);
    abort.abort();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return {
    signal: abort.signal,
    release() {
      process.off('SIGINT', stop);
      process.off('SIGTERM', stop);
    },
  };
}
