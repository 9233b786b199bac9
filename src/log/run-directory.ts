import { basename, dirname } from 'node:path';
import { RlevError } from '../core/errors.ts';
import { checkpointPath } from './checkpoints.ts';
import type { EventKey, EventLog, Outline, Remnant, RunHeader, RunOrigin } from './event-log.ts';
import { type FileLogState, fileLog } from './file-log.ts';
import { codeOf, ioError, type LogFiles, makeFolders, nodeFiles } from './files.ts';
import { sha256 } from './identity.ts';
import { corrupt, crcOf, type Line, type Mark, readLines, toHeader, toLine, toOutline } from './journal.ts';
import { type Processes, systemProcesses, takeLock } from './lock.ts';
import { type Extents, missingBytes, prunedFiles } from './segments.ts';

export interface LogOptions {
  /** Bytes after which a stage's columns go on in a new file; 256 MB. */
  readonly rotateAt?: number;
  readonly files?: LogFiles;
  readonly processes?: Processes;
}

const rotateAt = 256 * 2 ** 20;
/** Files that a log keeps open: those of a cohort's stages, several times over. */
const heldOpen = 64;

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
  const files = options.files ?? nodeFiles(heldOpen);
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
      const line = toLine(header);
      await files.append(`${directory}/pipeline.yaml`, new TextEncoder().encode(pipeline));
      await files.sync(`${directory}/pipeline.yaml`);
      await makeFolders(files, `${directory}/events`);
      await makeFolders(files, `${directory}/checkpoints`);
      // aside and renamed: a run either has its whole header or has not begun
      const aside = `${directory}/journal.ndjson.new`;
      const bytes = new TextEncoder().encode(line.text);
      await files.append(aside, bytes);
      await files.sync(aside);
      await files.rename(aside, `${directory}/journal.ndjson`);
      await files.sync(directory);
      const empty = { recovery: [], count: 0, recent: [], extents: new Map(), pruned: new Set<string>() };
      return { directory, header, ...empty, crc: line.crc, size: bytes.length };
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
  { write, ...options }: LogOptions & { readonly write: boolean },
): Promise<EventLog> {
  const files = options.files ?? nodeFiles(heldOpen);
  return speaking(directory, files, async () => {
    if ((await files.size(`${directory}/journal.ndjson`)) === undefined) {
      throw notARun(directory);
    }
    if (!write) return fileLog(files, await survey(files, directory), undefined);
    return writing(files, directory, options, async () => {
      const state = await survey(files, directory);
      await cut(files, state);
      return state;
    });
  });
}

export function notARun(directory: string): RlevError {
  return new RlevError({
    code: 'run/not-found',
    message: `${basename(directory)} holds no run: it has no journal.ndjson.`,
    value: directory,
    place: { file: directory },
    help: 'Give the directory of a run. One without a journal stopped before its first event: delete it.',
  });
}

/** Takes the lock for what makes a run ready, and opens it for writing; gives the lock back where that fails. */
async function writing(
  files: LogFiles,
  directory: string,
  options: LogOptions,
  prepare: () => Promise<FileLogState>,
): Promise<EventLog> {
  const release = await takeLock(files, `${directory}/lock`, options.processes ?? systemProcesses);
  try {
    return fileLog(files, await prepare(), { release, rotateAt: options.rotateAt ?? rotateAt });
  } catch (error) {
    await release().catch(() => {});
    throw error;
  }
}

/** Everything that opening must know, in one pass over the journal. */
async function survey(files: LogFiles, directory: string): Promise<FileLogState> {
  const journal = `${directory}/journal.ndjson`;
  const recovery: Remnant[] = [];
  const extents: Extents = new Map();
  const checkpoints = new Set<string>();
  let header: RunHeader | undefined;
  let count = 0;
  let last: Line | undefined;
  /** Where the last reads began: of more events than the log remembers, unless their lines are uncommonly long. */
  let marks: Mark[] = [];
  for await (const { from, lines, torn } of readLines(files, journal)) {
    marks = [...marks, from].slice(-5);
    for (const line of lines) {
      last = line;
      if (!header) {
        header = toHeader(line, journal);
        continue;
      }
      const entry = toOutline(line, journal);
      count++;
      if (entry.kind === 'checkpoint') checkpoints.add(checkpointPath(entry.key.step));
      extend(extents, entry, journal, line);
    }
    if (torn) recovery.push({ file: 'journal.ndjson', ...torn, why: 'torn line' });
  }
  if (!header || !last) throw corrupt(journal, 1, 0, 'The journal has no header.');
  const size = last.offset + last.bytes.length + 1;
  const recent: EventKey[] = [];
  for await (const { lines } of readLines(files, journal, { from: marks[0], end: size })) {
    for (const line of lines) if (line.number > 1) recent.push(toOutline(line, journal).key);
  }

  await checkPipeline(files, directory, header);
  const pruned = await prunedFiles(files, directory);
  recovery.push(...(await remnantsOf(files, directory, extents, checkpoints, pruned)));
  return { directory, header, recovery, count, recent, crc: crcOf(last), size, extents, pruned };
}

