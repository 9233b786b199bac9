import { RlevError } from '../core/errors.ts';

/** What a person is told of an error. A coded one speaks for itself; any other is a fault of ours, stack and all. */
export function explain(error: unknown): string {
  if (error instanceof RlevError) return `${error.message}\n`;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `rlev: an error that it did not foresee, please report it:\n${text}\n`;
}

/** 130 for a cancelled run, as a shell gives an interrupted command; 2 for wrong arguments; else 1. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof RlevError)) return 1;
  if (error.code === 'run/cancelled') return 130;
  return error.code === 'usage/arguments' ? 2 : 1;
}
