import type { Batch } from '../core/batch.ts';
import type { AnyColumns, Specs } from '../core/columns.ts';
import type { Scope } from '../core/stage.ts';

export type { Scope };

export const eventKinds = ['columns', 'select', 'update', 'checkpoint', 'seal'] as const;
export type EventKind = (typeof eventKinds)[number];

/** Plain JSON: finite numbers only. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/** Where in a run an event stands. `stage` is the id under `stages:`; `round` counts refills, `part` remote parts. */
export interface EventKey {
  readonly step: number;
  readonly round: number;
  readonly part: number;
  readonly stage: string;
  readonly scope: Scope;
}

/** What a stage did, before it is recorded. */
export interface EventDraft {
  readonly key: EventKey;
  readonly kind: EventKind;
  /** The stage's name in the catalogue: `reward/rlev`. */
  readonly use: string;
  /** Its resolved parameters, anything that JSON can say; a field that is undefined counts as absent. */
  readonly params: unknown;
  /** Identities of the events whose columns it read. Their order does not matter. */
  readonly parents: readonly string[];
  /** The columns it added: of an event of kind `columns`. Row order counts. */
  readonly columns?: AnyColumns;
  /** Specs of the columns that are not in the vocabulary. */
  readonly specs?: Specs;
  /** False: only their identity is recorded, not the columns themselves. */
  readonly keep?: boolean;
  /**
   * The rest: row ids of a `select`; metrics, version and hash of an `update`. Part of the identity, so it must be
   * the same in an equal run: seconds and dates go to `note`.
   */
  readonly data?: JsonObject;
}

/** Where the columns of an event lie. */
export interface Segment {
  /** Path below the run directory, with `/`. */
  readonly file: string;
  /** Length in bytes of the schema message at the start of the file. */
  readonly head: number;
  /** Where the record batch message begins, and its length, in bytes. */
  readonly offset: number;
  readonly length: number;
  /** sha256, in hex, of the schema message followed by the record batch message. */
  readonly sha256: string;
  readonly rows: number;
}

/** A recorded event: one line of the journal. */
export interface JournalEntry {
  /** From 1, without gaps. */
  readonly seq: number;
  readonly key: EventKey;
  readonly kind: EventKind;
  readonly use: string;
  /** sha256, in hex, of stage, parameters, parents and content: equal in every equal run. */
  readonly identity: string;
  /** Of an event with columns; one of kind `columns` without it kept only their identity. */
  readonly segment?: Segment;
  readonly data?: JsonObject;
}

/** What the start of a line says: enough to open a run, and to choose what to read. */
export interface Outline extends Pick<JournalEntry, 'seq' | 'key' | 'kind'> {
  readonly segment?: Pick<Segment, 'file' | 'head' | 'offset' | 'length'>;
}

/** What made a run: its journal's first line. A run is continued only by the same. */
export interface RunHeader {
  /** Version of the journal's format. */
  readonly format: 1;
  /** Versions of rlev, node, apache-arrow and onnxruntime-node. */
  readonly versions: { readonly [name: string]: string };
  /** What of the processor changes which kernels run, sorted. */
  readonly cpu: readonly string[];
  /** sha256 of the data of each flow, by scope; of a user's own modules, by `code <path>`; of a run that was replayed. */
  readonly data: { readonly [file: string]: string };
  /** Hash of the starting policy. */
  readonly policy: string;
  /** sha256 of `pipeline.yaml`. */
  readonly pipeline: string;
}

/** What a caller knows of the header; the log adds the format and the pipeline's hash. */
export type RunOrigin = Omit<RunHeader, 'format' | 'pipeline'>;

/** What opening found that no acknowledged event owns. Opened for writing it is cut, else it is left. */
export interface Remnant {
  /** Path below the run directory. */
  readonly file: string;
  /** Bytes from here on; 0 for a whole file or folder. */
  readonly from: number;
  readonly bytes: number;
  readonly why: 'torn line' | 'data without a journal line' | 'unfinished checkpoint';
}

export interface CheckpointDraft extends Pick<EventDraft, 'key' | 'use' | 'params' | 'parents' | 'data'> {
  /** Writes the checkpoint's files into an empty folder. */
  readonly write: (directory: string) => Promise<void>;
  /** How many of the newest checkpoints stay, this one included. */
  readonly keep: number;
}

/** The record of one run. One process writes; any number read. */
export interface EventLog {
  readonly directory: string;
  readonly header: RunHeader;
  /** What an unclean stop had left, as opening found it; empty after a clean one. */
  readonly recovery: readonly Remnant[];
  /** Events recorded so far. */
  readonly count: number;

  /**
   * Records an event. When the promise resolves, the event survives kill -9 and power loss. Events stand in the
   * journal in the order of the calls, and an event is never there without those before it; so a caller need not
   * wait for one append before the next, and those in flight together share their syncs. What depends on the
   * record (an update, a published policy) waits.
   *
   * The draft is encoded before the call returns: its arrays may be reused.
   *
   * @throws RlevError `stage/contract` for a draft that cannot be recorded, or whose key one of the last 10,000 events
   *   has; nothing is written and the log goes on.
   * @throws RlevError `run/io` where a write or sync failed, and at every append after it: the log is over, what
   *   was acknowledged stands, and the run opens again once the cause is gone.
   */
  append(draft: EventDraft): Promise<JournalEntry>;

  /**
   * Records a checkpoint: made aside, synced, renamed to `checkpoints/<step>`, then journalled with the size and
   * sha256 of each file; older ones beyond `keep` go last. `data` of the entry is the draft's with `directory` and
   * `files`.
   *
   * @param recorded its event, where it is recorded and its folder is gone: the folder is made again, and has to come
   *   out as it was; nothing is journalled
   * @throws RlevError `run/mismatch` where it does not.
   */
  checkpoint(draft: CheckpointDraft, recorded?: JournalEntry): Promise<JournalEntry>;

  /**
   * The events acknowledged when iteration starts, in journal order, each line verified. Memory stays flat.
   *
   * @param wanted chooses the events that are read whole, several times faster where most are not.
   * @throws RlevError `run/corrupt` with file, line and offset.
   */
  entries(wanted?: (event: Outline) => boolean): AsyncIterable<JournalEntry>;

  /**
   * The columns of an event, hash first.
   *
   * @throws RlevError `run/corrupt` with file and offset; `run/not-found` for an event whose columns were not kept or pruned,
   *   or that has none.
   */
  read(entry: JournalEntry): Promise<Batch>;

  /** Adds a line to `notes.ndjson`: not part of the record, not synced. `at`, the time, is added. */
  note(note: JsonObject): Promise<void>;

  /** Waits for appends in flight, then gives the run free. Never fails for an append's failure. */
  close(): Promise<void>;
}
