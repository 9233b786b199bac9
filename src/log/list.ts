import type { EventKind, EventLog, Scope } from './event-log.ts';
import { cohortsOf } from './join.ts';

/** What one stage did with one cohort. */
export interface ListedStage {
  readonly stage: string;
  readonly use: string;
  readonly kind: EventKind;
  readonly identity: string;
  /** Of its columns. */
  readonly rows: number;
  readonly bytes: number;
}

export interface ListedCohort {
  readonly scope: Scope;
  readonly step: number;
  readonly round: number;
  readonly events: number;
  /** Rows at its last stage with columns, and bytes of all its columns. */
  readonly rows: number;
  readonly bytes: number;
  readonly stages: readonly ListedStage[];
}

/** The cohorts of a run, by step within a scope, in what the journal says of them: no columns are read. */
export async function* listCohorts(log: EventLog): AsyncGenerator<ListedCohort> {
  for await (const { entries, scope, step, round } of cohortsOf(log)) {
    const stages = entries.map(({ key, use, kind, identity, segment }) => ({
      stage: key.stage,
      use,
      kind,
      identity,
      rows: segment?.rows ?? 0,
      bytes: segment?.length ?? 0,
    }));
    const rows = stages.findLast((s) => s.kind === 'columns')?.rows ?? 0;
    const bytes = stages.reduce((n, s) => n + s.bytes, 0);
    yield { scope, step, round, events: entries.length, rows, bytes, stages };
  }
}
