import { z } from 'zod';
import { columnOf } from '../../core/batch.ts';
import type { Columns } from '../../core/columns.ts';
import { RlevError } from '../../core/errors.ts';
import { permutation, randomKey } from '../../core/random.ts';
import {
  type Dataset,
  defineMap,
  type MapStage,
  type StageEvent,
  type StageSetup,
} from '../../core/stage.ts';
import { placeIn } from '../place-in.ts';
import { cellsOf } from './cells.ts';
import { rankCorrelation, rSquared } from './goodness.ts';
import { type Labelled, readLabelled } from './labelled.ts';
// The linear algebra takes a while to load: only where a predictor is fitted.
import type { Linear } from './ridge.ts';
import { signalParts, signalSettings } from './signals.ts';
import { mapOf, realValues, valueIn } from './stand-in.ts';
import { loadState, saveState } from './state-file.ts';
import { type Coverage, coverageOf, textRows, type Vocabulary, vocabularyOf } from './text-features.ts';
import { unprepared } from './unprepared.ts';

const params = z.strictObject({
  file: z
    .string()
    .min(1)
    .meta({ path: 'file' })
    .describe('Labelled questions, .jsonl or .csv, to learn from.'),
  text: z.string().min(1).default('question').describe('Their field with the text of a question.'),
  label: z
    .string()
    .min(1)
    .optional()
    .describe('Their field with what it is worth, a number of 0 or more; by default points / exam_total.'),
  column: z.string().min(1).default('prompt').describe('The column with the text of the questions to value.'),
  terms: z.int().min(1).max(1000).default(300).describe('Words that are looked at, the most common ones.'),
  ridge: z.number().gt(0).default(1).describe('What large weights cost: more for few labels.'),
  signal: z
    .looseObject(signalSettings)
    .optional()
    .describe('The real values, for evaluations; without it, they count predicted ones.'),
});

type Params = z.infer<typeof params>;

const folds = 5;

/** A fitted predictor of values, and how good it was on labelled questions that it had not seen. */
export interface Predictor {
  readonly vocabulary: Vocabulary;
  readonly linear: Linear;
  /** Labelled questions. */
  readonly n: number;
  readonly r2: number;
  readonly rankCorrelation: number;
}

/**
 * Fits values to texts: ridge regression on tf-idf, with R2 and rank correlation by cross-validation in 5 folds, drawn
 * under the seed.
 *
 * @param values float64 [texts], 0 or more
 */
export async function fitPredictor(
  { texts, values }: Labelled,
  { terms, ridge }: Pick<Params, 'terms' | 'ridge'>,
  seed: number,
): Promise<Predictor> {
  const { crossPredict, fitRidge } = await import('./ridge.ts');
  const vocabulary = vocabularyOf(texts, terms);
  const rows = textRows(texts, vocabulary);
  const columns = vocabulary.terms.length + 1;
  const foldOf = new Int32Array(texts.length);
  permutation(randomKey(seed, 'value/predicted'), texts.length).forEach((row, k) => {
    foldOf[row] = k % folds;
  });
  const unseen = crossPredict(rows, values, columns, ridge, foldOf).map(clamped);
  return {
    vocabulary,
    linear: fitRidge(rows, values, columns, ridge),
    n: texts.length,
    r2: rSquared(values, unseen),
    rankCorrelation: rankCorrelation(values, unseen),
  };
}

/** Values of texts, 0 or more. @returns float64 [texts] */
export async function predictValues(texts: readonly string[], predictor: Predictor): Promise<Float64Array> {
  const { predict } = await import('./ridge.ts');
  return Float64Array.from(textRows(texts, predictor.vocabulary), (row) =>
    clamped(predict(row, predictor.linear)),
  );
}

function clamped(x: number): number {
  return Math.max(0, x);
}

export const predicted = defineMap({
  name: 'value/predicted',
  summary:
    'Value of a question by a predictor that is fitted, before the run, to the text of labelled questions.',
  formula:
    'v(x) = max(0, b + w . f(x)), f the tf-idf of the text, w by ridge regression on labelled questions',
  source: 'Hoerl and Kennard, "Ridge regression", Technometrics 12, 1970',
  example: 'value: { use: value/predicted, file: labelled.jsonl, label: value }',
  params,
  parts: signalParts,
  needs: () => ['prompt_id'],
  adds: () => ['value'],
  create: (params, setup) => new PredictedValues(params, setup),
});

const savedAs = 'predictor.json';

interface Saved extends Pick<Predictor, 'n' | 'r2' | 'rankCorrelation'> {
  readonly intercept: number;
  readonly terms: readonly string[];
  readonly termWeights: readonly number[];
  readonly weights: readonly number[];
}

