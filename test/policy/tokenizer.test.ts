import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { ErrorCode, RlevError } from '../../src/core/errors.ts';
import type { Tokenizer } from '../../src/core/services.ts';
import { writeCharacterTokenizer } from '../../src/policy/character-tokenizer.ts';
import { readConfig } from '../../src/policy/config.ts';
import { openTokenizer } from '../../src/policy/tokenizer.ts';
import { hasStories, modelDirectory, readReference, tinyModels } from './models.ts';

const open = async (model: string): Promise<Tokenizer> =>
  openTokenizer(modelDirectory(model), await readConfig(modelDirectory(model)));

const caught = (run: () => unknown, code: ErrorCode): RlevError => {
  try {
    run();
  } catch (error) {
    expect((error as RlevError).code).to.equal(code);
    return error as RlevError;
  }
  throw new Error('nothing was thrown');
};

describe('policy/tokenizer', () => {
  for (const model of [...tinyModels, 'stories260k']) {
    it(`encodes and decodes as the Hugging Face tokenizer of ${model} does`, async function () {
      if (model === 'stories260k' && !hasStories()) this.skip();
      const tokenizer = await open(model);
      for (const example of readReference(model).tokenizer) {
        expect([...tokenizer.encode(example.text)]).to.deep.equal(example.ids);
        expect([...tokenizer.encodePlain(example.text)]).to.deep.equal(example.ids_without_special_tokens);
        expect(tokenizer.decode(Int32Array.from(example.ids))).to.equal(example.decoded);
      }
    });
  }

  for (const model of ['tiny-qwen2', 'tiny-qwen3']) {
    it(`applies the chat template of ${model} with the generation prompt`, async () => {
      const tokenizer = await open(model);
      const cases = readReference(model).chat!.filter((c) => c.add_generation_prompt);
      expect(cases.length).to.be.above(1);
      for (const example of cases) {
        if (example.error !== undefined) {
          const error = caught(() => tokenizer.chat(example.messages), 'policy/tokenizer');
          expect(error.message).to.contain(example.error);
          continue;
        }
        const text = tokenizer.chat(example.messages);
        expect(text).to.equal(example.text);
        expect([...tokenizer.encode(text)]).to.deep.equal(example.ids);
      }
    });
  }

  it('says that a model has no chat template', async () => {
    const tokenizer = await open('tiny-llama');
    caught(() => tokenizer.chat([{ role: 'user', content: 'Hi' }]), 'policy/tokenizer');
  });

  for (const model of tinyModels) {
    it(`names the character that ${model} lacks, and where it stands`, async () => {
      const tokenizer = await open(model);
      for (const [text, character, position] of [
        ['2 ^ 3', '^', 2],
        ['naïve', 'ï', 2],
        ['ok 🙂`', '🙂', 3],
        ['日', '日', 0],
      ] as const) {
        const error = caught(() => tokenizer.encode(text), 'policy/tokenizer');
        expect(error.value).to.equal(character);
        expect(error.message).to.contain(`at position ${position} of`);
        caught(() => tokenizer.encodePlain(text), 'policy/tokenizer');
      }
    });
  }

  it('takes a text that a normaliser changes', async () => {
    const tokenizer = await open('tiny-qwen2');
    // The kelvin sign is composed to a K.
    expect([...tokenizer.encode('\u212a')]).to.deep.equal([...tokenizer.encode('K')]);
  });

  it('gives no text to special tokens and to ids that it has no token for', async () => {
    const tokenizer = await open('tiny-qwen3');
    expect(tokenizer.decode(Int32Array.of(1, 44, 300, 75, 2, 0))).to.equal('Hi');
    expect(tokenizer.decode(new Int32Array(0))).to.equal('');
  });

  it('takes its stop and padding ids from the checkpoint', async function () {
    const tokenizer = await open('tiny-llama');
    expect([tokenizer.stopIds, tokenizer.padId]).to.deep.equal([[2], 3]);
    if (!hasStories()) this.skip();
    expect((await open('stories260k')).stopIds).to.deep.equal([2, 1]);
  });

  it('writes a tokenizer of characters that it opens again', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'rlev-tokenizer-'));
    try {
      const { vocabulary } = await writeCharacterTokenizer(directory, '0123456789+-=\n a"\\<>');
      const config = { stopIds: [2], padId: 0, vocabulary };
      const tokenizer = await openTokenizer(directory, config);
      const text = '12+3= "a\\"\n<1>';
      expect([...tokenizer.encode(text)]).to.deep.equal([1, ...tokenizer.encodePlain(text)]);
      expect(tokenizer.encodePlain(text)).to.have.length(text.length);
      expect(tokenizer.decode(tokenizer.encode(text))).to.equal(text);
      expect(caught(() => tokenizer.encode('1*2'), 'policy/tokenizer').value).to.equal('*');
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
