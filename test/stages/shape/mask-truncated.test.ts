import { expect, use } from 'chai';
import { maskTruncated } from '../../../src/stages/shape/mask-truncated.ts';
import { batch, columnAssertions, createStage, stageEvent } from '../../../src/testing/index.ts';

use(columnAssertions);

describe('shape/mask-truncated', () => {
  it('masks all tokens of the responses that were cut', async () => {
    const stage = await createStage(maskTruncated);
    const columns = batch({
      finish: ['stop', 'length'],
      response_tokens: [
        [1, 2],
        [3, 4, 5],
      ],
    });
    const { loss_mask } = await stage.run(columns, stageEvent());
    expect(loss_mask).to.be.column([
      [1, 1],
      [0, 0, 0],
    ]);
  });
});
