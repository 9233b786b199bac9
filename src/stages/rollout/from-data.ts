import { z } from 'zod';
import { columnOf } from '../../core/batch.ts';
import { type Columns, raggedInt32 } from '../../core/columns.ts';
import { RlevError, show } from '../../core/errors.ts';
import type { Tokenizer } from '../../core/services.ts';
import { type Dataset, defineMap, type MapStage, type StageSetup } from '../../core/stage.ts';
import { Findings } from '../findings.ts';
import { placeIn } from '../place-in.ts';
import { atPlace, encodePrompts } from './encode-prompts.ts';

type ResponseColumn = 'solution' | `data.${string}`;

const params = z.strictObject({
  response: z
    .union([z.literal('solution'), z.templateLiteral(['data.', z.string().min(1)])])
    .default('solution')
    .describe('The column that holds the responses: solution, or data.<field>.'),
  maxTokens: z
    .int()
    .min(1)
    .optional()
    .describe('Longest response in tokens, its stop token included; by default what the model can read.'),
});

type Params = z.infer<typeof params>;

const added = [
  'sample',
  'role',
  'prompt_tokens',
  'response_tokens',
  'response',
  'temperature',
  'finish',
] as const;

export const rolloutFromData = defineMap({
  name: 'rollout/from-data',
  summary:
    'The response to each prompt that stands in the data, as if the policy had written it and stopped.',
  formula: 'y = the column of the data, ended by the first stop token',
  example: 'rollout: { use: rollout/from-data, response: solution }',
  params,
  needs: ({ response }) => ['prompt', response],
  adds: () => added,
  create: (params, setup) => new DataRollout(params, setup),
});

type Needed = 'prompt' | ResponseColumn;
type Added = (typeof added)[number];

/** Nothing was sampled, so there are no sampled_logprobs. The temperature is 1. */
class DataRollout implements MapStage<Needed, Added> {
  private readonly params: Params;
  private readonly setup: StageSetup;

  constructor(params: Params, setup: StageSetup) {
    this.params = params;
    this.setup = setup;
  }

  /** @throws RlevErrors for every row without a response, and for every one that cannot be written or does not fit */
  prepare(dataset: Dataset): void {
    const { response: column, maxTokens } = this.params;
    const { tokenizer, info } = this.setup.policy();
    if (!dataset.batch.getChild(column)) {
      throw new RlevError({
        code: 'config/columns',
        message: `rollout/from-data takes its responses from ${column}, which the data does not have.`,
        value: column,
        place: placeIn(this.setup, 'response'),
        help: `The data has: ${dataset.batch.schema.fields.map((f) => f.name).join(', ')}.`,
      });
    }
    const prompts = encodePrompts(dataset, this.setup, 1, 'error');
    const findings = new Findings();
    const prompt = columnOf(dataset.batch, 'prompt');
    textsOf(columnOf(dataset.batch, column), column).forEach((response, row) => {
      if (response === null) {
        findings.add(
          new RlevError({
            code: 'data/value',
            message: `The question has no ${column}.`,
            value: response,
            place: dataset.place(row),
            help: `rollout/from-data trains on ${column}: give one, or take the question out.`,
          }),
        );
        return;
      }
      const tokens = atPlace(dataset, row, findings, () => responseTokens(response, tokenizer));
      if (!tokens) return;
      const room = Math.min(
        maxTokens ?? info.contextLength,
        info.contextLength - prompts.get(prompt[row]!)!.length,
      );
      if (tokens.length <= room) return;
      findings.add(
        new RlevError({
          code: 'policy/context',
          message: `The response ${show(response, 40)} has ${tokens.length} tokens with its stop token; there is room for ${room}.`,
          value: tokens.length,
          place: dataset.place(row),
          help: 'Shorten the response, or raise maxTokens where the model reads more.',
        }),
      );
    });
    findings.throwIfAny();
  }

  run(columns: Columns<Needed>): Columns<Added> {
    const { tokenizer } = this.setup.policy();
    const { response: column } = this.params;
    const responses = textsOf(columns[column], column).map((text) => text ?? '');
    const n = responses.length;
    return {
      sample: new Int32Array(n),
      role: responses.map(() => 'sample'),
      prompt_tokens: raggedInt32(columns.prompt.map((text) => tokenizer.encode(text))),
      response_tokens: raggedInt32(responses.map((text) => responseTokens(text, tokenizer))),
      response: responses,
      temperature: new Float32Array(n).fill(1),
      finish: responses.map(() => 'stop'),
    };
  }
}

/** int32: the text as a response, ended by the first stop token. */
function responseTokens(text: string, tokenizer: Tokenizer): Int32Array {
  const stop = tokenizer.stopIds[0];
  if (stop === undefined) {
    throw new RlevError({
      code: 'policy/tokenizer',
      message: 'The policy has no stop token, so a response cannot be ended.',
      help: 'Set eos_token_id in the generation_config.json of the policy.',
    });
  }
  return Int32Array.from([...tokenizer.encodePlain(text), stop]);
}

function textsOf(data: unknown, column: string): readonly (string | null)[] {
  const texts = data as readonly (string | null)[];
  if (Array.isArray(data) && data.every((x) => x === null || typeof x === 'string')) return texts;
  throw new RlevError({
    code: 'config/columns',
    message: `rollout/from-data takes its responses from ${column}, which is not text.`,
    value: column,
  });
}
