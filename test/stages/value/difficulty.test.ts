import { expect } from 'chai';
import type { RlevErrors } from '../../../src/core/errors.ts';
import { createStage, stageEvent } from '../../../src/stages/create-stage.ts';
import { difficulty } from '../../../src/stages/value/difficulty.ts';
import { errorOf } from '../../support/stage.ts';
import { datasetOf } from './data.ts';

describe('value/difficulty', () => {
  const levels = (...labels: readonly unknown[]) =>
    datasetOf(labels.map((level, i) => ({ id: `q${i}`, level })));
  const values = { easy: 0.02, medium: 0.05, hard: 0.1 };

  it('maps labels to values', async () => {
    const stage = await createStage(difficulty, { column: 'data.level', values });
    await stage.prepare!(levels('easy', 'hard', 'medium'));
    const { value } = await stage.run({ 'data.level': ['hard', 'easy'] } as never, stageEvent());
    expect([...value]).to.deep.equal([0.1, 0.02]);
  });

  it('maps school grades, which are numbers', async () => {
    const stage = await createStage(difficulty, { column: 'data.level', values: { 3: 0, 10: 0.5 } });
    await stage.prepare!(levels(10, 3));
    const { value } = await stage.run({ 'data.level': [3, 10] } as never, stageEvent());
    expect([...value]).to.deep.equal([0, 0.5]);
  });

  it('maps true and false', async () => {
    const stage = await createStage(difficulty, { column: 'data.level', values: { true: 1, false: 0.1 } });
    await stage.prepare!(levels(true, false));
    const { value } = await stage.run({ 'data.level': [false, true] } as never, stageEvent());
    expect([...value]).to.deep.equal([0.1, 1]);
  });

  it('refuses, with its line, each question whose label is missing or has no value', async () => {
    const stage = await createStage(difficulty, { column: 'data.level', values });
    const error = await errorOf(() => stage.prepare!(levels('easy', 'hrad', null, 'toString')));
    expect((error as RlevErrors).errors.map((e) => e.message)).to.deep.equal([
      'exam.jsonl:2: data/value: data.level is "hrad", which no value is given for.\n  Did you mean `hard`?',
      'exam.jsonl:3: data/value: data.level is missing.\n  There are: easy, medium, hard.',
      'exam.jsonl:4: data/value: data.level is "toString", which no value is given for.\n  There are: easy, medium, hard.',
    ]);
  });

  it('says which labels no question has', async () => {
    const notices: string[] = [];
    const setup = { notice: (text: string) => void notices.push(text) };
    const stage = await createStage(difficulty, { column: 'data.level', values }, setup);
    await stage.prepare!(levels('easy', 'easy'));
    expect(notices).to.deep.equal(['No question has "medium" or "hard" as its data.level.']);
  });

  it('refuses values below 0, and none', async () => {
    await errorOf(
      () => createStage(difficulty, { column: 'data.level', values: { easy: -1 } }),
      'config/type',
    );
    await errorOf(() => createStage(difficulty, { column: 'data.level', values: {} }), 'config/type');
  });
});
