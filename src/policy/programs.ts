import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import { RlevError } from '../core/errors.ts';
import type { TensorProgram, TensorSpec } from '../engine/engine.ts';
import { chosenLogprobs } from '../engine/ops/chosen-logprobs.ts';
import { tf } from '../engine/tf.ts';
import type { PolicyConfig } from './config.ts';
import { hiddenStates, logitsOf, type Weights } from './decoder.ts';
import { logRatio, ownLogRatio } from './losses/log-ratio.ts';
import type { AggregateParams, LossColumn, LossDefinition } from './losses/loss.ts';
import type { MicroBatchShape } from './micro-batches.ts';
import { type ParameterLayout, parameterLayout } from './parameters.ts';

type Inputs = Readonly<Record<string, Tensor>>;

/** Log-probabilities of response tokens: reads `TokenFeeds` and weights by name, gives `logprobs` [rows, responses]. */
export function scoreProgram(config: PolicyConfig, shape: MicroBatchShape): TensorProgram {
  const layout = parameterLayout(config);
  return {
    name: `score-${shapeName(shape)}`,
    inputs: { ...tokenSpecs(shape), ...parameterSpecs(layout) },
    run: (inputs) => ({ logprobs: chosen(shape, responseLogits(config, inputs, inputs), inputs) }),
  };
}

export interface TrainProgramOptions {
  readonly config: PolicyConfig;
  readonly shape: MicroBatchShape;
  readonly loss: LossDefinition;
  readonly params: AggregateParams;
  /** The policy before the update is the one that trains: `old` is not read. */
  readonly ownRatio: boolean;
}

/**
 * Loss and gradients of a micro-batch. Reads, beside `TokenFeeds` and weights by name, float32 [rows, responses]
 * each: `mask`; `share`, mask times the weight of the token in the update's loss; and what the loss needs of
 * `advantages` and `old`. Gives `loss`, the micro-batch's part of the update's loss; `sum/<metric>`, sums over
 * counted tokens; and `grad/<parameter>`.
 */
export function trainProgram(options: TrainProgramOptions): TensorProgram {
  const { config, shape, loss, params, ownRatio } = options;
  const layout = parameterLayout(config);
  const names = layout.parameters.map((p) => p.name);
  const dense: TensorSpec = { shape: [shape.rows, shape.responses], dtype: 'float32' };
  const needs = { advantages: loss.needs.includes('advantage'), old: loss.needs.includes('oldLogprobs') };
  return {
    name: `train-${loss.use}-${shapeName(shape)}`,
    inputs: {
      ...tokenSpecs(shape),
      mask: dense,
      share: dense,
      ...(needs.advantages ? { advantages: dense } : {}),
      ...(needs.old && !ownRatio ? { old: dense } : {}),
      ...parameterSpecs(layout),
    },
    run(inputs) {
      const mask = inputs.mask!;
      const sums: Record<string, Tensor> = {};
      const total = (...tensors: Tensor[]): Tensor => {
        const weights = Object.fromEntries(names.map((name, i) => [name, tensors[i]!]));
        const logits = responseLogits(config, weights, inputs);
        const logprobs = chosen(shape, logits, inputs);
        const outputs = loss.perToken(
          {
            logprobs,
            mask,
            get logRatio() {
              return needs.old ? ratio(logprobs, inputs.old) : undeclared(loss, 'oldLogprobs');
            },
            get advantages() {
              return inputs.advantages ?? undeclared(loss, 'advantage');
            },
          },
          params,
        );
        const metrics = { ...outputs.metrics, entropy: entropy(shape, logits) };
        for (const [name, values] of Object.entries(metrics)) {
          // Kept out of the gradient's own scope, which disposes everything but the loss.
          sums[name] = tf.keep(tf.sum(tf.mul(values, mask)));
        }
        return tf.sum(tf.mul(outputs.loss, inputs.share!));
      };
      const { value, grads } = tf.valueAndGrads(total as never)(names.map((name) => inputs[name]!));
      const results: Record<string, Tensor> = { loss: value };
      for (const [name, sum] of Object.entries(sums)) {
        results[`sum/${name}`] = tf.clone(sum);
        sum.dispose();
      }
      for (const [i, name] of names.entries()) results[`grad/${name}`] = grads[i]!;
      return results;
    },
  };
}

function undeclared(loss: LossDefinition, column: LossColumn): never {
  throw new RlevError({
    code: 'stage/contract',
    message: `The loss ${loss.use} reads ${column} and does not declare it.`,
    help: `Add '${column}' to its needs.`,
  });
}

function ratio(logprobs: Tensor, old: Tensor | undefined): Tensor {
  return old ? logRatio(logprobs, old) : ownLogRatio(logprobs);
}

/** Logits over temperature of every response token, [rows * responses, vocabulary]. */
function responseLogits(config: PolicyConfig, weights: Weights, inputs: Inputs): Tensor {
  const hidden = hiddenStates(config, weights, inputs.tokens!, inputs.indices!);
  return logitsOf(config, weights, hidden, inputs.inverseTemperature!);
}

/** Log-probabilities of the response tokens, [rows, responses]. */
function chosen({ rows, responses }: MicroBatchShape, logits: Tensor, inputs: Inputs): Tensor {
  const logprobs = chosenLogprobs(logits as Tensor2D, inputs.targets as Tensor1D);
  return tf.reshape(logprobs, [rows, responses]);
}

/** -sum p log p over the vocabulary, in nats, [rows, responses]. */
function entropy({ rows, responses }: MicroBatchShape, logits: Tensor): Tensor {
  const logprobs = tf.logSoftmax(logits);
  return tf.reshape(tf.neg(tf.sum(tf.mul(tf.exp(logprobs), logprobs), -1)), [rows, responses]);
}

function tokenSpecs({ rows, length, responses }: MicroBatchShape): Record<string, TensorSpec> {
  return {
    tokens: { shape: [rows, length], dtype: 'int32' },
    indices: { shape: [rows * responses], dtype: 'int32' },
    targets: { shape: [rows * responses], dtype: 'int32' },
    inverseTemperature: { shape: [rows * responses, 1], dtype: 'float32' },
  };
}

function parameterSpecs(layout: ParameterLayout): Record<string, TensorSpec> {
  return Object.fromEntries(layout.parameters.map(({ name, shape }) => [name, { shape, dtype: 'float32' }]));
}

function shapeName({ rows, length, responses }: MicroBatchShape): string {
  return `${rows}x${length}x${responses}`;
}
