import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { resolve } from 'node:path';

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/**
 * Starts the command line as users have it, the built program (`npm run build`), in a process of its own. Its coverage
 * is not counted: that of two compilations of one file does not add up.
 */
export function startRlev(args: readonly string[]): ChildProcessWithoutNullStreams {
  const { NODE_V8_COVERAGE: _, ...env } = process.env;
  return spawn(process.execPath, [resolve('dist/cli/main.js'), ...args], { env });
}

/** Runs it to its end; `onOutput` sees what it has printed so far. */
export function rlev(
  args: readonly string[],
  onOutput?: (out: string, interrupt: () => void) => void,
): Promise<Ended> {
  return new Promise((done) => {
    const child = startRlev(args);
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk;
      onOutput?.(out, () => child.kill('SIGINT'));
    });
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk;
    });
    child.on('close', (code) => done({ code, out, err }));
  });
}
