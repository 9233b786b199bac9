import { existsSync } from 'node:fs';
import { extname, resolve as resolvePath } from 'node:path';
import { RlevError } from '../../core/errors.ts';
import type { Policy } from '../../core/services.ts';
import type { Dataset, MapStage, SourceStage, StageSetup, ValueScale } from '../../core/stage.ts';
import { readPolicy } from '../../policy/read-policy.ts';
import { exam } from '../../stages/prompts/exam.ts';
import { rlev } from '../../stages/reward/rlev.ts';
import { createSignal, type Signal, valuesOver } from '../../stages/value/signals.ts';
import { columnsOf } from '../file/flow.ts';
import { type LoadOptions, loadPipeline, type Pipeline } from '../file/resolve.ts';
import type { PlacedStage } from '../file/resolve-stage.ts';
import { createStage, policySource, setupOf } from '../run/assemble.ts';
import { shortPath } from '../short-path.ts';

/** What the questions of a pipeline or of a data file are worth, and how a reward scales that. */
export interface FileValues {
  /** The file of the questions. */
  readonly data: string;
  /** What gives the values: `value/points`. */
  readonly use: string;
  /** v(x), one a question. */
  readonly values: Float64Array;
  /** Absent where no stage scales rewards by value. */
  readonly scale: ValueScale | undefined;
}

export interface FileValuesOptions extends LoadOptions {
  /** Steepness of s(x), instead of the pipeline's. */
  readonly alpha?: number;
  /** Of a data file: the column that holds values, normalised as value/column does; by default points / exam_total. */
  readonly column?: string;
  readonly normalise?: string;
  notice(message: string): void;
}

/**
 * The values of all questions that a pipeline trains on, as its value stage gives them, or of a data file (.jsonl or
 * .csv). Of the policy no more than its tokenizer is read, and that only for a chat template.
 *
 * @throws RlevError as `loadPipeline` and the stages; `usage/arguments` for a pipeline without values, or whose values
 *   depend on responses, and for options that do not fit the file
 */
export async function valuesOf(file: string, options: FileValuesOptions): Promise<FileValues> {
  return /\.ya?ml$/i.test(file) ? ofPipeline(file, options) : ofData(file, options);
}

async function ofPipeline(file: string, options: FileValuesOptions): Promise<FileValues> {
  if (options.column !== undefined || options.normalise !== undefined) {
    throw new RlevError({
      code: 'usage/arguments',
      message: '--column and --normalise are for a data file; a pipeline says itself what its values are.',
      help: 'Try another: --set stages.value.use=value/column --set stages.value.column=data.money',
    });
  }
  const pipeline = await loadPipeline(file, options);
  const added = pipeline.stages.findLast((stage) => columnsOf(stage).adds.includes('value'));
  if (added?.definition.kind !== 'map') {
    throw new RlevError({
      code: 'usage/arguments',
      message: `${file} has no stage that gives values.`,
      value: file,
      help: 'Name a pipeline with a value stage, such as value: { use: value/points }.',
    });
  }
  const policy = await lazyPolicy(pipeline);
  const setup = (stage: PlacedStage): StageSetup => setupOf(pipeline, stage, policy, options);
  const [first] = pipeline.stages;
  const source = await createStage(first!, setup(first!));
  const made = await createStage(added, setup(added));
  try {
    const dataset = await (source.stage as SourceStage).dataset();
    await made.stage.prepare?.(dataset);
    const signal = { definition: added.definition, params: added.params, stage: made.stage as MapStage };
    const values = await valuesIn(signal, dataset);
    const data = shortPath(dataset.place(0).file);
    return { data, use: added.use, values, scale: scaleIn(pipeline, options.alpha) };
  } finally {
    await Promise.allSettled([source, made].map(async ({ stage }) => stage.close?.()));
  }
}

async function valuesIn(signal: Signal, dataset: Dataset): Promise<Float64Array> {
  const values = await valuesOver(signal, dataset);
  if (values) return values;
  throw new RlevError({
    code: 'usage/arguments',
    message: `The values of ${signal.definition.name} depend on responses, and are not known before a run.`,
    value: signal.definition.name,
    help: 'They are recorded: rlev log cat RUN@STEP/STAGE.',
  });
}

/** The scale of the stage that scales rewards by value, with another alpha where one is asked for. */
function scaleIn({ stages }: Pipeline, alpha: number | undefined): ValueScale | undefined {
  const scales = ({ definition, params }: PlacedStage): ValueScale | undefined =>
    definition.kind === 'map' ? definition.scalesReward?.(params) : undefined;
  const stage = stages.findLast(scales);
  if (alpha === undefined) return stage && scales(stage);
  if (!stage) return publishedScale(alpha);
  const params = stage.definition.params.safeParse({ ...(stage.params as object), alpha });
  if (params.success) return scales({ ...stage, params: params.data });
  throw new RlevError({
    code: 'usage/arguments',
    message: `${stage.use} takes no alpha of ${alpha}.`,
    value: alpha,
    place: stage.place,
    help: params.error.issues[0]!.message,
  });
}

function publishedScale(alpha: number | undefined): ValueScale {
  const params = rlev.params.safeParse(alpha === undefined ? {} : { alpha });
  if (params.success) return rlev.scalesReward!(params.data)!;
  throw new RlevError({
    code: 'usage/arguments',
    message: `alpha is a number of 0 or more, not ${alpha}.`,
    value: alpha,
  });
}

async function ofData(file: string, options: FileValuesOptions): Promise<FileValues> {
  if (!['.jsonl', '.csv'].includes(extname(file).toLowerCase())) {
    throw new RlevError({
      code: 'usage/arguments',
      message: `${file} is neither a pipeline (.yaml) nor a file of questions (.jsonl, .csv).`,
      value: file,
    });
  }
  if (options.set && options.set.length > 0) {
    throw new RlevError({
      code: 'usage/arguments',
      message: `--set is for a pipeline; ${file} has no keys to override.`,
      value: options.set,
      help: 'What a column is worth: --column data.money --normalise max, and --alpha 20.',
    });
  }
  if (!existsSync(file)) {
    throw new RlevError({
      code: 'data/missing-file',
      message: `There is no file ${file}.`,
      value: file,
      help: 'Paths are relative to the working directory.',
    });
  }
  const { alpha, column, normalise, notice } = options;
  const setup: StageSetup = {
    place: { file: '--column' },
    seed: 0,
    steps: 1,
    policy: () => {
      throw new RlevError({ code: 'config/missing', message: 'A file of questions has no policy.' });
    },
    resolve: (path) => resolvePath(path),
    notice,
  };
  const scale = publishedScale(alpha);
  const dataset = await (await exam.create(exam.params.parse({ file }), setup)).dataset();
  const asked = { column: column ?? 'points', ...(normalise !== undefined && { normalise }) };
  const use = column === undefined && normalise === undefined ? 'value/points' : 'value/column';
  const signal = await createSignal({ use, ...(use === 'value/column' && asked) }, setup);
  await signal.stage.prepare?.(dataset);
  return { data: file, use, values: await valuesIn(signal, dataset), scale };
}

/** The policy without weights, read at once and missed only where a stage asks for it. */
async function lazyPolicy({ policy: section, base }: Pipeline): Promise<() => Policy | undefined> {
  if (!section) return () => undefined;
  try {
    const policy = await readPolicy(policySource(section, base));
    return () => policy as Policy;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}
