import type { EngineOptions } from '../engine/engine.ts';

/** What opens a policy: `from` or `init`, one of the two. Plain data, for it crosses to another thread. */
export interface PolicyOptions {
  /** A Hugging Face directory. */
  readonly from?: string;
  /** Random weights; needs `tokenizer`. */
  readonly init?: PolicyInit;
  /** Folder of the tokenizer, by default that of `from`. */
  readonly tokenizer?: string;
  readonly engine: EngineOptions;
  /** A critic beside the policy; absent: none. */
  readonly critic?: CriticOptions;
  /** Published versions that stay, by default 1: as many as cohorts are in flight. */
  readonly keep?: number;
  /** Tokens of one training micro-batch, padding included. */
  readonly tokenBudget?: number;
  /** Responses decoded side by side, by default 256. */
  readonly maxRows?: number;
}

/** What a critic begins with. */
export interface CriticOptions {
  /** A Hugging Face directory, with a value head or of a language model; by default the policy's starting weights. */
  readonly from?: string;
}

/** The shape of a Llama policy that is trained from scratch, with a tied head. Sizes count elements. */
export interface PolicyInit {
  readonly hidden: number;
  readonly layers: number;
  /** Query heads; `hidden` is divided among them. */
  readonly heads: number;
  /** Key and value heads, a divisor of `heads`; by default as many. */
  readonly kvHeads?: number;
  /** Width of the feed-forward block. */
  readonly intermediate: number;
  /** Tokens of prompt and response together. */
  readonly context: number;
  /** Standard deviation of the weights, by default 0.02. */
  readonly std?: number;
  /** Seed of the weights. */
  readonly seed: number;
}
