import { expect } from 'chai';
import fc from 'fast-check';
import type { Dataset, Scope, StageSetup } from '../../../src/core/stage.ts';
import { createStage, stageEvent } from '../../../src/stages/create-stage.ts';
import { type Noise, noisy, noisyValues } from '../../../src/stages/value/noisy.ts';
import { shuffled, shuffledValues } from '../../../src/stages/value/shuffled.ts';
import { uniform, uniformValues } from '../../../src/stages/value/uniform.ts';
import { errorOf } from '../../support/stage.ts';
import { datasetOf, worth } from './data.ts';

const definitions = { uniform, shuffled, noisy };
const noise = { noise: 'multiplicative', amount: 0.5 };

async function valued(
  name: keyof typeof definitions,
  dataset: Dataset,
  ids: readonly string[],
  options: { params?: object; seed?: number; scope?: Scope; step?: number } = {},
): Promise<number[]> {
  const { params = {}, seed = 7, scope = 'train', step = 0 } = options;
  const stage = await createStage(
    definitions[name] as typeof uniform,
    { ...(name === 'noisy' && noise), ...params },
    { seed },
  );
  await stage.prepare!(dataset);
  const { value } = await stage.run({ prompt_id: ids }, stageEvent({ scope, step }));
  return [...value];
}

describe('values that stand in for the real ones', () => {
  const exam = worth(1, 2, 3, 4, 10, 12, 20, 48);
  const ids = [...'abcdefgh'];
  const real = [0.01, 0.02, 0.03, 0.04, 0.1, 0.12, 0.2, 0.48];

  it('value/uniform is the mean over all of the data, whatever the cohort has', async () => {
    expect(await valued('uniform', exam, ['h', 'a', 'a'])).to.deep.equal([0.125, 0.125, 0.125]);
  });

  it('value/shuffled has each real value once, and other ones under another seed', async () => {
    const values = await valued('shuffled', exam, ids);
    expect(values).not.to.deep.equal(real);
    expect(values.toSorted((a, b) => a - b)).to.deep.equal(real);
    expect(await valued('shuffled', exam, ids, { seed: 8 })).not.to.deep.equal(values);
  });

  for (const name of ['uniform', 'shuffled', 'noisy'] as const) {
    it(`value/${name} is the same for a question throughout a run, and whatever the order of the data`, async () => {
      const values = await valued(name, exam, ids);
      expect(await valued(name, exam, ids.toReversed(), { step: 9 })).to.deep.equal(values.toReversed());
      const turned = datasetOf(
        [...ids.entries()].reverse().map(([i, id]) => ({ id, points: Math.round(100 * real[i]!) })),
      );
      expect(await valued(name, turned, ids)).to.deep.equal(values);
    });

    it(`value/${name} gives an evaluation the real values`, async () => {
      expect(await valued(name, exam, ids, { scope: 'eval:heldOut' })).to.deep.equal(real);
    });

    it(`value/${name} takes the values of another signal`, async () => {
      const dataset = datasetOf([
        { id: 'a', money: 10 },
        { id: 'b', money: 30 },
      ]);
      const params = { signal: { use: 'value/column', column: 'data.money', normalise: 'total' } };
      const scope = 'eval:x';
      expect(await valued(name, dataset, ['a', 'b'], { params, scope })).to.deep.equal([0.25, 0.75]);
    });
  }

  it('take the values of a stage of one’s own, by its path', async () => {
    const params = { signal: { use: './test/stages/value/own-value.ts#digits' } };
    expect(await valued('uniform', worth(1, 10, 48), ['a'], { params })).to.deep.equal([5 / 3]);
  });

  it('count a question once that stands in several rows', async () => {
    const twice = datasetOf([
      { id: 'a', points: 10 },
      { id: 'a', points: 10 },
      { id: 'b', points: 40 },
    ]);
    expect(await valued('uniform', twice, ['a'])).to.deep.equal([0.25]);
  });

  it('refuse a signal that is not there or cannot be, with its place', async () => {
    const placeOf: StageSetup['placeOf'] = (path) => ({ file: 'p.yaml', line: 5, column: path.length });
    const create = (signal: object) => createStage(shuffled, { signal }, { placeOf });
    const prepared = async (signal: object) => (await create(signal)).prepare!(exam);
    const unknown = await errorOf(() => prepared({ use: 'value/pionts' }), 'config/unknown-stage');
    expect(unknown).to.deep.include({
      place: { file: 'p.yaml', line: 5, column: 2 },
      help: 'Did you mean `value/points`?',
    });
    const key = await errorOf(
      () => prepared({ use: 'value/column', column: 'points', normalize: 'max' }),
      'config/unknown-key',
    );
    expect(key.message).to.include('normalise');
    await errorOf(() => prepared({ use: 'value/column', column: 'data.none' }), 'config/columns');
    await errorOf(() => prepared({ use: './nowhere.ts#x' }), 'config/module');
    await errorOf(() => prepared({ use: './test/stages/value/own-value.ts#nothing' }), 'config/module');
  });

  it('refuse a question that was not in the data', async () => {
    const error = await errorOf(() => valued('shuffled', exam, ['z']), 'stage/contract');
    expect(error.message).to.include('the question z');
  });
});

