import { z } from 'zod';
import { columnsOf, specsOf } from '../../core/batch.ts';
import type { ColumnName, Columns } from '../../core/columns.ts';
import { didYouMean } from '../../core/did-you-mean.ts';
import { RlevError, show } from '../../core/errors.ts';
import { importModule } from '../../core/import-module.ts';
import { namesExport, partsOfUse } from '../../core/module-use.ts';
import {
  catalogueOf,
  type Dataset,
  type MapDefinition,
  type MapStage,
  type PartDefinition,
  type StageSetup,
} from '../../core/stage.ts';
import { stageEvent } from '../create-stage.ts';
import { parameterErrors } from '../parameter-errors.ts';
import { placeIn } from '../place-in.ts';
import { column } from './column.ts';
import { difficulty } from './difficulty.ts';
import { points } from './points.ts';

/** The values that others stand in for: stages that know a question's value from its data. */
const signals = catalogueOf([points, column, difficulty]);

/** What a signal says besides the parameters of its stage. */
export const signalSettings = {
  use: z
    .string()
    .min(1)
    .default('value/points')
    .describe('The stage that gives the real values: its name, or `./mine.js#name`.'),
};

/** `{ use, ...parameters }`, as it stands in the pipeline file. */
export const signalSchema = z
  .looseObject(signalSettings)
  .prefault({})
  .describe('The real values, with the parameters of their stage beside `use`.');

export type SignalParams = z.infer<typeof signalSchema>;

/** For the checker and the catalogue. */
export const signalParts = {
  signal: async (): Promise<Readonly<Record<string, PartDefinition>>> =>
    Object.fromEntries(
      [...signals].map(([name, { summary, formula, source, params }]) => [
        name,
        { doc: summary, ...(formula && { formula }), ...(source && { source }), params, needs: [] },
      ]),
    ),
};

/** A value stage, made. */
export interface Signal {
  readonly definition: MapDefinition;
  readonly params: unknown;
  readonly stage: MapStage;
}

/**
 * The value stage that gives the real values.
 *
 * @throws RlevError `config/unknown-stage` for a name that none has, `config/module` for a module that cannot be
 *   loaded or exports no value stage; `config/type`, `config/unknown-key` for parameters that it does not take
 */
export async function createSignal({ use, ...given }: SignalParams, setup: StageSetup): Promise<Signal> {
  const place = placeIn(setup, 'signal', 'use');
  const placeOf: StageSetup['placeOf'] = (path, of) => setup.placeOf?.(['signal', ...path], of) ?? place;
  const definition = namesExport(use)
    ? await ownSignal(use, { place, resolve: setup.resolve })
    : signals.get(use);
  if (definition?.kind !== 'map') {
    throw new RlevError({
      code: 'config/unknown-stage',
      message: `There is no signal called ${show(use)}.`,
      value: use,
      place,
      help: didYouMean(use, [...signals.keys()]),
    });
  }
  const parsed = definition.params.safeParse(given);
  if (!parsed.success) {
    throw parameterErrors(parsed.error, given, { name: use, params: definition.params, placeOf });
  }
  const stage = await definition.create(parsed.data, { ...setup, place, placeOf });
  return { definition, params: parsed.data, stage };
}

/**
 * v(x) of each question of the data, where the stage reads nothing but questions.
 *
 * @param signal whose stage was shown the data
 * @returns float64 [questions]; undefined where it reads what is known of responses only
 */
export async function valuesOver(
  { definition, params, stage }: Signal,
  { batch }: Dataset,
): Promise<Float64Array | undefined> {
  const n = batch.numRows;
  const rows = {
    row_id: Array.from({ length: n }, (_, i) => `0.0.${i}.0`),
    group: Int32Array.from({ length: n }, (_, i) => i),
  };
  const there = new Set([...Object.keys(rows), ...Object.keys(specsOf(batch))]);
  const needs = definition.needs(params);
  if (!needs.every((name) => there.has(name))) return undefined;
  const asked = needs.filter((name) => batch.getChild(name));
  const columns = { ...rows, ...columnsOf(batch, asked) } as Columns<ColumnName>;
  const { value } = (await stage.run(columns, stageEvent())) as Columns<'value'>;
  return value;
}

async function ownSignal(
  use: string,
  { place, resolve }: Pick<StageSetup, 'place' | 'resolve'>,
): Promise<MapDefinition> {
  const { path, name } = partsOfUse(use);
  const file = resolve(path);
  let module: Record<string, unknown>;
  try {
    module = await importModule(file);
  } catch (error) {
    throw error instanceof RlevError ? new RlevError({ ...error.details(), value: use, place }) : error;
  }
  const isStage = (key: string): boolean => {
    const { kind, create } = (module[key] ?? {}) as Partial<MapDefinition>;
    return kind === 'map' && typeof create === 'function';
  };
  if (isStage(name)) return module[name] as MapDefinition;
  const stages = Object.keys(module).filter(isStage);
  throw new RlevError({
    code: 'config/module',
    message: `${file} exports no value stage ${show(name)}.`,
    value: use,
    place,
    help:
      stages.length > 0
        ? didYouMean(name, stages)
        : `Write \`export const ${name} = value(...)\`, with the value of rlev.`,
  });
}
