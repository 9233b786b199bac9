import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { RlevError, show } from '../core/errors.ts';

/** What makes one Llama-family decoder differ from another. Sizes count elements. */
export interface PolicyConfig {
  readonly family: 'llama' | 'qwen2' | 'qwen3';
  readonly head: Head;
  readonly vocabulary: number;
  readonly hidden: number;
  /** Width of the feed-forward block. */
  readonly intermediate: number;
  readonly layers: number;
  readonly heads: number;
  /** Divides `heads`: that many query heads share one key and value head. */
  readonly kvHeads: number;
  readonly headDim: number;
  /** Tokens of prompt and response together. */
  readonly contextLength: number;
  readonly normEps: number;
  readonly ropeTheta: number;
  /** Llama 3.1's stretching of the slow rotary frequencies; null: none. */
  readonly ropeScaling: RopeScaling | null;
  /** The embedding serves as the head. */
  readonly tied: boolean;
  readonly qkvBias: boolean;
  readonly outputBias: boolean;
  readonly mlpBias: boolean;
  /** RMS norms on queries and keys of each head. */
  readonly qkNorm: boolean;
  readonly bosId: number | null;
  /** Any of these ends a response. */
  readonly stopIds: readonly number[];
  readonly padId: number;
}

export interface RopeScaling {
  readonly factor: number;
  readonly lowFreqFactor: number;
  readonly highFreqFactor: number;
  readonly originalContextLength: number;
}

/** What the last hidden states become: logits of the next token, or one number, the value of a critic. */
export type Head = 'tokens' | 'value';

const families = { Llama: 'llama', Qwen2: 'qwen2', Qwen3: 'qwen3' } as const;
/** A value head is what transformers calls the classification of sequences with one label. */
const headSuffixes = { ForCausalLM: 'tokens', ForSequenceClassification: 'value' } as const;

const architectures: Readonly<Record<string, Pick<PolicyConfig, 'family' | 'head'>>> = Object.fromEntries(
  Object.entries(families).flatMap(([name, family]) =>
    Object.entries(headSuffixes).map(([suffix, head]) => [name + suffix, { family, head }]),
  ),
);

const count = z.int().positive();
const tokenId = z.int().nonnegative();
const tokenIds = z.union([tokenId, z.array(tokenId).nonempty()]);

const ropeFields = z.object({
  rope_type: z.string().optional(),
  type: z.string().optional(),
  rope_theta: z.number().positive().optional(),
  factor: z.number().positive().optional(),
  low_freq_factor: z.number().positive().optional(),
  high_freq_factor: z.number().positive().optional(),
  original_max_position_embeddings: count.optional(),
});

const configJson = z.object({
  architectures: z.array(z.string()).nonempty(),
  vocab_size: count,
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  num_key_value_heads: count.nullish(),
  head_dim: count.nullish(),
  max_position_embeddings: count,
  rms_norm_eps: z.number().positive(),
  hidden_act: z.string().default('silu'),
  rope_theta: z.number().positive().nullish(),
  rope_scaling: ropeFields.nullish(),
  rope_parameters: ropeFields.nullish(),
  tie_word_embeddings: z.boolean().nullish(),
  attention_bias: z.boolean().nullish(),
  mlp_bias: z.boolean().nullish(),
  use_sliding_window: z.boolean().nullish(),
  sliding_window: count.nullish(),
  layer_types: z.array(z.string()).nullish(),
  bos_token_id: tokenId.nullish(),
  eos_token_id: tokenIds.nullish(),
  pad_token_id: z.int().nullish(),
  partial_rotary_factor: z.number().nullish(),
});

const generationJson = z.object({
  bos_token_id: tokenId.nullish(),
  eos_token_id: tokenIds.nullish(),
  pad_token_id: z.int().nullish(),
});

/**
 * The configuration of the checkpoint in `directory`, from config.json and, where there is one,
 * generation_config.json (whose token ids win). Both the older layout (`rope_theta`, `rope_scaling`) and that of
 * transformers 5 (`rope_parameters`) are read.
 *
 * @param heads those that will do
 * @throws RlevError `policy/checkpoint` where a file is missing or asks for what the decoder does not do
 */
