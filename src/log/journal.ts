import { crc32 } from 'node:zlib';
import * as z from 'zod';
import { RlevError, show } from '../core/errors.ts';
import { eventKinds, type JournalEntry, type RunHeader } from './event-log.ts';
import { chunksOf, type LogFiles } from './files.ts';

/*
 * A journal is a file of lines, each a JSON object that ends in its own check:
 *
 *     {"format":1, ... ,"crc":"xxxxxxxx"}\n                      the header
 *     {"seq":1, ... ,"prev":"crc of the line before","crc":"xxxxxxxx"}\n
 *
 * The CRC-32 (of zlib) is taken over all bytes of the line before `,"crc":`.
 */

/** A line that was verified, and where it stands. */
export interface Line {
  /** From 1. */
  readonly number: number;
  /** Of its first byte in the file. */
  readonly offset: number;
  readonly crc: string;
  readonly fields: object;
}

/** The lines of one chunk of a journal. `torn` comes with the last chunk, if at all. */
export interface Lines {
  readonly lines: readonly Line[];
  readonly torn?: { readonly from: number; readonly bytes: number };
}

const tail = ',"crc":"xxxxxxxx"}'.length;
/** The longest line in bytes, so that a file without newlines cannot fill the memory. */
export const longestLine = 64 * 2 ** 20;

/** A line of a journal with its newline, and its CRC for the next one's `prev`. */
export function toLine(fields: object): { readonly text: string; readonly crc: string } {
  const text = JSON.stringify(fields).slice(0, -1);
  const crc = hex(crc32(text));
  return { text: `${text},"crc":"${crc}"}\n`, crc };
}

export function entryLine(
  entry: JournalEntry,
  prev: string,
): { readonly text: string; readonly crc: string } {
  return toLine({ ...entry, prev });
}

/**
 * The lines of a journal with CRC and chain checked, `end` bytes of it at most. A last line without its newline is
 * torn; nothing else is forgiven.
 *
 * @throws RlevError `run/corrupt` with file, line and offset.
 */
export async function* readLines(files: LogFiles, path: string, end = Infinity): AsyncGenerator<Lines> {
  let rest: Uint8Array = new Uint8Array(0);
  let offset = 0;
  let number = 1;
  let prev: string | undefined;
  for await (const chunk of chunksOf(files, path)) {
    const wanted = chunk.subarray(0, Math.max(0, end - offset - rest.length));
    const bytes = Buffer.concat([rest, wanted]);
    const lines: Line[] = [];
    let start = 0;
    for (let stop = bytes.indexOf(10); stop !== -1; stop = bytes.indexOf(10, start)) {
      const line = parseLine(bytes.subarray(start, stop));
      if (!line) throw corrupt(path, number, offset + start, 'The line does not match its CRC.');
      if (prev !== undefined && (line.fields as { prev?: unknown }).prev !== prev) {
        throw corrupt(path, number, offset + start, 'The line does not follow the one before it.');
      }
      lines.push({ number, offset: offset + start, ...line });
      prev = line.crc;
      number++;
      start = stop + 1;
    }
    rest = bytes.subarray(start);
    offset += start;
    if (rest.length > longestLine) throw corrupt(path, number, offset, 'The line does not end.');
    yield { lines };
    if (wanted.length < chunk.length) break;
  }
  if (rest.length === 0) return;
  if (parseLine(rest.subarray(0, -1))) throw corrupt(path, number, offset, "The line's newline is damaged.");
  yield { lines: [], torn: { from: offset, bytes: rest.length } };
}

function parseLine(bytes: Uint8Array): { crc: string; fields: object } | undefined {
  const crc = hex(crc32(bytes.subarray(0, Math.max(0, bytes.length - tail))));
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  if (!text.endsWith(`,"crc":"${crc}"}`)) return undefined;
  try {
    return { crc, fields: JSON.parse(text) };
  } catch {
    return undefined;
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
  const { format } = line.fields as { format?: unknown };
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
  if (entry.seq !== line.number - 1) {
    throw corrupt(path, line.number, line.offset, `Event ${line.number - 1} says that it is ${entry.seq}.`);
  }
  return entry as JournalEntry;
}

export function corrupt(
  path: string,
  line: number | undefined,
  offset: number,
  what: string,
  cause?: unknown,
): RlevError {
  return new RlevError({
    code: 'run/corrupt',
    message: `${what} (byte ${offset})`,
    value: offset,
    place: { file: path, ...(line !== undefined && { line }) },
    help: 'Nothing was changed. Take the file from a copy of the run, if there is one.',
    cause,
  });
}

function shaped<S extends z.ZodType>(shape: S, line: Line, path: string): z.infer<S> {
  const parsed = shape.safeParse(line.fields);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw corrupt(path, line.number, line.offset, `${issue.path.join('.') || 'The line'}: ${issue.message}.`);
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, '0');
}
