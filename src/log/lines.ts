import { crc32 } from 'node:zlib';
import { RlevError } from '../core/errors.ts';
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
    if (fault !== undefined) throw corrupt(path, mark.offset, fault, { line: mark.number });
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

/** The JSON of a file that is one line, as `toLine` gives it; undefined where it does not verify. */
export function wholeLine(bytes: Uint8Array): string | undefined {
  const line = Buffer.from(bytes).subarray(0, -1);
  return bytes.at(-1) === 10 && lineCheck()(line) === undefined ? line.toString() : undefined;
}

/** The CRC that a line says. */
export function crcOf({ bytes }: Line): string {
  return bytes.toString('latin1', bytes.length - 10, bytes.length - 2);
}

/** Damage, by file and byte. */
export function corrupt(
  file: string,
  offset: number,
  what: string,
  { line, cause }: { readonly line?: number; readonly cause?: unknown } = {},
): RlevError {
  return new RlevError({
    code: 'run/corrupt',
    message: `${what} (byte ${offset})`,
    value: offset,
    place: { file, ...(line !== undefined && { line }) },
    help: wayOut(file, line),
    cause,
  });
}

/** A run can be cut back before a damaged event; without its header and what names its files it is none. */
export function wayOut(file: string, line: number | undefined): string {
  const [, run, name] = /^(.*)\/(journal\.ndjson|events\/.*|checkpoints\/.*)$/.exec(file) ?? [];
  if (run === undefined || (name === 'journal.ndjson' && line === 1))
    return 'Nothing was changed. Take the file from a copy of the run, if there is one.';
  return `Take the file from a copy of the run, or see what would be left without the damage: rlev log repair ${run}`;
}

const digits = Buffer.from('0123456789abcdef');

/** A number of 32 bits in hex; eight times faster than by a string. */
function writeHex(bytes: Buffer, at: number, value: number): void {
  for (let i = 7; i >= 0; i--) bytes[at + i] = digits[(value >>> (4 * (7 - i))) & 15]!;
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, '0');
}