describe('value/noisy', () => {
  const list = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 30 });
  const kinds = ['additive', 'multiplicative', 'dropped', 'swapped'] as const;
  const seed = fc.nat();
  const of = (values: readonly number[], settings: Noise, s: number): Float64Array =>
    noisyValues({ ids: values.map((_, i) => `q${i}`), values: Float64Array.from(values) }, settings, s);

  it('is never below 0, and always a number', () => {
    fc.assert(
      fc.property(
        list,
        fc.constantFrom(...kinds),
        fc.double({ min: 0, max: 1, noNaN: true }),
        seed,
        (v, kind, amount, s) =>
          of(v, { noise: kind, amount: kind === 'additive' ? 5 * amount : amount }, s).every(
            (x) => x >= 0 && x < Infinity,
          ),
      ),
    );
  });

  it('changes nothing at amount 0', () => {
    fc.assert(
      fc.property(list, fc.constantFrom(...kinds), seed, (v, kind, s) =>
        of(v, { noise: kind, amount: 0 }, s).every((x, i) => x === v[i]),
      ),
    );
  });

  it('swapped keeps each value once, and leaves none of the chosen where it was', () => {
    const distinct = fc.uniqueArray(fc.double({ min: 0, max: 1, noNaN: true }), {
      minLength: 2,
      maxLength: 30,
    });
    fc.assert(
      fc.property(distinct, seed, (v, s) => {
        const all = of(v, { noise: 'swapped', amount: 1 }, s);
        expect([...all].sort()).to.deep.equal([...v].sort());
        expect(all.every((x, i) => x !== v[i])).to.equal(true);
      }),
    );
  });

  it('draws for a question by its id: more questions change nothing for it', () => {
    fc.assert(
      fc.property(list, fc.constantFrom('multiplicative', 'dropped'), seed, (v, kind, s) => {
        const alone = of(v.slice(0, 1), { noise: kind, amount: 0.7 }, s);
        return alone[0] === of(v, { noise: kind, amount: 0.7 }, s)[0];
      }),
    );
  });

  // 4,000 draws: the standard error of a share of 0.3 is 0.007, of the mean below 0.01
  const many = Array.from({ length: 4000 }, (_, i) => (i % 2 === 0 ? 0.1 : 0.3));
  const mean = (x: ArrayLike<number>): number => Array.from(x).reduce((a, b) => a + b, 0) / x.length;

  it('drops and swaps the share that is asked for', () => {
    const dropped = of(many, { noise: 'dropped', amount: 0.3 }, 1);
    expect(mean(dropped.map((x) => (x === 0 ? 1 : 0)))).to.be.closeTo(0.3, 0.03);
    // a chosen question meets an equal value half of the time
    const swapped = of(many, { noise: 'swapped', amount: 0.4 }, 1);
    expect(mean(swapped.map((x, i) => (x === many[i] ? 0 : 1)))).to.be.closeTo(0.2, 0.03);
  });

  it('adds noise as large as asked for, and keeps the mean where it multiplies', () => {
    const added = of(many, { noise: 'additive', amount: 0.5 }, 1);
    const errors = added.map((x, i) => x - many[i]!);
    expect(Math.sqrt(mean(errors.map((e) => e * e)))).to.be.closeTo(0.5 * 0.1, 0.004);
    const factors = of(many, { noise: 'multiplicative', amount: 0.5 }, 1).map((x, i) => x / many[i]!);
    expect(mean(factors)).to.be.closeTo(1, 0.04);
    expect(mean(factors.map((f) => Math.log(f)))).to.be.closeTo(-0.125, 0.04);
  });

  it('refuses a share above 1', async () => {
    await errorOf(() => createStage(noisy, { noise: 'dropped', amount: 2 }), 'config/type');
    await createStage(noisy, { noise: 'additive', amount: 2 });
  });
});

describe('value/shuffled and value/uniform, as functions', () => {
  const list = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 30 });

  it('keep the sum of all values', () => {
    fc.assert(
      fc.property(list, fc.nat(), (list, seed) => {
        const values = Float64Array.from(list);
        expect([...shuffledValues(values, seed)].sort()).to.deep.equal([...values].sort());
        const sum = uniformValues(values).reduce((a, b) => a + b, 0);
        expect(sum).to.be.closeTo(
          list.reduce((a, b) => a + b, 0),
          1e-9,
        );
      }),
    );
  });

  it('deal out every value to every question alike over seeds', () => {
    // 600 seeds, 4 places: each of 16 counts is 150, with a standard deviation of 10.6
    const counts = new Map<string, number>();
    for (let seed = 0; seed < 600; seed++) {
      shuffledValues(Float64Array.of(0, 1, 2, 3), seed).forEach((v, i) => {
        counts.set(`${v}${i}`, (counts.get(`${v}${i}`) ?? 0) + 1);
      });
    }
    expect(counts.size).to.equal(16);
    for (const n of counts.values()) expect(n).to.be.within(100, 200);
  });
});