/** @throws RlevError `run/corrupt` where `pipeline.yaml` is not the one that the header knows. */
export async function checkPipeline(files: LogFiles, directory: string, header: RunHeader): Promise<void> {
  const path = `${directory}/pipeline.yaml`;
  const size = await files.size(path);
  if (size === undefined || sha256(await files.read(path, 0, size)) !== header.pipeline)
    throw corrupt(path, undefined, 0, 'The pipeline is not the recorded one.');
}

/**
 * What is in `events/` and `checkpoints/` beyond what the journal knows.
 *
 * @throws RlevError `run/corrupt` for a file of events that ends too early.
 */
export async function remnantsOf(
  files: LogFiles,
  directory: string,
  extents: Extents,
  checkpoints: ReadonlySet<string>,
  pruned: ReadonlySet<string>,
): Promise<Remnant[]> {
  const found: Remnant[] = [];
  const sizes = await eventFiles(files, directory);
  for (const [file, { end }] of extents) {
    const bytes = sizes.get(file) ?? 0;
    if (bytes < end && !pruned.has(file)) throw missingBytes(`${directory}/${file}`, bytes, end);
  }
  for (const [file, bytes] of sizes) {
    const from = pruned.has(file) ? 0 : (extents.get(file)?.end ?? 0);
    if (bytes > from || from === 0) {
      found.push({ file, from, bytes: bytes - from, why: 'data without a journal line' });
    }
  }
  for (const name of await files.list(`${directory}/checkpoints`)) {
    const file = `checkpoints/${name.replace(/\/$/, '')}`;
    if (!checkpoints.has(file)) found.push({ file, from: 0, bytes: 0, why: 'unfinished checkpoint' });
  }
  return found;
}

/** Adds an event's columns to the extent of their file, where they must go on from its end. @throws RlevError `run/corrupt` */
export function extend(
  extents: Extents,
  { segment }: Outline,
  journal: string,
  line: { readonly number: number; readonly offset: number },
): void {
  if (!segment) return;
  const { file, head, offset, length } = segment;
  let known = extents.get(file);
  if (!known) {
    known = { head, end: head };
    extents.set(file, known);
  }
  if (offset !== known.end || head !== known.head) {
    const what = `Columns at byte ${offset} of ${file} do not follow those before them, which end at ${known.end}.`;
    throw corrupt(journal, line.number, line.offset, what);
  }
  known.end = offset + length;
}

/** Sizes of the files below `events/`. */
async function eventFiles(files: LogFiles, directory: string): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  const look = async (folder: string): Promise<void> => {
    for (const name of await files.list(`${directory}/${folder}`)) {
      if (name.endsWith('/')) await look(folder + name);
      else sizes.set(folder + name, (await files.size(`${directory}/${folder}${name}`))!);
    }
  };
  await look('events/');
  return sizes;
}

/** Removes what `survey` found beyond the record: the journal first, so that no line ever points at what is gone. */
async function cut(files: LogFiles, { directory, recovery }: FileLogState): Promise<void> {
  for (const { file, from, why } of recovery) {
    if (why === 'torn line') await files.truncate(`${directory}/${file}`, from);
  }
  // a line that a crash left in the cache only is about to be built upon
  await files.sync(`${directory}/journal.ndjson`);
  for (const { file, from, why } of recovery) {
    if (why === 'torn line') continue;
    const path = `${directory}/${file}`;
    if (from === 0) {
      await files.remove(path);
      await files.sync(dirname(path));
    } else {
      await files.truncate(path, from);
      await files.sync(path);
    }
  }
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
