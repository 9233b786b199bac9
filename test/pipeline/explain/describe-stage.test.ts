import { expect } from 'chai';
import { parse } from 'yaml';
import { describeParts, describeStage } from '../../../src/pipeline/explain/describe-stage.ts';
import { builtInStages } from '../../../src/stages/catalogue.ts';

describe('the description of a stage', () => {
  for (const [name, definition] of builtInStages) {
    it(`has an example whose parameters the stage takes: ${name}`, async () => {
      const { example } = await describeStage(name, builtInStages);
      const [stage] = Object.values(parse(example).stages as Record<string, Record<string, unknown>>);
      const { use, ...params } = stage!;
      expect(use).to.equal(name);
      expect(definition.params.safeParse(params).success).to.equal(true);
    });
  }

  it('gives types, bounds and defaults of parameters, also of those inside others', async () => {
    const { parameters } = await describeStage('optimize/policy-gradient', builtInStages);
    const [lr] = parameters.filter((p) => p.name === 'adamw.lr');
    expect(lr).to.deep.equal({
      name: 'adamw.lr',
      type: 'number above 0',
      default: '0.0001',
      required: false,
      description: 'Learning rate at its highest.',
    });
    const { parameters: prompts } = await describeStage('prompts/exam', builtInStages);
    expect(prompts.map((p) => [p.name, p.type, p.required])).to.deep.include.members([
      ['file', 'path of a file', true],
      ['perStep', 'whole number from 1 | "all"', false],
    ]);
  });

  it('gives the losses that an update can take', async () => {
    const { parts } = await describeStage('optimize/policy-gradient', builtInStages);
    const clip = parts.find((p) => p.name === 'loss/ppo-clip')!;
    expect(clip.parameters.map((p) => p.name)).to.include.members(['clip', 'dualClip', 'aggregate']);
  });

  it('tells columns that it adds from those that it gives anew', async () => {
    const { needs, adds, replaces } = await describeStage('rollout/policy', builtInStages);
    expect(needs.map((c) => c.name)).to.deep.equal(['row_id', 'group', 'prompt']);
    expect(replaces.map((c) => c.name)).to.deep.equal(['row_id']);
    expect(adds.map((c) => c.name))
      .to.include('response')
      .and.not.include('row_id');
  });

  it('gives formula and source, of losses too', async () => {
    const { formula, source } = await describeStage('value/points', builtInStages);
    expect([formula, source]).to.deep.equal(['v(x) = points / exam_total', 'RLEV, arXiv 2510.20187']);
    const { parts } = await describeStage('optimize/policy-gradient', builtInStages);
    expect(parts.find((p) => p.name === 'loss/reinforce')).to.include({ formula: '-A log pi' });
  });

  it('gives each loss by itself, with the stages that take it', async () => {
    const parts = await describeParts(builtInStages);
    const gspo = parts.filter(({ name }) => name === 'loss/gspo');
    expect(gspo).to.have.length(1);
    expect(gspo[0]).to.deep.include({
      parameter: 'loss',
      stages: ['optimize/policy-gradient', 'optimize/supervised'],
    });
  });

  it('says what becomes of s(x) in an estimator, and which setting changes that', async () => {
    const scaleOf = async (name: string) => (await describeStage(name, builtInStages)).valueScale;
    expect(await scaleOf('advantage/rloo')).to.match(/^kept; with normalize: true, differences .* kept/);
    expect(await scaleOf('advantage/grpo')).to.match(/^cancelled, up to eps; with std: false, kept; with/);
    expect(await scaleOf('advantage/constant')).to.equal('ignored: it reads no reward');
    expect(await scaleOf('value/points')).to.equal(undefined);
  });

  it('guesses what was meant', async () => {
    const error = await describeStage('advantage/rlo', builtInStages).catch((e: unknown) => e);
    expect(error).to.have.property('help', 'Did you mean `advantage/rloo`?');
  });
});
