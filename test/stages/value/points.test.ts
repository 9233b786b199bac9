import { expect } from 'chai';
import { createStage, stageEvent } from '../../../src/stages/create-stage.ts';
import { points } from '../../../src/stages/value/points.ts';

describe('value/points', () => {
  it('is the share of the paper that a question is worth', async () => {
    const stage = await createStage(points);
    const { value } = await stage.run(
      { points: Float64Array.of(5, 0, 12), exam_total: Float64Array.of(100, 100, 150) },
      stageEvent(),
    );
    expect([...value]).to.deep.equal([0.05, 0, 0.08]);
  });
});
