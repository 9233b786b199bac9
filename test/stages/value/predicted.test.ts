import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import type { RlevErrors } from '../../../src/core/errors.ts';
import { createStage, stageEvent } from '../../../src/stages/create-stage.ts';
import { rankCorrelation, ranksOf, rSquared } from '../../../src/stages/value/goodness.ts';
import { readLabelled } from '../../../src/stages/value/labelled.ts';
import { fitPredictor, predicted } from '../../../src/stages/value/predicted.ts';
import { crossPredict, fitRidge, predict } from '../../../src/stages/value/ridge.ts';
import { type SparseRow, termsOf, textRows, vocabularyOf } from '../../../src/stages/value/text-features.ts';
import { errorOf } from '../../support/stage.ts';
import { datasetOf } from './data.ts';

describe('value/predicted', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'rlev-predicted-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** Sums are worth 0.02, products 0.1. */
  const records = Array.from({ length: 40 }, (_, i) =>
    i % 2 === 0
      ? { question: `what is the sum of ${i} and ${i + 3}?`, value: 0.02 }
      : { question: `what is the product of ${i} and ${i + 3}?`, value: 0.1 },
  );
  const written = (rows: readonly object[], name = 'labelled.jsonl'): string => {
    const file = join(folder, name);
    writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    return file;
  };
  const asked = datasetOf([
    { id: 'a', points: 5, question: 'what is the sum of 7 and 8?' },
    { id: 'b', points: 6, question: 'what is the product of 7 and 8?' },
  ]);
  const make = async (params: object) => {
    const notices: string[] = [];
    const stage = await createStage(
      predicted,
      { label: 'value', ...params },
      { notice: (text) => void notices.push(text) },
    );
    return { stage, notices };
  };
  const ids = { prompt_id: ['b', 'a', 'b'] };

  it('predicts what like questions are worth, and says how well it did on questions that it had not seen', async () => {
    const { stage, notices } = await make({ file: written(records), ridge: 0.01 });
    await stage.prepare!(asked);
    const { value } = await stage.run(ids, stageEvent());
    expect(value[0]).to.be.closeTo(0.1, 0.02);
    expect(value[1]).to.be.closeTo(0.02, 0.02);
    expect(value[2]).to.equal(value[0]);
    expect(notices).to.have.length(1);
    expect(notices[0]).to.match(
      /^value\/predicted: R2 (0\.9\d|1\.00), rank correlation 0\.\d\d on 40 labelled questions/,
    );
  });

  it('says so where it cannot tell questions apart', async () => {
    const random = records.map((row, i) => ({ ...row, value: Math.floor(i / 2) % 2 }));
    const { stage, notices } = await make({ file: written(random) });
    await stage.prepare!(asked);
    expect(notices[0]).to.match(/the mean of the labels would do as well\.$/);
    const same = await make({ file: written(records.map((row) => ({ ...row, value: 0.3 }))) });
    await same.stage.prepare!(asked);
    expect(same.notices[0]).to.include('all worth the same');
    expect((await same.stage.run(ids, stageEvent())).value[0]).to.be.closeTo(0.3, 1e-12);
  });

  it('warns of questions that are unlike the labelled ones, and refuses data that share no word with them', async () => {
    const unlike = await make({ file: written(records) });
    await unlike.stage.prepare!(
      datasetOf([
        { id: 'a', question: 'what is the sum of 7 and 8?' },
        { id: 'b', question: 'Berechne drei plus vier mal acht hoch zwei!' },
      ]),
    );
    expect(unlike.notices).to.have.length(2);
    expect(unlike.notices[1])
      .to.contain('warning')
      .and.to.contain('50% of the words, numbers and signs of the 2 questions');
    expect(unlike.notices[1]).to.contain('none at all of 1 of them');
    const none = await make({ file: written(records) });
    const error = await errorOf(
      () => none.stage.prepare!(datasetOf([{ id: 'a', question: 'Berechne drei plus vier!' }])),
      'data/value',
    );
    expect(error.message).to.contain('No question of the data');
  });

  it('takes points over the full marks as label, and CSV', async () => {
    const file = join(folder, 'labelled.csv');
    const rows = records.map(({ question, value }) => `"${question}",${100 * value},100`);
    writeFileSync(file, ['question,points,exam_total', ...rows].join('\n'));
    const stage = await createStage(predicted, { file, ridge: 0.01 });
    await stage.prepare!(asked);
    expect((await stage.run(ids, stageEvent())).value[1]).to.be.closeTo(0.02, 0.02);
  });

  it('is never below 0', async () => {
    const steep = records.map((row) => ({ ...row, value: row.value > 0.05 ? 1 : 0 }));
    const { stage } = await make({ file: written(steep), ridge: 1e-6 });
    await stage.prepare!(
      datasetOf([
        { id: 'a', question: 'sum sum sum sum' },
        { id: 'b', question: '' },
      ]),
    );
    const { value } = await stage.run(ids, stageEvent());
    expect([...value].every((v) => v >= 0)).to.equal(true);
    expect(value[1]).to.equal(0);
  });

  it('is the same for a question whatever text stands around it that no labelled question has', async () => {
    const { stage } = await make({ file: written(records) });
    await stage.prepare!(
      datasetOf([
        { id: 'a', question: 'what is the sum of 7 and 8?' },
        { id: 'b', question: '<|user|> Solve: what is the sum of 7 and 8?'.replaceAll(/[<|>:]/g, ' ') },
      ]),
    );
    const { value } = await stage.run({ prompt_id: ['a', 'b'] }, stageEvent());
    expect(value[0]).to.equal(value[1]);
  });

  it('gives evaluations the values of a signal where it has one', async () => {
    const file = written(records);
    const event = stageEvent({ scope: 'eval:heldOut' });
    const { stage } = await make({ file, signal: { use: 'value/points' } });
    await stage.prepare!(asked);
    expect([...(await stage.run(ids, event)).value]).to.deep.equal([0.06, 0.05, 0.06]);
    const without = await make({ file });
    await without.stage.prepare!(asked);
    const [trained, evaluated] = [
      await without.stage.run(ids, stageEvent()),
      await without.stage.run(ids, event),
    ];
    expect([...evaluated.value]).to.deep.equal([...trained.value]);
  });

  it('goes on with the predictor that it saved, whatever became of the labels', async () => {
    const first = await make({ file: written(records) });
    await first.stage.prepare!(asked);
    const { value } = await first.stage.run(ids, stageEvent());
    await first.stage.save!(join(folder, 'stages', 'value'));
    const second = await make({ file: written(records.map((row) => ({ ...row, value: 7 }))) });
    await second.stage.prepare!(asked);
    await second.stage.load!(join(folder, 'stages', 'value'));
    expect([...(await second.stage.run(ids, stageEvent())).value]).to.deep.equal([...value]);
  });

  it('refuses labelled questions without text or value, with their lines, and too few', async () => {
    const bad = [...records, { question: ' ', value: 1 }, { question: 'x', value: -1 }, { question: 'x' }];
    const { stage } = await make({ file: written(bad) });
    const error = (await errorOf(() => stage.prepare!(asked))) as RlevErrors;
    expect(error.errors.map((e) => [e.place?.line, e.summary])).to.deep.equal([
      [41, 'question is " ", not text.'],
      [42, 'value is -1, not a finite number, 0 or more.'],
      [43, 'value is missing.'],
    ]);
    const few = await make({ file: written(records.slice(0, 9)) });
    await errorOf(() => few.stage.prepare!(asked), 'data/empty');
    const none = await make({ file: join(folder, 'none.jsonl') });
    await errorOf(() => none.stage.prepare!(asked), 'data/missing-file');
  });
});

