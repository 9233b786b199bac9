import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { RlevError, RlevErrors } from '../../../src/core/errors.ts';
import { type LoadOptions, type Pipeline, resolvePipeline } from '../../../src/pipeline/file/resolve.ts';
import { builtInStages } from '../../../src/stages/catalogue.ts';

const base = `rlev: 1
run: { steps: 3, seed: 7, checkpoint: { every: 2, keep: 5 } }
policy: { from: policy }
stages:
  prompts: { use: prompts/exam, file: exams/train.jsonl, perStep: 4 }
  rollout: { use: rollout/policy, samples: 4 }
  verify: { use: verify/numeric, abs: 0.5 }
  value: { use: value/points }
  reward: { use: reward/rlev, alpha: 5 }
  advantage: { use: advantage/grpo, eps: 1e-4 }
  optimize:
    use: optimize/policy-gradient
    loss: { use: loss/ppo-clip, clip: [0.1, 0.3] }
    adamw: { lr: 1e-3, weightDecay: 0.1 }
evaluate:
  heldOut: { through: value, stages: { rollout: { samples: 1 } } }
`;

describe('a pipeline that extends another', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'rlev-compose-'));
    mkdirSync(join(folder, 'mine'));
    writeFileSync(join(folder, 'base.yaml'), base);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function resolve(text: string, options: Partial<LoadOptions> = {}, file = 'mine.yaml'): Pipeline {
    return resolvePipeline(`rlev: 1\nextends: base.yaml\n${text}`, join(folder, file), {
      catalogue: builtInStages,
      ...options,
    });
  }
  function findings(text: string): string[] {
    try {
      resolve(text);
    } catch (error) {
      if (error instanceof RlevErrors) return error.errors.map((e) => e.message.replaceAll(`${folder}/`, ''));
      if (error instanceof RlevError) return [error.message.replaceAll(`${folder}/`, '')];
      throw error;
    }
    return [];
  }
  const paramsOf = (pipeline: Pipeline, id: string): unknown =>
    pipeline.stages.find((s) => s.id === id)!.params;

  it('takes a loss by path from the folder of the file that names it', () => {
    const text = 'stages: { optimize: { loss: { use: ./my-loss.js#mine, limit: 2 } } }\n';
    writeFileSync(join(folder, 'lossy.yaml'), `rlev: 1\nextends: base.yaml\n${text}`);
    const lossOf = (pipeline: Pipeline): unknown =>
      (paramsOf(pipeline, 'optimize') as { loss: unknown }).loss;
    const below = resolvePipeline('rlev: 1\nextends: ../lossy.yaml\n', join(folder, 'mine/p.yaml'), {
      catalogue: builtInStages,
    });
    expect(lossOf(below)).to.deep.equal({ use: '../my-loss.js#mine', limit: 2 });
    const own = resolvePipeline(`rlev: 1\nextends: ../base.yaml\n${text}`, join(folder, 'mine/p.yaml'), {
      catalogue: builtInStages,
    });
    expect(lossOf(own)).to.deep.equal({ use: './my-loss.js#mine', limit: 2 });
  });

  it('is that one where it says nothing', () => {
    const pipeline = resolve('');
    expect(pipeline.run).to.deep.include({ steps: 3, checkpoint: { every: 2, keep: 5 } });
    expect(pipeline.stages.map((s) => s.id)).to.have.length(7);
    expect(pipeline.name).to.equal('mine');
  });

  it('merges maps key by key', () => {
    const pipeline = resolve(
      'run: { checkpoint: { keep: 1 } }\nstages: { optimize: { adamw: { lr: 1e-5 } } }',
    );
    expect(pipeline.run).to.deep.include({ steps: 3, checkpoint: { every: 2, keep: 1 } });
    expect(paramsOf(pipeline, 'optimize'))
      .to.have.property('adamw')
      .that.includes({ lr: 1e-5, weightDecay: 0.1 });
  });

  it('swaps a stage in one line: parameters that the new one lacks are dropped, and it says so', () => {
    const pipeline = resolve('stages: { advantage: { use: advantage/constant } }');
    expect(pipeline.stages[5]).to.deep.include({ use: 'advantage/constant', params: { value: 1 } });
    expect(pipeline.notices).to.deep.equal([
      'stages.advantage.eps was dropped: advantage/constant has no such parameter.',
    ]);
  });

  it('takes another loss without the parameters of the one before', () => {
    const pipeline = resolve('stages: { optimize: { loss: { use: loss/reinforce } } }');
    expect(paramsOf(pipeline, 'optimize')).to.deep.include({ loss: { use: 'loss/reinforce' } });
    const swapped = resolve('', { set: ['stages.optimize.loss.use=loss/reinforce'] });
    expect(paramsOf(swapped, 'optimize')).to.deep.include({ loss: { use: 'loss/reinforce' } });
    expect(swapped.notices).to.deep.equal([
      'stages.optimize.loss.clip was dropped: it belonged to another `use` than loss/reinforce.',
    ]);
  });

  it('removes stages and evaluations, and puts new stages before or after others', () => {
    const pipeline = resolve(
      `stages:
  reward: remove
  plain: { use: reward/correctness, before: advantage }
  value: remove
  worth: { use: value/points, after: prompts }
evaluate: { heldOut: remove }`,
    );
    expect(pipeline.stages.map((s) => s.id)).to.deep.equal([
      'prompts',
      'worth',
      'rollout',
      'verify',
      'plain',
      'advantage',
      'optimize',
    ]);
    expect(pipeline.evaluate).to.deep.equal([]);
  });

  it('names the file that a fault came from', () => {
    expect(findings('stages: { rollout: { samples: 0 } }')).to.deep.equal([
      'mine.yaml:3:31: config/type: stages.rollout.samples is 0; it takes a number at least 1.',
    ]);
    expect(findings('stages: { reward: remove }')[0]).to.match(
      /^base\.yaml:10:3: config\/columns: advantage\/grpo needs the column `reward`/,
    );
  });

  it('refuses ids that the other does not have, and new stages without a place', () => {
    expect(findings('stages: { rolout: { samples: 2 } }')[0])
      .to.match(/^mine\.yaml:3:11: .*"rolout"/)
      .and.to.include('Did you mean `rollout`?');
    expect(findings('evaluate: { heldout: remove }')[0]).to.include('Did you mean `heldOut`?');
    expect(findings('stages:\n  reward:\n')[0]).to.match(/^mine\.yaml:4:10: .*is null; it takes a map/);
    expect(findings('stages: { rewrd: remove }')[0]).to.include('Did you mean `reward`?');
    expect(findings('stages: { a: { use: value/points } }')[0]).to.include('`before: ID` or `after: ID`');
    expect(findings('stages: { a: { use: value/points, after: prompt } }')[0])
      .to.match(/^mine\.yaml:3:42: /)
      .and.to.include('Did you mean `prompts`?');
  });

  it('keeps paths relative to the file that they stand in', () => {
    const text = base.replace('exams/train', '../exams/train');
    writeFileSync(join(folder, 'mine', 'own.yaml'), text);
    const pipeline = resolvePipeline(
      'rlev: 1\nextends: ../base.yaml\nevaluate: { heldOut: { stages: { prompts: { file: own.jsonl } } } }\n',
      join(folder, 'mine', 'p.yaml'),
      { catalogue: builtInStages },
    );
    expect(paramsOf(pipeline, 'prompts')).to.deep.include({ file: '../exams/train.jsonl' });
    expect(pipeline.policy!.from).to.equal('../policy');
    expect(pipeline.evaluate[0]!.stages[0]!.params).to.deep.include({ file: 'own.jsonl' });
    expect(pipeline.base).to.equal(join(folder, 'mine'));
  });

  it('may be extended itself, but not in a circle', () => {
    writeFileSync(join(folder, 'middle.yaml'), 'rlev: 1\nextends: base.yaml\nrun: { steps: 4 }\n');
    const pipeline = resolvePipeline(
      'rlev: 1\nextends: middle.yaml\nrun: { seed: 1 }\n',
      join(folder, 'top.yaml'),
      { catalogue: builtInStages },
    );
    expect(pipeline.run).to.deep.include({ steps: 4, seed: 1 });
    writeFileSync(join(folder, 'a.yaml'), 'rlev: 1\nextends: a.yaml\n');
    expect(() =>
      resolvePipeline('rlev: 1\nextends: a.yaml\n', join(folder, 'b.yaml'), { catalogue: builtInStages }),
    ).to.throw('in a circle');
  });

  it('gives a new stage its place, and says which setting of a stage would add a column', () => {
    const pipeline = resolve('stages: { other: { use: select/signal, after: verify } }\n');
    const { place } = pipeline.stages.find(({ id }) => id === 'other')!;
    expect(place).to.deep.equal({ file: join(folder, 'mine.yaml'), line: 3, column: 11 });
    const [lacking] = findings('stages: { optimize: { importance: {} } }\n');
    expect(lacking).to.match(
      /^mine\.yaml:3:23: .*needs the column `old_logprobs`.*\n {2}A stage that adds it: annotate\/logprobs with/,
    );
  });

  it('may name the other by an absolute path', () => {
    const pipeline = resolvePipeline(`rlev: 1\nextends: ${join(folder, 'base.yaml')}\n`, 'elsewhere.yaml', {
      catalogue: builtInStages,
    });
    expect(pipeline.run.steps).to.equal(3);
  });

  it('names a base that is not there', () => {
    expect(() =>
      resolvePipeline('rlev: 1\nextends: none.yaml\n', join(folder, 'b.yaml'), { catalogue: builtInStages }),
    ).to.throw(/b\.yaml:2:10: data\/missing-file/);
  });

  it('fills in variables of the environment', () => {
    const text = `run: { steps: "\${STEPS:-9}", seed: "\${SEED}" }\npolicy: { from: "\${HOME_OF}/$\${x}" }`;
    const pipeline = resolve(text, { environment: { SEED: '12', HOME_OF: 'a' } });
    expect(pipeline.run).to.deep.include({ steps: 9, seed: 12 });
    expect(pipeline.policy!.from).to.equal(`a/\${x}`);
    expect(() => resolve(text, { environment: {} })).to.throw(
      /mine\.yaml:3:\d+: config\/missing: .*SEED.* is not set/,
    );
  });
});
