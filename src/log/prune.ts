import { dirname } from 'node:path';
import { RlevError } from '../core/errors.ts';
import { removeCheckpoint } from './checkpoints.ts';
import { nodeFiles } from './files.ts';
import { toLine } from './lines.ts';
import { openRun, underLock } from './run-directory.ts';
import { prunedFiles } from './segments.ts';
import type { VerifyOptions } from './verify.ts';

export interface PruneOptions {
  /** How many of the newest checkpoints stay, 1 or more; by default all. */
  readonly checkpoints?: number;
  /** Files of columns go whose events are all of steps before this one; by default none. */
  readonly before?: number;
}

/** What goes to make room. The journal stays as it is. */
export interface Pruning {
  readonly directory: string;
  readonly checkpoints: readonly string[];
  readonly files: readonly { readonly file: string; readonly bytes: number }[];
  /** Step of the newest checkpoint, where columns go that resuming from there would read. */
  readonly needed?: number;
}

/** What pruning would remove. @throws RlevError as `openRun`; `usage/arguments` for numbers that count nothing */
export async function planPrune(
  directory: string,
  { checkpoints, before = 0 }: PruneOptions,
  options: VerifyOptions = {},
): Promise<Pruning> {
  if (checkpoints !== undefined) refuseUncounted('checkpoints', checkpoints, 1);
  refuseUncounted('before', before, 0);
  const files = options.files ?? nodeFiles();
  const log = await openRun(directory, { files, write: false });
  const there: string[] = [];
  const lastStep = new Map<string, number>();
  const trained = new Set<string>();
  let newest = 0;
  try {
    for await (const { kind, key, segment, data } of log.entries()) {
      if (segment) lastStep.set(segment.file, Math.max(key.step, lastStep.get(segment.file) ?? 0));
      if (segment && key.scope === 'train') trained.add(segment.file);
      const path = kind === 'checkpoint' ? String(data?.directory) : undefined;
      if (!path || (await files.list(`${directory}/${path}`)).length === 0) continue;
      there.push(path);
      newest = key.step;
    }
  } finally {
    await log.close();
  }
  const old = [...lastStep].filter(([, step]) => step < before);
  const sized = await Promise.all(
    old.map(async ([file]) => ({ file, bytes: (await files.size(`${directory}/${file}`)) ?? 0 })),
  );
  const gone = sized.filter(({ bytes }) => bytes > 0);
  const isNeeded = gone.some(({ file }) => trained.has(file) && lastStep.get(file)! >= newest);
  return {
    directory,
    ...(isNeeded && { needed: newest }),
    checkpoints: there.slice(0, Math.max(0, there.length - (checkpoints ?? there.length))),
    files: gone,
  };
}

/**
 * Removes what the plan says. The names of removed files of columns go to `pruned.json` first, so that their absence
 * is no damage.
 *
 * @throws RlevError `run/locked` where a process has the run; `run/io`.
 */
export async function pruneRun(
  { directory, checkpoints, files: old }: Pruning,
  options: VerifyOptions = {},
): Promise<void> {
  await underLock(directory, options, async (files) => {
    for (const path of checkpoints) await removeCheckpoint(files, directory, path);
    if (old.length === 0) return;
    const names = new Set([...(await prunedFiles(files, directory)), ...old.map((f) => f.file)]);
    const list = `${directory}/pruned.json`;
    await files.remove(`${list}.new`);
    await files.append(`${list}.new`, new TextEncoder().encode(toLine({ files: [...names] }).text));
    await files.sync(`${list}.new`);
    await files.rename(`${list}.new`, list);
    await files.sync(directory);
    for (const { file } of old) {
      await files.remove(`${directory}/${file}`);
      await files.sync(dirname(`${directory}/${file}`));
    }
  });
}

function refuseUncounted(option: string, value: number, least: 0 | 1): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new RlevError({
    code: 'usage/arguments',
    message: `--${option} takes a whole number, ${least} or more, not ${value}.`,
    value,
    help:
      option === 'checkpoints'
        ? 'The newest checkpoint stays in any case. For instance --checkpoints 3.'
        : 'For instance --before 40.',
  });
}
