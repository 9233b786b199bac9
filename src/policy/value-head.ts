import { loadCheckpoint, type PolicyWeights } from './checkpoint.ts';
import { checkpointError, type PolicyConfig } from './config.ts';
import { parameterLayout, parameterViews } from './parameters.ts';

/**
 * The weights as those of a critic: the same decoder with a value head of zeros, so that every value is 0 before it has
 * learnt. A head of tokens of its own is left behind.
 */
export function withValueHead({ config, layout, values }: PolicyWeights): PolicyWeights {
  const valued = { ...config, head: 'value' } as const;
  const target = parameterLayout(valued);
  const own = parameterViews(layout, values);
  const result = new Float32Array(target.size);
  for (const { name, offset } of target.parameters) {
    const part = own[name];
    if (part) result.set(part, offset);
  }
  return { config: valued, layout: target, values: result };
}

/**
 * The starting weights of a critic beside `policy`: a checkpoint, of a language model or with a value head (a reward
 * model, the `critic` of a run's checkpoint), or else the policy's own.
 *
 * @throws RlevError `policy/checkpoint`, also where it does not know all tokens of the policy
 */
export async function criticWeights(policy: PolicyWeights, from: string | undefined): Promise<PolicyWeights> {
  if (from === undefined) return withValueHead(policy);
  const weights = await loadCheckpoint(from, ['value', 'tokens']);
  checkVocabulary(policy.config, weights.config, from);
  return weights.config.head === 'value' ? weights : withValueHead(weights);
}

/** @throws RlevError `policy/checkpoint` where the critic in `directory` lacks tokens of the policy */
export function checkVocabulary(
  policy: Pick<PolicyConfig, 'vocabulary'>,
  critic: Pick<PolicyConfig, 'vocabulary'>,
  directory: string,
): void {
  if (critic.vocabulary >= policy.vocabulary) return;
  throw checkpointError(
    `The critic knows ${critic.vocabulary} tokens, and the policy writes ${policy.vocabulary}.`,
    directory,
    critic.vocabulary,
    'Begin the critic from a model with the same tokenizer, or leave critic.from out.',
  );
}
