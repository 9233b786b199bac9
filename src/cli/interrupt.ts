let asking: NodeJS.Signals | undefined;

/** The signal that asked the work to end; SIGINT where a reader that went away did. */
export function askedBy(): NodeJS.Signals {
  return asking ?? 'SIGINT';
}

/**
 * Ctrl-C, or SIGTERM, as an abort signal: the first asks the work to end, a second ends the process at once, by the
 * signal itself: `process.exit` would first tear down a thread that may be inside native code. A reader that goes away
 * (`rlev train ... | head`) asks as well. `release` gives the keys back.
 */
export function onInterrupt(): { readonly signal: AbortSignal; release(): void } {
  const abort = new AbortController();
  const release = (): void => {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    process.stdout.off('error', gone);
  };
  const stop = (name: NodeJS.Signals): void => {
    if (abort.signal.aborted) {
      release();
      process.kill(process.pid, name);
    } else asking = name;
    abort.abort();
  };
  const gone = (): void => abort.abort();
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  process.stdout.on('error', gone);
  return { signal: abort.signal, release };
}
