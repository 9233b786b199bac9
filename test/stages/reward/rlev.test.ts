import { expect } from 'chai';
import fc from 'fast-check';
import { createStage, stageEvent } from '../../../src/stages/create-stage.ts';
import { rlev, rlevScale } from '../../../src/stages/reward/rlev.ts';
import { errorOf } from '../../support/stage.ts';

describe('reward/rlev', () => {
  const columns = {
    value: Float64Array.of(0.05, 0.05, 0.25, 0, 0.1),
    correct: Float32Array.of(1, 0, 1, 1, 0.5),
  };
  const scaled = async (params: object): Promise<number[]> => {
    const stage = await createStage(rlev, { ...params });
    const { scale } = await stage.run(columns, stageEvent());
    return [...scale];
  };
  const scaleOf = (params: object) => rlev.scalesReward!(rlev.params.parse(params))!;

  it('is 1 + min(10 v, 1) times correctness, as published', async () => {
    const stage = await createStage(rlev);
    const { scale, reward } = await stage.run(columns, stageEvent());
    expect([...scale]).to.deep.equal([1.5, 1.5, 2, 1, 2]);
    expect([...reward]).to.deep.equal([1.5, 0, 2, 1, 1]);
  });

  it('takes another steepness and another limit, or none', async () => {
    expect(await scaled({ alpha: 4, clip: 0.5 })).to.deep.equal([1.2, 1.2, 1.5, 1, 1.4]);
    expect(await scaled({ alpha: 20, clip: 'none' })).to.deep.equal([2, 2, 6, 1, 3]);
  });

  it('takes a power of the value, clipped or not', async () => {
    expect(await scaled({ alpha: 3, power: 0.5, clip: 'none' })).to.deep.equal(
      [0.05, 0.05, 0.25, 0, 0.1].map((v) => 1 + 3 * Math.sqrt(v)),
    );
    expect(await scaled({ alpha: 4, power: 0.5 })).to.deep.equal(
      [0.05, 0.05, 0.25, 0, 0.1].map((v) => (v === 0.05 ? 1 + 4 * Math.sqrt(v) : v === 0 ? 1 : 2)),
    );
    expect(await scaled({ alpha: 8, power: 2 })).to.deep.equal([
      1 + 8 * 0.05 ** 2,
      1 + 8 * 0.05 ** 2,
      1.5,
      1,
      1 + 8 * 0.1 ** 2,
    ]);
  });

  it('refuses a power of 0, which would give every question the same scale, and other words than none', async () => {
    await errorOf(() => createStage(rlev, { power: 0 }), 'config/type');
    await errorOf(() => createStage(rlev, { clip: 'never' }), 'config/type');
  });

  const number = fc.double({ min: 0, max: 10, noNaN: true });
  const power = fc.double({ min: 0.1, max: 3, noNaN: true });

  it('never falls with value, and stays between 1 and 1 + clip', () => {
    fc.assert(
      fc.property(number, number, number, number, power, (v, more, alpha, clip, power) => {
        const form = { alpha, clip, power };
        const [low, high] = [rlevScale(v, form), rlevScale(v + more, form)];
        return low <= high && low >= 1 && high <= 1 + clip;
      }),
    );
  });

  it('tells lint where it ends, and with which alpha it would not', () => {
    expect(scaleOf({})).to.include({ formula: '1 + min(10 v, 1)', ceiling: 2 });
    expect(scaleOf({ clip: 'none' })).to.include({ formula: '1 + 10 v' });
    expect(scaleOf({ clip: 'none' })).not.to.have.property('ceiling');
    expect(scaleOf({ alpha: 2, power: 0.5, clip: 3 })).to.include({
      formula: '1 + min(2 v^0.5, 3)',
      ceiling: 4,
    });
    expect(scaleOf({ alpha: 0 })).to.include({ ceiling: 1 });
    expect(scaleOf({ clip: 0 })).to.include({ ceiling: 1 });
    expect(scaleOf({}).fitting!(0.4)).to.deep.equal({ alpha: 2.5 });
    expect(scaleOf({ power: 2 }).fitting!(0.5)).to.deep.equal({ alpha: 4 });
    expect(scaleOf({ clip: 'none' }).fitting!(0.4)).to.equal(undefined);
  });

  it('proposes an alpha that leaves the largest value below the top, or at it', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-6, max: 1e6, noNaN: true }), power, (largest, power) => {
        const { alpha } = scaleOf({ power }).fitting!(largest)!;
        return alpha! * largest ** power <= 1 + 1e-12 && alpha! * largest ** power > 0.9;
      }),
    );
  });
});
