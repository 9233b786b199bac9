import * as z from 'zod';
import { RlevError, show } from '../core/errors.ts';
import {
  type EventKey,
  eventKinds,
  type JournalEntry,
  type Outline,
  type RunHeader,
  type Scope,
} from './event-log.ts';
import type { LogFiles } from './files.ts';
import { corrupt, type Line, readLines } from './lines.ts';

/**
 * The events of a journal, `end` bytes of it at most; only the wanted ones, the others being checked no further than
 * CRC and chain.
 *
 * @throws RlevError `run/corrupt` with file, line and offset.
 */
export async function* readEntries(
  files: LogFiles,
  path: string,
  end: number,
  wanted?: (event: Outline) => boolean,
): AsyncGenerator<JournalEntry> {
  for await (const { lines } of readLines(files, path, { end })) {
    for (const line of lines) {
      if (line.number > 1 && (!wanted || wanted(toOutline(line, path)))) yield toEntry(line, path);
    }
  }
}

const count = z.int().nonnegative();
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const headerShape = z.strictObject({
  format: z.literal(1),
  versions: z.record(z.string(), z.string()),
  cpu: z.array(z.string()),
  data: z.record(z.string(), z.string()),
  policy: z.string(),
  pipeline: hash,
  crc: z.string(),
});
export const keyShape = z.strictObject({
  step: count,
  round: count,
  part: count,
  stage: z.string().min(1),
  scope: z.string().regex(/^(train|eval:.+)$/),
});
/** A key as one string: equal for equal keys only. */
export function keyText({ scope, step, round, part, stage }: EventKey): string {
  return JSON.stringify([scope, step, round, part, stage]);
}

const entryShape = z.strictObject({
  seq: z.int().positive(),
  key: keyShape,
  kind: z.enum(eventKinds),
  use: z.string(),
  identity: hash,
  segment: z
    .strictObject({
      // never a path that leads out of the run
      file: z.string().regex(/^events\/([\w%-]+(\.[\w%-]+)*\/)?[\w%-]+\.\d{4,}\.arrows$/),
      head: z.int().positive(),
      offset: z.int().positive(),
      length: z.int().positive(),
      sha256: hash,
      rows: count,
    })
    .optional(),
  data: z.record(z.string(), z.unknown()).optional(),
  prev: z.string(),
  crc: z.string(),
});

/**
 * The header that a journal's first line says.
 *
 * @throws RlevError `run/mismatch` for another format's version, `run/corrupt` for anything else.
 */
export function toHeader(line: Line, path: string): RunHeader {
  const { format } = fieldsOf(line, path);
  if (format !== 1) {
    throw new RlevError({
      code: 'run/mismatch',
      message: `The journal's format is ${show(format)}; this version reads format 1.`,
      value: format,
      place: { file: path, line: 1 },
      help: 'Read it with the version of rlev that its first line names.',
    });
  }
  const { crc, ...header } = shaped(headerShape, line, path);
  return header;
}

/**
 * The event that a journal's line says.
 *
 * @throws RlevError `run/corrupt` for a sequence with gaps or a line of another shape.
 */
export function toEntry(line: Line, path: string): JournalEntry {
  const { prev, crc, ...entry } = shaped(entryShape, line, path);
  inSequence(entry.seq, line, path);
  return entry as JournalEntry;
}

const text = '[^"\\\\]*';
const ascii = '[ !#-\\[\\]-~]*';
/** The start of a line as the log writes it for an event whose names are plain. */
const usual = new RegExp(
  `^\\{"seq":(\\d+),"key":\\{"step":(\\d+),"round":(\\d+),"part":(\\d+),"stage":"(${ascii})","scope":"(${ascii})"\\},` +
    `"kind":"(${eventKinds.join('|')})","use":"${text}","identity":"${text}",(?:"segment":\\{"file":"(${text})",` +
    `"head":(\\d+),"offset":(\\d+),"length":(\\d+),"sha256":"${text}","rows":\\d+\\},)?"(?:data|prev)":`,
);
/** In bytes: a line that does not fit is parsed. */
const longestStart = 1000;

/**
 * The outline of a line, the same as `toEntry` has, but many times faster for lines as this version writes them:
 * their shape is not checked whole, and `data` not looked into.
 *
 * @throws RlevError as `toEntry`.
 */
export function toOutline(line: Line, path: string): Outline {
  const found = usual.exec(line.bytes.toString('latin1', 0, longestStart));
  if (!found) return toEntry(line, path);
  const [, digits, step, round, part, stage, scope, kind, file, head, offset, length] = found;
  const seq = Number(digits);
  inSequence(seq, line, path);
  return {
    seq,
    key: {
      step: Number(step),
      round: Number(round),
      part: Number(part),
      stage: stage!,
      scope: scope as Scope,
    },
    kind: kind as JournalEntry['kind'],
    ...(file !== undefined && {
      segment: { file, head: Number(head), offset: Number(offset), length: Number(length) },
    }),
  };
}

function inSequence(seq: number, { number, offset }: Line, path: string): void {
  if (seq !== number - 1)
    throw corrupt(path, offset, `Event ${number - 1} says that it is ${seq}.`, { line: number });
}

function shaped<S extends z.ZodType>(shape: S, line: Line, path: string): z.infer<S> {
  const parsed = shape.safeParse(fieldsOf(line, path));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const what = `${issue.path.join('.') || 'The line'}: ${issue.message}.`;
  throw corrupt(path, line.offset, what, { line: line.number });
}

function fieldsOf(line: Line, path: string): { readonly [name: string]: unknown } {
  try {
    return JSON.parse(line.bytes.toString('utf8'));
  } catch (cause) {
    throw corrupt(path, line.offset, 'The line is not JSON.', { line: line.number, cause });
  }
}
