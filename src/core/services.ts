import type { Ragged } from './columns.ts';

/**
 * What stages meet of a language model: a tokenizer and three services. A local model in a worker thread, a served
 * model and a remote trainer are implementations of the same interfaces; the boundary is prompts in and rollouts
 * out, batches in and metrics out, never a tensor of the size of a cache.
 */
export interface Policy {
  /** What reports and headers say of it: engine, device, parameter count, hash of the starting weights. */
  readonly info: PolicyInfo;
  readonly tokenizer: Tokenizer;
  readonly sampler: Sampler;
  readonly scorer: Scorer;
  readonly trainer: Trainer;
  /** Absent where the pipeline asks for none, or the implementation has none. */
  readonly critic?: Critic;
  /** Ends the worker and frees all sessions. Idempotent. */
  close(): Promise<void>;
}

export interface PolicyInfo {
  readonly engine: string;
  readonly device: string;
  /** Versions of what computes, by package. */
  readonly versions: Readonly<Record<string, string>>;
  /** sha256 over names, shapes and values of the starting weights. */
  readonly weightsHash: string;
  readonly parameters: number;
  readonly vocabulary: number;
  /** Tokens of prompt and response together that the model can read. */
  readonly contextLength: number;
  /** The same of the critic, where there is one. */
  readonly critic?: { readonly weightsHash: string; readonly parameters: number };
}

export interface Tokenizer {
  /**
   * Token ids of a text, with the special tokens that the model expects before a prompt (BOS).
   * @throws RlevError `policy/tokenizer` where the vocabulary lacks a character of the text
   */
  encode(text: string): Int32Array;
  /** The same without special tokens: for a response. */
  encodePlain(text: string): Int32Array;
  /** Text of token ids, special tokens left out. */
  decode(tokens: Int32Array): string;
  /** The chat template applied to messages, with the generation prompt. Throws where the model has no template. */
  chat(messages: readonly ChatMessage[]): string;
  /** Any of these ends a response. */
  readonly stopIds: readonly number[];
  readonly padId: number;
}

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

export interface SamplingOptions {
  /** At least 1. Prompt and response together must fit the context. */
  readonly maxTokens: number;
  /** 0 takes the most likely token; its log-probabilities are those at temperature 1. */
  readonly temperature: number;
  /** Keep the k most likely tokens; 0 keeps all. */
  readonly topK: number;
  /** Keep the smallest set of most likely tokens whose probability reaches p; 1 keeps all. */
  readonly topP: number;
}

/** One response to be sampled: which prompt, and the key of its random draws (position counts under it). */
export interface SampleRow {
  /** Index into `prompts`. Rows of one prompt share its prefill. */
  readonly prompt: number;
  readonly key: { readonly a: number; readonly b: number };
}

export interface SampleRequest extends SamplingOptions {
  readonly prompts: readonly Int32Array[];
  readonly rows: readonly SampleRow[];
  /** Sample by exactly this published policy version. */
  readonly version: number;
}

/** Responses in the order of the request's rows. */
export interface Rollouts {
  /** With the stop token where it was emitted. */
  readonly tokens: Ragged<Int32Array>;
  /** float32, log-softmax of logits/T over the full vocabulary, before top-k and top-p. */
  readonly logprobs: Ragged<Float32Array>;
  /** float32, logsumexp over the stop ids of the same; null where a served model does not give it. */
  readonly eosLogprobs: Ragged<Float32Array> | null;
  /** uint8 [rows], 1 where the response ended with a stop token, 0 where it was cut at maxTokens. */
  readonly stopped: Uint8Array;
}

export interface Sampler {
  /** @throws RlevError `policy/context` before anything is sampled, `run/cancelled` when the signal fires */
  sample(request: SampleRequest, signal?: AbortSignal): Promise<Rollouts>;
}

export interface ScoreRequest {
  readonly promptTokens: Ragged<Int32Array>;
  readonly responseTokens: Ragged<Int32Array>;
  /** float32 [rows], logits are divided by it (1 where it is 0). */
  readonly temperature: Float32Array;
  /** `current`: the trainer's weights as they are now; `reference`: the starting weights, or those it moved to. */
  readonly weights: 'current' | 'reference';
}

export interface Scorer {
  /** float32 log-probability of each response token. */
  score(request: ScoreRequest, signal?: AbortSignal): Promise<Ragged<Float32Array>>;
}

