import { type ErrorCode, type Place, RlevError, RlevErrors } from '../core/errors.ts';

/** An error as it crosses between threads: only what structured cloning keeps. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly value: unknown;
  readonly place: Place | undefined;
  readonly help: string | undefined;
  /** The stack, with those of the causes: class names and own fields of causes do not cross. */
  readonly trace: string;
  /** The others, where several were found in one pass. */
  readonly errors?: readonly WireError[];
}

/** A failed file operation becomes `run/io`, what else is not an RlevError `engine/failed`. */
export function toWire(error: unknown): WireError {
  const trace = traceOf(error);
  if (isSystemError(error)) {
    const full = error.code === 'ENOSPC';
    return {
      code: 'run/io',
      message: full ? 'The disk is full.' : `A file could not be read or written: ${error.message}`,
      value: error.code,
      place: error.path === undefined ? undefined : { file: error.path },
      help: 'What was recorded is safe. Remove the cause, then resume the run.',
      trace,
    };
  }
  if (!(error instanceof RlevError)) {
    const message = `The policy's thread failed: ${error instanceof Error ? error.message : String(error)}`;
    return { code: 'engine/failed', message, value: undefined, place: undefined, help: undefined, trace };
  }
  const { code, message, value, place, help } = error.details();
  const wire = { code, message, value: cloneable(value), place, help, trace };
  return error instanceof RlevErrors ? { ...wire, errors: error.errors.map(toWire) } : wire;
}

export function fromWire(wire: WireError): RlevError {
  if (wire.errors) return new RlevErrors(wire.errors.map(fromWire));
  const { code, message, value, place, help, trace } = wire;
  return new RlevError({
    code,
    message,
    ...(value !== undefined && { value }),
    ...(place && { place }),
    ...(help !== undefined && { help }),
    cause: trace,
  });
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'errno' in error;
}

function traceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? error.message;
  return error.cause === undefined ? own : `${own}\nCaused by: ${traceOf(error.cause)}`;
}

function cloneable(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return String(value);
  }
}
