import { expect } from 'chai';
import fc from 'fast-check';
import { createStage, stageEvent } from '../../../src/stages/create-stage.ts';
import { rlev, rlevScales } from '../../../src/stages/reward/rlev.ts';

describe('reward/rlev', () => {
  it('is 1 + min(10 v, 1) times correctness, as published', async () => {
    const stage = await createStage(rlev);
    const { scale, reward } = await stage.run(
      { value: Float64Array.of(0.05, 0.05, 0.25, 0, 0.1), correct: Float32Array.of(1, 0, 1, 1, 0.5) },
      stageEvent(),
    );
    expect([...scale]).to.deep.equal([1.5, 1.5, 2, 1, 2]);
    expect([...reward]).to.deep.equal([1.5, 0, 2, 1, 1]);
  });

  it('takes another steepness and another limit', () => {
    expect([...rlevScales(Float64Array.of(0.1, 0.5), 4, 1.5)]).to.deep.equal([1.4, 2.5]);
  });

  it('never falls with value, and stays between 1 and 1 + clip', () => {
    const number = fc.double({ min: 0, max: 10, noNaN: true });
    fc.assert(
      fc.property(number, number, number, number, (v, more, alpha, clip) => {
        const [low, high] = rlevScales(Float64Array.of(v, v + more), alpha, clip);
        return low! <= high! && low! >= 1 && high! <= 1 + clip;
      }),
    );
  });
});
