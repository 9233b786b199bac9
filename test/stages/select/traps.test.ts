import { expect } from 'chai';
import { builtInStages } from '../../../src/stages/catalogue.ts';

describe('traps of values: all filters', () => {
  const filters = [...builtInStages.values()].filter(({ kind }) => kind === 'select');

  it('are some', () => {
    expect(filters).to.not.be.empty;
  });

  for (const definition of filters) {
    it(`tell s(x) and correctness apart, reading nothing that s(x) is in: ${definition.name}`, () => {
      if (definition.kind !== 'select') return;
      const needs = definition.needs(definition.params.parse({}));
      for (const scaled of ['reward', 'scale', 'value', 'token_rewards', 'advantage'] as const) {
        expect(needs).to.not.include(scaled);
      }
    });
  }
});
