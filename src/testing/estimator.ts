import type { Arbitrary } from 'fast-check';
import { take } from '../core/batch.ts';
import type { AnyColumns, ColumnName, Columns, Ragged } from '../core/columns.ts';
import { raggedFloat32, raggedInt32, rowLength, rowOf } from '../core/columns.ts';
import { RlevError, reasonOf } from '../core/errors.ts';
import type { MapDefinition, MapStage } from '../core/stage.ts';
import { createStage, type StageParams, stageEvent } from '../stages/create-stage.ts';
import { batch } from './batch.ts';
import { describeDifferences, differences } from './differences.ts';

/** What `advantage` does when rewards change: stays (`invariant`), or is scaled with them (`equivariant`). */
export interface EstimatorTraits {
  /** Parameters as in the pipeline file. */
  readonly params?: StageParams;
  /**
   * Rewards that may rise by the same without a change: those of any one `group`, those of the whole `batch`, or
   * `none`. Default: `batch` for an estimator that divides by the batch's deviation, `none` for one that divides by the
   * group's mean, else `group`.
   */
  readonly shift?: 'group' | 'batch' | 'none';
  /**
   * What a scale on the rewards does: `kept` in the advantages of each group, cancelled in each `group`, cancelled
   * where the whole `batch` has it, or `none` of these. Default: what `dividesBy` of the definition says.
   */
  readonly scale?: 'kept' | 'group' | 'batch' | 'none';
  /** Where equal rewards give exactly 0: in a `group`, in a whole `batch`, or `never`. Default: `batch` where `shift` is, `never`
   * where `shift: 'none'` is given, else `group`. */
  readonly zero?: 'group' | 'batch' | 'never';
  /** Responses that `loss_mask` leaves out change nothing for the others. Default: where the stage needs `loss_mask`. */
  readonly mask?: boolean;
  /** Columns of one's own that the estimator reads, from the batch that was drawn. */
  readonly columns?: (drawn: Columns<'reward' | 'group' | 'response_tokens'>) => AnyColumns;
  /** Largest difference over max(1, |advantage|) that counts as none; advantages are float32. Default: 1e-4. */
  readonly tolerance?: number;
  /** Batches drawn for each property. Default: 50. */
  readonly runs?: number;
  readonly seed?: number;
}

/** One property: what it says, and a check that rejects with the smallest batch that breaks it. */
export interface EstimatorProperty {
  readonly name: string;
  check(): Promise<void>;
}

type PerToken = Ragged<Float32Array>;
type Estimator = MapStage<ColumnName, 'advantage'>;
/** A drawn response: its reward in quarters, its group, its length in tokens. */
type Response = readonly [reward: number, group: number, length: number];

/**
 * The properties that any estimator of advantages has, and those that it says it has, each to be a test:
 *
 * ```ts
 * for (const { name, check } of estimatorProperties(rloo)) it(name, check);
 * ```
 *
 * Batches are drawn by fast-check, an optional peer dependency. Rewards are multiples of 1/4 in [-4, 4], in up to 4
 * groups of any size, in any order, of responses of 1 to 4 tokens.
 *
 * @throws RlevError `engine/unavailable` from a check where fast-check is not installed
 */