export async function readConfig(
  directory: string,
  heads: readonly Head[] = ['tokens'],
): Promise<PolicyConfig> {
  const config = await readJson(join(directory, 'config.json'));
  const generation = await readJson(join(directory, 'generation_config.json'), {});
  return parseConfig(config, generation, join(directory, 'config.json'), heads);
}

/** The same from the contents of the two files; `file` names the first in errors. */
export function parseConfig(
  config: unknown,
  generation: unknown = {},
  file = 'config.json',
  allowed: readonly Head[] = ['tokens'],
): PolicyConfig {
  const c = check(configJson, config, file);
  const g = check(generationJson, generation, file.replace(/config\.json$/, 'generation_config.json'));
  const unsupported = (message: string, value?: unknown): never => {
    throw checkpointError(message, file, value, 'Use a checkpoint of the Llama, Qwen2 or Qwen3 family.');
  };

  const name = c.architectures[0];
  const architecture = architectures[name];
  if (!architecture) return unsupported(`The architecture ${show(name)} is not supported.`, name);
  if (!allowed.includes(architecture.head)) {
    throw checkpointError(
      `The architecture ${show(name)} has a value head and writes no tokens.`,
      file,
      name,
      'It can be what a critic begins with: policy.critic.from.',
    );
  }
  const { family, head } = architecture;
  if (c.hidden_act !== 'silu')
    unsupported(`The activation ${show(c.hidden_act)} is not supported.`, c.hidden_act);
  // Mistral's field stands in some Llama files; Qwen's counts only where its switch is on.
  const window = family === 'llama' ? c.sliding_window != null : c.use_sliding_window === true;
  const windowed = c.layer_types?.find((type) => type !== 'full_attention');
  if (window || windowed) unsupported('Sliding-window attention is not supported.', windowed);

  const partial = c.partial_rotary_factor ?? 1;
  if (partial !== 1) unsupported('Rotary positions on a part of each head are not supported.', partial);

  const heads = c.num_attention_heads;
  const kvHeads = c.num_key_value_heads ?? heads;
  const headDim = c.head_dim ?? c.hidden_size / heads;
  if (heads % kvHeads !== 0) {
    unsupported(`${heads} attention heads cannot share ${kvHeads} key and value heads evenly.`);
  }
  if (headDim % 2 !== 0) {
    unsupported(`Rotary positions need an even head dimension, and this one is ${headDim}.`, headDim);
  }
  const eos = g.eos_token_id ?? c.eos_token_id;
  if (eos == null) unsupported('No eos_token_id says which token ends a response.');
  const stopIds = [eos!].flat();
  // Some checkpoints pad with -1 or with an id past the end. Padding is never read: any token serves.
  const padId = [g.pad_token_id, c.pad_token_id].find((id) => id != null && id >= 0 && id < c.vocab_size);
  const bosId = g.bos_token_id ?? c.bos_token_id ?? null;
  for (const id of stopIds) {
    if (id >= c.vocab_size) unsupported(`Token id ${id} lies outside the vocabulary of ${c.vocab_size}.`, id);
  }

  const bias = c.attention_bias ?? false;
  return {
    family,
    head,
    vocabulary: c.vocab_size,
    hidden: c.hidden_size,
    intermediate: c.intermediate_size,
    layers: c.num_hidden_layers,
    heads,
    kvHeads,
    headDim,
    contextLength: c.max_position_embeddings,
    normEps: c.rms_norm_eps,
    ...rope(c, unsupported),
    tied: c.tie_word_embeddings ?? false,
    qkvBias: family === 'qwen2' || bias,
    outputBias: family !== 'qwen2' && bias,
    mlpBias: family === 'llama' && (c.mlp_bias ?? false),
    qkNorm: family === 'qwen3',
    bosId,
    stopIds,
    padId: padId ?? stopIds[0]!,
  };
}