class PredictedValues implements MapStage<'prompt_id', 'value'> {
  private readonly params: Params;
  private readonly setup: StageSetup;
  private predictor: Predictor | undefined;
  private questions: { readonly ids: readonly string[]; readonly texts: readonly string[] } | undefined;
  private values: ReadonlyMap<string, number> | undefined;
  private real: ReadonlyMap<string, number> | undefined;

  constructor(params: Params, setup: StageSetup) {
    this.params = params;
    this.setup = setup;
  }

  async prepare(dataset: Dataset): Promise<void> {
    const { file, column, signal } = this.params;
    const { setup } = this;
    const texts = cellsOf(dataset, column, setup).map((cell) => (cell === null ? '' : String(cell)));
    this.questions = { ids: columnOf(dataset.batch, 'prompt_id'), texts };
    if (signal) {
      const { ids, values } = await realValues(signal, dataset, setup);
      this.real = mapOf(ids, values);
    }
    const place = placeIn(setup, 'file');
    const labelled = await readLabelled(setup.resolve(file), this.params, place);
    const predictor = await fitPredictor(labelled, this.params, setup.seed);
    setup.notice(goodnessSentence(predictor));
    const coverage = coverageOf(texts, predictor.vocabulary);
    if (coverage.unknownTexts === texts.length) {
      throw new RlevError({
        code: 'data/value',
        message:
          'No question of the data has a word, number or sign that is known from the labelled questions: nothing can be said of what it is worth.',
        value: file,
        place,
        help: 'Label questions that are like those of the data, or take another stage for the value.',
      });
    }
    await this.take(predictor);
    const unlike = unlikeSentence(coverage, [...this.values!.values()]);
    if (unlike) setup.notice(unlike);
  }

  run({ prompt_id }: Columns<'prompt_id'>, { scope }: Pick<StageEvent, 'scope'>): Columns<'value'> {
    const values = (scope === 'train' ? undefined : this.real) ?? this.values;
    if (!values) throw unprepared(this.setup);
    return { value: Float64Array.from(prompt_id, (id) => valueIn(id, values)) };
  }

  async save(directory: string): Promise<void> {
    if (!this.predictor) throw unprepared(this.setup);
    const { vocabulary, linear, ...rest } = this.predictor;
    await saveState(directory, savedAs, {
      ...rest,
      intercept: linear.intercept,
      terms: vocabulary.terms,
      termWeights: [...vocabulary.weights],
      weights: [...linear.weights],
    });
  }

  /** The predictor of the run, whatever has become of the labelled questions since. */
  async load(directory: string): Promise<void> {
    const saved = (await loadState(directory, savedAs, this.setup)) as Saved | undefined;
    if (!saved) return;
    const { intercept, terms, termWeights, weights, ...rest } = saved;
    await this.take({
      ...rest,
      vocabulary: { terms, weights: Float64Array.from(termWeights) },
      linear: { intercept, weights: Float64Array.from(weights) },
    });
  }

  private async take(predictor: Predictor): Promise<void> {
    const { ids, texts } = this.questions!;
    this.predictor = predictor;
    this.values = mapOf(ids, await predictValues(texts, predictor));
  }
}

/** How good a predictor is, for the start of a run. */
function goodnessSentence({ n, r2, rankCorrelation }: Predictor): string {
  const seen = `${n.toLocaleString('en')} labelled questions`;
  if (Number.isNaN(r2)) return `value/predicted: ${seen} are all worth the same, and so is every other.`;
  const rank = Number.isNaN(rankCorrelation) ? '' : `, rank correlation ${rankCorrelation.toFixed(2)}`;
  const verdict = r2 > 0 ? '' : '; the mean of the labels would do as well';
  return `value/predicted: R2 ${r2.toFixed(2)}${rank} on ${seen}, each predicted by a fit to the other ${folds - 1} of ${folds} parts${verdict}.`;
}

const fewKnown = 0.5;

/** What makes predictions doubtful, however good they were on labelled questions: that the data are unlike these. */
function unlikeSentence(
  { unknownTexts, knownTerms }: Coverage,
  values: readonly number[],
): string | undefined {
  const n = values.length.toLocaleString('en');
  const zeros = values.filter((v) => v === 0).length;
  if (unknownTexts === 0 && knownTerms >= fewKnown && zeros < values.length) return undefined;
  const known = `${(100 * knownTerms).toFixed(0)}% of the words, numbers and signs of the ${n} questions to value are known from the labelled ones`;
  const none = unknownTexts > 0 ? `, and none at all of ${unknownTexts.toLocaleString('en')} of them` : '';
  const zero =
    zeros > 0
      ? `; ${zeros === values.length ? 'every one' : zeros.toLocaleString('en')} is predicted to be worth 0`
      : '';
  return `value/predicted: warning: ${known}${none}${zero}. R2 says nothing of questions that are unlike the labelled ones.`;
}
