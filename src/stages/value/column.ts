import { z } from 'zod';
import type { ColumnName, Columns } from '../../core/columns.ts';
import { RlevError } from '../../core/errors.ts';
import { quantile } from '../../core/quantile.ts';
import { type Dataset, defineMap, type MapStage, type StageSetup } from '../../core/stage.ts';
import { placeIn } from '../place-in.ts';
import { amountsOf } from './cells.ts';
import { unprepared } from './unprepared.ts';

type Normalise = 'total' | 'max' | 'quantile' | 'none';

/**
 * What amounts are divided by: their sum over all questions, the largest, a quantile, or 1.
 *
 * @param amounts float64 [questions], 0 or more
 */
export function unitOf(amounts: Float64Array, normalise: Normalise, q: number): number {
  switch (normalise) {
    case 'total':
      return amounts.reduce((a, b) => a + b, 0);
    case 'max':
      return amounts.reduce((a, b) => Math.max(a, b), 0);
    case 'quantile':
      return quantile(amounts, q);
    case 'none':
      return 1;
  }
}

const params = z
  .strictObject({
    column: z
      .string()
      .min(1)
      .describe('Column with a number of 0 or more for each question: `data.money`, `points`.'),
    normalise: z
      .enum(['total', 'max', 'quantile', 'none'])
      .default('max')
      .describe('What the numbers are divided by, over all of the data.'),
    q: z.number().gt(0).max(1).optional().describe('Which quantile; 0.95.'),
  })
  .refine(({ normalise, q }) => q === undefined || normalise === 'quantile', {
    path: ['q'],
    message: 'q is that of `normalise: quantile`',
  });

type Params = z.infer<typeof params>;

export const column = defineMap({
  name: 'value/column',
  summary: 'Value of a question: a number of the data, over what the whole data makes of such numbers.',
  formula: 'v(x) = column(x) / u; u the total, the maximum or a quantile over the data, or 1',
  source: 'RLEV, arXiv 2510.20187, where the number is points and u the full marks of a paper',
  example: 'value: { use: value/column, column: data.money, normalise: max }',
  params,
  needs: ({ column }): readonly ColumnName[] => [column as ColumnName],
  adds: () => ['value'],
  create: (params, setup) => new ColumnValues(params, setup),
});

class ColumnValues implements MapStage<ColumnName, 'value'> {
  private unit: number | undefined;
  private readonly params: Params;
  private readonly setup: StageSetup;

  constructor(params: Params, setup: StageSetup) {
    this.params = params;
    this.setup = setup;
  }

  prepare(dataset: Dataset): void {
    const { column, normalise, q = 0.95 } = this.params;
    const amounts = amountsOf(dataset, column, this.setup);
    this.unit = unitOf(amounts, normalise, q);
    if (this.unit > 0 && this.unit < Infinity) return;
    const what = { total: 'total', max: 'largest', quantile: `${q}-quantile`, none: '' }[normalise];
    throw new RlevError({
      code: 'data/value',
      message: `The ${what} of ${column} over the data is ${this.unit}, by which nothing can be divided.`,
      value: this.unit,
      place: placeIn(this.setup, 'normalise'),
      help: 'Normalise by something else: total, max, quantile with a larger q, or none.',
    });
  }

  run(columns: Columns<ColumnName>): Columns<'value'> {
    const { unit } = this;
    if (unit === undefined) throw unprepared(this.setup);
    const amounts = columns[this.params.column as ColumnName] as ArrayLike<number>;
    return { value: Float64Array.from(amounts, (x) => x / unit) };
  }
}
