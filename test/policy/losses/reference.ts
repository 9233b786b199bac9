import { readFileSync } from 'node:fs';
import { type Ragged, raggedFloat32 } from '../../../src/core/columns.ts';
import { randomKey } from '../../../src/core/random.ts';
import type { Aggregation } from '../../../src/core/services.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import { tf } from '../../../src/engine/tf.ts';
import { tokenWeight, updateTotals } from '../../../src/policy/losses/aggregate.ts';
import type { AggregateParams } from '../../../src/policy/losses/loss.ts';
import { type Objective, objectivePerToken } from '../../../src/policy/losses/objective.ts';
import { fixture } from '../models.ts';

/** A case of losses.json or losses_extra.json: dense [rows, tokens], garbage where the mask is 0. */
export interface LossCase {
  readonly id: string;
  readonly loss: string;
  readonly params: {
    readonly clip_ratio_low: number;
    readonly clip_ratio_high: number;
    readonly clip_ratio_c: number;
    readonly loss_agg_mode: string;
    readonly dp_size?: number;
    readonly batch_num_tokens?: number;
    readonly global_batch_size?: number;
    readonly loss_scale_factor?: number;
    readonly kl_penalty?: string;
    readonly kl_coef?: number;
  };
  readonly logprobs: number[][];
  readonly old_logprobs: number[][] | null;
  readonly ref_logprobs: number[][] | null;
  readonly advantages: number[][] | null;
  readonly mask: number[][];
  readonly rollout_is_weights?: number[][];
  readonly rollout_logprobs?: number[][];
  /** Where the loss chooses tokens of the whole update. */
  readonly chosen?: number[][];
  readonly expected_loss: number;
  readonly expected_grad_wrt_logprobs: number[][];
  readonly expected_metrics: Readonly<Record<string, number>>;
  readonly expected_kl_per_token?: number[][];
}

export const readCases = <T = LossCase>(file: string): T[] =>
  JSON.parse(readFileSync(fixture('reference', file), 'utf8'));

export const aggregationOf = (mode: string): Aggregation =>
  mode === 'seq-mean-token-sum-norm' ? 'constant' : (mode as Aggregation);

/** What each token weighs in the update's loss, as the trainer makes it. */
export function shareOf(
  { params, mask }: Pick<LossCase, 'params' | 'mask'>,
  masked?: AggregateParams['masked'],
): number[][] {
  const ragged: Ragged<Float32Array> = raggedFloat32(mask);
  const counted = updateTotals(
    ragged,
    mask.map((_, i) => i),
    masked,
  );
  const totals = {
    tokens: params.batch_num_tokens ?? counted.tokens,
    rows: params.global_batch_size ?? counted.rows,
  };
  const aggregation = aggregationOf(params.loss_agg_mode);
  const length = params.loss_scale_factor ?? mask[0]!.length;
  return mask.map((row, i) => {
    const weight = tokenWeight(aggregation, totals, ragged, i, length) * (params.dp_size ?? 1);
    return row.map((m) => m * weight);
  });
}

/** What a loss chooses of the tokens of an example, were it an update of its own. */
export function chosenOf({ loss, params }: Objective, example: LossCase): number[][] | undefined {
  if (!loss.choose) return undefined;
  const flat = (rows: number[][] | null): Float32Array => Float32Array.from(rows!.flat());
  const tokens = {
    logprobs: flat(example.logprobs),
    oldLogprobs: flat(example.old_logprobs),
    advantages: flat(example.advantages),
    mask: flat(example.mask),
    key: randomKey(1, 'chosen'),
  };
  const chosen = loss.choose(tokens, params);
  const width = example.mask[0]!.length;
  return example.mask.map((_, i) => [...chosen.subarray(i * width, (i + 1) * width)]);
}

export interface Outcome {
  readonly loss: number;
  readonly gradient: Float32Array;
  /** Means over counted tokens. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** Loss and gradient with respect to log-probabilities, as a program of the engine. */
export async function outcomeOf(engine: Engine, objective: Objective, example: LossCase): Promise<Outcome> {
  const { logprobs, mask, advantages, old_logprobs: old, ref_logprobs: ref } = example;
  const shape = [mask.length, mask[0]!.length] as const;
  const flat = (rows: number[][]): Float32Array => Float32Array.from(rows.flat());
  const optional = {
    advantages,
    old,
    ref,
    weights: example.rollout_is_weights,
    sampled: example.rollout_logprobs,
    chosen: example.chosen ?? chosenOf(objective, example),
  };
  const feeds: Record<string, Float32Array> = {
    logprobs: flat(logprobs),
    mask: flat(mask),
    share: flat(shareOf(example, objective.params.masked)),
    entropy: new Float32Array(shape[0] * shape[1]),
  };
  for (const [name, rows] of Object.entries(optional)) if (rows) feeds[name] = flat(rows);
  const program = await engine.compile({
    name: example.id,
    inputs: Object.fromEntries(
      Object.keys(feeds).map((name) => [name, { shape: [...shape], dtype: 'float32' as const }]),
    ),
    run(inputs) {
      const given = inputs as Record<keyof typeof optional | 'mask' | 'entropy', (typeof inputs)[string]>;
      const sums: Record<string, (typeof inputs)[string]> = {};
      const { value, grad } = tf.valueAndGrad((x) => {
        const outputs = objectivePerToken(objective, { ...given, logprobs: x });
        for (const [name, values] of Object.entries(outputs.metrics)) {
          sums[`sum/${name}`] = tf.keep(tf.sum(tf.mul(values, given.mask)));
        }
        return tf.sum(tf.mul(outputs.loss, inputs.share!));
      })(inputs.logprobs!);
      return { loss: value, grad, ...sums };
    },
  });
  const { loss, grad, ...sums } = await program.run(feeds);
  await program.release();
  const counted = mask.flat().reduce((a, b) => a + b);
  const metrics = Object.entries(sums).map(([name, sum]) => [name.slice(4), sum[0]! / counted]);
  return { loss: loss![0]!, gradient: grad as Float32Array, metrics: Object.fromEntries(metrics) };
}
