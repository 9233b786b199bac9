import { readdir } from 'node:fs/promises';
import type { PolicyInfo, Tokenizer } from '../core/services.ts';
import { checkpointError, type PolicyConfig, readConfig } from './config.ts';
import { initialConfig } from './init.ts';
import type { PolicyOptions } from './policy-options.ts';
import { openPolicyTokenizer } from './policy-tokenizer.ts';
import { readTokenizerIds } from './tokenizer.ts';
import { checkVocabulary } from './value-head.ts';

/** What can be known of a policy without its weights and without an engine. */
export interface PolicyText {
  readonly tokenizer: Tokenizer;
  readonly info: Pick<PolicyInfo, 'vocabulary' | 'contextLength'>;
}

/**
 * Reads configuration and tokenizer of a policy, and looks whether there are weights.
 *
 * @throws RlevError `policy/checkpoint` where a file is missing or cannot be used
 */
export async function readPolicy(options: Omit<PolicyOptions, 'engine'>): Promise<PolicyText> {
  const config = await configOf(options);
  const tokenizer = await openPolicyTokenizer({ ...options, engine: { use: 'reference' } }, config);
  const { vocabulary, contextLength } = config;
  return { tokenizer, info: { vocabulary, contextLength } };
}

async function configOf({ from, init, tokenizer }: Omit<PolicyOptions, 'engine'>): Promise<PolicyConfig> {
  if (from === undefined) {
    const { context, ...shape } = init!;
    return initialConfig({ ...shape, contextLength: context }, await readTokenizerIds(tokenizer!));
  }
  const config = await readConfig(from);
  await requireWeights(from);
  return config;
}

/**
 * Reads the configuration of what a critic is to begin with, and looks whether there are weights.
 *
 * @throws RlevError `policy/checkpoint` where it cannot be the critic of that policy
 */
export async function readCritic(from: string, policy: Pick<PolicyInfo, 'vocabulary'>): Promise<void> {
  const config = await readConfig(from, ['value', 'tokens']);
  checkVocabulary(policy, config, from);
  await requireWeights(from);
}

async function requireWeights(from: string): Promise<void> {
  if ((await readdir(from)).some((name) => name.endsWith('.safetensors'))) return;
  throw checkpointError('The folder holds no weights, *.safetensors.', from, undefined);
}
