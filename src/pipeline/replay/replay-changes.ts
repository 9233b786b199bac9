import { type Batch, columnOf } from '../../core/batch.ts';
import type { ColumnName } from '../../core/columns.ts';
import type { JournalEntry } from '../../log/event-log.ts';
import type { RecordedCohort } from '../../log/join.ts';
import { ColumnDiffs, type ColumnsDiff } from '../../report/column-diff.ts';
import type { Cohort, WiredStage } from '../../streams/cohort.ts';
import { keysOf, type Recording } from './recording.ts';

/** By stage, and by round where it works in rounds, what they recorded of a cohort. */
type RecordedColumns = ReadonlyMap<string, Batch>;

/** What replayed stages changed against what the same stages had recorded. */
export class ReplayChanges {
  readonly #recording: Recording;
  readonly #stages: readonly WiredStage[];
  #diffs: ColumnDiffs | undefined;

  constructor(recording: Recording, stages: readonly WiredStage[]) {
    this.#recording = recording;
    this.#stages = stages;
  }

  /** What the stages recorded of a cohort. */
  async read(recorded: RecordedCohort): Promise<RecordedColumns> {
    const { log } = this.#recording;
    const ids = new Set(this.#stages.map(({ id }) => id));
    const entries = recorded.entries.filter(({ key, segment }) => segment && ids.has(key.stage));
    const read = async (entry: JournalEntry): Promise<[string, Batch]> => [
      this.#named(entry.key.stage, entry.key.round),
      await log.read(entry),
    ];
    return new Map(await Promise.all(entries.map(read)));
  }

  /**
   * @param recorded as `read` gives it, of the same cohort
   * @param cohort as the stage left it
   */
  add(recorded: RecordedColumns, { id }: WiredStage, { batch, event }: Cohort): void {
    const before = recorded.get(this.#named(id, event.round));
    if (!before) return;
    this.#diffs ??= new ColumnDiffs(batch.getChild('points') !== null);
    const keys = keysOf(batch);
    const partner = partnersOf(before, batch);
    const keysBefore = partner ? keysFrom(keys, partner) : keys;
    for (const { name } of before.schema.fields) {
      if (name === 'row_id' || !batch.getChild(name)) continue;
      this.#diffs.add(
        name,
        { data: columnOf(before, name as ColumnName), keys: keysBefore },
        { data: columnOf(batch, name as ColumnName), keys },
        partner,
      );
    }
  }

  /** A replay may have asked for fewer rounds than were recorded. */
  #named(stage: string, round: number): string {
    return this.#recording.inRounds.has(stage) ? `${stage} ${round}` : stage;
  }

  result(): ColumnsDiff {
    return this.#diffs?.result() ?? { differing: [], equal: [] };
  }
}

/** Which row of `after` each row of `before` is, by row_id; nothing where they stand side by side. */
export function partnersOf(before: Batch, after: Batch): Int32Array | undefined {
  const ids = columnOf(before, 'row_id');
  const others = columnOf(after, 'row_id');
  if (ids.length === others.length && ids.every((id, i) => id === others[i])) return undefined;
  const rows = new Map(others.map((id, i) => [id, i]));
  return Int32Array.from(ids, (id) => rows.get(id) ?? -1);
}

function keysFrom(keys: Float64Array, partner: Int32Array): Float64Array {
  return Float64Array.from(partner, (j) => (j < 0 ? NaN : keys[j]!));
}
