import type { AnyColumns } from '../core/columns.ts';
import type { Specs } from '../core/encode.ts';
import type { EventLog, JsonObject } from '../log/event-log.ts';
import type { Cohort, WiredStage } from './cohort.ts';

/** What a stage did, without who and when. */
export interface Deed {
  readonly kind: 'columns' | 'select' | 'update';
  readonly parents: readonly string[];
  readonly columns?: AnyColumns;
  readonly specs?: Specs;
  readonly data?: JsonObject;
}

/** Records what a stage did with a cohort; answers the event's identity once it is safe. */
export type Recorder = (wired: WiredStage, cohort: Cohort, deed: Deed) => Promise<string>;

/** Records into an event log. */
export function recordInto(log: EventLog): Recorder {
  return async (wired, { event }, deed) => {
    const { step, round, scope } = event;
    const entry = await log.append({
      key: { step, round, part: 0, stage: wired.id, scope },
      use: wired.definition.name,
      params: wired.params,
      ...deed,
    });
    return entry.identity;
  };
}

/** Records nothing: for an evaluation or a test without a run. */
export const recordNothing: Recorder = async () => '';
