import { expect } from 'chai';
import type { ScheduleSpec } from '../../src/core/services.ts';
import { learningRate } from '../../src/policy/schedule.ts';

const rates = (spec: ScheduleSpec, steps: number): number[] =>
  Array.from({ length: steps }, (_, i) => learningRate(spec, 8, i + 1));

describe('policy/schedule', () => {
  it('rises from lr / warmup to lr and stays', () => {
    const spec = { use: 'constant', warmup: 4, total: 6, floor: 0 } as const;
    expect(rates(spec, 7)).to.deep.equal([2, 4, 6, 8, 8, 8, 8]);
  });

  it('falls in a line to the floor at the last step, and stays there', () => {
    const spec = { use: 'linear', warmup: 1, total: 5, floor: 0.5 } as const;
    expect(rates(spec, 6)).to.deep.equal([8, 7, 6, 5, 4, 4]);
  });

  it('falls along half a cosine', () => {
    const spec = { use: 'cosine', warmup: 0, total: 5, floor: 0 } as const;
    const half = Math.SQRT1_2;
    for (const [i, rate] of rates(spec, 5).entries()) {
      expect(rate).to.be.closeTo([8, 4 + 4 * half, 4, 4 - 4 * half, 0][i]!, 1e-12);
    }
  });

  it('takes the only step of a run at lr', () => {
    expect(rates({ use: 'linear', warmup: 0, total: 1, floor: 0 }, 1)).to.deep.equal([8]);
    expect(rates({ use: 'cosine', warmup: 1, total: 1, floor: 0 }, 1)).to.deep.equal([8]);
  });
});
