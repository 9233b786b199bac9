import { readSync } from 'node:fs';
import { link, mkdir, open, readdir, readFile, rename, rm, stat, truncate, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { RlevError } from '../core/errors.ts';
import { openFiles } from './open-files.ts';

/**
 * All that the log asks of a file system, so that a test can stand in for one that fails, tears or forgets. Errors
 * are thrown as they come (`code` as in Node); `ioError` gives them their meaning.
 */
export interface LogFiles {
  /** Makes one folder; fails with EEXIST where it is there. */
  mkdir(path: string): Promise<void>;
  /** Names in a folder, sorted, folders with a trailing `/`; empty where the folder is missing. */
  list(path: string): Promise<string[]>;
  /** Size of a file in bytes, undefined where it is missing. */
  size(path: string): Promise<number | undefined>;
  /** What a file holds that has this name now; undefined where none has. */
  readAll(path: string): Promise<Uint8Array | undefined>;
  /**
   * Up to `length` bytes from `offset`: fewer only at the end of the file. Fails with ENOENT. Of a file that another
   * process put in the place of one that was read before, this may still read the former.
   */
  read(path: string, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Writes all the bytes at the end of a file, which is made where it is missing. */
  append(path: string, bytes: Uint8Array): Promise<void>;
  /** Brings a file's content, or a folder's list of names, to the disk. */
  sync(path: string): Promise<void>;
  truncate(path: string, size: number): Promise<void>;
  /** Renames a file or folder. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file or a folder with all in it; nothing where it is missing. */
  remove(path: string): Promise<void>;
  /** Makes a file with this content, whole or not at all; false where the name is taken. */
  claim(path: string, content: string): Promise<boolean>;
  /** Gives back what is held open. */
  close(): Promise<void>;
}

/** Files that stay open between uses: those of a cohort's stages, several times over. */
const stayOpen = 64;

/** Milliseconds of reading after which timers and signals have their turn. */
const longestTurn = 20;

/** The file system of this machine. */
export function nodeFiles(): LogFiles {
  const files = openFiles(stayOpen);
  let turned = performance.now();
  return {
    mkdir: async (path) => {
      await mkdir(path);
    },
    list: async (path) => {
      const found = await readdir(path, { withFileTypes: true }).catch((error) => missing(error, []));
      return found.map((e) => (e.isDirectory() ? `${e.name}/` : e.name)).sort();
    },
    size: async (path) => (await stat(path).catch((error) => missing(error, undefined)))?.size,
    readAll: (path) => readFile(path).catch((error) => missing(error, undefined)),
    read: (path, offset, length) =>
      files.use(path, 'r', async ({ fd }) => {
        if (performance.now() - turned > longestTurn) {
          await setImmediate();
          turned = performance.now();
        }
        const bytes = new Uint8Array(length);
        let got = 0;
        while (got < length) {
          // a few kilobytes that are in memory mostly: by a thread of the pool they would cost ten times as much
          const read = readSync(fd, bytes, got, length - got, offset + got);
          if (read === 0) break;
          got += read;
        }
        return bytes.subarray(0, got);
      }),
    append: (path, bytes) => files.use(path, 'a', (handle) => handle.appendFile(bytes)),
    sync: (path) => files.use(path, files.modeOf(path), (handle) => handle.sync()),
    truncate: (path, size) => truncate(path, size),
    rename: async (from, to) => {
      await files.close(from);
      await files.close(to);
      await rename(from, to);
    },
    remove: async (path) => {
      await files.close(path);
      await rm(path, { recursive: true, force: true });
    },
    claim: async (path, content) => {
      const aside = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
      const handle = await open(aside, 'wx');
      try {
        try {
          await handle.writeFile(content);
          // or a power loss could leave the name without the content
          await handle.sync();
        } finally {
          await handle.close();
        }
        await link(aside, path);
        return true;
      } catch (error) {
        if (codeOf(error) === 'EEXIST') return false;
        throw error;
      } finally {
        await unlink(aside);
      }
    },
    close: () => files.closeAll(),
  };
}

/** Makes a folder and those above it, each synced into the one that holds it. True where it was not there. */
export async function makeFolders(files: LogFiles, path: string): Promise<boolean> {
  try {
    await files.mkdir(path);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    if (codeOf(error) !== 'ENOENT' || dirname(path) === path) throw error;
    await makeFolders(files, dirname(path));
    await files.mkdir(path);
  }
  await files.sync(dirname(path));
  return true;
}

/** A file's bytes, chunk by chunk. */
export async function* chunksOf(
  files: LogFiles,
  path: string,
  size = 1 << 20,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let offset = 0; ; ) {
    const chunk = await files.read(path, offset, size);
    if (chunk.length > 0) yield chunk;
    if (chunk.length < size) return;
    offset += chunk.length;
  }
}

/** Node's code of a failed file operation: `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}

/** What to go on with where a file is missing; any other error is thrown. */
export function missing<T>(error: unknown, instead: T): T {
  if (codeOf(error) === 'ENOENT') return instead;
  throw error;
}

/** A failed file operation as `run/io`; an error of ours as it is. */
export function ioError(error: unknown, path: string): RlevError {
  if (error instanceof RlevError) return error;
  const full = codeOf(error) === 'ENOSPC';
  return new RlevError({
    code: 'run/io',
    message: full ? 'The disk is full.' : `The run could not be read or written: ${(error as Error).message}`,
    value: codeOf(error),
    place: { file: (error as NodeJS.ErrnoException).path ?? path },
    help: 'What was acknowledged is safe. Remove the cause, then resume the run.',
    cause: error,
  });
}
