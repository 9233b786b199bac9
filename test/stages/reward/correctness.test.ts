import { expect } from 'chai';
import { createStage, stageEvent } from '../../../src/stages/create-stage.ts';
import { correctness } from '../../../src/stages/reward/correctness.ts';

describe('reward/correctness', () => {
  it('is correctness, at a scale of 1', async () => {
    const stage = await createStage(correctness);
    const made = await stage.run({ correct: Float32Array.of(1, 0, 0.5) }, stageEvent());
    expect([...made.reward]).to.deep.equal([1, 0, 0.5]);
    expect([...made.scale]).to.deep.equal([1, 1, 1]);
  });
});
