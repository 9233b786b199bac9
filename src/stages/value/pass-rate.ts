import { z } from 'zod';
import type { ColumnName, Columns } from '../../core/columns.ts';
import {
  type Dataset,
  defineMap,
  type MapStage,
  type StageEvent,
  type StageSetup,
} from '../../core/stage.ts';
import { cellsOf } from './cells.ts';
import { signalParts, signalSchema } from './signals.ts';
import { mapOf, realValues, valueIn } from './stand-in.ts';
import { loadState, saveState } from './state-file.ts';
import { unprepared } from './unprepared.ts';

const params = z.strictObject({
  by: z
    .string()
    .min(1)
    .default('prompt_id')
    .describe('Questions alike in this column share an estimate: `data.kind`; by default each has its own.'),
  form: z
    .enum(['difficulty', 'uncertainty'])
    .default('difficulty')
    .describe('1 - p, largest where nobody succeeds; or 4 p (1 - p), largest where half do.'),
  prior: z.number().min(0).max(1).default(0.5).describe('The success p that is assumed before any response.'),
  weight: z.number().gt(0).default(4).describe('Responses that the prior counts for.'),
  decay: z
    .number()
    .min(0)
    .max(1)
    .default(0.8)
    .describe('What earlier responses count for whenever there are new ones; 1 forgets nothing.'),
  signal: signalSchema,
});

type Params = z.infer<typeof params>;

/** What the policy has shown of a question: responses, and how correct they were, both decayed. */
export interface Tally {
  readonly tried: number;
  readonly right: number;
}

/**
 * The value of a question by what is known of it:
 *
 *     p = (prior * weight + right) / (weight + tried);  v = 1 - p, or 4 p (1 - p)
 *
 * @returns in [0, 1]
 */
export function passRateValue(
  tally: Tally | undefined,
  { form, prior, weight }: Pick<Params, 'form' | 'prior' | 'weight'>,
): number {
  const { tried, right } = tally ?? { tried: 0, right: 0 };
  const p = Math.min(1, (prior * weight + right) / (weight + tried));
  return form === 'difficulty' ? 1 - p : 4 * p * (1 - p);
}

/**
 * The tallies after a cohort: of each question in it, the earlier ones times `decay`, and its new responses.
 *
 * @param keys of what each response is an answer to
 * @param correct float32 [responses]
 * @param counts whether a response counts
 */
export function tallied(
  tallies: ReadonlyMap<string, Tally>,
  keys: readonly string[],
  correct: ArrayLike<number>,
  counts: (row: number) => boolean,
  decay: number,
): ReadonlyMap<string, Tally> {
  const fresh = new Map<string, Tally>();
  keys.forEach((key, row) => {
    if (!counts(row)) return;
    const { tried, right } = fresh.get(key) ?? { tried: 0, right: 0 };
    fresh.set(key, { tried: tried + 1, right: right + correct[row]! });
  });
  const after = new Map(tallies);
  for (const [key, { tried, right }] of fresh) {
    const before = tallies.get(key) ?? { tried: 0, right: 0 };
    after.set(key, { tried: decay * before.tried + tried, right: decay * before.right + right });
  }
  return after;
}

export const passRate = defineMap({
  name: 'value/pass-rate',
  summary:
    'Value of a question: how often the policy has failed it so far, by a running estimate of its success.',
  formula:
    "p = (prior * weight + right) / (weight + tried) of earlier steps; v(x) = 1 - p, or 4 p (1 - p); v' in evaluations",
  source: 'of this package: the mean of a Beta posterior with fading counts',
  example: 'value: { use: value/pass-rate, by: data.kind }',
  params,
  parts: signalParts,
  needs: ({ by }): readonly ColumnName[] => [
    ...new Set<ColumnName>(['prompt_id', 'role', 'correct', by as ColumnName]),
  ],
  adds: () => ['value'],
  create: (params, setup) => new PassRates(params, setup),
});

const savedAs = 'tallies.json';

/**
 * A cohort is valued by what earlier ones have shown, and counted after that. So s(x) is the same for all responses to
 * a question and independent of them: an estimate with a response in it would be lower for the right ones, and bias
 * the gradient. Greedy responses do not count. An evaluation gets the real values, and leaves the estimates alone.
 */
class PassRates implements MapStage<ColumnName, 'value'> {
  private tallies: ReadonlyMap<string, Tally> = new Map();
  private real: ReadonlyMap<string, number> | undefined;
  /** Different keys of the data, until the first cohort has shown how many of them come in a step. */
  private kinds: number | undefined;
  private readonly params: Params;
  private readonly setup: StageSetup;

  constructor(params: Params, setup: StageSetup) {
    this.params = params;
    this.setup = setup;
  }

  async prepare(dataset: Dataset): Promise<void> {
    const { by, signal } = this.params;
    this.kinds = new Set(cellsOf(dataset, by, this.setup, 'by')).size;
    const { ids, values } = await realValues(signal, dataset, this.setup);
    this.real = mapOf(ids, values);
  }

  run(columns: Columns<ColumnName>, { scope }: Pick<StageEvent, 'scope'>): Columns<'value'> {
    const { prompt_id, role, correct } = columns as Columns<'prompt_id' | 'role' | 'correct'>;
    const { real } = this;
    if (scope !== 'train') {
      if (!real) throw unprepared(this.setup);
      return { value: Float64Array.from(prompt_id, (id) => valueIn(id, real)) };
    }
    const keys = Array.from(columns[this.params.by as ColumnName] as ArrayLike<unknown>, String);
    const value = Float64Array.from(keys, (key) => passRateValue(this.tallies.get(key), this.params));
    this.warnOfFew(new Set(keys).size);
    const counts = (row: number): boolean => role[row] === 'sample';
    this.tallies = tallied(this.tallies, keys, correct, counts, this.params.decay);
    return { value };
  }

  /** Where nothing is met twice, everything is valued by the prior. */
  private warnOfFew(perStep: number): void {
    const { setup, kinds, params } = this;
    this.kinds = undefined;
    if (kinds === undefined || perStep === 0 || setup.steps * perStep > kinds) return;
    const what = params.by === 'prompt_id' ? 'questions' : params.by;
    setup.notice(
      `value/pass-rate: in ${setup.steps} steps of ${perStep} each of the ${kinds} ${what} is met once at most, so that all are valued by the prior. Let like questions share an estimate, by: data.kind, or train longer.`,
    );
  }

  async save(directory: string): Promise<void> {
    const entries = [...this.tallies].sort(([a], [b]) => (a < b ? -1 : 1));
    await saveState(directory, savedAs, entries);
  }

  async load(directory: string): Promise<void> {
    const entries = (await loadState(directory, savedAs, this.setup)) as [string, Tally][] | undefined;
    if (entries) this.tallies = new Map(entries);
  }
}
