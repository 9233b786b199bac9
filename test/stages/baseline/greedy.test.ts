import { expect, use } from 'chai';
import { greedyBaseline, greedyRewards } from '../../../src/stages/baseline/greedy.ts';
import { batch, columnAssertions, createStage, stageEvent } from '../../../src/testing/index.ts';
import { errorOf } from '../../support/stage.ts';

use(columnAssertions);

describe('baseline/greedy', () => {
  it('gives every response the reward of the greedy one to its prompt', async () => {
    const stage = await createStage(greedyBaseline);
    const columns = batch({
      group: [0, 0, 1, 1, 0],
      role: ['sample', 'greedy', 'greedy', 'sample', 'sample'],
      reward: [1, 2, 0, 1.5, 0],
    });
    const { baseline_reward } = await stage.run(columns, stageEvent());
    expect(baseline_reward).to.be.column([2, 2, 0, 0, 2]);
  });

  it('says which prompt has no greedy response, or two', async () => {
    const none = await errorOf(
      () => greedyRewards(Float64Array.of(1), Int32Array.of(5), ['sample']),
      'stage/contract',
    );
    expect(none.message).to.contain('No response to prompt 5 is greedy.');
    const two = await errorOf(
      () => greedyRewards(Float64Array.of(1, 1), Int32Array.of(5, 5), ['greedy', 'greedy']),
      'stage/contract',
    );
    expect(two.message).to.contain('Two responses to prompt 5 are greedy.');
  });
});
