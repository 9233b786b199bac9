import { expect } from 'chai';
import { z } from 'zod';
import { createStage, stageEvent } from '../../../src/stages/create-stage.ts';
import { scale } from '../../../src/stages/reward/define-scale.ts';
import { errorOf } from '../../support/stage.ts';

describe('a scale of its own', () => {
  const columns = { value: Float64Array.of(0, 0.5, 2), correct: Float32Array.of(1, 0.5, 1) };

  it('is a function of the value, and the reward is it times correctness', async () => {
    const stage = await createStage(scale((v) => 1 + v * v));
    const { scale: s, reward } = await stage.run(columns, stageEvent());
    expect([...s]).to.deep.equal([1, 1.25, 5]);
    expect([...reward]).to.deep.equal([1, 0.625, 5]);
  });

  it('takes parameters, and tells lint the same s', async () => {
    const definition = scale((v, { k }) => 1 + k * v, {
      params: z.strictObject({ k: z.number().default(2).describe('Slope.') }),
      formula: '1 + k v',
    });
    const stage = await createStage(definition, { k: 4 });
    expect([...(await stage.run(columns, stageEvent())).scale]).to.deep.equal([1, 3, 9]);
    const told = definition.scalesReward!({ k: 4 })!;
    expect(told.formula).to.equal('1 + k v');
    expect([0, 0.5, 2].map((v) => told.of(v))).to.deep.equal([1, 3, 9]);
    await errorOf(() => createStage(definition, { slope: 4 }), 'config/unknown-key');
  });

  it('refuses what is no finite number of 0 or more, and says of which value', async () => {
    for (const wrong of [Number.NaN, Infinity, -1, '2', Promise.resolve(1), undefined]) {
      const stage = await createStage(scale((v) => (v > 1 ? (wrong as number) : 1)));
      const error = await errorOf(() => stage.run(columns, stageEvent()), 'stage/contract');
      expect(error.message).to.include('the scale of the value 2');
    }
    const failing = await createStage(
      scale(() => {
        throw new Error('no such thing');
      }),
    );
    const error = await errorOf(() => failing.run(columns, stageEvent()), 'stage/failed');
    expect(error.message).to.include('Its scale of the value 0: no such thing');
  });
});
