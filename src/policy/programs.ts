import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import type { TensorProgram, TensorSpec } from '../engine/engine.ts';
import { chosenLogprobs } from '../engine/ops/chosen-logprobs.ts';
import { tf } from '../engine/tf.ts';
import type { PolicyConfig } from './config.ts';
import { hiddenStates, logitsOf, valuesOf, type Weights } from './decoder.ts';
import type { LossOutputs } from './losses/loss.ts';
import { type Objective, type ObjectiveInputs, objectivePerToken, readsOld } from './losses/objective.ts';
import { valueLoss } from './losses/value-loss.ts';
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

/** Entropy of the distribution of each response token: reads as `scoreProgram`, gives `entropy` [rows, responses]. */
export function entropyProgram(config: PolicyConfig, shape: MicroBatchShape): TensorProgram {
  const { targets: _, ...specs } = tokenSpecs(shape);
  return {
    name: `entropy-${shapeName(shape)}`,
    inputs: { ...specs, ...parameterSpecs(parameterLayout(config)) },
    run: (inputs) => ({ entropy: entropy(shape, responseLogits(config, inputs, inputs)) }),
  };
}

export interface TrainProgramOptions extends Objective {
  readonly config: PolicyConfig;
  readonly shape: MicroBatchShape;
  /** The policy before the update is the one that trains: `old` is not read. */
  readonly ownRatio: boolean;
  /** `weights` are read. */
  readonly weighted?: boolean;
}

/**
 * Loss and gradients of a micro-batch. Reads, beside `TokenFeeds` and weights by name, float32 [rows, responses]
 * each: `mask`; `share`, mask times the weight of the token in the update's loss; and what the objective needs of
 * `advantages`, `old`, `ref`, `weights`, `sampled` and `chosen`. Gives `loss`, the micro-batch's part of the update's loss;
 * `sum/<metric>`, sums over counted tokens; and `grad/<parameter>`.
 */
export function trainProgram(options: TrainProgramOptions): TensorProgram {
  const { config, shape, loss, ownRatio, kl, weighted = false } = options;
  const layout = parameterLayout(config);
  const dense: TensorSpec = { shape: [shape.rows, shape.responses], dtype: 'float32' };
  const needsOld = readsOld(loss, kl) && !ownRatio;
  return {
    name: `train-${loss.use}-${shapeName(shape)}`,
    inputs: {
      ...tokenSpecs(shape),
      mask: dense,
      share: dense,
      ...(loss.needs.includes('advantage') && { advantages: dense }),
      ...(needsOld && { old: dense }),
      ...(kl && { ref: dense }),
      ...(weighted && { weights: dense }),
      ...(options.offPolicy !== undefined && { sampled: dense }),
      ...(loss.choose && { chosen: dense }),
      ...parameterSpecs(layout),
    },
    run(inputs) {
      const given = inputs as unknown as Omit<ObjectiveInputs, 'logprobs' | 'entropy'> & { share: Tensor };
      return lossAndGradients(layout, inputs, given, (parameters) => {
        const logits = responseLogits(config, parameters, inputs);
        const logprobs = chosen(shape, logits, inputs);
        return objectivePerToken(options, { ...given, logprobs, entropy: entropy(shape, logits) });
      });
    },
  };
}

/** V at the state in which each response token is chosen: reads `tokens`, `indices` and weights, gives `values`. */
export function valueProgram(config: PolicyConfig, shape: MicroBatchShape): TensorProgram {
  return {
    name: `value-${shapeName(shape)}`,
    inputs: { ...positionSpecs(shape), ...parameterSpecs(parameterLayout(config)) },
    run: (inputs) => ({ values: responseValues(config, shape, inputs, inputs) }),
  };
}

/**
 * Loss of a critic and its gradients, of a micro-batch: reads, beside `tokens`, `indices` and weights by name, `mask`
 * and `share` as `trainProgram` does, `old`, the values before the update, and `returns`, float32 [rows, responses].
 * Gives what `trainProgram` does.
 */
export function valueTrainProgram(
  config: PolicyConfig,
  shape: MicroBatchShape,
  clip: number | undefined,
): TensorProgram {
  const layout = parameterLayout(config);
  const dense: TensorSpec = { shape: [shape.rows, shape.responses], dtype: 'float32' };
  return {
    name: `value-train-${shapeName(shape)}`,
    inputs: {
      ...positionSpecs(shape),
      ...{ mask: dense, share: dense, old: dense, returns: dense },
      ...parameterSpecs(layout),
    },
    run(inputs) {
      const { mask, share, old, returns } = inputs as Record<string, Tensor>;
      return lossAndGradients(layout, inputs, { mask: mask!, share: share! }, (parameters) => {
        const values = responseValues(config, shape, parameters, inputs);
        return valueLoss({ values, old: old!, returns: returns! }, clip);
      });
    },
  };
}

/** `loss`, the sum of share times loss; `sum/<metric>` over counted tokens; and `grad/<parameter>` of the loss. */
function lossAndGradients(
  layout: ParameterLayout,
  inputs: Inputs,
  { mask, share }: { readonly mask: Tensor; readonly share: Tensor },
  perToken: (parameters: Weights) => LossOutputs,
): Record<string, Tensor> {
  const names = layout.parameters.map((p) => p.name);
  const sums: Record<string, Tensor> = {};
  const total = (...tensors: Tensor[]): Tensor => {
    const outputs = perToken(Object.fromEntries(names.map((name, i) => [name, tensors[i]!])));
    for (const [name, values] of Object.entries(outputs.metrics)) {
      // Kept out of the gradient's own scope, which disposes everything but the loss.
      sums[name] = tf.keep(tf.sum(tf.mul(values, mask)));
    }
    return tf.sum(tf.mul(outputs.loss, share));
  };
  const { value, grads } = tf.valueAndGrads(total as never)(names.map((name) => inputs[name]!));
  const results: Record<string, Tensor> = { loss: value };
  for (const [name, sum] of Object.entries(sums)) {
    results[`sum/${name}`] = tf.clone(sum);
    sum.dispose();
  }
  for (const [i, name] of names.entries()) results[`grad/${name}`] = grads[i]!;
  return results;
}

/** V before each response token, [rows, responses]. */
function responseValues(
  config: PolicyConfig,
  { rows, responses }: MicroBatchShape,
  weights: Weights,
  inputs: Inputs,
): Tensor {
  const hidden = hiddenStates(config, weights, inputs.tokens!, inputs.indices!);
  return tf.reshape(valuesOf(config, weights, hidden), [rows, responses]);
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

function positionSpecs({ rows, length, responses }: MicroBatchShape): Record<string, TensorSpec> {
  return {
    tokens: { shape: [rows, length], dtype: 'int32' },
    indices: { shape: [rows * responses], dtype: 'int32' },
  };
}

function tokenSpecs(shape: MicroBatchShape): Record<string, TensorSpec> {
  const { rows, responses } = shape;
  return {
    ...positionSpecs(shape),
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
