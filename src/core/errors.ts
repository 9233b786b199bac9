import { inspect } from 'node:util';

/** Where in a user's input something is wrong. Lines and columns count from 1. */
export interface Place {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

/**
 * Every code an error of this package can carry, with what it means. The set is closed: a program may switch
 * over it.
 */
export const errorCodes = {
  'usage/arguments': 'The command line, or a call of the library, is not of the form that it takes.',
  'config/syntax': 'A pipeline file is not YAML.',
  'config/unknown-key': 'A key that nothing reads.',
  'config/unknown-stage': 'A `use:` that names nothing in the catalogue.',
  'config/module': 'A `use:` of a module that cannot be loaded, or that does not export what is named.',
  'config/type': 'A value of the wrong type or out of its range.',
  'config/missing': 'A required key is absent.',
  'config/columns': 'A stage needs a column that no earlier stage adds, or adds one that is there already.',
  'config/order': 'Stages stand in an order that cannot run.',
  'config/lint':
    'A pipeline that would run and learn nothing; the message begins with the code of docs/lint.md.',
  'data/missing-file': 'A file or folder that is named does not exist.',
  'data/syntax': 'A data file is not in its format.',
  'data/value': 'A field of a data file has a value that cannot be used.',
  'data/duplicate': 'Two records share an id.',
  'data/empty': 'A data file holds no record.',
  'policy/checkpoint': 'A checkpoint is incomplete, misshapen or of an unsupported kind.',
  'policy/context': 'A prompt, or a prompt with its response, is longer than the model can read.',
  'policy/tokenizer': 'The tokenizer cannot represent a text.',
  'engine/unavailable': 'An engine is not installed or cannot be loaded here.',
  'engine/unsupported': 'A tensor program uses what the engine cannot run.',
  'engine/failed': 'The engine failed while it ran.',
  'stage/contract': 'A stage broke its contract: wrong columns, rows, order or types.',
  'stage/failed': 'A stage failed while it ran.',
  'run/exists': 'The run directory exists already.',
  'run/locked': 'Another process has the run directory.',
  'run/io': 'The run directory could not be read or written.',
  'run/corrupt': 'A recorded event does not verify.',
  'run/mismatch': 'The run was made by something else than what would continue it.',
  'run/not-found': 'The run, step or stage that is addressed is not there.',
  'run/non-finite': 'A number that training depends on became NaN or infinite.',
  'run/cancelled': 'The run was cancelled.',
} as const;

export type ErrorCode = keyof typeof errorCodes;

export interface ErrorDetails {
  readonly code: ErrorCode;
  /** One sentence: what is wrong. */
  readonly message: string;
  /** The offending value, as it was found. */
  readonly value?: unknown;
  readonly place?: Place;
  /** The way out: what to do about it. */
  readonly help?: string;
  readonly cause?: unknown;
}

/** The one error class of this package. `message` is complete: place, code, sentence and way out. */
export class RlevError extends Error {
  override readonly name = 'RlevError';
  readonly code: ErrorCode;
  readonly summary: string;
  readonly value: unknown;
  readonly place: Place | undefined;
  readonly help: string | undefined;

  constructor(details: ErrorDetails) {
    const where = details.place ? `${formatPlace(details.place)}: ` : '';
    const help = details.help ? `\n  ${details.help}` : '';
    super(`${where}${details.code}: ${details.message}${help}`, { cause: details.cause });
    this.code = details.code;
    this.summary = details.message;
    this.value = details.value;
    this.place = details.place;
    this.help = details.help;
  }

  /** The details this error was made of: to copy it with one of them changed, or to send it to another thread. */
  details(): ErrorDetails {
    return {
      code: this.code,
      message: this.summary,
      value: this.value,
      place: this.place,
      help: this.help,
      cause: this.cause,
    };
  }
}

/** Several errors found in one pass, all worth showing: `message` is theirs, one below the other. */
export class RlevErrors extends RlevError {
  readonly errors: readonly RlevError[];

  constructor(errors: readonly RlevError[]) {
    super(errors[0]!.details());
    this.errors = errors;
    this.message = errors.map((e) => e.message).join('\n');
  }
}

/** `file:line:column`, as editors and terminals make it a link. */
export function formatPlace(place: Place): string {
  let text = place.file;
  if (place.line !== undefined) text += `:${place.line}`;
  if (place.line !== undefined && place.column !== undefined) text += `:${place.column}`;
  return text;
}

/** A value as one short line of an error message. */
export function show(value: unknown, limit = 80): string {
  let text: string;
  if (typeof value === 'number' || typeof value === 'bigint' || value === undefined) text = String(value);
  else text = JSON.stringify(value) ?? String(value);
  return text.length > limit ? `${text.slice(0, limit - 1)}…` : text;
}

/** What was thrown, in words: an error's message, or any other value as it is. */
export function reasonOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message || thrown.name;
  return typeof thrown === 'string' ? thrown : `it threw ${inspect(thrown, { breakLength: Infinity })}.`;
}
