import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The checkpoints of fixtures/models, and stories260k beside the clone where it is there. */
export const tinyModels = ['tiny-llama', 'tiny-llama31', 'tiny-qwen2', 'tiny-qwen3'] as const;

const root = new URL('../../', import.meta.url).pathname;

export const fixture = (...path: string[]): string => join(root, 'fixtures', ...path);

export const storiesDirectory = join(root, '..', 'shared', 'models', 'stories260k');

export const hasStories = (): boolean => existsSync(join(storiesDirectory, 'model.safetensors'));

/** Directory of a model of the fixtures, or of stories260k. */
export const modelDirectory = (model: string): string =>
  model === 'stories260k' ? storiesDirectory : fixture('models', model);

export interface PromptReference {
  readonly input_ids: number[];
  readonly last_logits: number[];
  readonly token_logprobs: (number | null)[];
  readonly eos_logprob: number[];
}

export interface ModelReference {
  readonly eos_token_id: number;
  readonly tokenizer: readonly {
    text: string;
    ids: number[];
    ids_without_special_tokens: number[];
    decoded: string;
  }[];
  readonly chat?: readonly {
    messages: { role: 'system' | 'user' | 'assistant'; content: string }[];
    add_generation_prompt: boolean;
    text?: string;
    ids?: number[];
    error?: string;
  }[];
  readonly prompts: readonly PromptReference[];
}

export const readReference = (model: string): ModelReference =>
  JSON.parse(readFileSync(join(modelDirectory(model), 'reference.json'), 'utf8'));

/** Largest absolute difference; entries that are null in `expected` are passed over. */
export function largestDifference(actual: ArrayLike<number>, expected: ArrayLike<number | null>): number {
  if (actual.length !== expected.length) return Number.NaN;
  let largest = 0;
  for (let i = 0; i < actual.length; i++) {
    const number = expected[i];
    if (number == null) continue;
    const difference = Math.abs(actual[i]! - number);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}
