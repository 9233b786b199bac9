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

  it('falls in a line to the floor after the last step, and stays there', () => {
    const spec = { use: 'linear', warmup: 1, total: 4, floor: 0.5 } as const;
    expect(rates(spec, 6)).to.deep.equal([8, 7, 6, 5, 4, 4]);
  });

  it('falls along half a cosine', () => {
    const spec = { use: 'cosine', warmup: 0, total: 4, floor: 0 } as const;
    const half = Math.SQRT1_2;
    for (const [i, rate] of rates(spec, 5).entries()) {
      expect(rate).to.be.closeTo([8, 4 + 4 * half, 4, 4 - 4 * half, 0][i]!, 1e-12);
    }
  });

  it('gives every step of a run some rate, whatever the warmup', () => {
    for (const use of ['constant', 'linear', 'cosine'] as const) {
      for (let total = 1; total < 12; total++) {
        for (let warmup = 0; warmup <= total; warmup++) {
          const spec = { use, warmup, total, floor: 0 };
          expect(Math.min(...rates(spec, total)), JSON.stringify(spec)).to.be.above(0);
        }
      }
    }
  });

  it('without warmup is the schedule of transformers, which counts steps from 0', () => {
    // lr_lambda of get_cosine_schedule_with_warmup and get_linear_schedule_with_warmup
    const total = 7;
    const cosine = (step: number): number => 0.5 * (1 + Math.cos(Math.PI * (step / total)));
    const linear = (step: number): number => (total - step) / total;
    for (const [use, lambda] of [['cosine', cosine] as const, ['linear', linear] as const]) {
      for (const [step, rate] of rates({ use, warmup: 0, total, floor: 0 }, total).entries()) {
        expect(rate, `${use} ${step}`).to.be.closeTo(8 * lambda(step), 1e-12);
      }
    }
  });

  it('takes the only step of a run at lr', () => {
    expect(rates({ use: 'linear', warmup: 0, total: 1, floor: 0 }, 1)).to.deep.equal([8]);
    expect(rates({ use: 'cosine', warmup: 1, total: 1, floor: 0 }, 1)).to.deep.equal([8]);
  });
});
