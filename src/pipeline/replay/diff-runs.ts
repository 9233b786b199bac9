import { type Batch, batchOf, columnOf, stackRows } from '../../core/batch.ts';
import type { ColumnName } from '../../core/columns.ts';
import { RlevError } from '../../core/errors.ts';
import type { Catalogue, Scope } from '../../core/stage.ts';
import { type Address, parseAddress, type StepRange, stepsOfAddress } from '../../log/address.ts';
import type { EventLog, JournalEntry } from '../../log/event-log.ts';
import { cohortsOf, promptRowOf, type RecordedCohort } from '../../log/join.ts';
import { headerDifferences } from '../../log/origin.ts';
import { ColumnDiffs, type ColumnsDiff } from '../../report/column-diff.ts';
import { cancellable } from '../cancellable.ts';
import { type KeyDifference, keyDifferences } from './key-differences.ts';
import { openRecording, type Recording } from './recording.ts';
import { partnersOf } from './replay-changes.ts';

export interface RunDiff {
  readonly runs: readonly [string, string];
  /** Whether both have the same events with the same identities. */
  readonly identical: boolean;
  /** Keys of the two resolved pipelines that differ, `base` apart. */
  readonly pipeline: readonly KeyDifference[];
  /** Versions, processor, data and starting policy, as one sentence each. */
  readonly origin: readonly string[];
  readonly events: {
    readonly equal: number;
    readonly differing: number;
    /** Events that one run alone has. */
    readonly alone: readonly [number, number];
  };
  /** The first event of the first run, in the order of its journal, whose identity the second does not have. */
  readonly first:
    | { readonly scope: Scope; readonly step: number; readonly stage: string; readonly alone: boolean }
    | undefined;
  /** By flow; rows are compared where both runs have the row_id with the same question. */
  readonly columns: { readonly [scope: string]: ColumnsDiff };
}

export interface DiffOptions {
  readonly catalogue: Catalogue;
  /** First and last step, both included; default: all. */
  readonly steps?: StepRange | undefined;
  readonly signal?: AbortSignal;
  notice?(message: string): void;
}

/**
 * Compares two runs: their pipelines, where their identities part first, and the columns of events that differ. Holds
 * one step of each in memory.
 *
 * @param a and `b`: run directories; RUN@STEP compares one step
 * @throws RlevError `run/not-found`, `run/corrupt`; `usage/arguments` for two different steps
 */
export async function diffRuns(a: string, b: string, options: DiffOptions): Promise<RunDiff> {
  const [one, other] = [parseAddress(a), parseAddress(b)];
  const steps = sameSteps(one, other, options.steps);
  const left = await openRecording(one.run, options.catalogue);
  try {
    const right = await openRecording(other.run, options.catalogue);
    try {
      const compare = (signal: AbortSignal) => compareRuns(left, right, { ...options, steps }, signal);
      return await cancellable(options.signal, 'The comparison', compare);
    } finally {
      await right.close();
    }
  } finally {
    await left.close();
  }
}

/** The steps of both runs that are compared. */
function sameSteps(one: Address, other: Address, range: StepRange | undefined): StepRange | undefined {
  const [step, another] = new Set([one, other].flatMap((address) => address.step ?? []));
  if (another === undefined) {
    return stepsOfAddress({ run: one.run, ...(step !== undefined && { step }) }, range);
  }
  throw new RlevError({
    code: 'usage/arguments',
    message: `A comparison is of the same steps of both runs, not of ${step} with ${another}.`,
    value: [step, another],
    help: 'Name one step, or several with --steps.',
  });
}

async function compareRuns(
  left: Recording,
  right: Recording,
  { steps, notice }: DiffOptions,
  signal: AbortSignal,
): Promise<RunDiff> {
  const unkept = new Set<string>();
  const columns = new Map<Scope, ColumnDiffs>();
  const alone: [number, number] = [0, 0];
  let equal = 0;
  let differing = 0;
  let first: (RunDiff['first'] & { readonly seq: number }) | undefined;
  const part = ({ key, seq }: JournalEntry, isAlone: boolean): void => {
    if (first && first.seq <= seq) return;
    first = { scope: key.scope, step: key.step, stage: key.stage, alone: isAlone, seq };
  };
  const inRounds = new Set([...left.inRounds, ...right.inRounds]);
  const compareEntries = (x: JournalEntry, y: JournalEntry | undefined): boolean => {
    if (!y) alone[0]++;
    else if (x.identity === y.identity) equal++;
    else differing++;
    if (x.identity === y?.identity) return true;
    part(x, y === undefined);
    return false;
  };
  for await (const [x, y] of side(cohortsOf(left.log, steps), cohortsOf(right.log, steps), cohortKey)) {
    signal.throwIfAborted();
    const others = byStage(y, inRounds);
    const differ: [JournalEntry, JournalEntry][] = [];
    for (const [stage, entry] of byStage(x, inRounds)) {
      const other = others.get(stage);
      others.delete(stage);
      if (!compareEntries(entry, other) && other) {
        differ.push([entry, other]);
        if (entry.kind === 'columns' && !(entry.segment && other.segment)) unkept.add(entry.key.stage);
      }
    }
    alone[1] += others.size;
    if (!x || !y || differ.length === 0) continue;
    await compareColumns(columns, [left, x], [right, y], differ);
  }
  const inRange = ({ key }: JournalEntry): boolean =>
    !steps || (key.step >= steps.from && key.step <= steps.to);
  for await (const [x, y] of side(checkpointsOf(left.log), checkpointsOf(right.log), ({ key }) => key.step)) {
    if (!inRange((x ?? y)!)) continue;
    if (x) compareEntries(x, y);
    else alone[1]++;
  }
  if (unkept.size > 0) {
    notice?.(
      `The columns of ${[...unkept].join(', ')} are not compared: not both recordings have them (run.record: lean).`,
    );
  }
  const { seq: _, ...place } = first ?? { seq: 0 };
  return {
    runs: [left.log.directory, right.log.directory],
    identical: differing + alone[0] + alone[1] === 0,
    pipeline: keyDifferences(left.pipeline, right.pipeline),
    origin: headerDifferences(left.log.header, right.log.header, ['first', 'second']),
    events: { equal, differing, alone },
    first: first && (place as NonNullable<RunDiff['first']>),
    columns: Object.fromEntries([...columns].map(([scope, diffs]) => [scope, diffs.result()])),
  };
}

