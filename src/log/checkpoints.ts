import { createHash } from 'node:crypto';
import { RlevError } from '../core/errors.ts';
import type { CheckpointDraft, JournalEntry, JsonObject } from './event-log.ts';
import { chunksOf, type LogFiles, makeFolders } from './files.ts';
import { corrupt } from './lines.ts';

/** Size and sha256 of each file of a checkpoint, by its path in it. */
export type CheckpointFiles = {
  readonly [path: string]: { readonly bytes: number; readonly sha256: string };
};

/** Path of a step's checkpoint below the run directory: `checkpoints/000020`. */
export function checkpointPath(step: number): string {
  return `checkpoints/${String(step).padStart(6, '0')}`;
}

/** Whether a name in `checkpoints/` is that of a finished checkpoint. */
const finished = /^\d{6,}\/$/;

/**
 * Makes a checkpoint aside and renames it into its place, where nothing may be that the journal knows.
 *
 * @param recorded the event of the checkpoint, where it has one, and its folder is gone
 * @returns the data of its event.
 * @throws RlevError `run/mismatch` where its files are not those that are recorded.
 */
export async function makeCheckpoint(
  files: LogFiles,
  directory: string,
  draft: CheckpointDraft,
  recorded?: JournalEntry,
): Promise<JsonObject> {
  const path = checkpointPath(draft.key.step);
  const aside = `${directory}/${path.replace('/', '/.tmp-')}`;
  await files.remove(aside);
  await makeFolders(files, aside);
  let hashes: CheckpointFiles;
  try {
    await draft.write(aside);
    hashes = await sealFolder(files, aside, '');
    if (recorded) requireSame(hashes, recorded, directory);
  } catch (error) {
    // what is left of it would keep a full disk full; opening removes it where this cannot
    await files.remove(aside).catch(() => undefined);
    throw error;
  }
  await files.remove(`${directory}/${path}`);
  await files.rename(aside, `${directory}/${path}`);
  await files.sync(`${directory}/checkpoints`);
  return { ...draft.data, directory: path, files: hashes };
}

function requireSame(made: CheckpointFiles, { data, key, seq }: JournalEntry, directory: string): void {
  const known = data?.files as CheckpointFiles;
  const names = [...new Set([...Object.keys(known), ...Object.keys(made)])];
  const differing = names.filter((name) => known[name]?.sha256 !== made[name]?.sha256);
  if (differing.length === 0) return;
  throw new RlevError({
    code: 'run/mismatch',
    message: `The checkpoint of step ${key.step} was to be made again, and ${differing.join(', ')} did not come to what event ${seq} records.`,
    value: differing,
    place: { file: `${directory}/journal.ndjson`, line: seq + 1 },
  });
}

/** Removes the oldest checkpoints: all but `keep` of those up to `step`. */
export async function pruneCheckpoints(
  files: LogFiles,
  directory: string,
  step: number,
  keep: number,
): Promise<void> {
  const names = (await files.list(`${directory}/checkpoints`)).filter((name) => finished.test(name));
  const steps = names.map((name) => Number.parseInt(name, 10)).filter((s) => s <= step);
  const old = steps.sort((a, b) => b - a).slice(Math.max(1, keep));
  for (const s of old) await removeCheckpoint(files, directory, checkpointPath(s));
}

/** Removes a checkpoint whole: renamed first, for one that is half removed must not look whole. */
export async function removeCheckpoint(files: LogFiles, directory: string, path: string): Promise<void> {
  const aside = `${directory}/${path.replace('/', '/.tmp-')}`;
  await files.remove(aside);
  await files.rename(`${directory}/${path}`, aside);
  await files.sync(`${directory}/checkpoints`);
  await files.remove(aside);
}

/**
 * Checks every file of a checkpoint against its journal entry.
 *
 * @throws RlevError `run/corrupt` for the first file that is missing or differs.
 */
export async function verifyCheckpoint(
  files: LogFiles,
  directory: string,
  entry: JournalEntry,
): Promise<void> {
  const folder = `${directory}/${entry.data?.directory}`;
  for (const [name, said] of Object.entries(entry.data?.files as CheckpointFiles)) {
    const path = `${folder}/${name}`;
    const size = await files.size(path);
    const damaged = (offset: number, what: string): RlevError => corrupt(path, offset, `The file ${what}.`);
    if (size === undefined) throw damaged(0, 'of the checkpoint is missing');
    if (size !== said.bytes)
      throw damaged(Math.min(size, said.bytes), `has ${size} bytes, not ${said.bytes}`);
    if ((await hashFile(files, path)).sha256 !== said.sha256) throw damaged(0, 'does not match its hash');
  }
}

/** Size and sha256 of a file, read in pieces. */
async function hashFile(
  files: LogFiles,
  path: string,
): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of chunksOf(files, path)) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** Hashes and syncs all files below a folder, then the folders. */
async function sealFolder(files: LogFiles, root: string, below: string): Promise<CheckpointFiles> {
  const hashes: Record<string, { bytes: number; sha256: string }> = {};
  for (const name of await files.list(`${root}/${below}`)) {
    const path = below + name;
    if (name.endsWith('/')) {
      Object.assign(hashes, await sealFolder(files, root, path));
    } else {
      await files.sync(`${root}/${path}`);
      hashes[path] = await hashFile(files, `${root}/${path}`);
    }
  }
  await files.sync(`${root}/${below}`.replace(/\/$/, ''));
  return hashes;
}
