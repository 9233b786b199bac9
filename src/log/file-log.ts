import { encode } from '../core/encode.ts';
import { RlevError, show } from '../core/errors.ts';
import { type Messages, toMessages } from './arrow-stream.ts';
import { makeCheckpoint, pruneCheckpoints } from './checkpoints.ts';
import {
  type EventDraft,
  type EventKey,
  type EventLog,
  eventKinds,
  type JournalEntry,
  type Remnant,
  type RunHeader,
} from './event-log.ts';
import { ioError, type LogFiles } from './files.ts';
import { canonicalJson, identityOf } from './identity.ts';
import { keyShape, keyText, readEntries } from './journal.ts';
import { longestLine, toLine } from './lines.ts';
import { type Extents, openStreams, readSegment } from './segments.ts';

/** Where a run stands when it is opened. */
export interface FileLogState {
  readonly directory: string;
  readonly header: RunHeader;
  readonly recovery: readonly Remnant[];
  readonly count: number;
  /** CRC of the journal's last line. */
  readonly crc: string;
  /** Bytes of the journal. */
  readonly size: number;
  /** Keys of its last events. */
  readonly recent: readonly EventKey[];
  readonly extents: Extents;
  /** Files of columns that were removed on purpose. */
  readonly pruned: ReadonlySet<string>;
}

export interface Writing {
  readonly rotateAt: number;
  /** Gives the lock back. */
  readonly release: () => Promise<void>;
}

/** How many of the last events are known by their key, so that none of them is recorded twice. */
const remembered = 10_000;

/** An event that waits for the disk. */
interface Pending {
  readonly event: Omit<JournalEntry, 'seq' | 'segment' | 'data'> & Pick<EventDraft, 'data'>;
  readonly messages: Messages | undefined;
  readonly resolve: (entry: JournalEntry) => void;
  readonly reject: (error: RlevError) => void;
}

/** The event log of an open run directory; read-only without `writing`. */
export function fileLog(files: LogFiles, state: FileLogState, writing: Writing | undefined): EventLog {
  const { directory, header, recovery } = state;
  const journal = `${directory}/journal.ndjson`;
  const streams = writing && openStreams(files, directory, state.extents, writing.rotateAt, state.pruned);
  let { count, crc, size } = state;
  const keys = new Set(writing && state.recent.map(keyText));
  let failure: RlevError | undefined;
  let closed = false;
  const pending: Pending[] = [];
  let committing: Promise<void> | undefined;

  /** Data, sync, lines, sync: for all that waits at once. */
  const commit = async (batch: readonly Pending[]): Promise<void> => {
    const entries: JournalEntry[] = [];
    let text = '';
    let last = crc;
    for (const { event, messages } of batch) {
      const { key, kind, use, identity, data } = event;
      const segment = messages && (await streams!.append(key, messages));
      const seq = count + entries.length + 1;
      const entry = { seq, key, kind, use, identity, ...(segment && { segment }), ...(data && { data }) };
      const line = toLine({ ...entry, prev: last });
      entries.push(entry);
      text += line.text;
      last = line.crc;
    }
    const bytes = new TextEncoder().encode(text);
    await streams!.sync();
    await files.append(journal, bytes);
    await files.sync(journal);
    streams!.keep();
    count += entries.length;
    crc = last;
    size += bytes.length;
    batch.forEach((p, i) => {
      p.resolve(entries[i]!);
    });
  };

  /** The log is over: takes back what was not acknowledged, as far as the disk lets it. */
  const fail = async (error: unknown, batch: readonly Pending[]): Promise<void> => {
    failure = ioError(error, directory);
    try {
      await files.truncate(journal, size);
      await files.sync(journal);
      // only now: no line that might have reached the disk may point at what is gone
      await streams!.undo();
    } catch {
      // opening cuts what is left
    }
    for (const p of [...batch, ...pending.splice(0)]) p.reject(failure);
  };

  const commitAll = async (): Promise<void> => {
    while (pending.length > 0) {
      const batch = pending.splice(0);
      await commit(batch).catch((error) => fail(error, batch));
    }
    committing = undefined;
  };

  const refuseUnlessWriting = (): void => {
    if (failure) throw failure;
    if (writing && !closed) return;
    throw new RlevError({
      code: 'usage/arguments',
      message: closed ? 'The log is closed.' : 'The run is open for reading only.',
      value: directory,
    });
  };

  /** Refuses a key that one of the last events has: a stage that was run twice must not be recorded twice. */
  const remember = (key: EventKey): void => {
    const text = keyText(key);
    if (keys.has(text)) {
      throw new RlevError({
        code: 'stage/contract',
        message: `Stage ${key.stage} has recorded step ${key.step}, round ${key.round}, of ${key.scope} already.`,
        value: key,
      });
    }
    keys.add(text);
    if (keys.size > remembered) keys.delete(keys.values().next().value!);
  };

  const append = async (draft: EventDraft): Promise<JournalEntry> => {
    refuseUnlessWriting();
    const pick = checked(draft);
    const kept = draft.keep === false ? undefined : draft.columns;
    const messages = kept && toMessages(encode(kept, draft.specs));
    const event = { ...pick, identity: identityOf(draft) };
    remember(event.key);
    return new Promise((resolve, reject) => {
      pending.push({ event, messages, resolve, reject });
      // starts in the next microtask: appends made together are committed together
      committing ??= Promise.resolve().then(commitAll);
    });
  };

  return {
    directory,
    header,
    recovery,
    get count() {
      return count;
    },
    append,
    checkpoint: async (draft, recorded) => {
      refuseUnlessWriting();
      const { key, use, params, parents, keep } = draft;
      try {
        const data = await makeCheckpoint(files, directory, draft, recorded);
        const entry = recorded ?? (await append({ key, kind: 'checkpoint', use, params, parents, data }));
        await pruneCheckpoints(files, directory, key.step, keep);
        return entry;
      } catch (error) {
        throw ioError(error, directory);
      }
    },
    entries: (wanted) => readEntries(files, journal, size, wanted),
    read: (entry) => readSegment(files, directory, entry),
    note: async (note) => {
      refuseUnlessWriting();
      const line = `${JSON.stringify({ at: new Date().toISOString(), ...note })}\n`;
      try {
        await files.append(`${directory}/notes.ndjson`, new TextEncoder().encode(line));
      } catch (error) {
        throw ioError(error, `${directory}/notes.ndjson`);
      }
    },
    close: async () => {
      if (closed) return;
      closed = true;
      await committing;
      await files.close().catch(() => {});
      await writing?.release().catch((error) => {
        throw ioError(error, `${directory}/lock`);
      });
    },
  };
}

/** What the journal keeps of a draft as it is, copied; refuses what it could not read back. */
function checked({ key, kind, use, data, columns }: EventDraft): Omit<Pending['event'], 'identity'> {
  const wrong = (message: string, value: unknown): RlevError =>
    new RlevError({ code: 'stage/contract', message, value });
  const issue = keyShape.safeParse(key).error?.issues[0];
  if (issue) throw wrong(`An event's ${issue.path.join('.') || 'key'}: ${issue.message}.`, key);
  if (!eventKinds.includes(kind)) throw wrong(`No event is of kind ${show(kind)}.`, kind);
  if (kind === 'columns' && !columns) throw wrong(`An event of kind columns needs columns.`, key);
  if (!data) return { key: { ...key }, kind, use };
  const text = canonicalJson(data);
  if (text.length * 3 > longestLine) throw wrong(`The data of an event would not fit a line.`, text.length);
  return { key: { ...key }, kind, use, data: JSON.parse(text) };
}
