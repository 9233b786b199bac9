import { inspect } from 'node:util';
import { type Batch, batchOf, columnOf, stackRows, takeRows, withColumns } from '../core/batch.ts';
import type { AnyColumns, ColumnName, Columns } from '../core/columns.ts';
import { isRagged, rowsOf } from '../core/columns.ts';
import { type Place, RlevError, reasonOf } from '../core/errors.ts';
import {
  changePolicy,
  type MapDefinition,
  type MapStage,
  mostRounds,
  type Selection,
  type SelectStage,
  type SourceDefinition,
  type SourceStage,
  type StageDefinition,
  type StageEvent,
  type UpdateResult,
  type UpdateStage,
} from '../core/stage.ts';
import type { Recorder } from './record.ts';

/** A stage in its place: definition, parameters, and the stage that was created of them. */
export interface WiredStage {
  readonly id: string;
  readonly definition: StageDefinition;
  readonly params: unknown;
  readonly stage: SourceStage | MapStage | SelectStage | UpdateStage;
  readonly place: Place;
}

/** One cohort on its way: P prompts, then P * G responses, gaining columns at each stage. */
export interface Cohort {
  readonly event: StageEvent;
  readonly batch: Batch;
  /** Identities of the recorded events, one a round, that made each column; under '' of the one that made the policy. */
  readonly producers: ReadonlyMap<string, readonly string[]>;
  /** Whether the stage that selected last asks for another round of the step. */
  readonly again?: boolean;
  /** What the update stage answered, once it has. */
  readonly update?: UpdateResult;
}

/**
 * A cohort before its source has made it.
 *
 * @param origin identity of the event that made the policy, where it is of another run.
 */
export function emptyCohort(event: StageEvent, origin?: string): Cohort {
  return { event, batch: batchOf({}), producers: new Map(origin === undefined ? [] : [['', [origin]]]) };
}

/** The published policy version that samples the cohort of a step: the first one, where no update publishes others. */
export function versionAt(
  step: number,
  {
    stages,
    base,
    inFlight,
  }: {
    readonly stages: readonly Pick<WiredStage, 'definition'>[];
    readonly base: number;
    readonly inFlight: number;
  },
): number {
  return changePolicy(stages) ? Math.max(base, step - inFlight + 1) : base;
}

/**
 * Runs one stage on a cohort, holds it to its contract and records what it did.
 *
 * @throws RlevError `stage/contract` or `stage/failed` with the stage, the step and the place in the pipeline file;
 * coded errors of the stage itself pass as they are
 */
export async function applyStage(wired: WiredStage, cohort: Cohort, record: Recorder): Promise<Cohort> {
  const { event } = cohort;
  event.signal.throwIfAborted();
  try {
    return await apply(wired, cohort, record);
  } catch (error) {
    throw inPlace(error, wired, event);
  }
}

async function apply(wired: WiredStage, cohort: Cohort, record: Recorder): Promise<Cohort> {
  const { definition, params, stage } = wired;
  const { event, batch } = cohort;
  switch (definition.kind) {
    case 'source': {
      const made = await (stage as SourceStage).next(event);
      return add(wired, definition, cohort, batch, made, record);
    }
    case 'map': {
      const needed = copiesOf(batch, definition.needs(params));
      const made = await (stage as MapStage).run(needed, event);
      const times = definition.expands?.(params) ?? 1;
      return add(wired, definition, cohort, times === 1 ? batch : repeatRows(batch, times), made, record);
    }
    case 'select': {
      const needed = copiesOf(batch, definition.needs(params));
      const selection = await (stage as SelectStage).run(needed, event);
      const kept = takeRows(batch, rowsNamed(selection, batch));
      const again = selection.again === true;
      if (again) refuseUnbounded(mostRounds(wired), event);
      const identity = await record(wired, cohort, {
        kind: 'select',
        parents: parentsOf(cohort.producers, definition.needs(params)),
        data: { keep: [...selection.keep], ...(again && { again }) },
      });
      const producers = new Map([...cohort.producers, ['row_id', [identity]]]);
      return { ...cohort, batch: kept, producers, again };
    }
    case 'update': {
      const needed = copiesOf(batch, definition.needs(params));
      const update = await (stage as UpdateStage).run(needed, event);
      const identity = await record(wired, cohort, {
        kind: 'update',
        parents: parentsOf(cohort.producers, ['', ...definition.needs(params)]),
        data: {
          metrics: { ...update.metrics },
          version: update.version,
          hash: update.hash,
          ...(update.critic !== undefined && { critic: update.critic }),
        },
      });
      return { ...cohort, update, producers: new Map([...cohort.producers, ['', [identity]]]) };
    }
  }
}

