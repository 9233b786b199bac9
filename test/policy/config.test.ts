import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { RlevError } from '../../src/core/errors.ts';
import { formatConfig, parseConfig, readConfig } from '../../src/policy/config.ts';
import { modelDirectory, tinyModels } from './models.ts';

const json = (model: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(modelDirectory(model), 'config.json'), 'utf8'));

const refuses = (changes: Record<string, unknown>, part: string, model = 'tiny-qwen2'): void => {
  try {
    parseConfig({ ...json(model), ...changes }, {}, '/models/x/config.json');
  } catch (error) {
    expect((error as RlevError).code).to.equal('policy/checkpoint');
    expect((error as RlevError).place?.file).to.equal('/models/x/config.json');
    expect((error as Error).message).to.contain(part);
    return;
  }
  expect.fail(`${part}: nothing was thrown`);
};

describe('policy/config', () => {
  it('reads the older layout and that of transformers 5', async () => {
    const llama31 = await readConfig(modelDirectory('tiny-llama31'));
    expect(llama31).to.deep.include({ family: 'llama', ropeTheta: 500000, tied: true, headDim: 16 });
    expect(llama31.ropeScaling).to.deep.equal({
      factor: 8,
      lowFreqFactor: 1,
      highFreqFactor: 4,
      originalContextLength: 64,
    });
    const llama = await readConfig(modelDirectory('tiny-llama'));
    expect(llama).to.deep.include({ ropeTheta: 25000, ropeScaling: null, tied: false, qkvBias: false });
  });

  it('knows what each family adds', async () => {
    const qwen2 = await readConfig(modelDirectory('tiny-qwen2'));
    expect(qwen2).to.deep.include({ qkvBias: true, outputBias: false, qkNorm: false, normEps: 1e-6 });
    const qwen3 = await readConfig(modelDirectory('tiny-qwen3'));
    expect(qwen3).to.deep.include({ qkvBias: false, qkNorm: true, headDim: 16 });
  });

  it('takes every token that ends a response from generation_config.json', () => {
    expect(parseConfig(json('tiny-llama')).stopIds).to.deep.equal([2]);
    expect(parseConfig(json('tiny-llama'), { eos_token_id: [2, 5] }).stopIds).to.deep.equal([2, 5]);
  });

  it('pads with a stop token where the checkpoint names none that is there', () => {
    for (const pad_token_id of [-1, 96, null]) {
      expect(parseConfig({ ...json('tiny-llama'), pad_token_id }).padId).to.equal(2);
    }
  });

  for (const model of tinyModels) {
    it(`writes the configuration of ${model} so that it reads the same`, () => {
      const config = parseConfig(json(model));
      const written = formatConfig(config);
      expect(parseConfig(written.config, written.generation)).to.deep.equal(config);
    });
  }

  it('refuses what the decoder does not do, and says what', () => {
    refuses({ architectures: ['GPT2LMHeadModel'] }, 'GPT2LMHeadModel');
    refuses({ use_sliding_window: true }, 'Sliding-window');
    refuses({ sliding_window: 16 }, 'Sliding-window', 'tiny-llama');
    refuses({ layer_types: ['full_attention', 'sliding_attention'] }, 'Sliding-window');
    refuses({ rope_scaling: { type: 'yarn', factor: 4 } }, 'yarn');
    refuses({ rope_scaling: { rope_type: 'llama3', factor: 4 } }, 'llama3');
    refuses({ hidden_act: 'gelu' }, 'gelu');
    refuses({ num_key_value_heads: 4 }, '6 attention heads');
    refuses({ head_dim: 7 }, 'even head dimension');
    refuses({ eos_token_id: null }, 'eos_token_id');
    refuses({ eos_token_id: 96 }, 'outside the vocabulary');
    refuses({ hidden_size: '48' }, 'hidden_size');
    refuses({ partial_rotary_factor: 0.5 }, 'part of each head');
    refuses({ num_hidden_layers: 0 }, 'num_hidden_layers');
  });
});
