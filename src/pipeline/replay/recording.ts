import { join } from 'node:path';
import { type Batch, columnOf } from '../../core/batch.ts';
import { RlevError } from '../../core/errors.ts';
import type { Catalogue, Scope, StageEvent } from '../../core/stage.ts';
import type { EventLog, JournalEntry } from '../../log/event-log.ts';
import { joinedBatch, type RecordedCohort } from '../../log/join.ts';
import { foldRounds } from '../../log/rounds.ts';
import { openRun } from '../../log/run-directory.ts';
import { type Cohort, emptyCohort, joinProducers, parentsOf, versionAt } from '../../streams/cohort.ts';
import { stagesInRounds } from '../../streams/rounds.ts';
import { columnsOf } from '../file/flow.ts';
import { loadPipeline, type Pipeline, type ResolvedStage } from '../file/resolve.ts';
import { forkOf } from '../run/fork.ts';
import { scoped } from './scoped.ts';

type Producers = Cohort['producers'];

/** A recorded run, open for reading, with the pipeline that made it. */
export interface Recording {
  readonly log: EventLog;
  /** Which flow of the run: its stages are those of `pipeline`. */
  readonly scope: Scope;
  readonly pipeline: Pipeline;
  /** With the stages of training, whatever the flow. */
  readonly whole: Pipeline;
  /** Ids of the stages that work in rounds; an event of another is of the last round that its step had. */
  readonly inRounds: ReadonlySet<string>;
  /** The run's first step: 0, or that of the checkpoint which it was forked from. */
  readonly base: number;
  /** The recorded event of a stage in a cohort, by default that of the last round. */
  entryOf(recorded: RecordedCohort, stage: string, round?: number): JournalEntry | undefined;
  /** Names of the columns that each stage recorded, `row_id` only where the stage makes it. */
  columnsByStage(recorded: RecordedCohort): Promise<ReadonlyMap<string, readonly string[]>>;
  /** Identities of the events that each stage of a cohort read, by its event's. */
  parents(recorded: RecordedCohort): Promise<ReadonlyMap<string, readonly string[]>>;
  /**
   * A cohort as it stood behind some stages, with those of the named columns that are there, and `row_id`; reads no
   * other stage's.
   *
   * @param round only what this round brought, before it was selected from with what was kept; by default all rounds
   */
  cohortAfter(
    stages: readonly string[],
    recorded: RecordedCohort,
    names: readonly string[],
    signal: AbortSignal,
    round?: number,
  ): Promise<Cohort>;
  close(): Promise<void>;
}

/**
 * Opens a run for reading.
 *
 * @throws RlevError `run/not-found`, `run/corrupt`; `config/*` where the catalogue lacks a stage of the run
 */
export async function openRecording(
  directory: string,
  catalogue: Catalogue,
  scope: Scope = 'train',
): Promise<Recording> {
  const log = await openRun(directory, { write: false });
  try {
    const pipeline = await loadPipeline(recordedPipeline(directory), { catalogue });
    return recordingOf(log, pipeline, scope, await forkOf(log));
  } catch (error) {
    await log.close();
    throw error;
  }
}

/** The pipeline file of a run. */
export function recordedPipeline(directory: string): string {
  return join(directory, 'pipeline.yaml');
}

