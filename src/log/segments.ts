import type { Batch } from '../core/batch.ts';
import { type Place, RlevError, show } from '../core/errors.ts';
import { fromMessages, type Messages } from './arrow-stream.ts';
import type { EventKey, JournalEntry, Segment } from './event-log.ts';
import { type LogFiles, makeFolders, missing } from './files.ts';
import { sha256 } from './identity.ts';
import { corrupt, wholeLine } from './lines.ts';

/** What the journal says of one file of events: the length of its head and where its last batch ends. */
export interface Extent {
  readonly head: number;
  end: number;
}

/** The extents of all files of events, by path below the run directory. */
export type Extents = Map<string, Extent>;

/** The file that a stage's next columns go to. */
interface Open {
  number: number;
  end: number;
  head?: Uint8Array;
}

/** Appends to the Arrow streams of a run. */
export interface Streams {
  append(key: EventKey, messages: Messages): Promise<Segment>;
  /** Brings all that was appended to the disk. */
  sync(): Promise<void>;
  /** All that was appended is in the journal. */
  keep(): void;
  /** Cuts what was appended since the last `keep`. */
  undo(): Promise<void>;
}

/** `events/rollout`, `events/eval.heldOut/rollout`: what the files of a stage begin with. */
function streamName({ scope, stage }: EventKey): string {
  const folder = scope === 'train' ? '' : `eval.${safe(scope.slice('eval:'.length))}/`;
  return `events/${folder}${safe(stage)}`;
}

function streamFile(name: string, number: number): string {
  return `${name}.${String(number).padStart(4, '0')}.arrows`;
}

/**
 * Files of columns that were removed on purpose, by path below the run directory: what `pruned.json` says.
 *
 * @throws RlevError `run/corrupt`
 */
export async function prunedFiles(files: LogFiles, directory: string): Promise<ReadonlySet<string>> {
  const path = `${directory}/pruned.json`;
  const content = await files.readAll(path);
  if (!content) return new Set();
  const line = wholeLine(content);
  if (line) return new Set(JSON.parse(line).files);
  throw corrupt(path, 0, 'The list of pruned files does not verify.', { line: 1 });
}

/** @param rotateAt bytes after which a stage's next batch starts a new file. */
export function openStreams(
  files: LogFiles,
  directory: string,
  extents: Extents,
  rotateAt: number,
  pruned: ReadonlySet<string>,
): Streams {
  const open = new Map<string, Open>();
  for (const [file, { end }] of extents) {
    const [, name, digits] = /^(.*)\.(\d+)\.arrows$/.exec(file)!;
    const number = Number(digits);
    if (number > (open.get(name!)?.number ?? 0)) {
      // no schema is like that of a file that is gone, so its stage goes on in a new one
      open.set(name!, { number, end, ...(pruned.has(file) && { head: new Uint8Array(0) }) });
    }
  }
  /** Files written since the last `keep`, with where they ended before; 0 for new ones. */
  const written = new Map<string, number>();
  const newIn = new Set<string>();

  return {
    append: async (key, { head, body, rows }) => {
      const name = streamName(key);
      let at = open.get(name);
      if (at) at.head ??= await files.read(`${directory}/${streamFile(name, at.number)}`, 0, head.length);
      if (!at || at.end + body.length > rotateAt || Buffer.compare(at.head!, head) !== 0) {
        at = { number: (at?.number ?? 0) + 1, end: 0, head };
        open.set(name, at);
      }
      const file = streamFile(name, at.number);
      const path = `${directory}/${file}`;
      if (!written.has(path)) written.set(path, at.end);
      if (at.end === 0) {
        const folder = path.slice(0, path.lastIndexOf('/'));
        await makeFolders(files, folder);
        newIn.add(folder);
        await files.append(path, Buffer.concat([head, body]));
        at.end = head.length;
      } else await files.append(path, body);
      const offset = at.end;
      at.end += body.length;
      return {
        file,
        head: head.length,
        offset,
        length: body.length,
        sha256: sha256(head, body),
        rows,
      };
    },
    sync: async () => {
      for (const path of written.keys()) await files.sync(path);
      for (const folder of newIn) await files.sync(folder);
    },
    keep: () => {
      newIn.clear();
      written.clear();
    },
    undo: async () => {
      for (const [path, end] of written) {
        if (end === 0) await files.remove(path);
        else await files.truncate(path, end);
      }
    },
  };
}

/**
 * The columns of an event: hash first, then Arrow.
 *
 * @throws RlevError `run/corrupt` with file and offset; `run/not-found` for an event whose columns were not kept or
 *   pruned, or that has none.
 */
export async function readSegment(files: LogFiles, directory: string, entry: JournalEntry): Promise<Batch> {
  const { segment } = entry;
  if (!segment) throw withoutColumns(directory, entry);
  const path = `${directory}/${segment.file}`;
  const [head, body] = await Promise.all([
    files.read(path, 0, segment.head),
    files.read(path, segment.offset, segment.length),
  ]).catch((error) => missing(error, [new Uint8Array(0), new Uint8Array(0)]));
  if (body.length < segment.length) throw await whyMissing(files, directory, entry, segment);
  if (sha256(head, body) !== segment.sha256) {
    throw corrupt(path, segment.offset, `The columns of event ${entry.seq} do not match their hash.`);
  }
  let batch: Batch;
  try {
    batch = fromMessages({ head, body });
  } catch (cause) {
    throw corrupt(path, segment.offset, `Event ${entry.seq} is not an Arrow batch.`, { cause });
  }
  if (batch.numRows === segment.rows) return batch;
  const what = `Event ${entry.seq} has ${batch.numRows} rows, not ${segment.rows}.`;
  throw corrupt(path, segment.offset, what);
}

function withoutColumns(directory: string, entry: JournalEntry): RlevError {
  const { seq, kind, key, data } = entry;
  if (kind === 'columns')
    return unreadable(entry, 'were not kept', { help: `rlev replay ${directory} computes them again.` });
  return new RlevError({
    code: 'run/not-found',
    message: `Event ${seq} (${kind} of ${key.stage}) has no columns.`,
    value: key,
    ...(data && { help: `It says ${show(data, 400)}.` }),
  });
}

/** Why a file has not all bytes of a segment: it was pruned, or it is damaged. */
async function whyMissing(
  files: LogFiles,
  directory: string,
  entry: JournalEntry,
  { file, offset, length }: Segment,
): Promise<RlevError> {
  const path = `${directory}/${file}`;
  const size = (await files.size(path)) ?? 0;
  if (size > 0 || !(await prunedFiles(files, directory)).has(file))
    return missingBytes(path, size, offset + length);
  return unreadable(entry, 'were pruned', {
    place: { file: path },
    help: 'Name a later step, or bring the file back from a copy of the run. A new run can go on from a checkpoint: rlev train --from RUN@STEP.',
  });
}

function unreadable(
  { seq, key }: JournalEntry,
  why: string,
  more: { readonly help?: string; readonly place?: Place },
): RlevError {
  return new RlevError({
    code: 'run/not-found',
    message: `The columns of event ${seq} (${key.stage}, step ${key.step}) ${why}.`,
    value: key,
    ...more,
  });
}

export function missingBytes(path: string, size: number, end: number): RlevError {
  return corrupt(path, size, `The file ends at byte ${size}; the journal knows it up to ${end}.`);
}

/** An id as part of a file name. */
function safe(id: string): string {
  return encodeURIComponent(id).replace(
    /[.!~*'()]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
