import { expect } from 'chai';
import fc from 'fast-check';
import type { RlevErrors } from '../../../src/core/errors.ts';
import { createStage, stageEvent } from '../../../src/stages/create-stage.ts';
import { column, unitOf } from '../../../src/stages/value/column.ts';
import { errorOf } from '../../support/stage.ts';
import { datasetOf } from './data.ts';

describe('value/column', () => {
  const money = (...amounts: readonly unknown[]) =>
    datasetOf(amounts.map((m, i) => ({ id: `q${i}`, money: m })));
  const valued = async (params: object, amounts: readonly number[], asked = amounts): Promise<number[]> => {
    const stage = await createStage(column, { column: 'data.money', ...params });
    await stage.prepare!(money(...amounts));
    const { value } = await stage.run({ 'data.money': asked } as never, stageEvent());
    return [...value];
  };

  it('divides by the largest number of the data, whatever the cohort has', async () => {
    expect(await valued({}, [5, 20, 0], [5, 5])).to.deep.equal([0.25, 0.25]);
  });

  it('divides by the total, by a quantile, or by nothing', async () => {
    expect(await valued({ normalise: 'total' }, [5, 20, 0])).to.deep.equal([0.2, 0.8, 0]);
    expect(await valued({ normalise: 'quantile', q: 0.5 }, [5, 20, 0])).to.deep.equal([1, 4, 0]);
    expect(await valued({ normalise: 'none' }, [5, 20, 0])).to.deep.equal([5, 20, 0]);
  });

  it('takes any column of numbers, such as points', async () => {
    const stage = await createStage(column, { column: 'points', normalise: 'total' });
    await stage.prepare!(
      datasetOf([
        { id: 'a', points: 2 },
        { id: 'b', points: 6 },
      ]),
    );
    const { value } = await stage.run({ points: Float64Array.of(6) } as never, stageEvent());
    expect([...value]).to.deep.equal([0.75]);
  });

  it('does not change with the unit of the numbers, unless it normalises by nothing', () => {
    const amounts = fc.array(fc.double({ min: 0.01, max: 1e6, noNaN: true }), {
      minLength: 1,
      maxLength: 20,
    });
    const unit = fc.constantFrom(0.5, 2, 1024);
    fc.assert(
      fc.property(amounts, unit, fc.constantFrom('total', 'max', 'quantile'), (list, factor, normalise) => {
        const [a, b] = [Float64Array.from(list), Float64Array.from(list, (x) => x * factor)];
        const [u, w] = [unitOf(a, normalise, 0.9), unitOf(b, normalise, 0.9)];
        return a.every((x, i) => Math.abs(x / u - b[i]! / w) <= 1e-12 * (1 + x / u));
      }),
    );
  });

  it('refuses, with its line, each question whose number is missing, below 0 or something else', async () => {
    const stage = await createStage(column, { column: 'data.money' });
    const error = await errorOf(() => stage.prepare!(money(3, null, -2, 'much')));
    expect((error as RlevErrors).errors.map((e) => e.message.split('\n')[0])).to.deep.equal([
      'exam.jsonl:2: data/value: data.money is missing.',
      'exam.jsonl:3: data/value: data.money is -2.',
      'exam.jsonl:4: data/value: data.money is "much", not a number.',
    ]);
    const infinite = await errorOf(() => stage.prepare!(money(3, Infinity)));
    expect(infinite.message).to.match(/^exam.jsonl:2: data\/value: data.money is Infinity\./);
  });

  it('refuses a column that is not there, guessing which is meant', async () => {
    const setup = {
      place: { file: 'p.yaml', line: 8 },
      placeOf: () => ({ file: 'p.yaml', line: 8, column: 30 }),
    };
    const short = await createStage(column, { column: 'money' }, setup);
    const error = await errorOf(() => short.prepare!(money(1)), 'config/columns');
    expect(error.message).to.equal(
      'p.yaml:8:30: config/columns: exam.jsonl has no column "money".\n  Did you mean `data.money`?',
    );
    const misspelt = await createStage(column, { column: 'data.monye' });
    expect((await errorOf(() => misspelt.prepare!(money(1)))).help).to.equal('Did you mean `data.money`?');
  });

  it('refuses a column of labels as a whole, and one of lists', async () => {
    const labels = await createStage(column, { column: 'data.level' });
    const error = await errorOf(
      () => labels.prepare!(datasetOf([{ id: 'a', level: 'easy' }])),
      'config/columns',
    );
    expect(error.message).to.include('holds no number, but "easy"').and.to.include('value/difficulty');
  });

  it('refuses to divide by nothing, and a quantile that is not asked for', async () => {
    const stage = await createStage(column, { column: 'data.money', normalise: 'quantile', q: 0.5 });
    const error = await errorOf(() => stage.prepare!(money(0, 0, 7)), 'data/value');
    expect(error.summary).to.equal(
      'The 0.5-quantile of data.money over the data is 0, by which nothing can be divided.',
    );
    await errorOf(() => createStage(column, { column: 'data.money', q: 0.5 }), 'config/type');
  });

  it('refuses to run before it has seen the data', async () => {
    const stage = await createStage(column, { column: 'points' });
    await errorOf(() => stage.run({ points: Float64Array.of(1) } as never, stageEvent()), 'stage/contract');
  });
});
