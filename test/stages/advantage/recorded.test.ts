import { expect } from 'chai';
import { columnsOf } from '../../../src/core/batch.ts';
import { rowOf } from '../../../src/core/columns.ts';
import { readArrow as loadBatch } from '../../../src/log/arrow-file.ts';
import { rloo } from '../../../src/stages/advantage/rloo.ts';
import { createStage, stageEvent } from '../../../src/testing/index.ts';

describe('advantage/rloo on a recorded batch', () => {
  it('gives each token of a response the reward less the mean of the other three', async () => {
    const columns = columnsOf(await loadBatch('fixtures/recordings/rewarded.arrow'), [
      'group',
      'reward',
      'response_tokens',
    ]);
    const stage = await createStage(rloo, {});
    const { advantage } = await stage.run(columns, stageEvent());
    // rewards of the first group: 1.6, 0, 0, 1.6
    const third = 1.6 / 3;
    for (const [row, expected] of [2 * third, -2 * third, -2 * third, 2 * third].entries()) {
      const tokens = rowOf(advantage, row);
      expect(tokens).to.have.length(rowOf(columns.response_tokens, row).length);
      for (const token of tokens) expect(token).to.be.closeTo(expected, 1e-6);
    }
  });
});