function cohortKey({ scope, step }: RecordedCohort): string {
  return `${scope}/${step}`;
}

/** The events of a cohort by stage, and by round for stages that work in rounds: two runs may have had other numbers. */
function byStage(
  cohort: RecordedCohort | undefined,
  inRounds: ReadonlySet<string>,
): Map<string, JournalEntry> {
  const nameOf = ({ stage, round }: JournalEntry['key']): string =>
    inRounds.has(stage) ? `${round}/${stage}` : stage;
  return new Map(cohort?.entries.map((entry) => [nameOf(entry.key), entry]));
}

async function* checkpointsOf(log: EventLog): AsyncGenerator<JournalEntry> {
  yield* log.entries(({ kind }) => kind === 'checkpoint');
}

/**
 * Two streams side by side, joined on a key; a pair lacks the side that does not have the key. Keeps only what the
 * other side may still bring.
 */
async function* side<T>(
  left: AsyncGenerator<T>,
  right: AsyncGenerator<T>,
  keyOf: (item: T) => string | number,
): AsyncGenerator<[T | undefined, T | undefined]> {
  const streams = [left, right] as const;
  const waiting = [new Map<string | number, T>(), new Map<string | number, T>()] as const;
  const ended = [false, false];
  try {
    while (!ended[0] || !ended[1]) {
      for (const s of [0, 1] as const) {
        if (ended[s]) continue;
        const next = await streams[s].next();
        if (next.done) {
          ended[s] = true;
          continue;
        }
        const key = keyOf(next.value);
        const other = waiting[1 - s]!.get(key);
        if (other === undefined && !ended[1 - s]) waiting[s].set(key, next.value);
        else {
          waiting[1 - s]!.delete(key);
          yield s === 0 ? [next.value, other] : [other, next.value];
        }
      }
    }
    for (const item of waiting[0].values()) yield [item, undefined];
    for (const item of waiting[1].values()) yield [undefined, item];
  } finally {
    await left.return(undefined);
    await right.return(undefined);
  }
}

/** What a row is about: its question, and the key of its bucket. */
interface Questions {
  readonly byPoints: boolean;
  of(rowId: string): { readonly prompt: string | undefined; readonly key: number };
}

async function questionsOf(log: EventLog, cohort: RecordedCohort): Promise<Questions> {
  const source = cohort.entries.find((entry) => entry.segment)?.key.stage;
  const rounds = cohort.entries.filter((entry) => entry.segment && entry.key.stage === source);
  const batch = (await Promise.all(rounds.map((entry) => log.read(entry)))).reduce(stackRows, batchOf({}));
  const has = (name: string): boolean => batch.getChild(name) != null;
  const rows = new Map((has('row_id') ? columnOf(batch, 'row_id') : []).map((id, i) => [id, i]));
  const prompts = has('prompt_id') ? columnOf(batch, 'prompt_id') : undefined;
  const points = has('points') ? columnOf(batch, 'points') : undefined;
  return {
    byPoints: points !== undefined,
    of: (rowId) => {
      const row = rows.get(rowId) ?? rows.get(promptRowOf(rowId)) ?? -1;
      return { prompt: prompts?.[row], key: points?.[row] ?? NaN };
    },
  };
}

async function compareColumns(
  columns: Map<Scope, ColumnDiffs>,
  [left, x]: [Recording, RecordedCohort],
  [right, y]: [Recording, RecordedCohort],
  differ: readonly [JournalEntry, JournalEntry][],
): Promise<void> {
  const before = await questionsOf(left.log, x);
  const after = await questionsOf(right.log, y);
  const diffs = columns.get(x.scope) ?? new ColumnDiffs(before.byPoints && after.byPoints);
  columns.set(x.scope, diffs);
  for (const [entry, other] of differ) {
    if (!entry.segment || !other.segment) continue;
    const a = await left.log.read(entry);
    const b = entry.segment.sha256 === other.segment.sha256 ? a : await right.log.read(other);
    const partner = sameQuestions(a, b, before, after);
    const keys = [keysBy(a, before), keysBy(b, after)] as const;
    for (const { name } of a.schema.fields) {
      if (name === 'row_id' || !b.getChild(name)) continue;
      const data = columnOf(a, name as ColumnName);
      const others = a === b ? data : columnOf(b, name as ColumnName);
      diffs.add(name, { data, keys: keys[0] }, { data: others, keys: keys[1] }, partner);
    }
  }
}

/** Rows of the same row_id and question; nothing where these stand side by side. */
function sameQuestions(a: Batch, b: Batch, before: Questions, after: Questions): Int32Array | undefined {
  const ids = columnOf(a, 'row_id');
  const found = partnersOf(a, b) ?? Int32Array.from(ids, (_, i) => i);
  const partner = found.map((j, i) => (before.of(ids[i]!).prompt === after.of(ids[i]!).prompt ? j : -1));
  return partner.length === b.numRows && partner.every((j, i) => i === j) ? undefined : partner;
}

function keysBy(batch: Batch, questions: Questions): Float64Array {
  return Float64Array.from(columnOf(batch, 'row_id'), (id) => questions.of(id).key);
}
