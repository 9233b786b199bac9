import { expect } from 'chai';
import { createStage, stageEvent } from '../../src/stages/create-stage.ts';
import { rlev } from '../../src/stages/reward/rlev.ts';
import { rolloutPolicy } from '../../src/stages/rollout/policy.ts';
import { errorOf } from '../support/stage.ts';

describe('createStage', () => {
  it('makes a stage that runs alone', async () => {
    const stage = await createStage(rlev, { alpha: 5 });
    const columns = { value: Float64Array.of(0.1), correct: Float32Array.of(1) };
    expect((await stage.run(columns, stageEvent())).reward[0]).to.equal(1.5);
  });

  it('reports every parameter that the stage does not take', async () => {
    const error = await errorOf(() => createStage(rlev, { alpha: -1, beta: 2 }), 'config/type');
    expect(error.message).to.contain('reward/rlev, alpha').and.to.contain('beta');
  });

  it('says what is missing where the stage needs a policy', async () => {
    const stage = await createStage(rolloutPolicy);
    const rows = { row_id: ['0.0.0.0'], group: Int32Array.of(0), prompt: ['a'] };
    await errorOf(() => stage.run(rows, stageEvent()), 'config/missing');
  });
});
