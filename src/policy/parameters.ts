import { createHash } from 'node:crypto';
import type { PolicyConfig } from './config.ts';

/** One weight tensor: its Hugging Face name, its shape, and where it lies in the arena. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  /** First element in the arena. */
  readonly offset: number;
  readonly size: number;
}

/**
 * All weights of a policy lie in one flat float32 array, so that an optimizer update, a copy or a hash is one pass.
 * Matrices come first and vectors last: weight decay applies to a prefix.
 */
export interface ParameterLayout {
  readonly parameters: readonly Parameter[];
  /** Elements in all. */
  readonly size: number;
  /** Elements that weight decay applies to: those of tensors of two or more dimensions. */
  readonly decayed: number;
}

/** The layout of a configuration's weights. A tied head has no tensor of its own; a value head has no bias. */
export function parameterLayout(config: PolicyConfig): ParameterLayout {
  const shapes = parameterShapes(config);
  const ordered = [...shapes.filter(([, s]) => s.length > 1), ...shapes.filter(([, s]) => s.length === 1)];
  let offset = 0;
  let decayed = 0;
  const parameters = ordered.map(([name, shape]) => {
    const size = shape.reduce((a, b) => a * b);
    const parameter = { name, shape, offset, size };
    offset += size;
    if (shape.length > 1) decayed = offset;
    return parameter;
  });
  return { parameters, size: offset, decayed };
}

/** Views into the arena by name. */
export function parameterViews(layout: ParameterLayout, values: Float32Array): Record<string, Float32Array> {
  return Object.fromEntries(
    layout.parameters.map((p) => [p.name, values.subarray(p.offset, p.offset + p.size)]),
  );
}

/** sha256 over names, shapes and values (little-endian float32), in the layout's order; hexadecimal. */
export function weightsHash(layout: ParameterLayout, values: Float32Array): string {
  const hash = createHash('sha256');
  for (const { name, shape, offset, size } of layout.parameters) {
    hash.update(`${JSON.stringify([name, shape])}\n`);
    hash.update(new Uint8Array(values.buffer, values.byteOffset + offset * 4, size * 4));
  }
  return hash.digest('hex');
}

function parameterShapes(config: PolicyConfig): [string, number[]][] {
  const { hidden, intermediate, vocabulary, headDim } = config;
  const queries = config.heads * headDim;
  const keys = config.kvHeads * headDim;
  const shapes: [string, number[]][] = [['model.embed_tokens.weight', [vocabulary, hidden]]];
  const linear = (name: string, output: number, input: number, bias: boolean): void => {
    shapes.push([`${name}.weight`, [output, input]]);
    if (bias) shapes.push([`${name}.bias`, [output]]);
  };
  for (let i = 0; i < config.layers; i++) {
    const layer = `model.layers.${i}`;
    linear(`${layer}.self_attn.q_proj`, queries, hidden, config.qkvBias);
    linear(`${layer}.self_attn.k_proj`, keys, hidden, config.qkvBias);
    linear(`${layer}.self_attn.v_proj`, keys, hidden, config.qkvBias);
    linear(`${layer}.self_attn.o_proj`, hidden, queries, config.outputBias);
    if (config.qkNorm) {
      shapes.push([`${layer}.self_attn.q_norm.weight`, [headDim]]);
      shapes.push([`${layer}.self_attn.k_norm.weight`, [headDim]]);
    }
    linear(`${layer}.mlp.gate_proj`, intermediate, hidden, config.mlpBias);
    linear(`${layer}.mlp.up_proj`, intermediate, hidden, config.mlpBias);
    linear(`${layer}.mlp.down_proj`, hidden, intermediate, config.mlpBias);
    shapes.push([`${layer}.input_layernorm.weight`, [hidden]]);
    shapes.push([`${layer}.post_attention_layernorm.weight`, [hidden]]);
  }
  shapes.push(['model.norm.weight', [hidden]]);
  if (config.head === 'value') shapes.push(['score.weight', [1, hidden]]);
  else if (!config.tied) shapes.push(['lm_head.weight', [vocabulary, hidden]]);
  return shapes;
}