async function add(
  wired: WiredStage,
  definition: SourceDefinition | MapDefinition,
  cohort: Cohort,
  base: Batch,
  made: Columns<ColumnName>,
  record: Recorder,
): Promise<Cohort> {
  const { params, stage } = wired;
  const specs = (stage as MapStage).specs ?? {};
  const declared: readonly string[] = [...definition.adds(params), ...Object.keys(specs)];
  const returned = Object.keys(columnsIn(made));
  const missing = declared.filter((name) => !returned.includes(name));
  const undeclared = returned.filter((name) => !declared.includes(name));
  if (missing.length > 0 || undeclared.length > 0) {
    const said = [
      missing.length > 0 ? `did not return ${missing.join(', ')}` : '',
      undeclared.length > 0 ? `returned ${undeclared.join(', ')}, which it does not declare` : '',
    ].filter(Boolean);
    throw new RlevError({ code: 'stage/contract', message: `It ${said.join(' and ')}.`, value: returned });
  }
  const columns: AnyColumns = made;
  if (base.schema.fields.length > 0) {
    for (const name of returned) {
      const rows = rowsOf(columns[name]!);
      if (rows === base.numRows) continue;
      throw new RlevError({
        code: 'stage/contract',
        message: `It returned ${rows} rows of ${name} for ${base.numRows}.`,
        value: rows,
        help: 'A map stage returns the rows it got, in their order; a select stage is what drops rows.',
      });
    }
  }
  const added = batchOf(columns, specs);
  const batch = withColumns(base, added);
  const rowIds = columnOf(batch, 'row_id');
  if (columns.row_id && new Set(rowIds).size < rowIds.length) {
    throw new RlevError({ code: 'stage/contract', message: 'Two of its rows have the same row_id.' });
  }
  const needs = definition.kind === 'map' ? definition.needs(params) : [];
  const identity = await record(wired, cohort, {
    kind: 'columns',
    parents: parentsOf(cohort.producers, needs),
    columns: { row_id: rowIds, ...columns },
    specs,
  });
  const producers = new Map(cohort.producers);
  for (const name of returned) producers.set(name, [identity]);
  return { ...cohort, batch, producers };
}

/** What a stage returned, where it is an object of columns: of arrays, or of ragged arrays. */
function columnsIn(made: unknown): object {
  const wrong = (message: string, value: unknown): RlevError =>
    new RlevError({
      code: 'stage/contract',
      message,
      value,
      help: 'A stage returns { name: column }, a column a typed array, an array of texts or ragged lists.',
    });
  if (typeof made !== 'object' || made === null)
    throw wrong(`It returned ${inspect(made)}, no columns.`, made);
  for (const [name, data] of Object.entries(made)) {
    const shaped = typeof data === 'object' && data !== null && ('length' in data || 'offsets' in data);
    if (!shaped) throw wrong(`It returned ${inspect(data)} as ${name}, which is no column.`, data);
  }
  return made;
}

