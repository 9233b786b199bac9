import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Template } from '@huggingface/jinja';
import { Tokenizer as HubTokenizer } from '@huggingface/tokenizers';
import { z } from 'zod';
import { RlevError, show } from '../core/errors.ts';
import type { ChatMessage, Tokenizer } from '../core/services.ts';
import { checkpointError, type PolicyConfig, readJson } from './config.ts';

/** What a policy must know of its tokenizer. */
export interface TokenizerIds {
  /** Largest token id plus one. */
  readonly vocabulary: number;
  readonly bosId: number | null;
  /** Any of these ends a response. */
  readonly stopIds: readonly number[];
  readonly padId: number;
}

/**
 * The tokenizer of a Hugging Face directory: tokenizer.json, tokenizer_config.json and, where there is one,
 * chat_template.jinja.
 *
 * @throws RlevError `policy/checkpoint` where a file is missing or cannot be used
 */
export async function openTokenizer(
  directory: string,
  config: Pick<PolicyConfig, 'stopIds' | 'padId' | 'vocabulary'>,
): Promise<Tokenizer> {
  const { hub, settings, file } = await readTokenizer(directory);
  const largest = Math.max(...hub.get_vocab().values());
  if (largest >= config.vocabulary) {
    throw checkpointError(
      `The tokenizer has token id ${largest}, and the model a vocabulary of ${config.vocabulary}.`,
      file,
      largest,
    );
  }
  const template = await readFile(join(directory, 'chat_template.jinja'), 'utf8').catch(() => undefined);
  return wrap(hub, settings, template ?? defaultTemplate(settings.chat_template), config);
}

/** Vocabulary and special ids of the tokenizer in a directory, for a policy that has no config.json yet. */
export async function readTokenizerIds(directory: string): Promise<TokenizerIds> {
  const { hub, settings, file } = await readTokenizer(directory);
  const id = (token: string | null | undefined): number | undefined =>
    token == null ? undefined : hub.token_to_id(token);
  const eos = id(settings.eos_token);
  if (eos === undefined) throw checkpointError('The tokenizer has no eos_token to end a response.', file);
  return {
    vocabulary: Math.max(...hub.get_vocab().values()) + 1,
    bosId: id(settings.bos_token) ?? null,
    stopIds: [eos],
    padId: id(settings.pad_token) ?? eos,
  };
}

async function readTokenizer(
  directory: string,
): Promise<{ hub: HubTokenizer; settings: Settings; file: string }> {
  const file = join(directory, 'tokenizer.json');
  const settingsFile = join(directory, 'tokenizer_config.json');
  const json = await readJson(file);
  const settings = settingsJson.safeParse(await readJson(settingsFile, {}));
  if (!settings.success) throw checkpointError('The tokenizer settings cannot be used.', settingsFile);
  try {
    return { hub: new HubTokenizer(json as object, settings.data), settings: settings.data, file };
  } catch (cause) {
    throw checkpointError('The tokenizer is of an unsupported kind.', file, undefined, undefined, cause);
  }
}

/** Special tokens stand as text, or in older files as an object around it. */
const special = z
  .union([z.string(), z.object({ content: z.string() }).transform((token) => token.content)])
  .nullish();

const settingsJson = z.looseObject({
  bos_token: special,
  eos_token: special,
  pad_token: special,
  unk_token: special,
  chat_template: z
    .union([z.string(), z.array(z.object({ name: z.string(), template: z.string() }))])
    .nullish(),
});
type Settings = z.infer<typeof settingsJson>;

function defaultTemplate(templates: Settings['chat_template']): string | undefined {
  if (typeof templates === 'string') return templates;
  return templates?.find(({ name }) => name === 'default')?.template;
}

