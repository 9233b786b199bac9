import { type Batch, stackRows, takeRows } from '../core/batch.ts';
import { RlevError } from '../core/errors.ts';
import type { Address } from './address.ts';
import type { EventLog } from './event-log.ts';
import { cohortAt, cohortsOf, joinedBatch, type RecordedCohort } from './join.ts';

export interface SelectOptions {
  /** Columns of any stage up to the address, joined; by default those of the stage, or all where none is addressed. */
  readonly columns?: readonly string[];
  /** First and last row of all that is selected, from 0, both included. */
  readonly rows?: { readonly first: number; readonly last: number };
  /** Told of a step that is left out, and the stage at which it stopped, or is just now. */
  leftOut?(step: number, stage: string): void;
  /** Told of a stage, once a step, whose columns all columns lack because they were not kept. */
  notKept?(stage: string): void;
}

/**
 * What an address names, a batch a cohort, in order of steps. Where it names a whole run, steps that did not come as
 * far as the first one are left out: a run stops inside a step, and while it is written some are under way. Memory does
 * not grow with the run.
 *
 * @throws RlevError `run/not-found` for a step, stage or column that is not there, with those that are; `run/corrupt`.
 */
export async function* selectBatches(
  log: EventLog,
  { step, scope, stage }: Omit<Address, 'run'>,
  { columns, rows, leftOut, notKept }: SelectOptions = {},
): AsyncGenerator<Batch> {
  const { first = 0, last = Number.POSITIVE_INFINITY } = rows ?? {};
  let at = 0;
  let end: string | undefined;
  for await (const cohort of step === undefined
    ? cohortsOf(log, { scope })
    : [await cohortAt(log, step, scope)]) {
    const { stage: stopped, isOver } = lastOf(cohort);
    end ??= stopped;
    if (step === undefined && (stopped !== end || !isOver)) {
      leftOut?.(cohort.step, stopped);
      continue;
    }
    const batch = await batchOfCohort(log, cohort, stage, columns);
    if (stage === undefined && !columns) for (const name of unkeptOf(cohort)) notKept?.(name);
    const from = Math.max(0, first - at);
    const to = Math.min(batch.numRows, last - at + 1);
    at += batch.numRows;
    if (from === 0 && to === batch.numRows) yield batch;
    else if (from < to)
      yield takeRows(
        batch,
        Int32Array.from({ length: to - from }, (_, i) => from + i),
      );
    if (at > last) return;
  }
}

function unkeptOf({ entries }: RecordedCohort): Set<string> {
  return new Set(
    entries.flatMap(({ kind, segment, key }) => (kind === 'columns' && !segment ? key.stage : [])),
  );
}

/** The last stage before an update, and whether it asks for no other round. */
function lastOf({ entries }: RecordedCohort): { readonly stage: string; readonly isOver: boolean } {
  const last = entries.findLast(({ kind }) => kind !== 'update') ?? entries[0]!;
  return { stage: last.key.stage, isOver: last.data?.again !== true };
}

async function batchOfCohort(
  log: EventLog,
  cohort: RecordedCohort,
  stage: string | undefined,
  columns: readonly string[] | undefined,
): Promise<Batch> {
  const upTo = stage === undefined ? {} : { upTo: stage };
  if (stage === undefined || columns)
    return joinedBatch(log, cohort, { ...upTo, ...(columns && { columns }) });
  const own = cohort.entries.filter((e) => e.key.stage === stage);
  // a selection is seen in the rows that it leaves, and an unknown stage is refused there
  if (own.length === 0 || own[0]!.kind === 'select') return joinedBatch(log, cohort, upTo);
  return (await Promise.all(own.map((entry) => log.read(entry)))).reduce(stackRows);
}

/**
 * Reads `0..9` or `5`.
 *
 * @throws RlevError `usage/arguments`
 */
export function parseRows(text: string): { readonly first: number; readonly last: number } {
  const [, first, last] = /^(\d+)(?:\.\.(\d+))?$/.exec(text) ?? [];
  if (first !== undefined && Number(last ?? first) >= Number(first))
    return { first: Number(first), last: Number(last ?? first) };
  throw new RlevError({
    code: 'usage/arguments',
    message: 'Rows are written as 0..9, from 0, both included.',
    value: text,
  });
}
