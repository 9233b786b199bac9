import { crc32 } from 'node:zlib';
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
  /** The JSON, without the newline. */
  readonly bytes: Buffer;
}

/** Where a line begins, and the CRC of the line before: reading can begin there. */
export interface Mark extends Pick<Line, 'number' | 'offset'> {
  readonly prev: string | undefined;
}

/** The lines of one read of a journal. `torn` comes with the last, if at all. */
export interface Lines {
  readonly from: Mark;
  readonly lines: readonly Line[];
  readonly torn?: { readonly from: number; readonly bytes: number };
}

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
 * The lines of a journal with CRC and chain checked, from a mark on, up to byte `end`. A last line without its newline
 * is torn; nothing else is forgiven.
 *
 * @throws RlevError `run/corrupt` with file, line and offset.
 */
export async function* readLines(
  files: LogFiles,
  path: string,
  { from = { number: 1, offset: 0, prev: undefined }, end = Infinity }: { from?: Mark; end?: number } = {},
): AsyncGenerator<Lines> {
  const faultOf = lineCheck(from.prev);
  for (let mark = from, size = 1 << 20; ; ) {
    const read = await files.read(path, mark.offset, Math.min(size, end - mark.offset));
    const bytes = Buffer.from(read.buffer, read.byteOffset, read.length);
    const lines: Line[] = [];
    let start = 0;
    let fault: string | undefined;
    for (let stop = bytes.indexOf(10); stop !== -1; stop = bytes.indexOf(10, start)) {
      const line = bytes.subarray(start, stop);
      fault = faultOf(line);
      if (fault !== undefined) break;
      lines.push({ number: mark.number + lines.length, offset: mark.offset + start, bytes: line });
      start = stop + 1;
    }
    const rest = bytes.subarray(start);
    const isLast = bytes.length < size;
    const torn = { from: mark.offset + start, bytes: rest.length };
    if (isLast && rest.length > 0 && lineCheck()(rest.subarray(0, -1)) === undefined)
      fault ??= "The line's newline is damaged.";
    if (rest.length > longestLine) fault ??= 'The line does not end.';
    yield { from: mark, lines, ...(isLast && fault === undefined && rest.length > 0 && { torn }) };
    // the line that was cut is read again, whole
    const last = lines.at(-1);
    mark = {
      number: mark.number + lines.length,
      offset: mark.offset + start,
      prev: last ? crcOf(last) : mark.prev,
    };
    if (fault !== undefined) throw corrupt(path, mark.number, mark.offset, fault);
    if (isLast) return;
    if (start === 0) size *= 2;
  }
}

/** Tells what is wrong with a line, given one after the other; `before` is the CRC of the line before the first. */
function lineCheck(before?: string): (line: Buffer) => string | undefined {
  const checks = Buffer.from(`,"prev":"${before ?? '00000000'}","crc":"00000000"}`);
  const [prev, crc] = [9, 26];
  let from = before === undefined ? 18 : 0;
  return (line) => {
    writeHex(checks, crc, crc32(line.subarray(0, -18)));
    const start = line.length - checks.length;
    for (let i = checks.length - 1; i >= from; i--) {
      if (line[start + i] === checks[i]) continue;
      return i < 18 ? 'The line does not follow the one before it.' : 'The line does not match its CRC.';
    }
    checks.copyWithin(prev, crc, crc + 8);
    from = 0;
    return undefined;
  };
}

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

/** The CRC that a line says. */
export function crcOf({ bytes }: Line): string {
  return bytes.toString('latin1', bytes.length - 10, bytes.length - 2);
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
/** The start of a line as `entryLine` writes it for an event whose names are plain. */
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

const digits = Buffer.from('0123456789abcdef');

/** A number of 32 bits in hex; eight times faster than by a string. */
function writeHex(bytes: Buffer, at: number, value: number): void {
  for (let i = 7; i >= 0; i--) bytes[at + i] = digits[(value >>> (4 * (7 - i))) & 15]!;
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, '0');
}
