import type { EventKind, EventLog, Scope } from './event-log.ts';
import { cohortsOf } from './join.ts';

/** What one stage did with one cohort, in one round. */
export interface ListedStage {
  readonly stage: string;
  readonly round: number;
  readonly use: string;
  readonly kind: EventKind;
  readonly identity: string;
  /** Of its columns, as far as they were kept. */
  readonly rows: number;
  readonly bytes: number;
}

export interface ListedCohort {
  readonly scope: Scope;
  readonly step: number;
  /** How often the step sampled: 1, and 1 more for each refill. */
  readonly rounds: number;
  readonly events: number;
  /** Rows at its last stage whose columns were kept, and bytes of all its columns. */
  readonly rows: number;
  readonly bytes: number;
  readonly stages: readonly ListedStage[];
}

/** The cohorts of a run, by step within a scope, in what the journal says of them: no columns are read. */
export async function* listCohorts(log: EventLog): AsyncGenerator<ListedCohort> {
  for await (const { entries, scope, step } of cohortsOf(log)) {
    const stages = entries.map(({ key, use, kind, identity, segment }) => ({
      stage: key.stage,
      round: key.round,
      use,
      kind,
      identity,
      rows: segment?.rows ?? 0,
      bytes: segment?.length ?? 0,
    }));
    const rows = entries.findLast((e) => e.segment)?.segment?.rows ?? 0;
    const bytes = stages.reduce((n, s) => n + s.bytes, 0);
    const rounds = Math.max(...entries.map(({ key }) => key.round)) + 1;
    yield { scope, step, rounds, events: entries.length, rows, bytes, stages };
  }
}
