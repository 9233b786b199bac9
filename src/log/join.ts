import { type Batch, batchOf, columnOf, stackRows, takeRows, withColumns } from '../core/batch.ts';
import { RlevError } from '../core/errors.ts';
import type { EventLog, JournalEntry, Outline, Scope } from './event-log.ts';
import { foldRounds } from './rounds.ts';

/** The events of one cohort: one scope and step, all its rounds, in journal order. */
export interface RecordedCohort {
  readonly scope: Scope;
  readonly step: number;
  readonly entries: readonly JournalEntry[];
}

export interface CohortFilter {
  /** Only of this scope. */
  readonly scope?: Scope;
  /** First and last step, both included. */
  readonly from?: number;
  readonly to?: number;
}

/** Cohorts of a scope that may lie mixed in the journal: the most that a pipeline can have in flight. */
const mixed = 64;

/**
 * The cohorts of a run, each with all its events, by step within a scope. One pass over the journal; holds the lines
 * of 64 steps of each scope and no columns. Checkpoints belong to no cohort.
 */
export async function* cohortsOf(
  log: Pick<EventLog, 'entries'>,
  filter: CohortFilter = {},
): AsyncGenerator<RecordedCohort> {
  const { scope: wanted, from = 0, to = Infinity } = filter;
  const open = new Map<Scope, Map<number, RecordedCohort & { entries: JournalEntry[] }>>();
  const isWanted = ({ kind, key: { scope, step } }: Outline): boolean =>
    kind !== 'checkpoint' && step >= from && step <= to && (wanted === undefined || scope === wanted);
  for await (const entry of log.entries(isWanted)) {
    const { scope, step } = entry.key;
    const cohorts = open.get(scope) ?? new Map();
    open.set(scope, cohorts);
    const cohort = cohorts.get(step);
    if (cohort) cohort.entries.push(entry);
    else cohorts.set(step, { scope, step, entries: [entry] });
    if (cohorts.size > mixed) yield takeFirst(cohorts);
  }
  for (const cohorts of open.values()) while (cohorts.size > 0) yield takeFirst(cohorts);
}

/**
 * The cohort of one step.
 *
 * @throws RlevError `run/not-found` with the steps that are there.
 */
export async function cohortAt(log: EventLog, step: number, scope: Scope = 'train'): Promise<RecordedCohort> {
  for await (const cohort of cohortsOf(log, { scope, from: step, to: step })) return cohort;
  throw new RlevError({
    code: 'run/not-found',
    message: `${log.directory} has no step ${step} of ${scope}.`,
    value: step,
    help: `There is: ${(await whatIsThere(log)) || 'no event at all'}.`,
  });
}

export interface JoinOptions {
  /** Id of the last stage whose columns are joined; by default all. */
  readonly upTo?: string;
  /** Only these columns, in this order; by default all. `row_id` is there only where it is named. */
  readonly columns?: readonly string[];
}

/**
 * The rows of a cohort with the columns of all its stages, joined on row_id: a response takes the columns of its
 * prompt, rows that a select dropped are gone. Where a select asked for another round, its next event selects from
 * what it kept and the rows of that round; rounds that no select has joined follow each other, with the columns that
 * all of them have.
 *
 * @throws RlevError `run/not-found` for a stage or column that the cohort lacks, with those that it has; `run/corrupt`.
 */
export async function joinedBatch(
  log: EventLog,
  cohort: RecordedCohort,
  { upTo, columns }: JoinOptions = {},
): Promise<Batch> {
  const stages = [...new Set(cohort.entries.map((e) => e.key.stage))];
  if (upTo !== undefined && !stages.includes(upTo)) throw missing(cohort, 'stage', upTo, stages);
  const there = new Set<string>();
  const entries = upTo === undefined ? cohort.entries : entriesUpTo(cohort, upTo);
  const rounds = await foldRounds(entries, batchOf({}), stackRounds, async (batch, entry) => {
    if (entry.kind === 'select') return keepRows(batch, entry);
    if (!entry.segment) return batch;
    const added = await log.read(entry);
    for (const { name } of added.schema.fields) there.add(name);
    return join(batch, project(added, columns && ['row_id', ...columns]), entry);
  });
  const joined = rounds.reduce(stackRounds, batchOf({}));
  if (!columns) return joined;
  const found = namesIn(joined);
  const lacking = columns.find((name) => !found.includes(name));
  if (lacking !== undefined) throw missing(cohort, 'column', lacking, [...there]);
  return joined.select([...columns]);
}

