import { crc32 } from 'node:zlib';
import * as z from 'zod';
import { RlevError, show } from '../core/errors.ts';
import { eventKinds, type JournalEntry, type RunHeader, type Segment } from './event-log.ts';
import { chunksOf, type LogFiles } from './files.ts';

/*
 * A journal is a file of lines, each a JSON object that ends in its own check:
 *
 *     {"format":1, ... ,"crc":"xxxxxxxx"}\n                      the header
 *     {"seq":1, ... ,"prev":"crc of the line before","crc":"xxxxxxxx"}\n
 *
 * The CRC-32 (of zlib) is taken over all bytes of the line before `,"crc":`. Both checks stand at fixed places from
 * the end, so that a line is checked without being parsed.
 */

/** A line whose CRC and chain were checked, and where it stands. */
export interface Line {
  /** From 1. */
  readonly number: number;
  /** Of its first byte in the file. */
  readonly offset: number;
  readonly crc: string;
  /** The JSON, without the newline. */
  readonly bytes: Buffer;
  /** The same, a character a byte. */
  readonly latin1: string;
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
  let rest: Buffer = Buffer.alloc(0);
  let offset = 0;
  let number = 1;
  let prev: string | undefined;
  for await (const chunk of chunksOf(files, path)) {
    const wanted = chunk.subarray(0, Math.max(0, end - offset - rest.length));
    const bytes = Buffer.concat([rest, wanted]);
    const lines: Line[] = [];
    let start = 0;
    let wrong: string | undefined;
    for (let stop = bytes.indexOf(10); stop !== -1; stop = bytes.indexOf(10, start)) {
      const line = bytes.subarray(start, stop);
      const latin1 = line.toString('latin1');
      const crc = crcOf(line);
      if (!latin1.endsWith(`,"crc":"${crc}"}`)) wrong = 'The line does not match its CRC.';
      else if (prev !== undefined && !latin1.endsWith(`,"prev":"${prev}","crc":"${crc}"}`))
        wrong = 'The line does not follow the one before it.';
      if (wrong !== undefined) break;
      lines.push({ number, offset: offset + start, crc, bytes: line, latin1 });
      prev = crc;
      number++;
      start = stop + 1;
    }
    rest = bytes.subarray(start);
    offset += start;
    if (lines.length > 0) yield { lines };
    if (rest.length > longestLine) wrong ??= 'The line does not end.';
    if (wrong !== undefined) throw corrupt(path, number, offset, wrong);
    if (wanted.length < chunk.length) break;
  }
  if (rest.length === 0) return;
  const last = rest.subarray(0, -1);
  if (last.toString('latin1').endsWith(`,"crc":"${crcOf(last)}"}`))
    throw corrupt(path, number, offset, "The line's newline is damaged.");
  yield { lines: [], torn: { from: offset, bytes: rest.length } };
}

/** The events of a journal, `end` bytes of it at most. @throws RlevError `run/corrupt` with file, line and offset */
export async function* readEntries(files: LogFiles, path: string, end: number): AsyncGenerator<JournalEntry> {
  for await (const { lines } of readLines(files, path, end)) {
    for (const line of lines) if (line.number > 1) yield toEntry(line, path);
  }
}

/** What a line's CRC should be. */
function crcOf(line: Buffer): string {
  return hex(crc32(line.subarray(0, Math.max(0, line.length - tail))));
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

/** What opening must know of an event. */
export type Outline = Pick<JournalEntry, 'seq' | 'kind'> & {
  readonly key: Pick<JournalEntry['key'], 'step'>;
  readonly segment?: Pick<Segment, 'file' | 'head' | 'offset' | 'length'>;
};

const usualKey = /\{"step":(\d+),"round":\d+,"part":\d+,"stage":"[^"\\]+","scope":"(?:train|eval:[^"\\]+)"\}/
  .source;
const usualSegment =
  /\{"file":"(events\/[\w%./-]+\.arrows)","head":(\d+),"offset":(\d+),"length":(\d+),"sha256":"[0-9a-f]{64}","rows":\d+\}/
    .source;
/** A line as `entryLine` writes it for an event whose key is of numbers and plain ids. */
const usual = new RegExp(
  `^\\{"seq":(\\d+),"key":${usualKey},"kind":"(${eventKinds.join('|')})","use":"[^"\\\\]*",` +
    `"identity":"[0-9a-f]{64}",(?:"segment":${usualSegment},)?"(?:data|prev)":`,
);

/**
 * The outline of a line, the same as `toEntry` has, but eight times faster for lines as this version writes them:
 * `data` is not looked into.
 *
 * @throws RlevError as `toEntry`.
 */
export function toOutline(line: Line, path: string): Outline {
  const found = usual.exec(line.latin1);
  if (!found) return toEntry(line, path);
  const [seq, step, kind, file, head, offset, length] = found.slice(1);
  inSequence(Number(seq), line, path);
  return {
    seq: Number(seq),
    key: { step: Number(step) },
    kind: kind as JournalEntry['kind'],
    ...(file !== undefined && {
      segment: { file, head: Number(head), offset: Number(offset), length: Number(length) },
    }),
  };
}

function inSequence(seq: number, { number, offset }: Line, path: string): void {
  if (seq !== number - 1) throw corrupt(path, number, offset, `Event ${number - 1} says that it is ${seq}.`);
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
  const parsed = shape.safeParse(fieldsOf(line, path));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw corrupt(path, line.number, line.offset, `${issue.path.join('.') || 'The line'}: ${issue.message}.`);
}

function fieldsOf(line: Line, path: string): { readonly [name: string]: unknown } {
  try {
    return JSON.parse(line.bytes.toString('utf8'));
  } catch (cause) {
    throw corrupt(path, line.number, line.offset, 'The line is not JSON.', cause);
  }
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, '0');
}
