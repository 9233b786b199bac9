import { RlevError, show } from '../core/errors.ts';
import type { SampleRequest } from '../core/services.ts';
import type { PolicyConfig } from './config.ts';

/**
 * Refuses a request that cannot be sampled, before anything is.
 *
 * @throws RlevError `usage/arguments` where an option is out of its range, `policy/context` where a prompt with its
 *   response would not fit, `policy/tokenizer` where a token is not in the vocabulary
 */
export function checkSampleRequest(request: SampleRequest, config: PolicyConfig): void {
  const { maxTokens, temperature, topK, topP, prompts, rows } = request;
  option('maxTokens', maxTokens, Number.isInteger(maxTokens) && maxTokens >= 1, 'an integer of at least 1');
  option('temperature', temperature, temperature >= 0 && temperature < Infinity, 'a number of at least 0');
  option('topK', topK, Number.isInteger(topK) && topK >= 0, 'an integer of at least 0 (0 keeps every token)');
  option('topP', topP, topP > 0 && topP <= 1, 'above 0 and at most 1 (1 keeps every token)');
  for (const [i, { prompt }] of rows.entries()) {
    const length = prompts[prompt]?.length;
    if (length === undefined) {
      option(`rows[${i}].prompt`, prompt, false, `below the number of prompts, ${prompts.length}`);
    } else checkFit(config, i, prompt, length, maxTokens);
  }
  for (const [i, tokens] of prompts.entries()) {
    const strange = tokens.find((token) => token < 0 || token >= config.vocabulary);
    if (strange === undefined) continue;
    throw new RlevError({
      code: 'policy/tokenizer',
      message: `Token ${strange} of prompt ${i} lies outside the vocabulary of ${config.vocabulary}.`,
      value: strange,
      help: 'Encode prompts with the tokenizer of the same checkpoint.',
    });
  }
}

function checkFit(
  config: PolicyConfig,
  row: number,
  prompt: number,
  length: number,
  maxTokens: number,
): void {
  const { contextLength } = config;
  if (length > 0 && length + maxTokens <= contextLength) return;
  const room = contextLength - length;
  const message =
    length === 0
      ? `Row ${row}: prompt ${prompt} is empty, and the model needs a token to go on from.`
      : `Row ${row}: prompt ${prompt} has ${length} tokens and up to ${maxTokens} more may follow, which is ` +
        `${length + maxTokens}; the model reads ${contextLength}.`;
  const shorten = `Shorten the prompt to ${contextLength - maxTokens} tokens`;
  const lower = `lower maxTokens to ${room}`;
  const ways = [...(maxTokens < contextLength ? [shorten] : []), ...(room > 0 ? [lower] : [])].join(' or ');
  throw new RlevError({
    code: 'policy/context',
    message,
    value: length,
    help: length === 0 ? 'Give the prompt a text.' : `${ways.charAt(0).toUpperCase()}${ways.slice(1)}.`,
  });
}

function option(name: string, value: number, good: boolean, range: string): void {
  if (good) return;
  throw new RlevError({
    code: 'usage/arguments',
    message: `${name} is ${show(value)}, and must be ${range}.`,
    value,
  });
}