function recordingOf(
  log: EventLog,
  whole: Pipeline,
  scope: Scope,
  fork: JournalEntry | undefined,
): Recording {
  const pipeline = scoped(whole, scope);
  const base = fork?.key.step ?? 0;
  const byId = new Map(pipeline.stages.map((stage) => [stage.id, stage]));
  const schemas = new Map<string, readonly string[]>();

  const entryOf: Recording['entryOf'] = (recorded, stage, round) =>
    recorded.entries.findLast(
      ({ key }) => key.stage === stage && (round === undefined || key.round === round),
    );

  /** Every event of a stage has the same columns: one is looked at. */
  const columnsByStage = async (
    recorded: RecordedCohort,
  ): Promise<ReadonlyMap<string, readonly string[]>> => {
    for (const entry of recorded.entries) {
      if (!entry.segment || schemas.has(entry.key.stage)) continue;
      const names = (await log.read(entry)).schema.fields.map((field) => field.name);
      const makesRows = adds(byId.get(entry.key.stage)).includes('row_id');
      schemas.set(entry.key.stage, makesRows ? names : names.filter((name) => name !== 'row_id'));
    }
    return schemas;
  };

  /** What made the policy of the run's first step. */
  const originOf = ({ step }: RecordedCohort): string | undefined =>
    step === base ? fork?.identity : undefined;

  const producedBy = (at: Producers, entry: JournalEntry, names: readonly string[]): Producers => {
    const producers = new Map(at);
    if (entry.kind === 'select') producers.set('row_id', [entry.identity]);
    for (const name of names) producers.set(name, [entry.identity]);
    return producers;
  };

  return {
    log,
    scope,
    pipeline,
    whole,
    inRounds: new Set(pipeline.stages.slice(0, stagesInRounds(pipeline.stages)).map(({ id }) => id)),
    base,
    entryOf,
    columnsByStage,
    parents: async (recorded) => {
      const parents = new Map<string, readonly string[]>();
      const columns = await columnsByStage(recorded);
      const origin = originOf(recorded);
      const start: Producers = new Map(origin === undefined ? [] : [['', [origin]]]);
      await foldRounds(recorded.entries, start, joinProducers, async (at, entry) => {
        const stage = byId.get(entry.key.stage);
        parents.set(entry.identity, parentsOf(at, needs(stage)));
        return producedBy(at, entry, columns.get(entry.key.stage) ?? adds(stage));
      });
      return parents;
    },
    cohortAfter: async (stages, recorded, names, signal, round) => {
      const last = round ?? Math.max(...recorded.entries.map(({ key }) => key.round));
      const cohort = emptyCohort(eventOf(whole, base, recorded, last, signal), originOf(recorded));
      if (stages.length === 0) return cohort;
      const columns = await columnsByStage(recorded);
      const wanted = new Set(['row_id', ...names]);
      const lacking = stages.find((id) => !entryOf(recorded, id, round));
      if (lacking !== undefined) throw notRecorded(log, recorded, lacking, byId.has(lacking));
      const before = recorded.entries.filter(
        ({ key }) => stages.includes(key.stage) && (round === undefined || key.round === round),
      );
      const rounds = await foldRounds(before, cohort.producers, joinProducers, async (at, entry) =>
        producedBy(at, entry, columns.get(entry.key.stage) ?? []),
      );
      const there = new Set(stages.flatMap((id) => columns.get(id) ?? []).filter((name) => wanted.has(name)));
      // the last one says which rows there are
      const rows = stages.findLast((id) => columns.has(id));
      const entries = before.filter(
        ({ kind, key }) =>
          kind === 'select' || key.stage === rows || columns.get(key.stage)?.some((name) => wanted.has(name)),
      );
      const found = ['row_id', ...[...there].filter((name) => name !== 'row_id')];
      const batch = await joinedBatch(log, { ...recorded, entries }, { columns: found });
      return { ...cohort, batch, producers: rounds.reduce(joinProducers) };
    },
    close: () => log.close(),
  };
}

function adds(stage: ResolvedStage | undefined): readonly string[] {
  return stage ? columnsOf(stage).adds : [];
}

/** What a stage reads, as its event's parents count it: an update reads the policy too. */
function needs(stage: ResolvedStage | undefined): readonly string[] {
  if (!stage) return [];
  const { needs } = columnsOf(stage);
  return stage.definition.kind === 'update' ? ['', ...needs] : needs;
}

/** The event that a cohort was: the policy that sampled it follows from the number in flight. */
function eventOf(
  { run, stages }: Pipeline,
  base: number,
  { scope, step }: RecordedCohort,
  round: number,
  signal: AbortSignal,
): StageEvent {
  // an evaluation stands between two steps: nothing is in flight
  const inFlight = scope === 'train' ? run.inFlight : 1;
  const policyVersion = versionAt(step, { stages, base, inFlight });
  return { step, round, scope, seed: run.seed, policyVersion, signal };
}

function notRecorded(log: EventLog, { step }: RecordedCohort, stage: string, known: boolean): RlevError {
  return new RlevError({
    code: 'run/not-found',
    message: known
      ? `Step ${step} of ${log.directory} stopped before the stage ${stage}.`
      : `${log.directory} has no stage ${stage}.`,
    value: stage,
    help: known ? 'Leave the step out: --steps.' : `Replay it too: --from ${stage}.`,
  });
}

/** What rows are sorted into buckets by: the first of these that there is. */
export const keyColumns = ['points', 'value'] as const;

/** Points where there are any, else values; NaN where there is neither. */
export function keysOf(batch: Batch): Float64Array {
  const name = keyColumns.find((column) => batch.getChild(column));
  return name ? columnOf(batch, name) : new Float64Array(batch.numRows).fill(NaN);
}
