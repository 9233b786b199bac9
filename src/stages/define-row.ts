import { inspect } from 'node:util';
import { z } from 'zod';
import {
  type AnyColumnData,
  type AnyColumns,
  type ColumnName,
  type Columns,
  isRagged,
  type KnownColumn,
  type Ragged,
  rowOf,
  rowsOf,
  type vocabulary,
} from '../core/columns.ts';
import { didYouMean } from '../core/did-you-mean.ts';
import { RlevError, reasonOf, show } from '../core/errors.ts';
import { defineMap, type MapDefinition } from '../core/stage.ts';

/*
 * The common stages of one's own are a function from a row to a number. These make stages of such functions, held to
 * the same contract as any other.
 */

interface Cells {
  utf8: string;
  bool: boolean;
  int32: number;
  float32: number;
  float64: number;
  'list<int32>': Int32Array;
  'list<float32>': Float32Array;
  'list<utf8>': readonly string[];
}

type Cell<N extends ColumnName> = N extends KnownColumn
  ? Cells[(typeof vocabulary)[N]['kind']] | ((typeof vocabulary)[N]['nullable'] extends true ? null : never)
  : string | number | boolean | null;

/** One row by column: `row.response`, `row.reference`, `row['data.unit']`. Reading a column it has not is an error. */
export type Row<N extends ColumnName = ColumnName> = { readonly [K in N]: Cell<K> };

/** What may be said of a function-sized stage. All of it may be left out. */
export interface RowOptions<P, N extends ColumnName> {
  /** What it does, in one sentence: for the catalogue. */
  readonly summary?: string;
  /** `z.strictObject({ ... })`: parameters as they stand in the pipeline file. Default: none. */
  readonly params?: z.ZodType<P>;
  /** Columns that the function reads beside those that every row has: `['points', 'data.unit']`. */
  readonly needs?: readonly N[];
}

type NoParams = Readonly<Record<string, never>>;
type RowFunction<N extends ColumnName, P> = (row: Row<N>, params: P) => number;

interface Form<B extends ColumnName, A extends 'correct' | 'value' | 'reward'> {
  readonly name: string;
  readonly summary: string;
  /** The columns that every row has. */
  readonly base: readonly B[];
  readonly adds: A;
  /** What the number must be: `a number from 0 to 1`. */
  readonly range: string;
  readonly inRange: (x: number) => boolean;
  readonly toColumn: (numbers: readonly number[]) => Float32Array | Float64Array;
}

const verdict = {
  name: 'verify/own',
  summary: 'Correctness of a response, by a function of its own.',
  base: ['row_id', 'prompt', 'reference', 'response'],
  adds: 'correct',
  range: 'a number from 0 to 1',
  inRange: (x) => x >= 0 && x <= 1,
  toColumn: (numbers) => Float32Array.from(numbers),
} as const satisfies Form<ColumnName, 'correct'>;

const worth = {
  name: 'value/own',
  summary: 'Value of a question, by a function of its own.',
  base: ['row_id', 'prompt_id', 'prompt', 'reference', 'points', 'exam_total'],
  adds: 'value',
  range: 'a finite number, 0 or more',
  inRange: (x) => Number.isFinite(x) && x >= 0,
  toColumn: (numbers) => Float64Array.from(numbers),
} as const satisfies Form<ColumnName, 'value'>;

const earned = {
  name: 'reward/own',
  summary: 'Reward of a response, by a function of its own.',
  base: ['row_id', 'prompt', 'response', 'correct', 'value'],
  adds: 'reward',
  range: 'a finite number',
  inRange: Number.isFinite,
  toColumn: (numbers) => Float64Array.from(numbers),
} as const satisfies Form<ColumnName, 'reward'>;

/**
 * A verifier of one's own: how right a response is, from 0 to 1. Adds `correct`. The row has `row_id`, `prompt`,
 * `reference` (one answer a part) and `response`.
 *
 * ```ts
 * export const sameText = verifier((row) => (row.response.trim() === row.reference[0] ? 1 : 0));
 * ```
 *
 * A result that is not a number from 0 to 1 ends the run as `stage/contract`, what the function throws as
 * `stage/failed`; both name the row and the stage's place in the pipeline file.
 */
export function verifier<P = NoParams, const N extends ColumnName = never>(
  judge: RowFunction<(typeof verdict.base)[number] | N, P>,
  options: RowOptions<P, N> = {},
): MapDefinition<P, (typeof verdict.base)[number] | N, 'correct'> {
  return stageOf(verdict, judge, options) as never;
}