/** Columns for a stage to do with as it likes: what is recorded of them stays what later stages see. */
function copiesOf(batch: Batch, names: readonly ColumnName[]): Columns<ColumnName> {
  const copies = names.map((name) => {
    const data = columnOf(batch, name);
    if (!isRagged(data)) return [name, data.slice()];
    return [name, { ...data, offsets: data.offsets.slice(), values: data.values.slice() }];
  });
  return Object.fromEntries(copies) as Columns<ColumnName>;
}

/** Identities of the events that made the needed columns, and the rows. */
export function parentsOf(producers: Cohort['producers'], needs: readonly string[]): string[] {
  const identities = ['row_id', ...needs].flatMap((name) => producers.get(name) ?? []);
  return [...new Set(identities)];
}

/**
 * What rounds before have kept, and behind it what another round of the same step brought: the cohort that is selected
 * from again.
 */
export function joinRounds(kept: Cohort, brought: Cohort): Cohort {
  const producers = joinProducers(kept.producers, brought.producers);
  return { event: brought.event, batch: stackRows(kept.batch, brought.batch), producers };
}

/** Who made each column of two rounds. */
export function joinProducers(kept: Cohort['producers'], brought: Cohort['producers']): Cohort['producers'] {
  const producers = new Map(kept);
  for (const [name, identities] of brought) {
    producers.set(name, [...new Set([...(producers.get(name) ?? []), ...identities])]);
  }
  return producers;
}

function refuseUnbounded(rounds: number, { round }: StageEvent): void {
  if (round + 1 < rounds) return;
  throw new RlevError({
    code: 'stage/contract',
    message: `It asks for another round after ${rounds}, the most that it declares.`,
    value: rounds,
    help: 'Declare them: `rounds: (params) => params.rounds`.',
  });
}

function repeatRows(batch: Batch, times: number): Batch {
  return takeRows(
    batch,
    Int32Array.from({ length: batch.numRows * times }, (_, i) => Math.floor(i / times)),
  );
}

function rowsNamed(selection: Selection, batch: Batch): number[] {
  const rows = new Map(columnOf(batch, 'row_id').map((id, i) => [id, i]));
  if (new Set(selection.keep).size < selection.keep.length) {
    throw new RlevError({ code: 'stage/contract', message: 'It keeps a row twice.', value: selection.keep });
  }
  return selection.keep.map((id) => {
    const row = rows.get(id);
    if (row !== undefined) return row;
    throw new RlevError({
      code: 'stage/contract',
      message: `It keeps the row ${id}, which it was not given.`,
      value: id,
    });
  });
}

function inPlace(error: unknown, wired: WiredStage, event: StageEvent): unknown {
  if (event.signal.aborted) return error;
  const round = event.round === 0 ? '' : `, round ${event.round}`;
  const scope = event.scope === 'train' ? '' : `, ${event.scope}`;
  const who = `Stage ${wired.id} (${wired.definition.name}), step ${event.step}${round}${scope}`;
  if (error instanceof RlevError) {
    if (error.code !== 'stage/contract' && error.code !== 'stage/failed') return error;
    return new RlevError({
      ...error.details(),
      message: `${who}: ${error.summary}`,
      place: error.place ?? wired.place,
      ...(error.help === undefined && whereThrown(error.cause)),
    });
  }
  return new RlevError({
    code: 'stage/failed',
    message: `${who}: ${reasonOf(error)}`,
    place: wired.place,
    ...whereThrown(error),
    cause: error,
  });
}

/** The line of a user's own module that threw, as a hint; nothing for what was thrown elsewhere. */
function whereThrown(error: unknown): { readonly help?: string } {
  const frames = (error instanceof Error ? (error.stack ?? '') : '').split('\n').slice(1);
  const [, at] = /(?:file:\/\/|\()(\/.*?:\d+:\d+)\)?$/.exec(frames[0] ?? '') ?? [];
  return at === undefined || at.includes('/node_modules/') ? {} : { help: `Thrown at ${at}.` };
}
