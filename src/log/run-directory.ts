import { dirname } from 'node:path';
import { RlevError } from '../core/errors.ts';
import type { EventLog, RunHeader, RunOrigin } from './event-log.ts';
import { fileLog } from './file-log.ts';
import { codeOf, ioError, type LogFiles, makeFolders, nodeFiles } from './files.ts';
import { sha256 } from './identity.ts';
import { toLine } from './lines.ts';
import { type Processes, takeLock } from './lock.ts';
import { cutRemnants, survey } from './survey.ts';

export interface LogOptions {
  /** Bytes after which a stage's columns go on in a new file; 256 MB. */
  readonly rotateAt?: number;
  readonly files?: LogFiles;
  readonly processes?: Processes;
}

const rotateAt = 256 * 2 ** 20;

/**
 * Makes a run directory and opens it for writing.
 *
 * @param pipeline the resolved pipeline file, as it runs.
 * @throws RlevError `run/exists` where the directory is there; `run/io`.
 */
export async function createRun(
  directory: string,
  origin: RunOrigin,
  pipeline: string,
  options: LogOptions = {},
): Promise<EventLog> {
  const files = options.files ?? nodeFiles();
  return speaking(directory, files, async () => {
    await makeFolders(files, dirname(directory));
    try {
      await files.mkdir(directory);
    } catch (cause) {
      if (codeOf(cause) !== 'EEXIST') throw cause;
      throw new RlevError({
        code: 'run/exists',
        message: 'The run directory exists already.',
        value: directory,
        place: { file: directory },
        help: 'Give the run another directory, or resume the one that is there.',
        cause,
      });
    }
    await files.sync(dirname(directory));
    return writing(files, directory, options, async () => {
      const header: RunHeader = { format: 1, ...origin, pipeline: sha256(pipeline) };
      await write(files, `${directory}/pipeline.yaml`, pipeline);
      await makeFolders(files, `${directory}/events`);
      await makeFolders(files, `${directory}/checkpoints`);
      // aside and renamed: a run either has its whole header or has not begun
      await write(files, `${directory}/journal.ndjson.new`, toLine(header).text);
      await files.rename(`${directory}/journal.ndjson.new`, `${directory}/journal.ndjson`);
      await files.sync(directory);
    });
  });
}

/**
 * Opens a run: reads its whole journal and checks each line, that the columns it points at are there, and the
 * pipeline's hash. A torn last line, data that no line points at and unfinished checkpoints are reported as
 * `recovery`, and cut where the run is opened for writing.
 *
 * @throws RlevError `run/not-found` where no run is; `run/locked` with the writer's pid and host; `run/corrupt` with
 *   file, line and offset; `run/mismatch` for another format; `run/io`.
 */
export async function openRun(
  directory: string,
  options: LogOptions & { readonly write: boolean },
): Promise<EventLog> {
  const files = options.files ?? nodeFiles();
  return speaking(directory, files, async () => {
    await requireRun(files, directory);
    if (!options.write) return fileLog(files, await survey(files, directory), undefined);
    return writing(files, directory, options);
  });
}

/** @throws RlevError `run/not-found` where a directory holds no run, with what is there instead */
export async function requireRun(files: LogFiles, directory: string): Promise<void> {
  const journal = await files.size(`${directory}/journal.ndjson`).catch((error) => {
    if (codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  });
  if (journal !== undefined) return;
  const { message, help } = await whatIsThere(files, directory);
  throw new RlevError({ code: 'run/not-found', message, value: directory, place: { file: directory }, help });
}

/** What a run directory has before its journal is there. */
const unbegun = ['pipeline.yaml', 'events/', 'checkpoints/', 'journal.ndjson.new', 'lock'];

async function whatIsThere(
  files: LogFiles,
  directory: string,
): Promise<{ readonly message: string; readonly help: string }> {
  if (directory === '' || (await files.size(directory)) === undefined) {
    const help = 'Give the directory of a run, and what is recorded in it as RUN@STEP or RUN@STEP/STAGE.';
    return { message: `There is no directory ${directory}.`, help };
  }
  const names = await files.list(directory).catch(() => undefined);
  if (!names) return { message: `${directory} is a file.`, help: 'Give the directory of a run.' };
  if (names.includes('pipeline.yaml') && names.every((name) => unbegun.includes(name))) {
    const message = `${directory} holds no run: it has no journal.ndjson.`;
    return {
      message,
      help: 'A run stopped here before its first event. Delete the directory, and train again.',
    };
  }
  const runs: string[] = [];
  for (const name of names.filter((n) => n.endsWith('/'))) {
    if ((await files.size(`${directory}/${name}journal.ndjson`)) !== undefined) runs.push(name.slice(0, -1));
  }
  return {
    message: `${directory} holds no run: it has no journal.ndjson.`,
    help:
      runs.length === 0
        ? 'Give the directory of a run.'
        : `There are runs in it: ${runs.slice(0, 10).join(', ')}${runs.length > 10 ? ', ...' : ''}.`,
  };
}

/** Takes the lock, makes a run where that is to be done, and opens it for writing; gives the lock back where that fails. */
async function writing(
  files: LogFiles,
  directory: string,
  options: LogOptions,
  make?: () => Promise<void>,
): Promise<EventLog> {
  const release = await takeLock(files, `${directory}/lock`, options.processes);
  try {
    await make?.();
    const state = await survey(files, directory);
    await cutRemnants(files, state);
    return fileLog(files, state, { release, rotateAt: options.rotateAt ?? rotateAt });
  } catch (error) {
    await release().catch(() => {});
    throw error;
  }
}

/**
 * Works on the files of a run that nobody writes meanwhile.
 *
 * @throws RlevError `run/locked` where a process has the run; `run/io`.
 */
export async function underLock(
  directory: string,
  { files = nodeFiles(), processes }: LogOptions,
  work: (files: LogFiles) => Promise<void>,
): Promise<void> {
  await speaking(directory, files, async () => {
    const release = await takeLock(files, `${directory}/lock`, processes);
    await work(files).finally(release);
    await files.close();
  });
}

async function write(files: LogFiles, path: string, text: string): Promise<void> {
  await files.append(path, new TextEncoder().encode(text));
  await files.sync(path);
}

/** Gives the errors of the file system a code and a place. */
async function speaking<T>(directory: string, files: LogFiles, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await files.close().catch(() => {});
    throw ioError(error, directory);
  }
}
