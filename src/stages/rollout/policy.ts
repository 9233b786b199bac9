import { z } from 'zod';
import { type ColumnData, type Columns, raggedFloat32, raggedInt32, rowOf } from '../../core/columns.ts';
import { foldIn, randomKey } from '../../core/random.ts';
import type { Rollouts } from '../../core/services.ts';
import {
  type Dataset,
  defineMap,
  type MapStage,
  type StageEvent,
  type StageSetup,
} from '../../core/stage.ts';
import { encodePrompts } from './encode-prompts.ts';

const params = z.strictObject({
  samples: z.int().min(1).default(8).describe('Responses to each prompt.'),
  maxTokens: z.int().min(1).default(32).describe('Tokens after which a response is cut.'),
  temperature: z.number().min(0).default(1).describe('Divides the logits; 0 takes the most likely token.'),
  topK: z.int().min(0).default(0).describe('Sample from the k most likely tokens; 0: from all.'),
  topP: z
    .number()
    .gt(0)
    .max(1)
    .default(1)
    .describe('Sample from the fewest tokens whose probability reaches p; 1: from all.'),
  greedy: z
    .boolean()
    .default(false)
    .describe(
      'One response more to each prompt, of the most likely tokens, with the role greedy: a baseline.',
    ),
  longPrompts: z
    .enum(['error', 'cut-left'])
    .default('error')
    .describe(
      'Prompts that leave no room for maxTokens: refused before the run, or cut to their last tokens (BOS goes too).',
    ),
});

type Params = z.infer<typeof params>;

const added = [
  'row_id',
  'sample',
  'role',
  'prompt_tokens',
  'response_tokens',
  'response',
  'temperature',
  'sampled_logprobs',
  'eos_logprobs',
  'finish',
  'policy_version',
] as const;

export const rolloutPolicy = defineMap({
  name: 'rollout/policy',
  summary: 'Responses to each prompt, sampled by the published policy of the cohort.',
  formula: 'y_t ~ softmax(logits / temperature), cut by topK and topP; temperature 0: argmax',
  example: 'rollout: { use: rollout/policy, samples: 8, maxTokens: 32, temperature: 1 }',
  params,
  needs: () => ['row_id', 'group', 'prompt'],
  adds: () => added,
  replaces: () => ['row_id'],
  expands: ({ samples, greedy }) => samples + (greedy ? 1 : 0),
  sampling: (params) => params,
  readsWeights: () => 'policy',
  create: (params, setup) => new PolicyRollout(params, setup),
});

type Needed = 'row_id' | 'group' | 'prompt';
type Added = (typeof added)[number];

/** Each row's draws are counted under (seed, scope, step, round, group, sample), so order and batching do not matter. */
class PolicyRollout implements MapStage<Needed, Added> {
  private readonly params: Params;
  private readonly setup: StageSetup;
  private prompts = new Map<string, Int32Array>();

  constructor(params: Params, setup: StageSetup) {
    this.params = params;
    this.setup = setup;
  }

  /** @throws RlevErrors for every prompt that the tokenizer cannot write or that leaves no room for a response */
  prepare(dataset: Dataset): void {
    this.prompts = encodePrompts(dataset, this.setup, this.params.maxTokens, this.params.longPrompts);
  }

  async run({ group, prompt }: Columns<Needed>, event: StageEvent): Promise<Columns<Added>> {
    const { samples, maxTokens, temperature, topK, topP, greedy } = this.params;
    const { tokenizer, sampler } = this.setup.policy();
    const prompts = prompt.map((text) => this.prompts.get(text) ?? tokenizer.encode(text));
    const key = randomKey(event.seed, `rollout/${event.scope}`);
    const draw = (rows: readonly Row[], how: Pick<Params, 'temperature' | 'topK' | 'topP'>) =>
      sampler.sample(
        {
          prompts,
          rows: rows.map(({ i, sample }) => ({
            prompt: i,
            key: foldIn(key, event.step, event.round, group[i]!, sample),
          })),
          version: event.policyVersion,
          maxTokens,
          ...how,
        },
        event.signal,
      );
    const sampled = rowsOf(prompts.length, 0, samples);
    let rows = sampled;
    let rollouts = await draw(sampled, { temperature, topK, topP });
    if (greedy) {
      const baseline = rowsOf(prompts.length, samples, 1);
      const others = await draw(baseline, { temperature: 0, topK: 0, topP: 1 });
      rows = rowsOf(prompts.length, 0, samples + 1);
      rollouts = interleaved(rollouts, others, prompts.length, samples);
    }
    const isGreedy = ({ sample }: Row): boolean => sample === samples;
    const n = rows.length;
    return {
      row_id: rows.map(({ i, sample }) => `${event.step}.${event.round}.${group[i]}.${sample}`),
      sample: Int32Array.from(rows, ({ sample }) => sample),
      role: rows.map((row) => (isGreedy(row) ? 'greedy' : 'sample')),
      prompt_tokens: raggedInt32(rows.map(({ i }) => prompts[i]!)),
      response_tokens: rollouts.tokens,
      response: rows.map((_, row) => tokenizer.decode(rowOf(rollouts.tokens, row))),
      temperature: Float32Array.from(rows, (row) => (isGreedy(row) ? 0 : temperature)),
      sampled_logprobs: rollouts.logprobs,
      eos_logprobs: eosColumn(rollouts, n),
      finish: Array.from(rollouts.stopped, (stopped) => (stopped ? 'stop' : 'length')),
      policy_version: new Int32Array(n).fill(event.policyVersion),
    };
  }
}

/** A response to prompt i. */
interface Row {
  readonly i: number;
  readonly sample: number;
}

/** `count` responses to each prompt, numbered from `first`. */
function rowsOf(prompts: number, first: number, count: number): readonly Row[] {
  return Array.from({ length: prompts * count }, (_, row) => ({
    i: Math.floor(row / count),
    sample: first + (row % count),
  }));
}

/** For each prompt its `samples` responses of `many`, then its one of `one`. */
function interleaved(many: Rollouts, one: Rollouts, prompts: number, samples: number): Rollouts {
  const order = Array.from({ length: prompts }, (_, i) => i).flatMap((i) => [
    ...Array.from({ length: samples }, (_, k) => [many, i * samples + k] as const),
    [one, i] as const,
  ]);
  const eos = many.eosLogprobs && one.eosLogprobs;
  return {
    tokens: raggedInt32(order.map(([from, row]) => rowOf(from.tokens, row))),
    logprobs: raggedFloat32(order.map(([from, row]) => rowOf(from.logprobs, row))),
    eosLogprobs: eos && raggedFloat32(order.map(([from, row]) => rowOf(from.eosLogprobs!, row))),
    stopped: Uint8Array.from(order, ([from, row]) => from.stopped[row]!),
  };
}

function eosColumn({ eosLogprobs }: Rollouts, rows: number): ColumnData<'eos_logprobs'> {
  return (
    eosLogprobs ?? {
      offsets: new Int32Array(rows + 1),
      values: new Float32Array(0),
      valid: new Uint8Array(rows),
    }
  );
}