/**
 * A value of one's own: how much a question is worth, 0 or more. Adds `value`. The row has `row_id`, `prompt_id`,
 * `prompt`, `reference`, `points` and `exam_total`; errors as with `verifier`.
 *
 * ```ts
 * export const severity = value((row) => Number(row['data.severity']) / 5, { needs: ['data.severity'] });
 * ```
 */
export function value<P = NoParams, const N extends ColumnName = never>(
  worthOf: RowFunction<(typeof worth.base)[number] | N, P>,
  options: RowOptions<P, N> = {},
): MapDefinition<P, (typeof worth.base)[number] | N, 'value'> {
  return stageOf(worth, worthOf, options) as never;
}

/**
 * A reward of one's own: any finite number. Adds `reward`. The row has `row_id`, `prompt`, `response`, `correct` and
 * `value`; errors as with `verifier`.
 *
 * ```ts
 * export const lengthBonus = reward((row, { bonus }) => row.correct + bonus / (1 + row.response.length), {
 *   params: z.strictObject({ bonus: z.number().min(0).default(0.1).describe('What the shortest response gains.') }),
 * });
 * ```
 */
export function reward<P = NoParams, const N extends ColumnName = never>(
  rewardOf: RowFunction<(typeof earned.base)[number] | N, P>,
  options: RowOptions<P, N> = {},
): MapDefinition<P, (typeof earned.base)[number] | N, 'reward'> {
  return stageOf(earned, rewardOf, options) as never;
}

function stageOf<A extends 'correct' | 'value' | 'reward'>(
  form: Form<ColumnName, A>,
  compute: (row: never, params: never) => number,
  options: { summary?: string; params?: z.ZodType<unknown>; needs?: readonly ColumnName[] },
): MapDefinition<unknown, ColumnName, A> {
  const needs = [...new Set([...form.base, ...(options.needs ?? [])])];
  return defineMap({
    name: form.name,
    summary: options.summary ?? form.summary,
    params: options.params ?? z.strictObject({}),
    needs: () => needs,
    adds: () => [form.adds],
    create: (params) => ({
      run: (columns: Columns) => {
        const ids = columns.row_id;
        const numbers = ids.map((id, i) => {
          const result = computed(() => compute(rowAt(columns, i) as never, params as never), id);
          if (typeof result === 'number' && form.inRange(result)) return result;
          throw new RlevError({
            code: 'stage/contract',
            message: `Its function returned ${inspect(result)} as ${form.adds} of the row ${id}.`,
            value: result,
            help: `It must return ${form.range}, and not a promise. The row: ${shortly(columns, i)}.`,
          });
        });
        return { [form.adds]: form.toColumn(numbers) } as unknown as Columns<A>;
      },
    }),
  });
}

function computed(work: () => number, id: string): unknown {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof RlevError) throw cause;
    throw new RlevError({ code: 'stage/failed', message: `On the row ${id}: ${reasonOf(cause)}`, cause });
  }
}

/** Names that programs ask of any object, and that are no columns. */
const asked = new Set(['toJSON', 'then', 'inspect', 'nodeType']);

const guard: ProxyHandler<Record<string, unknown>> = {
  get(cells, key) {
    if (typeof key !== 'string' || key in cells || asked.has(key)) return cells[key as string];
    throw new RlevError({
      code: 'stage/contract',
      message: `Its function reads ${key} of a row, which it does not need.`,
      value: key,
      help: `${didYouMean(key, Object.keys(cells))} Any other column is declared: { needs: [${show(key)}] }.`,
    });
  },
};

/** Row i of columns. */
function rowAt<N extends ColumnName>(columns: Columns<N>, i: number): Row<N> {
  const cells = Object.entries(columns as AnyColumns).map(([name, data]) => [name, cellOf(data, i)]);
  return new Proxy(Object.fromEntries(cells) as Record<string, unknown>, guard) as Row<N>;
}

function cellOf(data: AnyColumnData, i: number): unknown {
  if (i >= rowsOf(data)) return undefined;
  if (isRagged(data)) return data.valid?.[i] === 0 ? null : rowOf(data as Ragged<Float32Array>, i);
  return data instanceof Uint8Array ? data[i] === 1 : data[i];
}

function shortly(columns: AnyColumns, i: number): string {
  const cells = Object.entries(columns).filter(([name]) => name !== 'row_id');
  return cells.map(([name, data]) => `${name} ${show(cellOf(data, i), 40)}`).join(', ');
}
