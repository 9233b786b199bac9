import { expect } from 'chai';
import { z } from 'zod';
import { createStage, stageEvent } from '../../src/stages/create-stage.ts';
import { reward, value, verifier } from '../../src/stages/define-row.ts';
import { errorOf } from '../support/stage.ts';

const questions = {
  row_id: ['0.0.0.0', '0.0.1.0'],
  prompt: ['one?', 'two?'],
  reference: [['1'], ['2']],
  response: ['1', '3'],
};

describe('stages/define-row', () => {
  it('makes a verifier of a function from a row to a number', async () => {
    const same = verifier((row) => (row.response === row.reference[0] ? 1 : 0));
    expect(same.adds({})).to.deep.equal(['correct']);
    const stage = await createStage(same);
    expect(await stage.run(questions, stageEvent())).to.deep.equal({ correct: Float32Array.of(1, 0) });
  });

  it('makes a value of it, which may read columns of the data', async () => {
    const severity = value((row) => Number(row['data.severity']) * row.points, { needs: ['data.severity'] });
    expect(severity.needs({})).to.include('data.severity');
    const columns = {
      ...questions,
      prompt_id: ['a', 'b'],
      points: Float64Array.of(1, 2),
      exam_total: Float64Array.of(10, 10),
      'data.severity': [5, 3],
    };
    const stage = await createStage(severity);
    expect(await stage.run(columns, stageEvent())).to.deep.equal({ value: Float64Array.of(5, 6) });
  });

  it('makes a reward of it, with parameters and tokens', async () => {
    const short = reward((row, { bonus }) => row.correct + bonus / row.response_tokens.length, {
      params: z.strictObject({ bonus: z.number().default(1) }),
      needs: ['response_tokens'],
    });
    const columns = {
      ...questions,
      correct: Float32Array.of(1, 0),
      value: Float64Array.of(1, 1),
      response_tokens: { offsets: Int32Array.of(0, 1, 3), values: Int32Array.of(7, 8, 9) },
    };
    const stage = await createStage(short, { bonus: 0.5 });
    expect(await stage.run(columns, stageEvent())).to.deep.equal({ reward: Float64Array.of(1.5, 0.25) });
  });

  const wrong: [string, () => unknown, string][] = [
    ['NaN', () => Number.NaN, 'returned NaN as correct of the row 0.0.0.0'],
    ['a number out of range', () => 1.5, 'returned 1.5 as correct of the row 0.0.0.0'],
    ['text', () => '1', "returned '1' as correct of the row 0.0.0.0"],
    ['nothing', () => undefined, 'returned undefined as correct of the row 0.0.0.0'],
    ['a promise', () => Promise.resolve(1), 'returned Promise { 1 } as correct of the row 0.0.0.0'],
  ];
  for (const [what, judge, message] of wrong) {
    it(`names the row for which the function returned ${what}`, async () => {
      const stage = await createStage(verifier(judge as () => number));
      const error = await errorOf(() => stage.run(questions, stageEvent()), 'stage/contract');
      expect(error.message).to.include(message).and.to.include('a number from 0 to 1');
      expect(error.message).to.include('response "1"');
    });
  }

  it('names the row for which the function threw', async () => {
    const stage = await createStage(verifier((row) => Number(row.reference[1]!.length)));
    const error = await errorOf(() => stage.run(questions, stageEvent()), 'stage/failed');
    expect(error.message).to.match(/On the row 0\.0\.0\.0: Cannot read properties of undefined/);
    expect(error.cause).to.be.instanceOf(TypeError);
  });

  it('refuses to read what the row has not, instead of giving undefined', async () => {
    const misspelt = (row: object): number => ('respons' in row ? 1 : (row as { respons: number }).respons);
    const stage = await createStage(verifier(misspelt));
    const error = await errorOf(() => stage.run(questions, stageEvent()), 'stage/contract');
    expect(error.message)
      .to.include('reads respons of a row')
      .and.to.include('Did you mean `response`?')
      .and.to.include('needs: ["respons"]');
  });

  it('gives rows that can be spread, printed and written as JSON', async () => {
    let seen = '';
    const stage = await createStage(
      verifier((row) => {
        seen = JSON.stringify({ ...row });
        return JSON.stringify(row) === seen ? 1 : 0;
      }),
    );
    const { correct } = await stage.run(questions, stageEvent());
    expect([...correct]).to.deep.equal([1, 1]);
    expect(JSON.parse(seen)).to.deep.equal({
      row_id: '0.0.1.0',
      prompt: 'two?',
      reference: ['2'],
      response: '3',
    });
  });

  it('types the row by what it needs', () => {
    verifier((row) => {
      const texts: readonly string[] = row.reference;
      // @ts-expect-error: a verifier's row has no points unless it needs them
      return texts.length + row.points;
    });
    verifier((row): number => row.points, { needs: ['points'] });
    value(
      (row) => {
        // @ts-expect-error: what a column of the data holds is not known
        const severity: number = row['data.severity'];
        return severity;
      },
      { needs: ['data.severity'] },
    );
    // @ts-expect-error: a number, not a text
    reward((row) => row.response);
  });
});