/** What config.json and generation_config.json of this configuration say, in the older layout that all readers know. */
export function formatConfig(config: PolicyConfig): {
  config: Record<string, unknown>;
  generation: Record<string, unknown>;
} {
  const [architecture] = Object.entries(architectures).find(
    ([, { family, head }]) => family === config.family && head === config.head,
  )!;
  const eos = config.stopIds.length === 1 ? config.stopIds[0] : config.stopIds;
  const ids = {
    ...(config.bosId === null ? {} : { bos_token_id: config.bosId }),
    eos_token_id: eos,
    pad_token_id: config.padId,
  };
  const scaling = config.ropeScaling;
  return {
    config: {
      architectures: [architecture],
      model_type: config.family,
      vocab_size: config.vocabulary,
      hidden_size: config.hidden,
      intermediate_size: config.intermediate,
      num_hidden_layers: config.layers,
      num_attention_heads: config.heads,
      num_key_value_heads: config.kvHeads,
      head_dim: config.headDim,
      hidden_act: 'silu',
      max_position_embeddings: config.contextLength,
      rms_norm_eps: config.normEps,
      rope_theta: config.ropeTheta,
      rope_scaling: scaling && {
        rope_type: 'llama3',
        factor: scaling.factor,
        low_freq_factor: scaling.lowFreqFactor,
        high_freq_factor: scaling.highFreqFactor,
        original_max_position_embeddings: scaling.originalContextLength,
      },
      ...(config.family === 'qwen2' ? {} : { attention_bias: config.qkvBias }),
      ...(config.family === 'llama' ? { mlp_bias: config.mlpBias } : { use_sliding_window: false }),
      attention_dropout: 0,
      tie_word_embeddings: config.tied,
      torch_dtype: 'float32',
      ...(config.head === 'value' && { id2label: { 0: 'LABEL_0' }, label2id: { LABEL_0: 0 } }),
      ...ids,
    },
    generation: ids,
  };
}

function rope(
  c: z.infer<typeof configJson>,
  unsupported: (message: string, value?: unknown) => never,
): Pick<PolicyConfig, 'ropeTheta' | 'ropeScaling'> {
  const fields = c.rope_parameters ?? c.rope_scaling ?? {};
  const ropeTheta = c.rope_parameters?.rope_theta ?? c.rope_theta ?? 10000;
  const type = fields.rope_type ?? fields.type ?? 'default';
  if (type === 'default') return { ropeTheta, ropeScaling: null };
  if (type !== 'llama3') unsupported(`The rotary scaling ${show(type)} is not supported.`, type);
  const { factor, low_freq_factor, high_freq_factor, original_max_position_embeddings } = fields;
  if (!factor || !low_freq_factor || !high_freq_factor || !original_max_position_embeddings) {
    return unsupported('The rotary scaling llama3 lacks one of its four numbers.', fields);
  }
  return {
    ropeTheta,
    ropeScaling: {
      factor,
      lowFreqFactor: low_freq_factor,
      highFreqFactor: high_freq_factor,
      originalContextLength: original_max_position_embeddings,
    },
  };
}

function check<T>(schema: z.ZodType<T>, json: unknown, file: string): T {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const where = issue.path.join('.');
  throw checkpointError(`${where || 'The file'} cannot be used: ${issue.message}.`, file);
}

/** The contents of a JSON file; `absent` stands in for a file that does not exist. */
export async function readJson(file: string, absent?: unknown): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (absent !== undefined && (cause as NodeJS.ErrnoException).code === 'ENOENT') return absent;
    throw checkpointError('The file cannot be read.', file, undefined, notDirectory, cause);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw checkpointError('The file is not JSON.', file, undefined, 'Copy the checkpoint again.', cause);
  }
}

const notDirectory = 'Name a Hugging Face directory: config.json, model.safetensors and tokenizer.json.';

/** A `policy/checkpoint` error about a file. */
export function checkpointError(
  message: string,
  file: string,
  value?: unknown,
  help?: string,
  cause?: unknown,
): RlevError {
  return new RlevError({ code: 'policy/checkpoint', message, place: { file }, value, help, cause });
}
