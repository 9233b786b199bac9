import { readFile } from 'node:fs/promises';
import { tableFromIPC } from 'apache-arrow';
import type { Batch } from '../core/batch.ts';
import { type Place, RlevError } from '../core/errors.ts';

/**
 * The rows of an Arrow IPC file or stream that a user names, such as `rlev log cat RUN@STEP/STAGE -o FILE.arrow` saves
 * for the unit test of a stage; the library calls it `loadBatch`. Nothing vouches for its bytes, as a journal does for
 * those of a run: read what is recorded through its log.
 *
 * @throws RlevError `data/missing-file`, `data/syntax`
 */
export async function readArrow(file: string, place?: Place): Promise<Batch> {
  const where = place && { place };
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    throw new RlevError({
      code: 'data/missing-file',
      message: `The file ${file} cannot be read.`,
      value: file,
      ...where,
      cause,
    });
  }
  try {
    return tableFromIPC(bytes);
  } catch (cause) {
    throw new RlevError({
      code: 'data/syntax',
      message: `${file} is no Arrow file.`,
      value: file,
      ...where,
      cause,
    });
  }
}