function wrap(
  hub: HubTokenizer,
  settings: Settings,
  chatTemplate: string | undefined,
  config: Pick<PolicyConfig, 'stopIds' | 'padId'>,
): Tokenizer {
  const unknownToken = settings.unk_token ?? hub.model?.unk_token;
  const unknownId = unknownToken == null ? undefined : hub.token_to_id(unknownToken);
  const specials = new Set([...hub.get_added_tokens_decoder()].flatMap(([id, t]) => (t.special ? [id] : [])));
  const plain = (text: string): number[] => hub.encode(text, { add_special_tokens: false }).ids;
  const known = new Map<string, boolean>();

  /** Whether a character alone survives: no unknown token, nothing dropped that the normaliser keeps. */
  const represents = (character: string): boolean => {
    const before = known.get(character);
    if (before !== undefined) return before;
    const ids = plain(character);
    const normal = hub.normalizer ? hub.normalizer.normalize(character) : character;
    const whole = ids.every((id) => id !== undefined && id !== unknownId);
    const kept = ids.length > 0 || normal === '';
    // A character of several bytes of which some are dropped decodes to the replacement character.
    const result = whole && kept && (character === '\ufffd' || !hub.decode(ids).includes('\ufffd'));
    known.set(character, result);
    return result;
  };

  const check = (text: string, ids: number[]): void => {
    if (ids.every((id) => id !== undefined) && decodeAll(hub, ids) === text) return;
    let position = 0;
    for (const character of text) {
      if (!represents(character)) throw unrepresentable(text, character, position);
      position += character.length;
    }
    const at = ids.findIndex((id) => id === undefined || id === unknownId);
    if (at < 0) return;
    throw unrepresentable(
      text,
      firstUnknown(text, (part) => plain(part).includes(unknownId!)),
      undefined,
    );
  };

  const encodeWith = (text: string, specialTokens: boolean): Int32Array => {
    const ids = plain(text);
    check(text, ids);
    if (!specialTokens) return Int32Array.from(ids);
    // A chat template writes BOS itself: it must not come twice.
    if (settings.bos_token && text.startsWith(settings.bos_token)) return Int32Array.from(ids);
    return Int32Array.from(hub.encode(text).ids);
  };

  return {
    encode: (text) => encodeWith(text, true),
    encodePlain: (text) => encodeWith(text, false),
    decode: (tokens) => {
      // A model may have more ids than its tokenizer: those have no text.
      const ids = Array.from(tokens).filter((id) => !specials.has(id) && hub.id_to_token(id) !== undefined);
      return ids.length === 0 ? '' : hub.decode(ids, { skip_special_tokens: true });
    },
    chat: (messages) => applyTemplate(chatTemplate, settings, messages),
    stopIds: config.stopIds,
    padId: config.padId,
  };
}

function decodeAll(hub: HubTokenizer, ids: number[]): string {
  return ids.length === 0 ? '' : hub.decode(ids, { skip_special_tokens: false });
}

function applyTemplate(
  template: string | undefined,
  settings: Settings,
  messages: readonly ChatMessage[],
): string {
  if (template === undefined) {
    throw new RlevError({
      code: 'policy/tokenizer',
      message: 'The model has no chat template.',
      help: 'Write the prompt as plain text, or use a model that was trained on chats.',
    });
  }
  const { bos_token, eos_token, pad_token, unk_token } = settings;
  const tokens = Object.entries({ bos_token, eos_token, pad_token, unk_token }).filter(([, t]) => t != null);
  try {
    return new Template(template).render({
      messages,
      add_generation_prompt: true,
      ...Object.fromEntries(tokens),
    });
  } catch (cause) {
    throw new RlevError({
      code: 'policy/tokenizer',
      message: `The chat template refuses the messages: ${(cause as Error).message}.`,
      help: 'Send only the roles that the model was trained on.',
      cause,
    });
  }
}

/** The first word, as far as spaces end one, that holds an unknown token. */
function firstUnknown(text: string, isUnknown: (part: string) => boolean): string {
  return text.split(/\s+/).find((word) => word !== '' && isUnknown(word)) ?? text;
}

function unrepresentable(text: string, part: string, position: number | undefined): RlevError {
  const where = position === undefined ? '' : ` at position ${position}`;
  return new RlevError({
    code: 'policy/tokenizer',
    message: `The tokenizer cannot represent ${show(part)}${where} of ${show(text)}.`,
    value: part,
    help: 'Change the text, or use a policy whose vocabulary has the character.',
  });
}