describe('value/predicted on real exam papers', () => {
  const file = '../shared/data/gaokao-bench/objective.jsonl';

  it('explains most of what makes points differ, in Chinese and English', async function () {
    if (!existsSync(file)) this.skip();
    const labelled = await readLabelled(file, { text: 'question' }, { file });
    const { r2, rankCorrelation } = await fitPredictor(labelled, { terms: 300, ridge: 1 }, 7);
    expect(r2).to.be.within(0.5, 0.9);
    expect(rankCorrelation).to.be.within(0.5, 0.9);
  });
});

describe('text features', () => {
  it('are words, Chinese characters, numbers by their length, and signs', () => {
    expect(termsOf('Größe von 12,5 km? 求x')).to.deep.equal([
      'größe',
      'von',
      '#2',
      ',',
      '#1',
      'km',
      '?',
      '求',
      'x',
    ]);
  });

  it('weigh terms by ln((1 + n) / (1 + texts)) + 1, in vectors of length 1', () => {
    const texts = ['a b', 'a b b', 'a c'];
    const vocabulary = vocabularyOf(texts, 10);
    expect(vocabulary.terms).to.deep.equal(['a', 'b']);
    const b = Math.log(4 / 3) + 1;
    expect([...vocabulary.weights]).to.deep.equal([1, b]);
    const [, second, third] = textRows(texts, vocabulary);
    const norm = Math.hypot(1, 2 * b);
    expect([...second!.value]).to.deep.equal([1 / norm, (2 * b) / norm, Math.log(4)]);
    expect([...third!.index]).to.deep.equal([0, 2]);
    expect([...third!.value]).to.deep.equal([1, Math.log(2)]);
  });
});

