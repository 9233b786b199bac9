import type { AnyColumns, Specs } from '../core/columns.ts';
import { RlevError } from '../core/errors.ts';
import type { StageEvent } from '../core/stage.ts';
import type { EventDraft, EventLog, JsonObject } from '../log/event-log.ts';
import { identityOf } from '../log/identity.ts';
import type { Cohort, WiredStage } from './cohort.ts';
import { type Past, pastOf } from './recall.ts';

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

/** Which columns a recording keeps: all, or (`lean`) those that cannot be derived from others. */
export type RecordingLevel = 'all' | 'lean';

/** Whether a recording of this level keeps the columns of a stage. */
export function keepsColumns(level: RecordingLevel, { definition }: Pick<WiredStage, 'definition'>): boolean {
  return level === 'all' || definition.kind !== 'map' || definition.derived !== true;
}

/**
 * Records into an event log what is not there yet. What is there must come out the same again, or the run would go on
 * from another state than it was in. An event has the same identity at every level.
 *
 * @throws RlevError `run/mismatch` where an event that is recorded came out differently.
 */
export function recordInto(log: EventLog, past: Past = pastOf(), level: RecordingLevel = 'all'): Recorder {
  return async (wired, { event }, deed) => {
    const { step, scope } = event;
    const draft = { ...draftOf(wired, event, deed), ...(!keepsColumns(level, wired) && { keep: false }) };
    const known = past.find(wired.id, event);
    if (!known) return (await log.append(draft)).identity;
    if (identityOf(draft) === known.identity) return known.identity;
    throw new RlevError({
      code: 'run/mismatch',
      message: `Stage ${wired.id} (${draft.use}), step ${step}${scope === 'train' ? '' : `, ${scope}`}, did not come to what event ${known.seq} records.`,
      value: known.key,
      place: { file: `${log.directory}/journal.ndjson`, line: known.seq + 1 },
      help: 'Nothing was changed. Something that the header does not tell computes differently here; a new run can start from a checkpoint: rlev train --from RUN@STEP.',
    });
  };
}

/** The event that a stage's deed on a cohort is. */
export function draftOf(
  { id, definition, params }: WiredStage,
  { step, round, scope }: StageEvent,
  deed: Deed,
): EventDraft {
  return { key: { step, round, part: 0, stage: id, scope }, use: definition.name, params, ...deed };
}

/** Records nothing: for an evaluation or a test without a run. */
export const recordNothing: Recorder = async () => '';
