import { columnOf } from '../../core/batch.ts';
import { type ColumnName, rowsOf } from '../../core/columns.ts';
import { rowNumbers } from '../../report/column-numbers.ts';
import { Moments, type Spread, spreadOf } from '../../report/moments.ts';
import type { Cohort, WiredStage } from '../../streams/cohort.ts';

/** What a stage did over all replayed steps. */
export interface ReplayedStage {
  readonly id: string;
  readonly use: string;
  readonly rows: number;
  readonly seconds: number;
  /** Its columns of numbers, one number a row: of a list its mean, of tokens their count. */
  readonly columns: { readonly [column: string]: Spread };
  /** Of an update: means of its metrics over the steps. */
  readonly metrics?: { readonly [name: string]: number };
}

interface Sums {
  readonly wired: WiredStage;
  readonly columns: Map<string, Moments>;
  readonly metrics: Map<string, Moments>;
  rows: number;
  milliseconds: number;
}

/** Columns whose statistics mean something. */
const telling: readonly ColumnName[] = [
  'correct',
  'value',
  'scale',
  'reward',
  'response_tokens',
  'returns',
  'advantage',
];

/** Figures of a replay, folded stage by stage. */
export class ReplayFigures {
  readonly #stages: Map<string, Sums>;
  #rollouts = 0;
  #earned = 0;
  #worth = 0;
  #valued = false;

  constructor(stages: readonly WiredStage[]) {
    this.#stages = new Map(
      stages.map((wired) => [
        wired.id,
        { wired, columns: new Map(), metrics: new Map(), rows: 0, milliseconds: 0 },
      ]),
    );
  }

  stage(wired: WiredStage, { batch, update }: Cohort, milliseconds: number): void {
    const sums = this.#stages.get(wired.id)!;
    const { definition, params } = wired;
    sums.rows += batch.numRows;
    sums.milliseconds += milliseconds;
    if (definition.kind === 'map') {
      const added = definition.adds(params);
      for (const name of telling)
        if (added.includes(name)) addAll(sums.columns, name, rowNumbers(columnOf(batch, name)));
    }
    if (definition.kind !== 'update' || !update) return;
    for (const [name, value] of Object.entries(update.metrics)) addAll(sums.metrics, name, [value]);
  }

  cohort({ batch }: Cohort): void {
    this.#rollouts += batch.numRows;
    if (!batch.getChild('value') || !batch.getChild('correct')) return;
    const value = columnOf(batch, 'value');
    const correct = columnOf(batch, 'correct');
    this.#valued = true;
    for (let i = 0; i < rowsOf(value); i++) {
      this.#earned += value[i]! * correct[i]!;
      this.#worth += value[i]!;
    }
  }

  result(): { stages: ReplayedStage[]; rollouts: number; h_accuracy: number | null } {
    const stages = [...this.#stages.values()].map(({ wired, columns, metrics, rows, milliseconds }) => ({
      id: wired.id,
      use: wired.definition.name,
      rows,
      seconds: milliseconds / 1000,
      columns: Object.fromEntries([...columns].map(([name, moments]) => [name, spreadOf(moments)])),
      ...(metrics.size > 0 && {
        metrics: Object.fromEntries([...metrics].map(([name, moments]) => [name, moments.mean])),
      }),
    }));
    const hAccuracy = this.#valued && this.#worth > 0 ? this.#earned / this.#worth : null;
    return { stages, rollouts: this.#rollouts, h_accuracy: hAccuracy };
  }
}

function addAll(to: Map<string, Moments>, name: string, numbers: ArrayLike<number>): void {
  let moments = to.get(name);
  if (!moments) {
    moments = new Moments();
    to.set(name, moments);
  }
  for (let i = 0; i < numbers.length; i++) moments.add(numbers[i]!);
}
