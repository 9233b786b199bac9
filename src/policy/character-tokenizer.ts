import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { RlevError } from '../core/errors.ts';
import { writeJson } from './checkpoint.ts';

/** Token ids of a character tokenizer; the characters follow, in the order given. */
const characterTokenIds = { pad: 0, bos: 1, eos: 2, unknown: 3 } as const;

/** Files of a tokenizer with one token a character, for a policy trained from scratch. */
export interface CharacterTokenizer {
  /** Special tokens included. */
  readonly vocabulary: number;
  /** Contents by file name: tokenizer.json and tokenizer_config.json. */
  readonly files: Readonly<Record<string, unknown>>;
}

/**
 * A tokenizer with one token for each distinct character of `characters`, in the order of first occurrence, after
 * `<pad>`, `<bos>`, `<eos>` and `<unk>`. BOS is put before a prompt. Both `@huggingface/tokenizers` and
 * `transformers` open it.
 */
export function characterTokenizer(characters: string): CharacterTokenizer {
  const distinct = [...new Set(characters)];
  if (distinct.length === 0) {
    throw new RlevError({ code: 'policy/tokenizer', message: 'A tokenizer needs at least one character.' });
  }
  const specials = ['<pad>', '<bos>', '<eos>', '<unk>'];
  const added = (content: string): Record<string, unknown> => ({
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  });
  const bos = { SpecialToken: { id: '<bos>', type_id: 0 } };
  const sequence = (id: string, type_id: number): unknown => ({ Sequence: { id, type_id } });
  return {
    vocabulary: specials.length + distinct.length,
    files: {
      'tokenizer.json': {
        version: '1.0',
        truncation: null,
        padding: null,
        added_tokens: specials.map((content, id) => ({ id, ...added(content) })),
        normalizer: null,
        pre_tokenizer: { type: 'Split', pattern: { String: '' }, behavior: 'Isolated', invert: false },
        post_processor: {
          type: 'TemplateProcessing',
          single: [bos, sequence('A', 0)],
          pair: [bos, sequence('A', 0), sequence('B', 1)],
          special_tokens: { '<bos>': { id: '<bos>', ids: [characterTokenIds.bos], tokens: ['<bos>'] } },
        },
        decoder: { type: 'Fuse' },
        model: {
          type: 'WordLevel',
          vocab: Object.fromEntries([...specials, ...distinct].map((token, id) => [token, id])),
          unk_token: '<unk>',
        },
      },
      'tokenizer_config.json': {
        added_tokens_decoder: Object.fromEntries(specials.map((content, id) => [id, added(content)])),
        pad_token: '<pad>',
        bos_token: '<bos>',
        eos_token: '<eos>',
        unk_token: '<unk>',
        clean_up_tokenization_spaces: false,
        padding_side: 'left',
        tokenizer_class: 'PreTrainedTokenizerFast',
      },
    },
  };
}

/** Writes the files of `characterTokenizer` into a directory. */
export async function writeCharacterTokenizer(
  directory: string,
  characters: string,
): Promise<CharacterTokenizer> {
  const tokenizer = characterTokenizer(characters);
  await mkdir(directory, { recursive: true });
  for (const [name, contents] of Object.entries(tokenizer.files)) {
    await writeJson(join(directory, name), contents);
  }
  return tokenizer;
}
