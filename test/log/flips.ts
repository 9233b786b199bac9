import { allColumnsOf } from '../../src/core/batch.ts';
import { RlevError } from '../../src/core/errors.ts';
import { createRun, openRun } from '../../src/log/run-directory.ts';
import { all, columnsDraft, origin, pipeline, rewardDraft, updateDraft } from './events.ts';
import { FakeFiles } from './fake-files.ts';

/**
 * Flips single bits of a small run's files, and opens and reads it after each.
 *
 * @param chosen which bits, counted over all files.
 * @returns how many were tried.
 * @throws where one was not found: no `run/corrupt`, or an error that is not ours.
 */
export async function flips(chosen: (bit: number) => boolean): Promise<number> {
  const files = new FakeFiles();
  const log = await createRun('/run', origin, pipeline, { files });
  for (const draft of [columnsDraft(0), rewardDraft(0), columnsDraft(1), updateDraft(0)])
    await log.append(draft);
  await log.close();

  let bit = 0;
  let tried = 0;
  for (const path of files.paths()) {
    const whole = Uint8Array.from(files.content(path));
    for (let i = 0; i < whole.length * 8; i++) {
      if (!chosen(bit++)) continue;
      const broken = whole.slice();
      broken[i >> 3]! ^= 1 << (i & 7);
      files.put(path, broken);
      const error = await readAll(files).catch((e: unknown) => e);
      const found = error instanceof RlevError && ['run/corrupt', 'run/mismatch'].includes(error.code);
      if (!found) throw new Error(`bit ${i & 7} of byte ${i >> 3} of ${path}: ${error ?? 'not found'}`);
      if (error.code === 'run/corrupt' && error.place?.file !== path)
        throw new Error(`${path}: ${error.message}`);
      tried++;
    }
    files.put(path, whole);
  }
  return tried;
}

/** Opens a run and reads all that is in it. */
export async function readAll(files: FakeFiles): Promise<void> {
  const log = await openRun('/run', { files, write: false });
  for (const entry of await all(log)) if (entry.segment) allColumnsOf(await log.read(entry));
  await log.close();
}
