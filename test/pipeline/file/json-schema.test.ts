import { readdirSync, readFileSync } from 'node:fs';
import Ajv2020, { type ValidateFunction } from 'ajv/dist/2020.js';
import { expect } from 'chai';
import { parse } from 'yaml';
import { pipelineJsonSchema, testJsonSchema } from '../../../src/pipeline/file/json-schema.ts';
import { builtInStages } from '../../../src/stages/catalogue.ts';

const committed = JSON.parse(readFileSync('schema/pipeline.json', 'utf8'));
const pipelines = readdirSync('pipelines').filter((name) => /^[^.]+\.yaml$/.test(name));

describe('schema/pipeline.json', () => {
  let validate: ValidateFunction;
  before(() => {
    validate = new Ajv2020.Ajv2020({
      strict: true,
      strictTypes: false,
      strictRequired: false,
      allErrors: true,
    }).compile(committed);
  });
  const good = readFileSync('pipelines/rlev.yaml', 'utf8');
  /** Where the schema finds fault, by path. */
  const faults = (text: string): string[] => {
    validate(parse(text));
    return (validate.errors ?? []).map((e) => `${e.instancePath} ${e.keyword}`);
  };

  it('is what `npm run schema` makes', async () => {
    expect(committed).to.deep.equal(JSON.parse(JSON.stringify(await pipelineJsonSchema(builtInStages))));
  });

  for (const name of pipelines) {
    it(`is named in the first line of pipelines/${name}, and accepts it`, () => {
      const text = readFileSync(`pipelines/${name}`, 'utf8');
      expect(text.split('\n')[0]).to.equal('# yaml-language-server: $schema=../schema/pipeline.json');
      expect(faults(text)).to.deep.equal([]);
    });
  }

  it('finds unknown keys, wrong types and missing keys, of stages and of losses', () => {
    expect(faults(good.replace('seed: 7', 'sead: 7'))).to.include('/run additionalProperties');
    expect(faults(good.replace('samples: 8', 'samples: eight'))).to.include('/stages/rollout/samples type');
    expect(faults(good.replace('samples: 8', 'sample: 8'))).to.include(
      '/stages/rollout additionalProperties',
    );
    expect(faults(good.replace('alpha: 10', 'after: value'))).to.include('/stages/reward/after false schema');
    expect(faults(good.replace('file: ../fixtures/exams/train.jsonl, ', ''))).to.include(
      '/stages/prompts required',
    );
    expect(faults(good.replace('reward/rlev', 'reward/rlv'))).to.include('/stages/reward/use const');
    expect(faults(good.replace('token-mean', 'token-maen'))).to.include(
      '/stages/optimize/loss/aggregate enum',
    );
    expect(faults(good.replace('clip: [', 'clap: ['))).to.include(
      '/stages/optimize/loss additionalProperties',
    );
  });

  it('accepts variables, stages of one’s own, and changes to another pipeline', () => {
    expect(faults(good.replace('samples: 8', `samples: "\${SAMPLES:-8}"`))).to.deep.equal([]);
    expect(faults(good.replace('reward/rlev', './mine.js#reward').replace('alpha', 'beta'))).to.deep.equal(
      [],
    );
    const patch = `
extends: rlev.yaml
stages:
  prompts: { perStep: 8 }
  value: remove
  worth: { use: value/points, after: prompts }
evaluate: { heldOut: { every: 3 } }`;
    expect(faults(patch)).to.deep.equal([]);
    expect(faults(patch.replace('extends: rlev.yaml', 'rlev: 1'))).not.to.be.empty;
  });

  it('describes every key', () => {
    const missing: string[] = [];
    const walk = (schema: Record<string, unknown>, path: string): void => {
      for (const [key, value] of Object.entries((schema.properties ?? {}) as Record<string, never>)) {
        if (typeof value !== 'object' || '$ref' in value) continue;
        if (!('description' in value)) missing.push(`${path}.${key}`);
        walk(value, `${path}.${key}`);
      }
    };
    walk({ properties: committed.properties }, '');
    for (const [name, schema] of Object.entries(committed.$defs)) walk(schema as never, name);
    expect(missing).to.deep.equal([]);
  });
});

describe('schema/tests.json', () => {
  const schema = JSON.parse(readFileSync('schema/tests.json', 'utf8'));
  const validate = new Ajv2020.Ajv2020({ strict: false, allErrors: true }).compile(schema);
  const faults = (text: string): string[] => {
    validate(parse(text));
    return (validate.errors ?? []).map((e) => `${e.instancePath} ${e.keyword}`);
  };

  it('is what `npm run schema` makes', () => {
    expect(schema).to.deep.equal(JSON.parse(JSON.stringify(testJsonSchema())));
  });

  it('is named in the first line of each file of tests, and accepts it', () => {
    for (const name of readdirSync('pipelines').filter((file) => file.endsWith('.test.yaml'))) {
      const text = readFileSync(`pipelines/${name}`, 'utf8');
      expect(text.split('\n')[0]).to.equal('# yaml-language-server: $schema=../schema/tests.json');
      expect(faults(text), name).to.deep.equal([]);
    }
  });

  it('knows the columns and the codes of errors', () => {
    const test = (rest: string): string => `pipeline: p.yaml\ntests: [{ name: a, stage: reward, ${rest} }]`;
    expect(faults(test('rows: [{ corect: 1 }], expect: { reward: [1] }'))).to.include(
      '/tests/0/rows/0 additionalProperties',
    );
    expect(faults(test('rows: [{ data.unit: m }], expect: { rewrad: [1] }'))).to.deep.equal([
      '/tests/0/expect additionalProperties',
    ]);
    expect(faults(test('rows: RUN@3/value, expect: { error: stage/contract }'))).to.deep.equal([]);
    expect(faults(test('expect: { error: stage/kontract }'))).to.include('/tests/0/expect/error anyOf');
  });
});
