import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { type Place, RlevError } from '../../core/errors.ts';
import { readCsv } from './csv.ts';
import { readJsonl } from './jsonl.ts';
import type { RawRecord } from './record.ts';

/**
 * The bytes of a data file.
 *
 * @param place of what names the file
 * @throws RlevError `data/missing-file`
 */
export async function bytesOf(path: string, place: Place): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'There is no file' : `Cannot read (${code})`;
    throw new RlevError({
      code: 'data/missing-file',
      message: `${why} ${path}.`,
      value: path,
      place,
      help: 'A path is relative to the pipeline file that names it.',
      cause,
    });
  }
}

/**
 * The records of a data file: of `.csv` its rows, of any other its lines, each a JSON object.
 *
 * @param report called with a `data/syntax` error for each that is not of that form
 * @throws RlevError `data/syntax` for bytes that are not UTF-8
 */
export function recordsIn(bytes: Buffer, file: string, report: (error: RlevError) => void): RawRecord[] {
  const read = extname(file).toLowerCase() === '.csv' ? readCsv : readJsonl;
  return read(textOf(bytes, file), file, report);
}

function textOf(bytes: Buffer, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new RlevError({
      code: 'data/syntax',
      message: 'This file is not UTF-8.',
      place: { file },
      help: 'Save it with the encoding UTF-8.',
      cause,
    });
  }
}
