import { expect } from 'chai';
import { z } from 'zod';
import { builtInStages } from '../../src/stages/catalogue.ts';
import { losses } from '../../src/stages/optimize/losses.ts';

describe('the stages of the package', () => {
  it('are those that a pipeline file may name', () => {
    expect([...builtInStages.keys()]).to.include.members([
      'prompts/exam',
      'rollout/policy',
      'rollout/from-data',
      'verify/exact',
      'verify/numeric',
      'verify/choice',
      'value/points',
      'value/column',
      'value/difficulty',
      'value/pass-rate',
      'value/predicted',
      'value/uniform',
      'value/shuffled',
      'value/noisy',
      'reward/rlev',
      'reward/correctness',
      'advantage/constant',
      'advantage/rloo',
      'advantage/grpo',
      'advantage/reinforce++',
      'advantage/reinforce++-baseline',
      'advantage/dr-grpo',
      'advantage/grpo-weighted',
      'advantage/remax',
      'advantage/opo',
      'advantage/gpg',
      'advantage/pass-at-k',
      'advantage/maxrl',
      'advantage/gae',
      'shape/overlong',
      'shape/mask-truncated',
      'baseline/greedy',
      'select/sampled',
      'select/signal',
      'optimize/policy-gradient',
      'optimize/supervised',
    ]);
  });

  for (const [name, definition] of builtInStages) {
    it(`describe themselves and each parameter: ${name}`, () => {
      expect(definition.name).to.equal(name);
      expect(definition.summary).to.match(/\.$/);
      const schema = z.toJSONSchema(definition.params, { io: 'input', unrepresentable: 'any' });
      expect(schema.additionalProperties, 'is strict').to.equal(false);
      for (const [param, property] of Object.entries(schema.properties ?? {})) {
        expect(property, param).to.have.property('description');
      }
    });
  }

  const computing = [...builtInStages.values()].filter(({ name }) =>
    /^(advantage|value|reward)\//.test(name),
  );
  for (const definition of computing) {
    it(`give formula and source: ${definition.name}`, () => {
      expect(definition).to.include.keys('formula', 'source');
      expect(definition.source, 'of one line').to.match(/^\S.*\S$/);
    });
  }

  it('give formula and source of every loss', async () => {
    for (const loss of Object.values(await losses())) {
      expect(loss, loss.use).to.include.keys('formula', 'source');
    }
  });

  it('say what their estimators divide by', () => {
    for (const [name, definition] of builtInStages) {
      if (name.startsWith('advantage/')) expect(definition, name).to.have.property('dividesBy');
    }
  });
});