/** A loss by name, or a user's by module; parameters as in the pipeline file. */
export interface LossSpec {
  readonly use: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** How per-token losses become one number. `constant` divides by `rows * length`. */
export type Aggregation =
  | 'token-mean'
  | 'token-sum'
  | 'seq-mean-token-sum'
  | 'seq-mean-token-mean'
  | 'constant';

/** Estimates of the KL divergence from one sampled token; `+`: its value with the gradient of k2. */
export type KlEstimator = 'k1' | 'k1+' | 'abs' | 'abs+' | 'k2' | 'k3' | 'k3+';

/** A penalty on the KL divergence from the reference, added to the loss. */
export interface KlSpec {
  readonly use: KlEstimator;
  readonly coefficient: number;
  /** Multiply the estimate by the ratio to the policy before the update, through which the gradient flows too. */
  readonly byRatio?: boolean | undefined;
}

export interface OptimizerSpec {
  readonly lr: number;
  readonly betas: readonly [number, number];
  readonly eps: number;
  /** Applied to tensors of two or more dimensions. */
  readonly weightDecay: number;
  /** Largest L2 norm of the gradient over all parameters; Infinity never clips. */
  readonly gradNorm: number;
}

export interface ScheduleSpec {
  readonly use: 'constant' | 'cosine' | 'linear';
  /** Steps over which the learning rate rises from lr/warmup to lr. */
  readonly warmup: number;
  /** Steps of the whole run; the learning rate ends at `floor * lr`. */
  readonly total: number;
  readonly floor: number;
}

export interface TrainRequest {
  readonly promptTokens: Ragged<Int32Array>;
  readonly responseTokens: Ragged<Int32Array>;
  /** float32 [rows]. */
  readonly temperature: Float32Array;
  /** float32 per response token; absent for supervised training. */
  readonly advantage?: Ragged<Float32Array>;
  readonly oldLogprobs?: Ragged<Float32Array>;
  readonly refLogprobs?: Ragged<Float32Array>;
  /**
   * Tokens with an advantage below 0 have no loss in responses that the policy has left by more than this: the mean
   * over the response of `sampledLogprobs` less those of the policy that trains. Needs `sampledLogprobs`.
   */
  readonly offPolicy?: number;
  readonly sampledLogprobs?: Ragged<Float32Array>;
  /** Share of the counted tokens of an update, those of the highest entropy, that have a loss; absent: all. */
  readonly topEntropy?: number;
  /** What the loss of each token is multiplied by, a correction for a sampler that is not the trainer; absent: 1. */
  readonly importanceWeights?: Ragged<Float32Array>;
  /** 1 where a response token counts; absent: all do. */
  readonly lossMask?: Ragged<Float32Array>;
  readonly loss: LossSpec;
  /** Needs `refLogprobs`. */
  readonly kl?: KlSpec;
  /** After every so many requests the weights as they then are become the reference; absent: it stays. */
  readonly referenceEvery?: number;
  /** Share of those weights in the new reference, the rest being the one before; absent: 1. */
  readonly referenceMixup?: number;
  /** This times the mean entropy of the sampled distributions is taken off the loss; absent: 0. */
  readonly entropy?: number;
  readonly optimizer: OptimizerSpec;
  readonly schedule: ScheduleSpec;
  readonly epochs: number;
  /** Optimizer updates an epoch; rows are dealt by a permutation drawn under `key`, in order where it is 1. */
  readonly miniBatches: number;
  readonly key: { readonly a: number; readonly b: number };
}

/** Means over the updates of one request; `update` counts them. */
export type TrainMetrics = Readonly<Record<string, number>>;

export interface Publication {
  readonly version: number;
  /** sha256 over names, shapes and values of the weights. */
  readonly hash: string;
  /** The same of the critic, where there is one. */
  readonly critic?: string;
}

export interface Trainer {
  /** Runs every update of the request. On an error, or when cancelled, weights are those of the last whole update. */
  train(request: TrainRequest, signal?: AbortSignal): Promise<TrainMetrics>;
  /** Makes the weights, and those of the critic, the next version; the last `keep` versions stay. */
  publish(): Promise<Publication>;
  /** Writes a Hugging Face directory and, beside it, optimizer state, published versions and the critic. */
  save(directory: string): Promise<void>;
  /** Reads what `save` wrote: weights, optimizer state, step count and versions, of policy and critic. */
  load(directory: string): Promise<void>;
}

export interface ValueRequest {
  readonly promptTokens: Ragged<Int32Array>;
  readonly responseTokens: Ragged<Int32Array>;
  /** By exactly the critic that was published with this policy version. */
  readonly version: number;
}

export interface CriticTrainRequest {
  readonly promptTokens: Ragged<Int32Array>;
  readonly responseTokens: Ragged<Int32Array>;
  /** float32 per response token: V before the update, that `clip` keeps near. */
  readonly values: Ragged<Float32Array>;
  /** float32 per response token: what V is to be. */
  readonly returns: Ragged<Float32Array>;
  /** 1 where a response token counts; absent: all do. */
  readonly lossMask?: Ragged<Float32Array>;
  /** How far V may move from `values` before its gradient stops; absent: any distance. */
  readonly clip?: number;
  readonly aggregate: Aggregation;
  readonly optimizer: OptimizerSpec;
  readonly schedule: ScheduleSpec;
  readonly epochs: number;
  /** As of `TrainRequest`. */
  readonly miniBatches: number;
  readonly key: { readonly a: number; readonly b: number };
}

/** A model of the return, trained beside the policy; published, saved and loaded with it by the trainer. */
export interface Critic {
  /** float32 for each response token: V of the state in which it is chosen, which is what stands before it. */
  values(request: ValueRequest, signal?: AbortSignal): Promise<Ragged<Float32Array>>;
  /** Runs every update of the request. On an error, or when cancelled, weights are those of the last whole update. */
  train(request: CriticTrainRequest, signal?: AbortSignal): Promise<TrainMetrics>;
}
