import { expect } from 'chai';
import { sampled } from '../../../src/stages/select/sampled.ts';
import { batch, createStage, stageEvent } from '../../../src/testing/index.ts';

describe('select/sampled', () => {
  it('drops the greedy responses', async () => {
    const stage = await createStage(sampled);
    const columns = batch({ group: [0, 0, 1, 1], role: ['sample', 'greedy', 'sample', 'greedy'] });
    const { keep } = await stage.run(columns, stageEvent());
    expect(keep).to.deep.equal(['0.0.0.0', '0.0.1.0']);
  });
});
