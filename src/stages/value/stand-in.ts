import { columnOf } from '../../core/batch.ts';
import type { Columns } from '../../core/columns.ts';
import { RlevError } from '../../core/errors.ts';
import type { Dataset, MapStage, StageEvent, StageSetup } from '../../core/stage.ts';
import { placeIn } from '../place-in.ts';
import { createSignal, type SignalParams, valuesOver } from './signals.ts';
import { unprepared } from './unprepared.ts';

/** The questions of a data set, each once, and what they are worth. */
export interface RealValues {
  /** Ids, in the order of their code units: whatever is drawn for a question does not depend on the data's order. */
  readonly ids: readonly string[];
  /** float64 [questions], 0 or more. */
  readonly values: Float64Array;
}

/**
 * The values of a signal over a whole data set.
 *
 * @throws RlevError `config/columns` where the signal needs more than a question
 */
export async function realValues(
  signal: SignalParams,
  dataset: Dataset,
  setup: StageSetup,
): Promise<RealValues> {
  const made = await createSignal(signal, setup);
  await made.stage.prepare?.(dataset);
  const perRow = await valuesOver(made, dataset);
  if (!perRow) {
    throw new RlevError({
      code: 'config/columns',
      message: `The signal ${signal.use} needs more than the data has of a question.`,
      value: signal.use,
      place: placeIn(setup, 'signal', 'use'),
      help: `It needs ${made.definition.needs(made.params).join(', ')}.`,
    });
  }
  const byId = new Map<string, number>();
  columnOf(dataset.batch, 'prompt_id').forEach((id, row) => {
    if (!byId.has(id)) byId.set(id, perRow[row]!);
  });
  const ids = [...byId.keys()].sort();
  return { ids, values: Float64Array.from(ids, (id) => byId.get(id)!) };
}

/**
 * A stage whose values stand in for the real ones in training, each question's the same throughout a run. An
 * evaluation gets the real ones: what a right answer is worth does not change with what training is told of it.
 *
 * @param replace values to train on, in the order of the questions
 */
export function standIn(
  signal: SignalParams,
  setup: StageSetup,
  replace: (real: RealValues) => Float64Array,
): MapStage<'prompt_id', 'value'> {
  let real: ReadonlyMap<string, number> | undefined;
  let made: ReadonlyMap<string, number> | undefined;
  return {
    async prepare(dataset) {
      const found = await realValues(signal, dataset, setup);
      real = mapOf(found.ids, found.values);
      made = mapOf(found.ids, replace(found));
    },
    run({ prompt_id }: Columns<'prompt_id'>, { scope }: Pick<StageEvent, 'scope'>) {
      const values = scope === 'train' ? made : real;
      if (!values) throw unprepared(setup);
      return { value: Float64Array.from(prompt_id, (id) => valueIn(id, values)) };
    },
  };
}

/** @throws RlevError `stage/contract` for a question that the data did not have before the run */
export function valueIn(id: string, values: ReadonlyMap<string, number>): number {
  const value = values.get(id);
  if (value !== undefined) return value;
  throw new RlevError({
    code: 'stage/contract',
    message: `It gets the question ${id}, which was not among the data that it was shown before the run.`,
    value: id,
    help: 'A source must give its dataset every question that it will ask.',
  });
}

export function mapOf(ids: readonly string[], values: Float64Array): ReadonlyMap<string, number> {
  return new Map(ids.map((id, i) => [id, values[i]!]));
}
