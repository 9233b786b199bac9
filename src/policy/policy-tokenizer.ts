import type { Tokenizer } from '../core/services.ts';
import type { PolicyConfig } from './config.ts';
import type { PolicyOptions } from './policy-options.ts';
import { openTokenizer } from './tokenizer.ts';

/** The tokenizer that belongs to a policy. */
export function openPolicyTokenizer(options: PolicyOptions, config: PolicyConfig): Promise<Tokenizer> {
  return openTokenizer(tokenizerDirectory(options), config);
}

export function tokenizerDirectory(options: PolicyOptions): string {
  return options.tokenizer ?? options.from!;
}
