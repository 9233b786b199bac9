import { type Batch, columnsOf } from '../core/batch.ts';
import type { ColumnName, Columns } from '../core/columns.ts';
import type { MapStage, Selection, SelectStage, SourceStage, StageEvent } from '../core/stage.ts';
import type { EventLog, JournalEntry } from '../log/event-log.ts';
import type { WiredStage } from './cohort.ts';

/** Which cohort, as an event's key names it. */
type Which = Pick<StageEvent, 'scope' | 'step' | 'round'>;

/** What a run has recorded already, by key: an event may stand before or after others of its step. */
export interface Past {
  /** The event of a stage for a cohort, where it is recorded. */
  find(stage: string, cohort: Which): JournalEntry | undefined;
  /** Its columns, where they were kept. */
  read(stage: string, cohort: Which): Promise<Batch | undefined>;
}

/** The past that the events of a log make; without them that of a new run. */
export function pastOf(entries: Iterable<JournalEntry> = [], log?: EventLog): Past {
  const named = (stage: string, { scope, step, round }: Which): string =>
    `${scope} ${step} ${round} ${stage}`;
  const byName = new Map(Array.from(entries, (entry) => [named(entry.key.stage, entry.key), entry]));
  const find: Past['find'] = (stage, cohort) => byName.get(named(stage, cohort));
  return {
    find,
    async read(stage, cohort) {
      const entry = find(stage, cohort);
      return entry?.segment && log?.read(entry);
    },
  };
}

/**
 * A stage that reads from the log what it has done already, and does the rest. An update, and a stage with a state to
 * save, work again: what they leave behind is not in their event. Whether they come to the same is for the recorder
 * to check.
 */
export function recalling(wired: WiredStage, past: Past): WiredStage {
  const { id, definition, params, stage } = wired;
  if (definition.kind === 'update' || stage.save) return wired;
  if (definition.kind === 'select') {
    const recalled: SelectStage = {
      async run(columns, event) {
        const data = past.find(id, event)?.data;
        return data ? (data as unknown as Selection) : (stage as SelectStage).run(columns, event);
      },
    };
    return { ...wired, stage: recalled };
  }
  const { specs } = stage as MapStage;
  const names = [...definition.adds(params), ...Object.keys(specs ?? {})] as ColumnName[];
  const recorded = async (event: StageEvent): Promise<Columns<ColumnName> | undefined> => {
    const batch = await past.read(id, event);
    return batch && columnsOf(batch, names);
  };
  const recalled: SourceStage & MapStage = {
    ...(specs && { specs }),
    dataset: () => (stage as SourceStage).dataset(),
    next: async (event) => (await recorded(event)) ?? (stage as SourceStage).next(event),
    run: async (columns, event) => (await recorded(event)) ?? (stage as MapStage).run(columns, event),
  };
  return { ...wired, stage: recalled };
}
