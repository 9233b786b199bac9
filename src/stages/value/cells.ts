import { basename } from 'node:path';
import { columnOf, specsOf } from '../../core/batch.ts';
import { type AnyColumnData, type ColumnName, isRagged } from '../../core/columns.ts';
import { didYouMean } from '../../core/did-you-mean.ts';
import { RlevError, show } from '../../core/errors.ts';
import type { Dataset, StageSetup } from '../../core/stage.ts';
import { Findings } from '../findings.ts';
import { placeIn } from '../place-in.ts';

type Cell = string | number | boolean | null;
type Asker = Pick<StageSetup, 'place' | 'placeOf'>;

/**
 * A column of the data with one cell a question.
 *
 * @param setup of the stage that reads it
 * @param parameter of the stage that names it
 * @throws RlevError `config/columns` where the data has no such column, or it holds lists
 */
export function cellsOf(dataset: Dataset, column: string, setup: Asker, parameter = 'column'): Cell[] {
  const place = placeIn(setup, parameter);
  const { batch } = dataset;
  const specs = specsOf(batch);
  const single = Object.keys(specs).filter((name) => !specs[name]!.kind.startsWith('list'));
  const wrong = (message: string, help: string): RlevError =>
    new RlevError({ code: 'config/columns', message, value: column, place, help });
  if (!(column in specs)) {
    const meant = single.includes(`data.${column}`) ? `data.${column}` : undefined;
    throw wrong(
      `${batch.numRows > 0 ? basename(dataset.place(0).file) : 'The data'} has no column ${show(column)}.`,
      meant ? `Did you mean \`${meant}\`?` : didYouMean(column, single),
    );
  }
  const data: AnyColumnData = columnOf(batch, column as ColumnName);
  if (isRagged(data) || !single.includes(column)) {
    throw wrong(`The column ${column} holds lists.`, `These hold one cell a question: ${single.join(', ')}.`);
  }
  const cells = Array.from(data as ArrayLike<Cell>);
  return specs[column]!.kind === 'bool' ? cells.map((x) => (x === null ? null : Boolean(x))) : cells;
}

/**
 * The same as numbers that can be worth something.
 *
 * @returns float64 [questions], each finite and 0 or more
 * @throws RlevErrors `data/value` with the line of each question whose cell is missing, no number or below 0;
 *   RlevError `config/columns` as `cellsOf`, and where no question has a number there
 */
export function amountsOf(dataset: Dataset, column: string, setup: Asker): Float64Array {
  const cells = cellsOf(dataset, column, setup);
  const amounts = cells.map(numberIn);
  if (amounts.every((x) => x === undefined)) {
    const some = cells.find((cell) => cell !== null);
    throw new RlevError({
      code: 'config/columns',
      message: `The column ${column} holds no number${some === undefined ? '' : `, but ${show(some)} and the like`}.`,
      value: column,
      place: placeIn(setup, 'column'),
      help: 'Labels become values by value/difficulty, which maps each to a number.',
    });
  }
  const findings = new Findings();
  amounts.forEach((x, row) => {
    if (x !== undefined && x >= 0 && x < Infinity) return;
    const cell = cells[row];
    const found = plain(cell);
    const is =
      found === null ? 'is missing' : x === undefined ? `is ${show(found)}, not a number` : `is ${x}`;
    findings.add(
      new RlevError({
        code: 'data/value',
        message: `${column} ${is}.`,
        value: cell,
        place: dataset.place(row),
        help: 'What a question is worth is a finite number, 0 or more.',
      }),
    );
  });
  findings.throwIfAny();
  return Float64Array.from(amounts as number[]);
}

function numberIn(cell: Cell): number | undefined {
  const value = plain(cell);
  return typeof value === 'number' ? value : undefined;
}

/** What a cell says: where numbers stand beside other things, a column holds the JSON of each as text. */
function plain(cell: Cell): unknown {
  if (typeof cell !== 'string') return cell;
  try {
    return JSON.parse(cell);
  } catch {
    return cell;
  }
}
