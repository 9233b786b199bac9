import { expect, use } from 'chai';
import type { Columns } from '../../../src/core/columns.ts';
import { overlong, overlongPenalty } from '../../../src/stages/shape/overlong.ts';
import { batch, columnAssertions, createStage, stageEvent } from '../../../src/testing/index.ts';
import { errorOf } from '../../support/stage.ts';

use(columnAssertions);

const tokens = (n: number): number[] => new Array<number>(n).fill(1);

describe('shape/overlong', () => {
  it('falls in a straight line over the buffer', () => {
    const limits = { maxLength: 20, buffer: 4, penalty: 1 };
    const penalties = [1, 16, 17, 18, 20].map((length) => overlongPenalty(length, limits));
    expect(penalties).to.deep.equal([0, 0, -0.25, -0.5, -1]);
  });

  it('is 0 at the beginning of the buffer, the penalty at the longest, and beyond it as verl or OpenRLHF has it', () => {
    const limits = { maxLength: 20, buffer: 4, penalty: 0.5 };
    const lengths = [16, 20, 21, 40];
    expect(lengths.map((length) => overlongPenalty(length, limits))).to.deep.equal([0, -0.5, -0.625, -3]);
    const capped = lengths.map((length) => overlongPenalty(length, { ...limits, capped: true }));
    expect(capped).to.deep.equal([0, -0.5, -0.5, -0.5]);
  });

  it('is added to the reward after it was scaled by value', async () => {
    const stage = await createStage(overlong, { maxLength: 4, buffer: 2, penalty: 0.5 });
    const columns = batch({ reward: [2, 1.5, 0], response_tokens: [tokens(2), tokens(3), tokens(4)] });
    const { reward } = await stage.run(columns as unknown as Columns, stageEvent());
    expect(reward).to.be.column([2, 1.25, -0.5]);
  });

  it('is scaled with it where asked to', async () => {
    const stage = await createStage(overlong, { maxLength: 4, buffer: 2, scaled: true });
    const columns = batch({ reward: [2], scale: [2], response_tokens: [tokens(3)] });
    expect((await stage.run(columns, stageEvent())).reward).to.be.column([1]);
  });

  it('refuses a buffer longer than the whole', async () => {
    const error = await errorOf(() => createStage(overlong, { maxLength: 4, buffer: 5 }));
    expect(error.message).to.contain('buffer');
  });
});