export function estimatorProperties<P, N extends ColumnName>(
  definition: MapDefinition<P, N, 'advantage'>,
  traits: EstimatorTraits = {},
): readonly EstimatorProperty[] {
  const { params = {}, tolerance = 1e-4 } = traits;
  const parsed = definition.params.parse(params);
  const divides = definition.dividesBy?.(parsed);
  const shift =
    traits.shift ?? (divides === 'batch-std' ? 'batch' : divides === 'group-mean' ? 'none' : 'group');
  const scale =
    traits.scale ??
    ({ nothing: 'kept', 'group-std': 'group', 'group-mean': 'group', 'batch-std': 'batch' } as const)[
      divides ?? 'nothing'
    ];
  const zero = traits.zero ?? (shift === 'batch' ? 'batch' : traits.shift === 'none' ? 'never' : 'group');
  const masked = traits.mask ?? (definition.needs(parsed) as readonly string[]).includes('loss_mask');

  const columnsOf = (rows: readonly Response[], mask?: readonly number[]): AnyColumns => {
    const reward = Float64Array.from(rows, ([r]) => r);
    const group = Int32Array.from(rows, ([, g]) => g);
    const response_tokens = raggedInt32(rows.map(([, , length]) => new Int32Array(length).fill(1)));
    const loss_mask = raggedFloat32(
      rows.map(([, , length], i) => new Float32Array(length).fill(mask?.[i] ?? 1)),
    );
    const drawn = { reward, group, response_tokens };
    return { ...batch({ ...drawn, loss_mask }), ...traits.columns?.(drawn) };
  };
  const create = (): Promise<Estimator> =>
    createStage(definition as unknown as MapDefinition, params) as Promise<Estimator>;
  const advantagesOf = async (columns: AnyColumns, stage?: Estimator): Promise<PerToken> =>
    (await (stage ?? (await create())).run(columns as Columns, stageEvent())).advantage;
  const same = (actual: PerToken, expected: PerToken, within = tolerance): void => {
    const found = differences(actual, expected, within);
    if (found.length > 0) throw broken(describeDifferences(found));
  };

  const property = (
    name: string,
    check: (rows: readonly Response[], order: readonly number[]) => Promise<void>,
    keep: (rows: readonly Response[]) => boolean = () => true,
  ): EstimatorProperty => ({
    name,
    async check() {
      const fc = await fastCheck();
      const { runs = 50, seed } = traits;
      const drawn = responses(fc).filter(keep);
      const found = await fc.check(
        fc.asyncProperty(
          drawn.chain((rows) => fc.tuple(fc.constant(rows), orderOf(fc, rows.length))),
          ([rows, order]) => check(rows, order),
        ),
        { numRuns: runs, ...(seed !== undefined && { seed }) },
      );
      if (found.failed) throw notSo(name, found);
    },
  });

  const risen = (rows: readonly Response[], which: (group: number) => boolean): Response[] =>
    rows.map(([r, g, length]) => [which(g) ? r + 1.5 : r, g, length]);
  const scaled = (rows: readonly Response[], by: (group: number) => number): Response[] =>
    rows.map(([r, g, length]) => [r * by(g), g, length]);
  const perGroup = (group: number): number => 1 + (group + 1) / 4;
  const first = (rows: readonly Response[]) => (group: number) => group === rows[0]![1];

  const properties: (EstimatorProperty | false)[] = [
    property('gives each response token one finite advantage', async (rows) => {
      const columns = columnsOf(rows);
      const advantage = await advantagesOf(columns);
      rows.forEach(([, , length], i) => {
        const tokens = rowLength(advantage, i);
        if (tokens !== length) throw broken(`row ${i}: ${tokens} advantages for ${length} tokens`);
      });
      const wrong = advantage.values.findIndex((x) => !Number.isFinite(x));
      if (wrong >= 0) throw broken(`token ${wrong}: ${advantage.values[wrong]}`);
    }),
    property('gives the same for the same rows, and changes none of its columns', async (rows) => {
      const columns = columnsOf(rows);
      const stage = await create();
      const once = await advantagesOf(columns, stage);
      same(await advantagesOf(columns, stage), once, 0);
      same(await advantagesOf(columnsOf(rows)), once, 0);
    }),
    property('moves with the rows', async (rows, order) => {
      const columns = columnsOf(rows);
      const moved = Object.entries(columns).map(([name, data]) => [name, take(data, order)]);
      const expected = take(await advantagesOf(columns), order) as PerToken;
      same(await advantagesOf(Object.fromEntries(moved) as AnyColumns), expected);
    }),
    zero === 'group' &&
      property('is exactly 0 where all responses to a prompt earn the same', async (rows, order) => {
        // Any number in [1, 2), as s(x) is, and one that floats do not hold exactly.
        const earned = (g: number): number => 1 + ((0.618034 * (g + 1) + 0.37 * order[0]!) % 1);
        const equal = rows.map(([, g, length]): Response => [earned(g), g, length]);
        requireZero(await advantagesOf(columnsOf(equal)));
      }),
    zero === 'batch' &&
      property('is exactly 0 where all responses of the batch earn the same', async (rows) => {
        const equal = rows.map(([, g, length]): Response => [1.37, g, length]);
        requireZero(await advantagesOf(columnsOf(equal)));
      }),
    shift === 'group' &&
      property('stays when all rewards of one prompt rise by the same', async (rows) => {
        same(await advantagesOf(columnsOf(risen(rows, first(rows)))), await advantagesOf(columnsOf(rows)));
      }),
    (shift === 'batch' || shift === 'group') &&
      property('stays when all rewards of the batch rise by the same', async (rows) => {
        same(await advantagesOf(columnsOf(risen(rows, () => true))), await advantagesOf(columnsOf(rows)));
      }),
    scale === 'kept' &&
      property('keeps the scale of each group: s(x)', async (rows) => {
        const plain = await advantagesOf(columnsOf(rows));
        const expected = rows.map(([, g], i) =>
          Array.from(rowOf(plain, i) as Float32Array, (a) => a * perGroup(g)),
        );
        same(await advantagesOf(columnsOf(scaled(rows, perGroup))), raggedFloat32(expected));
      }),
    scale === 'group' &&
      property('cancels the scale of each group: s(x)', async (rows) => {
        same(await advantagesOf(columnsOf(scaled(rows, perGroup))), await advantagesOf(columnsOf(rows)));
      }),
    scale === 'batch' &&
      property('cancels a scale that the whole batch has', async (rows) => {
        same(await advantagesOf(columnsOf(scaled(rows, () => 1.75))), await advantagesOf(columnsOf(rows)));
      }),
    masked &&
      property(
        'is 0 for responses that loss_mask leaves out, which change nothing for the others',
        async (rows) => {
          const extra = rows.map(([r, g, length]): Response => [r + 3, g, length]);
          const mask = [...rows.map(() => 1), ...extra.map(() => 0)];
          const advantage = await advantagesOf(columnsOf([...rows, ...extra], mask));
          const rest = (from: number) => take(advantage, range(from, from + rows.length)) as PerToken;
          same(rest(0), await advantagesOf(columnsOf(rows)));
          requireZero(rest(rows.length));
        },
      ),
  ];
  return properties.filter((p) => p !== false);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

function requireZero(advantage: PerToken): void {
  const wrong = advantage.values.findIndex((x) => x !== 0);
  if (wrong >= 0) throw broken(`token ${wrong}: ${advantage.values[wrong]}, expected 0`);
}

function broken(how: string): RlevError {
  return new RlevError({ code: 'stage/contract', message: how });
}

type Drawn = readonly [rows: readonly Response[], order: readonly number[]];

/** The smallest batch that was found of which a property does not hold, and how. */
function notSo(
  name: string,
  {
    counterexample,
    errorInstance: cause,
    seed,
  }: { counterexample: readonly [Drawn] | null; errorInstance: unknown; seed: number },
): RlevError {
  const how = cause instanceof RlevError ? cause.summary : reasonOf(cause);
  if (!counterexample) {
    return new RlevError({ code: 'stage/contract', message: `No batch could be drawn: ${how}`, cause });
  }
  const [[rows]] = counterexample;
  const list = (cell: (row: Response) => number): string => `[${rows.map(cell).join(', ')}]`;
  const drawn = `reward: ${list(([r]) => r)}, group: ${list(([, g]) => g)}, tokens: ${list(([, , n]) => n)}`;
  return new RlevError({
    code: 'stage/contract',
    message: `It is not so that it ${name}.\nOf { ${drawn} }:\n${how}`,
    value: rows,
    help: `What it does otherwise is said beside params: shift, scale, zero, mask. To draw the same batches: seed: ${seed}.`,
    cause,
  });
}

type FastCheck = typeof import('fast-check');

async function fastCheck(): Promise<FastCheck> {
  try {
    return await import('fast-check');
  } catch (cause) {
    throw new RlevError({
      code: 'engine/unavailable',
      message: 'The properties of estimators draw their batches by fast-check, which is not installed.',
      help: 'npm install --save-dev fast-check',
      cause,
    });
  }
}

function responses(fc: FastCheck): Arbitrary<readonly Response[]> {
  const quarters = fc.integer({ min: -16, max: 16 }).map((n) => n / 4);
  const response = fc.tuple(quarters, fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1, max: 4 }));
  return fc.array(response, { minLength: 1, maxLength: 16 });
}

function orderOf(fc: FastCheck, n: number): Arbitrary<readonly number[]> {
  return fc.shuffledSubarray(range(0, n), { minLength: n, maxLength: n });
}
