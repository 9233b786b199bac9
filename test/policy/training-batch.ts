import { readFileSync } from 'node:fs';
import { type Ragged, raggedFloat32, raggedInt32, spreadOverTokens } from '../../src/core/columns.ts';
import type { TrainRequest } from '../../src/core/services.ts';
import { modelDirectory } from './models.ts';

interface Checksum {
  readonly shape: number[];
  readonly sum: number;
  readonly abs_sum: number;
  readonly sq_sum: number;
  readonly dot: number;
}

interface Snapshot {
  readonly checksums: Record<string, Checksum>;
  readonly tensors: Record<string, number[] | number[][]>;
}

export interface TrainingRun {
  readonly lr: number;
  readonly loss_per_step: number[];
  readonly grad_norm_per_step: number[];
  readonly after: Record<'1' | '2' | '5', Snapshot>;
  readonly loss_after_5_steps: number;
  readonly token_logprobs_after_5_steps: (number | null)[][];
}

/** training_reference.json of a model: what torch does on one batch. */
export interface TrainingReference {
  readonly batch: {
    readonly input_ids: number[][];
    readonly attention_mask: number[][];
    readonly loss_mask: number[][];
    readonly advantages: number[];
    readonly old_logprobs: number[][];
  };
  readonly ppo: TrainingRun & { readonly clipped_tokens_per_step: number[] };
  readonly 'ppo_lr_1e-4': TrainingRun;
  readonly sft: TrainingRun;
}

export const readTraining = (model: string): TrainingReference =>
  JSON.parse(readFileSync(`${modelDirectory(model)}/training_reference.json`, 'utf8'));

/** Where each row's response starts: at its first trained token. */
export const responseStarts = ({ batch }: TrainingReference): number[] =>
  batch.loss_mask.map((mask) => mask.indexOf(1));

/** The batch as a request: responses run from the first trained token to the end of the row. */
export function trainRequest(
  reference: TrainingReference,
  loss: 'ppo' | 'sft',
  lr: number,
  changes: Partial<TrainRequest> = {},
): TrainRequest {
  const { batch } = reference;
  const starts = responseStarts(reference);
  const lengths = batch.attention_mask.map((mask) => mask.reduce((a, b) => a + b));
  const response = (rows: number[][]): number[][] => rows.map((row, i) => row.slice(starts[i], lengths[i]));
  const responseTokens: Ragged<Int32Array> = raggedInt32(response(batch.input_ids));
  return {
    promptTokens: raggedInt32(batch.input_ids.map((row, i) => row.slice(0, starts[i]))),
    responseTokens,
    temperature: new Float32Array(lengths.length).fill(1),
    lossMask: raggedFloat32(response(batch.loss_mask)),
    ...(loss === 'ppo'
      ? {
          advantage: spreadOverTokens(batch.advantages, responseTokens),
          oldLogprobs: raggedFloat32(response(batch.old_logprobs)),
        }
      : {}),
    loss: { use: loss === 'ppo' ? 'loss/ppo-clip' : 'loss/cross-entropy', params: {} },
    optimizer: { lr, betas: [0.9, 0.95], eps: 1e-8, weightDecay: 0.01, gradNorm: 1 },
    schedule: { use: 'constant', warmup: 0, total: 5, floor: 0 },
    epochs: 1,
    miniBatches: 1,
    key: { a: 1, b: 2 },
    ...changes,
  };
}

/** The checksum of the reference file: sums over v_i, row-major, in float64. */
export function checksum(values: Float32Array): Omit<Checksum, 'shape'> {
  let [sum, abs_sum, sq_sum, dot] = [0, 0, 0, 0];
  for (const [i, v] of values.entries()) {
    sum += v;
    abs_sum += Math.abs(v);
    sq_sum += v * v;
    dot += (v * ((i % 97) - 48)) / 48;
  }
  return { sum, abs_sum, sq_sum, dot };
}
