import { readFile } from 'node:fs/promises';
import { tableFromIPC } from 'apache-arrow';
import type { Batch } from '../core/encode.ts';
import { RlevError } from '../core/errors.ts';

/**
 * A batch that `rlev log cat ADDRESS --format arrow -o FILE` saved: what a unit test gives to a stage.
 *
 * ```ts
 * const columns = columnsOf(await loadBatch('fixtures/recordings/rewarded.arrow'), ['group', 'reward']);
 * ```
 *
 * Arrow trusts its bytes: only for files that you trust too.
 *
 * @throws RlevError `data/missing-file`; `data/syntax` for what is no Arrow stream.
 */
export async function loadBatch(file: string): Promise<Batch> {
  const bytes = await readFile(file).catch((cause) => {
    throw new RlevError({
      code: 'data/missing-file',
      message: 'The batch could not be read.',
      value: file,
      place: { file },
      help: 'Save one with rlev log cat RUN@STEP/STAGE -o FILE.arrow.',
      cause,
    });
  });
  try {
    return tableFromIPC(bytes);
  } catch (cause) {
    throw new RlevError({
      code: 'data/syntax',
      message: 'The file is no Arrow stream.',
      place: { file },
      cause,
    });
  }
}