/** Rows of two rounds with the columns that both have, where both have any. */
function stackRounds(above: Batch, below: Batch): Batch {
  const [names, others] = [namesIn(above), namesIn(below)];
  if (names.length === 0 || others.length === 0) return others.length === 0 ? above : below;
  const shared = names.filter((name) => others.includes(name));
  return stackRows(project(above, shared), project(below, shared));
}

function namesIn(batch: Batch): string[] {
  return batch.schema.fields.map((f) => f.name);
}

/** Columns of a batch, those of `names` that it has. */
export function project(batch: Batch, names: readonly string[] | undefined): Batch {
  if (!names) return batch;
  return batch.select(batch.schema.fields.map((f) => f.name).filter((name) => names.includes(name)));
}

/** The prompt's row of a response: `step.round.group.sample` came from `step.round.group.0`. */
export function promptRowOf(rowId: string): string {
  return `${rowId.slice(0, rowId.lastIndexOf('.'))}.0`;
}

function join(base: Batch, added: Batch, entry: JournalEntry): Batch {
  if (base.schema.fields.length === 0 || !added.getChild('row_id')) return withColumns(base, added);
  const rows = columnOf(base, 'row_id');
  const wanted = columnOf(added, 'row_id');
  if (rows.length === wanted.length && rows.every((id, i) => id === wanted[i]))
    return withColumns(base, added);
  return withColumns(takeRows(base, rowsNamed(rows, wanted, entry)), added);
}

function keepRows(base: Batch, entry: JournalEntry): Batch {
  const keep = entry.data?.keep as readonly string[];
  // of rows with nothing else there may be more, or none: a replay can begin with a select
  if (namesIn(base).every((name) => name === 'row_id')) return batchOf({ row_id: [...keep] });
  return takeRows(base, rowsNamed(columnOf(base, 'row_id'), keep, entry));
}

function rowsNamed(rows: readonly string[], wanted: readonly string[], entry: JournalEntry): Int32Array {
  const index = new Map(rows.map((id, i) => [id, i]));
  return Int32Array.from(wanted, (id) => {
    const row = index.get(id) ?? index.get(promptRowOf(id));
    if (row !== undefined) return row;
    throw new RlevError({
      code: 'run/corrupt',
      message: `Event ${entry.seq} (${entry.key.stage}, step ${entry.key.step}) has the row ${id}, which no stage before it has.`,
      value: id,
    });
  });
}

function takeFirst<V>(cohorts: Map<number, V>): V {
  const step = Math.min(...cohorts.keys());
  const first = cohorts.get(step)!;
  cohorts.delete(step);
  return first;
}

/** Of each round the events up to those of a stage; of an earlier one without it all, as those stand on them. */
function entriesUpTo({ entries }: RecordedCohort, stage: string): JournalEntry[] {
  const last = new Map<number, number>();
  entries.forEach(({ key }, i) => {
    if (key.stage === stage) last.set(key.round, i);
  });
  const newest = Math.max(...last.keys());
  return entries.filter(
    ({ key }, i) => key.round <= newest && i <= (last.get(key.round) ?? Number.POSITIVE_INFINITY),
  );
}

/** `train: steps 0 to 59; eval:heldOut: steps 0 to 60`. */
async function whatIsThere(log: EventLog): Promise<string> {
  const ranges = new Map<Scope, { first: number; last: number }>();
  for await (const { key, kind } of log.entries()) {
    if (kind === 'checkpoint') continue;
    const range = ranges.get(key.scope);
    if (!range) ranges.set(key.scope, { first: key.step, last: key.step });
    else {
      range.first = Math.min(range.first, key.step);
      range.last = Math.max(range.last, key.step);
    }
  }
  return [...ranges]
    .map(([scope, { first, last }]) => `${scope}: step${first === last ? '' : `s ${first} to`} ${last}`)
    .join('; ');
}

function missing(cohort: RecordedCohort, what: string, name: string, there: readonly string[]): RlevError {
  return new RlevError({
    code: 'run/not-found',
    message: `Step ${cohort.step} of ${cohort.scope} has no ${what} ${name}.`,
    value: name,
    help: `It has ${there.join(', ')}.`,
  });
}
