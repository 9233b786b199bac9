import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StageSetup } from '../../core/stage.ts';

/** Writes what a stage keeps, as JSON, into its folder of a checkpoint. */
export async function saveState(directory: string, name: string, state: unknown): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, name), `${JSON.stringify(state)}\n`);
}

/** What was saved; undefined, and a word to the user, where a run is forked from one that had another stage here. */
export async function loadState(
  directory: string,
  name: string,
  { notice }: Pick<StageSetup, 'notice'>,
): Promise<unknown> {
  try {
    return JSON.parse(await readFile(join(directory, name), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    notice(`The checkpoint has no ${name}: it is of another value stage, and this one begins anew.`);
    return undefined;
  }
}
