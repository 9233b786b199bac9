import { dirname } from 'node:path';
import { checkpointPath } from './checkpoints.ts';
import type { EventKey, Outline, Remnant, RunHeader } from './event-log.ts';
import type { FileLogState } from './file-log.ts';
import type { LogFiles } from './files.ts';
import { sha256 } from './identity.ts';
import { toHeader, toOutline } from './journal.ts';
import { corrupt, crcOf, type Line, type Mark, readLines } from './lines.ts';
import { type Extents, missingBytes, prunedFiles } from './segments.ts';

/** Everything that opening must know, in one pass over the journal. */
export async function survey(files: LogFiles, directory: string): Promise<FileLogState> {
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
  if (!header || !last) throw corrupt(journal, 0, 'The journal has no header.', { line: 1 });
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
  const content = await files.readAll(path);
  if (!content || sha256(content) !== header.pipeline)
    throw corrupt(path, 0, 'The pipeline is not the recorded one.');
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
  line: Pick<Line, 'number' | 'offset'>,
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
    throw corrupt(journal, line.offset, what, { line: line.number });
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
export async function cutRemnants(files: LogFiles, { directory, recovery }: FileLogState): Promise<void> {
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
