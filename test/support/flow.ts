import { z } from 'zod';
import type { ColumnName, Columns } from '../../src/core/columns.ts';
import type { StageDefinition, StageEvent } from '../../src/core/stage.ts';
import type { Cohort, WiredStage } from '../../src/streams/cohort.ts';
import type { Deed, Recorder } from '../../src/streams/record.ts';

/** A stage in its place, without a pipeline file: for tests of the wiring. */
export function wire(id: string, definition: Partial<StageDefinition>, stage: object): WiredStage {
  return {
    id,
    definition: {
      name: `test/${id}`,
      summary: '',
      params: z.strictObject({}),
      ...definition,
    } as StageDefinition,
    params: {},
    stage: stage as WiredStage['stage'],
    place: { file: 'test.yaml', line: 3, column: 5 },
  };
}

/** A source of `rows` prompts a step. */
export function source(rows: number): WiredStage {
  return wire('prompts', { kind: 'source', adds: () => ['row_id', 'group', 'points'] } as never, {
    next: ({ step }: StageEvent) => ({
      row_id: Array.from({ length: rows }, (_, i) => `${step}.0.${i}.0`),
      group: Int32Array.from({ length: rows }, (_, i) => i),
      points: Float64Array.from({ length: rows }, (_, i) => step * 100 + i),
    }),
  });
}

/** A map stage from a function on columns. */
export function map<N extends ColumnName>(
  id: string,
  needs: readonly N[],
  adds: readonly ColumnName[],
  run: (columns: Columns<N>, event: StageEvent) => object | Promise<object>,
  more: object = {},
): WiredStage {
  return wire(id, { kind: 'map', needs: () => needs, adds: () => adds, ...more } as never, { run });
}

export function eventAt(step = 0, signal: AbortSignal = new AbortController().signal): StageEvent {
  return { step, round: 0, scope: 'train', seed: 1, policyVersion: 0, signal };
}

/** Keeps what is recorded, in order; identities are `stage@step`. */
export function memoryRecorder(): { record: Recorder; deeds: (Deed & { stage: string; step: number })[] } {
  const deeds: (Deed & { stage: string; step: number })[] = [];
  const record = async (wired: WiredStage, cohort: Cohort, deed: Deed): Promise<string> => {
    deeds.push({ ...deed, stage: wired.id, step: cohort.event.step });
    return `${wired.id}@${cohort.event.step}`;
  };
  return { record, deeds };
}
