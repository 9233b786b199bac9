import { expect } from 'chai';
import { raggedInt32 } from '../../../src/core/columns.ts';
import { constant } from '../../../src/stages/advantage/constant.ts';
import { createStage, stageEvent } from '../../../src/stages/create-stage.ts';

describe('advantage/constant', () => {
  it('gives every token the same advantage', async () => {
    const stage = await createStage(constant, { value: 0.25 });
    const { advantage } = await stage.run({ response_tokens: raggedInt32([[1], [4, 1]]) }, stageEvent());
    expect([...advantage.values]).to.deep.equal([0.25, 0.25, 0.25]);
    expect([...advantage.offsets]).to.deep.equal([0, 1, 3]);
  });
});
