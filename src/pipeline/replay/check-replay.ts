import { allColumnsOf, type Batch } from '../../core/batch.ts';
import { type AnyColumns, rowsOf } from '../../core/columns.ts';
import type { EventDraft, JournalEntry, Json } from '../../log/event-log.ts';
import { canonicalJson, identityOf } from '../../log/identity.ts';
import type { RecordedCohort } from '../../log/join.ts';
import { differsAt, rowValue } from '../../report/column-numbers.ts';
import type { WiredStage } from '../../streams/cohort.ts';
import { draftOf, type Recorder } from '../../streams/record.ts';
import type { Recording } from './recording.ts';
import { sameStage } from './same-stage.ts';

/** Where a replay parted from the recording first. */
export interface ReplayDifference {
  readonly step: number;
  readonly stage: string;
  /** The recorded identity, and the one that the replay gave. */
  readonly identities: { readonly recorded: string; readonly replayed: string };
  /** row_id of the first row that differs. */
  readonly row?: string;
  readonly column?: string;
  /** Of a list, the first element that differs. */
  readonly element?: number;
  /** Of an update, the metric or field that differs. */
  readonly field?: string;
  readonly recorded?: unknown;
  readonly replayed?: unknown;
}

export interface ReplayCheck {
  /** Events that the replay had to give as they were recorded. */
  readonly compared: number;
  /** Events that cannot be the recorded ones: their stage, or what it read, was changed. */
  readonly changed: number;
  readonly difference: ReplayDifference | undefined;
}

export interface Checker {
  /** Computes identities and compares them with the cohort's recorded ones. */
  recorder(recorded: RecordedCohort): Recorder;
  readonly result: ReplayCheck;
}

/**
 * Holds a replay to the recording. A stage that is as it was, and read what it read, must give the recorded identity;
 * the first that does not is looked into.
 *
 * @param stages those that are replayed
 */
export function checkAgainst(recording: Recording, stages: readonly WiredStage[]): Checker {
  let compared = 0;
  let changed = 0;
  let difference: ReplayDifference | undefined;
  const unchanged = new Set(
    stages
      .filter((stage) =>
        sameStage(
          stage,
          recording.pipeline.stages.find(({ id }) => id === stage.id),
        ),
      )
      .map(({ id }) => id),
  );

  const recorder = (recorded: RecordedCohort): Recorder => {
    let parents: ReturnType<Recording['parents']> | undefined;
    return async (wired, cohort, deed) => {
      const draft = draftOf(wired, cohort.event, deed);
      const identity = identityOf(draft);
      const round = recording.inRounds.has(wired.id) ? cohort.event.round : undefined;
      const entry = recording.entryOf(recorded, wired.id, round);
      // a run that was stopped lacks the last stages of a step
      if (!entry && unchanged.has(wired.id)) return identity;
      parents ??= recording.parents(recorded);
      const read = entry && (await parents).get(entry.identity);
      if (!entry || !read || !unchanged.has(wired.id) || !sameOnes(deed.parents, read)) {
        changed++;
        return identity;
      }
      compared++;
      if (identity !== entry.identity && !difference) {
        difference = {
          step: entry.key.step,
          stage: wired.id,
          identities: { recorded: entry.identity, replayed: identity },
          ...(await firstDifference(recording, entry, draft)),
        };
      }
      return identity;
    };
  };
  return {
    recorder,
    get result() {
      return { compared, changed, difference };
    },
  };
}

function sameOnes(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((x) => b.includes(x));
}

async function firstDifference(
  recording: Recording,
  entry: JournalEntry,
  { columns, data }: EventDraft,
): Promise<Partial<ReplayDifference>> {
  if (columns && entry.segment) return firstDifferentRow(await recording.log.read(entry), columns);
  return firstDifferentField(entry.data ?? {}, data ?? {}, '') ?? {};
}

/** The first row that differs, and the first column of it that does. */
function firstDifferentRow(
  batch: Batch,
  replayed: AnyColumns,
): Pick<ReplayDifference, 'row' | 'column' | 'element' | 'recorded' | 'replayed'> {
  const recorded = allColumnsOf(batch);
  let first: { i: number; column: string; element: number } | undefined;
  for (const column of Object.keys(recorded)) {
    const [a, b] = [recorded[column]!, replayed[column]];
    if (!b) return { column, recorded: 'a column', replayed: 'none' };
    const rows = Math.min(rowsOf(a), rowsOf(b), first?.i ?? Infinity);
    for (let i = 0; i < rows; i++) {
      const element = differsAt(a, i, b, i);
      if (element === undefined) continue;
      first = { i, column, element };
      break;
    }
  }
  const ids = recorded.row_id as readonly string[];
  if (!first) {
    const rows = rowsOf(Object.values(replayed)[0]!);
    return rows === batch.numRows ? {} : { column: 'row_id', recorded: batch.numRows, replayed: rows };
  }
  const { i, column, element } = first;
  const [a, b] = [rowValue(recorded[column]!, i), rowValue(replayed[column]!, i)];
  if (element < 0) return { row: ids[i]!, column, recorded: a, replayed: b };
  const at = (list: unknown): unknown => (list as readonly unknown[])[element];
  return { row: ids[i]!, column, element, recorded: at(a), replayed: at(b) };
}

function firstDifferentField(
  recorded: Json | undefined,
  replayed: Json | undefined,
  path: string,
): Pick<ReplayDifference, 'field' | 'recorded' | 'replayed'> | undefined {
  if (isObject(recorded) && isObject(replayed)) {
    for (const key of [...new Set([...Object.keys(recorded), ...Object.keys(replayed)])].sort()) {
      const found = firstDifferentField(recorded[key], replayed[key], path ? `${path}.${key}` : key);
      if (found) return found;
    }
    return undefined;
  }
  const text = (x: Json | undefined): string => (x === undefined ? '' : canonicalJson(x));
  return text(recorded) === text(replayed) ? undefined : { field: path, recorded, replayed };
}

function isObject(x: Json | undefined): x is { readonly [key: string]: Json } {
  return typeof x === 'object' && x !== null && !Array.isArray(x);
}