describe('ridge regression', () => {
  const dense = (...x: number[]): SparseRow => ({
    index: Int32Array.from(x.keys()),
    value: Float64Array.from(x),
  });

  it('is Sxy / (Sxx + ridge) for one column', () => {
    const rows = [1, 2, 4].map((x) => dense(x));
    const { intercept, weights } = fitRidge(rows, Float64Array.of(1, 3, 4), 1, 0.5);
    const [mx, my] = [7 / 3, 8 / 3];
    const sxy = (1 - mx) * (1 - my) + (2 - mx) * (3 - my) + (4 - mx) * (4 - my);
    const sxx = (1 - mx) ** 2 + (2 - mx) ** 2 + (4 - mx) ** 2;
    expect(weights[0]).to.be.closeTo(sxy / (sxx + 0.5), 1e-12);
    expect(intercept).to.be.closeTo(my - (sxy / (sxx + 0.5)) * mx, 1e-12);
  });

  const unit = fc.double({ min: -1, max: 1, noNaN: true });
  const rowsOf = fc.array(fc.tuple(unit, unit, unit, unit), {
    minLength: 6,
    maxLength: 12,
  });

  it('leaves a gradient of 0', () => {
    fc.assert(
      fc.property(rowsOf, fc.double({ min: 0.1, max: 10, noNaN: true }), (list, ridge) => {
        const rows = list.map(([a, b, c]) => dense(a, b, c));
        const labels = Float64Array.from(list, ([, , , y]) => y);
        const fit = fitRidge(rows, labels, 3, ridge);
        const residuals = rows.map((row, i) => labels[i]! - predict(row, fit));
        expect(residuals.reduce((a, b) => a + b, 0)).to.be.closeTo(0, 1e-9);
        for (let k = 0; k < 3; k++) {
          const slope = residuals.reduce((sum, r, i) => sum + r * rows[i]!.value[k]!, 0);
          expect(slope).to.be.closeTo(ridge * fit.weights[k]!, 1e-9);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('cross-validates as a fit to all rows of the other folds would', () => {
    fc.assert(
      fc.property(rowsOf, (list) => {
        const rows = list.map(([a, b, c]) => dense(a, b, c));
        const labels = Float64Array.from(list, ([, , , y]) => y);
        const foldOf = Int32Array.from(rows, (_, i) => i % 3);
        const unseen = crossPredict(rows, labels, 3, 0.5, foldOf);
        rows.forEach((row, i) => {
          const others = rows.flatMap((_, j) => (foldOf[j] === foldOf[i] ? [] : [j]));
          const fit = fitRidge(
            others.map((j) => rows[j]!),
            labels.filter((_, j) => foldOf[j] !== foldOf[i]),
            3,
            0.5,
          );
          expect(unseen[i]).to.be.closeTo(predict(row, fit), 1e-9);
        });
      }),
      { numRuns: 30 },
    );
  });
});

describe('goodness of predictions', () => {
  it('has R2 1 for exact ones, 0 for the mean, less for worse', () => {
    const y = Float64Array.of(1, 2, 6);
    expect(rSquared(y, y)).to.equal(1);
    expect(rSquared(y, Float64Array.of(3, 3, 3))).to.equal(0);
    expect(rSquared(y, Float64Array.of(6, 2, 1))).to.be.closeTo(1 - 50 / 14, 1e-12);
    expect(rSquared(Float64Array.of(2, 2), y)).to.be.NaN;
  });

  it('has the rank correlation of SciPy, equal numbers sharing a rank', () => {
    expect([...ranksOf(Float64Array.of(3, 1, 3, 9))]).to.deep.equal([2.5, 1, 2.5, 4]);
    // ranks 1, 2.5, 2.5, 4 and 1, 3, 2, 4: 4.5 / sqrt(4.5 * 5), as scipy.stats.spearmanr
    expect(rankCorrelation(Float64Array.of(1, 2, 2, 4), Float64Array.of(1, 3, 2, 4))).to.be.closeTo(
      0.9486832980505138,
      1e-12,
    );
    expect(rankCorrelation(Float64Array.of(1, 1), Float64Array.of(1, 2))).to.be.NaN;
  });

  it('does not change by any rising function of either side', () => {
    const list = fc.uniqueArray(fc.integer({ min: -50, max: 50 }), { minLength: 3, maxLength: 12 });
    fc.assert(
      fc.property(list, (list) => {
        const a = Float64Array.from(list);
        const b = Float64Array.from(list, (x, i) => x + 7 * Math.sin(i));
        expect(
          rankCorrelation(
            a.map((x) => Math.exp(x / 10)),
            b,
          ),
        ).to.be.closeTo(rankCorrelation(a, b), 1e-12);
      }),
    );
  });
});
