import { expect, use } from 'chai';
import type { ColumnName, Columns } from '../../../src/core/columns.ts';
import type { MapDefinition } from '../../../src/core/stage.ts';
import {
  batch,
  columnAssertions,
  createStage,
  type StageParams,
  stageEvent,
} from '../../../src/testing/index.ts';

use(columnAssertions);

/** `expect` with the assertions on columns. */
export { expect };

/** What an estimator gives to the rows of a cohort, the columns that do not matter filled in. */
export async function advantagesOf<P, N extends ColumnName, C extends ColumnName>(
  definition: MapDefinition<P, N, 'advantage'>,
  columns: Parameters<typeof batch<C>>[0],
  params: StageParams = {},
): Promise<Columns<'advantage'>['advantage']> {
  const stage = await createStage(definition, params);
  const { advantage } = await stage.run(batch(columns) as unknown as Columns<N>, stageEvent());
  return advantage;
}
