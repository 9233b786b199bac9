import { AssertionError, expect, use } from 'chai';
import { raggedFloat32, raggedInt32 } from '../../src/core/columns.ts';
import { rloo } from '../../src/stages/advantage/rloo.ts';
import {
  batch,
  columnAssertions,
  createStage,
  differences,
  plainOf,
  stageEvent,
} from '../../src/testing/index.ts';
import { errorOf } from '../support/stage.ts';

use(columnAssertions);

describe('testing/batch', () => {
  it('makes typed columns of lists', () => {
    const { reward, group, advantage, reference, correct } = batch({
      group: [0, 0, 1],
      reward: [1, 0, 1],
      correct: [1, 0, 0.5],
      advantage: [[0.5, 0.5], [-0.5], []],
      reference: [['1'], ['1'], ['2', '3']],
    });
    expect(reward).to.deep.equal(Float64Array.of(1, 0, 1));
    expect(group).to.deep.equal(Int32Array.of(0, 0, 1));
    expect(correct).to.deep.equal(Float32Array.of(1, 0, 0.5));
    expect(advantage).to.deep.equal(raggedFloat32([[0.5, 0.5], [-0.5], []]));
    expect(reference[2]).to.deep.equal(['2', '3']);
  });

  it('fills in who a row is, and tokens of the shape of what stands at each token', () => {
    const columns = batch({ group: [4, 4, 7], old_logprobs: [[-1, -2], [-3], []] });
    expect(columns.row_id).to.deep.equal(['0.0.4.0', '0.0.4.1', '0.0.7.0']);
    expect(columns.prompt_id).to.deep.equal(['q4', 'q4', 'q7']);
    expect(columns.response_tokens).to.deep.equal(raggedInt32([[1, 1], [1], []]));
    expect(columns.temperature).to.deep.equal(Float32Array.of(1, 1, 1));
    expect(columns).not.to.have.any.keys('reward', 'correct', 'value', 'advantage');
  });

  it('is what a stage takes', async () => {
    const stage = await createStage(rloo);
    const { advantage } = await stage.run(batch({ group: [0, 0, 1, 1], reward: [1, 0, 1, 1] }), stageEvent());
    expect(advantage).to.be.column([1, -1, 0, 0]);
  });

  it('takes nulls where a column may have them, and columns of one’s own', () => {
    const columns = batch({ answer: ['4', null], eos_logprobs: [[-1], null], 'data.unit': ['kg', null] });
    expect(columns.answer).to.deep.equal(['4', null]);
    expect(plainOf(columns.eos_logprobs)).to.deep.equal([[-1], null]);
    expect(columns['data.unit']).to.deep.equal(['kg', null]);
  });

  it('refuses a column that does not exist, a wrong cell and unequal lengths', async () => {
    const misspelt = { rewrd: [1] } as unknown as { reward: number[] };
    expect((await errorOf(() => batch(misspelt))).message).to.contain('Did you mean `reward`?');
    const text = { reward: [1, 'two'] } as unknown as { reward: number[] };
    expect((await errorOf(() => batch(text))).message).to.contain('Row 1 of reward is "two"');
    expect((await errorOf(() => batch({ group: [0, 0], reward: [1] }))).message).to.contain(
      'reward has 1 rows, group has 2',
    );
  });
});

describe('testing/columns', () => {
  it('finds the rows that differ', () => {
    expect(differences(Float64Array.of(1, 2, 3), [1, 2.5, 3])).to.deep.equal([
      { row: 1, expected: 2.5, actual: 2 },
    ]);
    expect(differences(Float64Array.of(1), [1, 2])).to.deep.equal([{ row: 1, expected: 2 }]);
    expect(differences(Float64Array.of(1, 2), [1])).to.deep.equal([{ row: 1, actual: 2 }]);
    expect(differences(['a', null], ['a', 'b'])).to.have.length(1);
    expect(differences(raggedFloat32([[1, 1], [2]]), [1, [2, 2]])).to.deep.equal([
      { row: 1, expected: [2, 2], actual: [2] },
    ]);
  });

  it('compares within a tolerance that grows with the number', () => {
    expect(differences(Float64Array.of(1000.5, 0.5), [1000, 0], 1e-3)).to.have.length(1);
    expect(differences(Float64Array.of(Number.NaN), [Number.NaN], 0)).to.have.length(0);
    expect(differences(Float64Array.of(Number.NaN), [0], 1)).to.have.length(1);
  });

  it('compares float32 with what float32 makes of a number', () => {
    expect(differences(Float32Array.of(0.1), [0.1])).to.have.length(0);
    expect(differences(raggedFloat32([[0.1]]), [[0.1]])).to.have.length(0);
    expect(differences(Float64Array.of(Math.fround(0.1)), [0.1])).to.have.length(1);
  });

  it('are asserted with chai, by row', () => {
    expect(raggedFloat32([[0.5], [-0.25]])).to.be.column([[0.5], [-0.25]]);
    expect(Float64Array.of(0.3331)).to.be.column([0.333], 1e-3);
    expect(Float64Array.of(1)).not.to.be.column([2]);
    expect(() => expect(Float64Array.of(1, 2)).to.be.column([1, 3])).to.throw(
      AssertionError,
      'row 1: expected 3, is 2',
    );
  });
});
