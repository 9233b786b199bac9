import { expect } from 'chai';
import { raggedFloat32, raggedInt32 } from '../../src/core/columns.ts';
import { ColumnDiffs } from '../../src/report/column-diff.ts';
import { differsAt, rowNumbers } from '../../src/report/column-numbers.ts';
import { differenceTable } from '../../src/report/diff-table.ts';

const keys = Float64Array.of(1, 1, 3);

describe('report/column-diff', () => {
  it('leaves out columns that are equal in every row', () => {
    const diffs = new ColumnDiffs(true);
    diffs.add('reward', { data: Float64Array.of(0, 1, 2), keys }, { data: Float64Array.of(0, 1, 2), keys });
    diffs.add('answer', { data: ['a', null, 'c'], keys }, { data: ['a', null, 'c'], keys });
    expect(diffs.result().differing).to.deep.equal([]);
    expect(diffs.result().equal).to.deep.equal(['reward', 'answer']);
  });

  it('sorts rows by points', () => {
    const diffs = new ColumnDiffs(true);
    diffs.add('reward', { data: Float64Array.of(0, 1, 2), keys }, { data: Float64Array.of(0, 2, -1), keys });
    const [reward] = diffs.result().differing;
    expect(reward?.pairs).to.include({ n: 3, equal: 1, max_difference: 3, sign_flips: 1 });
    expect(
      reward?.by_value.map(({ label, before, after }) => [label, before.mean, after.mean]),
    ).to.deep.equal([
      ['1 point', 0.5, 1],
      ['3 points', 2, -1],
    ]);
  });

  it('compares rows with their partners, and counts those that have none', () => {
    const diffs = new ColumnDiffs(false);
    const before = { data: Float64Array.of(5, 6, 7), keys };
    const after = { data: Float64Array.of(7, 5), keys: Float64Array.of(3, 1) };
    diffs.add('value', before, after, Int32Array.of(1, -1, 0));
    const [value] = diffs.result().differing;
    expect(value).to.deep.include({ column: 'value' });
    expect(value?.pairs).to.include({ n: 2, equal: 2 });
    expect([value?.before.n, value?.after.n]).to.deep.equal([3, 2]);
  });

  it('says of text only how much is equal', () => {
    const diffs = new ColumnDiffs(true);
    diffs.add('answer', { data: ['a', 'b', null], keys }, { data: ['a', null, null], keys });
    const [answer] = diffs.result().differing;
    expect(answer?.pairs).to.include({ n: 3, equal: 2, mean_difference: null });
    expect(answer?.by_value).to.deep.equal([]);
    expect(differenceTable([answer!], ['a', 'b'])).to.equal('answer: 3 rows, 66.7% equal');
  });

  it('prints means by value, and sizes where there are signs', () => {
    const diffs = new ColumnDiffs(true);
    const rows = (...x: number[]) => ({ data: raggedFloat32(x.map((a) => [a, a])), keys });
    diffs.add('advantage', rows(1, -1, 2), rows(1, -1, -2));
    const table = differenceTable(diffs.result().differing, ['rloo', 'grpo']);
    expect(table).to.match(/^advantage: 3 rows, 66\.7% equal; .*1 sign flips \(33\.3%\)/);
    expect(table).to.match(/rows +rloo +grpo +\|rloo\| +\|grpo\| +\|difference\|/);
    expect(table).to.match(/3 points +1 +2 +-2 +2 +2 +4 +0\.0% +1\n/);
  });
});

describe('report/column-numbers', () => {
  it('takes a list as its mean, tokens as their number, null and text as nothing', () => {
    expect([
      ...rowNumbers(
        raggedFloat32([
          [0.1, 0.1, 0.1],
          [1, 3],
        ]),
      ),
    ]).to.deep.equal([Math.fround(0.1), 2]);
    expect([...rowNumbers(raggedInt32([[7, 7], []]))]).to.deep.equal([2, 0]);
    expect([...rowNumbers([1, null])]).to.deep.equal([1, NaN]);
    expect([...rowNumbers(['1'])]).to.deep.equal([NaN]);
    expect([...rowNumbers([true, false])]).to.deep.equal([1, 0]);
  });

  it('finds the element at which two lists part, bit for bit', () => {
    const [a, b] = [raggedFloat32([[1, 2, NaN]]), raggedFloat32([[1, 2, NaN]])];
    expect(differsAt(a, 0, b, 0)).to.equal(undefined);
    expect(differsAt(a, 0, raggedFloat32([[1, 2.0000002, NaN]]), 0)).to.equal(1);
    expect(differsAt(a, 0, raggedFloat32([[1, 2]]), 0)).to.equal(-1);
    expect(differsAt(Float64Array.of(0), 0, Float64Array.of(-0), 0)).to.equal(-1);
    expect(differsAt([['x', 'y']], 0, [['x', 'y']], 0)).to.equal(undefined);
  });
});
