import { constants } from 'node:os';
import { RlevError } from '../core/errors.ts';

/** What a person is told of an error. A coded one speaks for itself; any other is a fault of ours, stack and all. */
export function explain(error: unknown): string {
  if (error instanceof RlevError) return `${error.message}\n`;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `rlev: an error that it did not foresee, please report it:\n${text}\n`;
}

/**
 * For cancelled work what a shell gives a command that the signal ended: 130 for SIGINT, 143 for SIGTERM; 2 for wrong
 * arguments; else 1.
 */
export function exitCodeOf(error: unknown, by: NodeJS.Signals = 'SIGINT'): number {
  if (!(error instanceof RlevError)) return 1;
  if (isCancelled(error)) return 128 + constants.signals[by];
  return error.code === 'usage/arguments' ? 2 : 1;
}

export function isCancelled(error: unknown): boolean {
  return error instanceof RlevError && error.code === 'run/cancelled';
}
