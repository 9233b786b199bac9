import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type RlevError, RlevErrors } from '../../src/core/errors.ts';
import { loadCheckpoint, saveCheckpoint } from '../../src/policy/checkpoint.ts';
import { initialConfig, initialWeights } from '../../src/policy/init.ts';
import { parameterViews, weightsHash } from '../../src/policy/parameters.ts';
import { readSafetensors, readSafetensorsDirectory, writeSafetensors } from '../../src/policy/safetensors.ts';
import { readTokenizerIds } from '../../src/policy/tokenizer.ts';
import { modelDirectory, tinyModels } from './models.ts';

describe('policy/checkpoint', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'rlev-checkpoint-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  const error = async (run: () => Promise<unknown>): Promise<RlevError> => {
    try {
      await run();
    } catch (thrown) {
      expect((thrown as RlevError).code, String(thrown)).to.equal('policy/checkpoint');
      return thrown as RlevError;
    }
    return expect.fail('nothing was thrown');
  };

  for (const model of tinyModels) {
    it(`saves ${model} so that it loads bit for bit`, async () => {
      const weights = await loadCheckpoint(modelDirectory(model));
      await saveCheckpoint(directory, weights, modelDirectory(model));
      const again = await loadCheckpoint(directory);
      expect(again).to.deep.equal(weights);
      expect(weightsHash(again.layout, again.values)).to.equal(weightsHash(weights.layout, weights.values));
      for (const file of ['tokenizer.json', 'tokenizer_config.json']) {
        expect(await readFile(join(directory, file))).to.deep.equal(
          await readFile(join(modelDirectory(model), file)),
        );
      }
    });
  }

  it('puts matrices before vectors, so that weight decay is a prefix', async () => {
    const { layout } = await loadCheckpoint(modelDirectory('tiny-qwen3'));
    for (const { shape, offset } of layout.parameters) {
      expect(offset < layout.decayed).to.equal(shape.length > 1);
    }
  });

  it('hashes values and nothing of how they were made', async () => {
    const { layout, values } = await loadCheckpoint(modelDirectory('tiny-llama'));
    const copy = Float32Array.from([0, ...values]).subarray(1);
    expect(weightsHash(layout, copy)).to.equal(weightsHash(layout, values));
    copy[7]! += 1e-3;
    expect(weightsHash(layout, copy)).not.to.equal(weightsHash(layout, values));
  });

  it('lists every tensor that is missing, misshapen, not finite or not asked for', async () => {
    await cp(modelDirectory('tiny-qwen2'), directory, { recursive: true });
    const tensors = await readSafetensors(join(directory, 'model.safetensors'));
    tensors.delete('model.norm.weight');
    const bias = tensors.get('model.layers.1.self_attn.k_proj.bias')!;
    tensors.set('model.layers.1.self_attn.k_proj.bias', { ...bias, shape: [4, 4] });
    tensors.set('model.layers.9.mlp.up_proj.weight', bias);
    const broken = tensors.get('model.embed_tokens.weight')!;
    tensors.set('model.embed_tokens.weight', { ...broken, values: broken.values.slice().fill(NaN, 5, 6) });
    await writeSafetensors(join(directory, 'model.safetensors'), tensors);
    const thrown = await error(() => loadCheckpoint(directory));
    expect(thrown).to.be.instanceOf(RlevErrors);
    const messages = (thrown as RlevErrors).errors.map((e) => e.summary);
    expect(messages).to.deep.equal([
      'Tensor model.embed_tokens.weight holds a number that is not finite.',
      'Tensor model.layers.1.self_attn.k_proj.bias has shape [4,4] instead of [16].',
      'Tensor model.norm.weight of shape [48] is missing.',
      'Tensor model.layers.9.mlp.up_proj.weight is not one that config.json asks for.',
    ]);
  });

  it('says that a folder is not a checkpoint', async () => {
    const thrown = await error(() => loadCheckpoint(join(directory, 'nowhere')));
    expect(thrown.place?.file).to.equal(join(directory, 'nowhere', 'config.json'));
    await writeFile(join(directory, 'config.json'), '{');
    expect((await error(() => loadCheckpoint(directory))).message).to.contain('not JSON');
  });

  it('refuses an index whose shards lack a tensor, or lie elsewhere', async () => {
    await cp(modelDirectory('tiny-llama'), directory, { recursive: true });
    const indexFile = join(directory, 'model.safetensors.index.json');
    const index = JSON.parse(await readFile(indexFile, 'utf8'));
    const rewrite = (map: Record<string, string>) =>
      writeFile(indexFile, JSON.stringify({ ...index, weight_map: { ...index.weight_map, ...map } }));
    await rewrite({ 'model.norm.weight': index.weight_map['model.embed_tokens.weight'] });
    expect((await error(() => readSafetensorsDirectory(directory))).message).to.contain('model.norm.weight');
    await rewrite({ 'model.norm.weight': '../model.safetensors' });
    expect((await error(() => readSafetensorsDirectory(directory))).message).to.contain('not a file beside');
    await rewrite({ 'model.norm.weight': 'absent.safetensors' });
    expect((await error(() => readSafetensorsDirectory(directory))).place?.file).to.contain('absent');
  });

  it('makes weights to train from scratch that a checkpoint holds', async () => {
    const ids = await readTokenizerIds(modelDirectory('tiny-qwen3'));
    expect(ids).to.deep.equal({ vocabulary: 96, bosId: 1, stopIds: [2], padId: 0 });
    const shape = { hidden: 32, layers: 2, heads: 4, kvHeads: 2, contextLength: 64 };
    const weights = initialWeights(initialConfig(shape, ids), { a: 1, b: 2 });
    await saveCheckpoint(directory, weights, modelDirectory('tiny-qwen3'));
    expect(await loadCheckpoint(directory)).to.deep.equal(weights);

    const views = parameterViews(weights.layout, weights.values);
    const deviation = (x: Float32Array): number => Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / x.length);
    expect(deviation(views['model.embed_tokens.weight']!)).to.be.closeTo(0.02, 0.002);
    expect(deviation(views['model.layers.1.mlp.down_proj.weight']!)).to.be.closeTo(0.01, 0.001);
    expect([...new Set(views['model.norm.weight']!)]).to.deep.equal([1]);
    const other = initialWeights(weights.config, { a: 1, b: 3 });
    expect(other.values).not.to.deep.equal(weights.values);
  });
});
