import { createHash } from 'node:crypto';
import { basename, extname } from 'node:path';
import { z } from 'zod';
import { type Batch, batchOf, take } from '../../core/batch.ts';
import type { AnyColumnData, Columns, Specs } from '../../core/columns.ts';
import { type Place, RlevError } from '../../core/errors.ts';
import { type Dataset, defineSource, type SourceStage, type StageSetup } from '../../core/stage.ts';
import { Findings } from '../findings.ts';
import { placeIn } from '../place-in.ts';
import { dataColumns } from './data-columns.ts';
import { bytesOf, recordsIn } from './read-records.ts';
import { type Question, questionOf } from './record.ts';
import { fillTemplate } from './template.ts';
import { windowOf } from './window.ts';

const params = z.strictObject({
  file: z
    .string()
    .min(1)
    .meta({ path: 'file' })
    .describe('Questions: .jsonl, or .csv with the same fields as columns.'),
  template: z
    .string()
    .min(1)
    .default('{question}\n')
    .describe('What the policy reads; {field} is a field of the record, {{ and }} are braces.'),
  chat: z
    .boolean()
    .default(false)
    .describe("Wrap the filled template as a user's message in the chat template of the policy."),
  perStep: z
    .union([z.int().min(1), z.literal('all')])
    .default(32)
    .describe('Prompts a step, or `all` for every question at every step.'),
  shuffle: z
    .boolean()
    .optional()
    .describe(
      'Draw a new order every epoch; by default for a number of prompts a step, not for `all` of them.',
    ),
});

export type ExamParams = z.infer<typeof params>;

const added = [
  'row_id',
  'prompt_id',
  'exam',
  'prompt',
  'reference',
  'solution',
  'points',
  'exam_total',
  'group',
] as const;

export const exam = defineSource({
  name: 'prompts/exam',
  summary: 'Questions of exams, each with the points that its examiners gave it, from a JSONL or CSV file.',
  formula:
    'step t asks questions t n .. t n + n - 1 of the data, n = perStep, in an order drawn anew each epoch',
  example: 'prompts: { use: prompts/exam, file: questions.jsonl, template: "{question}\\n", perStep: 32 }',
  params,
  adds: () => added,
  prompts: ({ perStep }) => perStep,
  remarks: ({ perStep }, { questions = Infinity }) =>
    perStep !== 'all' && perStep > questions
      ? [
          {
            code: 'setting/doubtful',
            parameter: ['perStep'],
            message: `perStep is ${perStep}, and the data have ${questions} ${questions === 1 ? 'question' : 'questions'}: a step asks the same ones more than once, in groups of their own.`,
            help: 'Set perStep: all, or to no more than there are.',
          },
        ]
      : [],
  create: (params, setup) => new ExamPrompts(params, setup),
});

type Added = (typeof added)[number];

interface Exam {
  readonly questions: { readonly [name: string]: AnyColumnData };
  readonly specs: Specs;
  readonly dataset: Dataset;
}

/**
 * The rows of the data are read once and checked whole. A dataset has the columns of a cohort but `row_id` and
 * `group`. An evaluation gets the questions of step 0 every time, so that its results are of the same questions.
 */
class ExamPrompts implements SourceStage<Added> {
  private exam: Promise<Exam> | undefined;
  private readonly params: ExamParams;
  private readonly setup: StageSetup;
  specs: Specs = {};

  constructor(params: ExamParams, setup: StageSetup) {
    this.params = params;
    this.setup = setup;
  }

  /** @throws RlevErrors with every finding of the data, by line */
  async dataset(): Promise<Dataset> {
    return (await this.read()).dataset;
  }

  async next(event: { step: number; round: number; scope: string; seed: number }): Promise<Columns<Added>> {
    const { questions, dataset } = await this.read();
    const n = dataset.batch.numRows;
    const { perStep } = this.params;
    const size = perStep === 'all' ? n : perStep;
    const rows = windowOf(n, {
      seed: event.seed,
      step: event.scope === 'train' ? event.step : 0,
      round: event.round,
      size,
      shuffle: this.params.shuffle ?? perStep !== 'all',
    });
    // Rounds of a step end up in one cohort, where a group must be one prompt's.
    const group = Int32Array.from(rows, (_, i) => event.round * size + i);
    const cohort = Object.entries(questions).map(([name, data]) => [name, take(data, rows)]);
    return {
      row_id: Array.from(group, (g) => `${event.step}.${event.round}.${g}.0`),
      ...Object.fromEntries(cohort),
      group,
    } as Columns<Added>;
  }

  private read(): Promise<Exam> {
    this.exam ??= this.readExam();
    return this.exam;
  }

  private async readExam(): Promise<Exam> {
    const { file, template, chat } = this.params;
    const path = this.setup.resolve(file);
    const bytes = await bytesOf(path, placeIn(this.setup, 'file'));
    const findings = new Findings();
    const questions = questionsOf(bytes, path, findings);
    findings.throwIfAny();
    const texts = fillTemplate(template, questions, placeIn(this.setup, 'template'), findings);
    findings.throwIfAny();
    const { tokenizer } = chat ? this.setup.policy() : { tokenizer: undefined };
    const own = dataColumns(questions.map((q) => q.data));
    this.specs = own.specs;
    const columns = {
      prompt_id: questions.map((q) => q.id),
      exam: questions.map((q) => q.exam),
      prompt: tokenizer ? texts.map((content) => tokenizer.chat([{ role: 'user', content }])) : texts,
      reference: questions.map((q) => q.reference),
      solution: questions.map((q) => q.solution),
      points: Float64Array.from(questions, (q) => q.points),
      exam_total: Float64Array.from(questions, (q) => q.exam_total),
      ...own.columns,
    };
    const batch: Batch = batchOf(columns, own.specs);
    const hash = createHash('sha256').update(bytes).digest('hex');
    const place = (row: number): Place => questions[row]!.place;
    return { questions: columns, specs: own.specs, dataset: { batch, hash, place } };
  }
}

function questionsOf(bytes: Buffer, file: string, findings: Findings): Question[] {
  const report = (error: RlevError): void => findings.add(error);
  const records = recordsIn(bytes, file, report);
  const name = basename(file, extname(file));
  const questions = records.map((record) => questionOf(record, name, report)).filter((q) => q !== null);

  const seen = new Map<string, Place>();
  for (const { id, place } of questions) {
    const first = seen.get(id);
    if (!first) seen.set(id, place);
    else
      report(
        new RlevError({
          code: 'data/duplicate',
          message: `The id ${JSON.stringify(id)} is taken by line ${first.line}.`,
          value: id,
          place,
          help: 'Give every question an id that no other has.',
        }),
      );
  }
  if (records.length === 0 && findings.size === 0) {
    report(
      new RlevError({
        code: 'data/empty',
        message: 'This file holds no question.',
        place: { file },
        help: 'Write one JSON object a line, with id, question, reference, points and exam_total.',
      }),
    );
  }
  return questions;
}
