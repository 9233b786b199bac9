import { foldIn, normal, type RandomKey } from '../core/random.ts';
import type { PolicyWeights } from './checkpoint.ts';
import type { PolicyConfig } from './config.ts';
import { parameterLayout } from './parameters.ts';
import type { TokenizerIds } from './tokenizer.ts';

/** The shape of a policy that is trained from scratch. Plain data; sizes count elements. */
export interface InitOptions {
  /** By default `llama`. */
  readonly family?: PolicyConfig['family'];
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  /** By default `heads`. */
  readonly kvHeads?: number;
  /** By default hidden / heads. */
  readonly headDim?: number;
  /** Width of the feed-forward block, by default 8/3 of `hidden`, rounded up to a multiple of 8. */
  readonly intermediate?: number;
  readonly contextLength: number;
  /** By default 10000. */
  readonly ropeTheta?: number;
  /** Whether the embedding serves as the head, by default true. */
  readonly tied?: boolean;
  /** Seed of the weights, by default 0. */
  readonly seed?: number;
}

/** The configuration of a policy of that shape over a tokenizer's vocabulary. */
export function initialConfig(options: InitOptions, ids: TokenizerIds): PolicyConfig {
  const { hidden, heads, family = 'llama' } = options;
  return {
    family,
    head: 'tokens',
    vocabulary: ids.vocabulary,
    hidden,
    intermediate: options.intermediate ?? Math.ceil(hidden / 3) * 8,
    layers: options.layers,
    heads,
    kvHeads: options.kvHeads ?? heads,
    headDim: options.headDim ?? hidden / heads,
    contextLength: options.contextLength,
    normEps: family === 'llama' ? 1e-5 : 1e-6,
    ropeTheta: options.ropeTheta ?? 10000,
    ropeScaling: null,
    tied: options.tied ?? true,
    qkvBias: family === 'qwen2',
    outputBias: false,
    mlpBias: false,
    qkNorm: family === 'qwen3',
    bosId: ids.bosId,
    stopIds: ids.stopIds,
    padId: ids.padId,
  };
}

/**
 * Weights to train from scratch: matrices normal with standard deviation `scale`, those that write to the residual
 * stream (o_proj, down_proj) divided by sqrt(2 * layers) (GPT-2's), norms 1, biases 0. Draws are counted under `key`
 * by tensor and element.
 */
export function initialWeights(config: PolicyConfig, key: RandomKey, scale = 0.02): PolicyWeights {
  const layout = parameterLayout(config);
  const values = new Float32Array(layout.size);
  for (const [index, { name, shape, offset, size }] of layout.parameters.entries()) {
    if (shape.length === 1) {
      values.fill(name.endsWith('.bias') ? 0 : 1, offset, offset + size);
      continue;
    }
    const residual = /\.(o_proj|down_proj)\.weight$/.test(name);
    const deviation = residual ? scale / Math.sqrt(2 * config.layers) : scale;
    const tensorKey = foldIn(key, index);
    for (let i = 0; i < size; i++) values[offset + i] = normal(tensorKey, i) * deviation;
  }
  return { config, layout, values };
}
