import { expect } from 'chai';
import * as fc from 'fast-check';
import { batchOf } from '../../src/core/batch.ts';
import { raggedFloat32 } from '../../src/core/columns.ts';
import type { ListedCohort } from '../../src/log/list.ts';
import { batchTable } from '../../src/report/batch-table.ts';
import { bytesOf, runList } from '../../src/report/run-list.ts';
import { textTable } from '../../src/report/text-table.ts';

describe('report/text-table', () => {
  it('pads columns, numbers to the right', () => {
    const table = textTable(
      ['id', 'n'],
      [
        ['a', '10'],
        ['bcd', '7'],
      ],
      { width: 80, right: new Set(['n']) },
    );
    expect(table).to.equal('id    n\na    10\nbcd   7');
  });

  it('cuts the widest column to what a line holds', () => {
    const table = textTable(['a', 'b'], [['x'.repeat(30), 'y'.repeat(9)]], { width: 30 });
    expect(table.split('\n')[1]).to.equal(`${'x'.repeat(18)}…  yyyyyyyyy`);
  });

  it('names the columns that have no room', () => {
    const names = ['first', 'second', 'third', 'fourth'].map((name) => name.padEnd(10, '_'));
    const table = textTable(names, [], { width: 20 });
    expect(table).to.equal('first___…  second__…\nnot shown: third_____, fourth____');
  });

  it('never makes a line longer than it may be, where one column fits', () => {
    const cell = fc.string({ maxLength: 40 });
    const shape = fc.integer({ min: 1, max: 8 }).chain((n) => {
      const row = fc.array(cell, { minLength: n, maxLength: n });
      return fc.record({
        head: row,
        rows: fc.array(row, { maxLength: 3 }),
        width: fc.integer({ min: 8, max: 99 }),
      });
    });
    fc.assert(
      fc.property(shape, ({ head, rows, width }) => {
        const lines = textTable(head, rows, { width })
          .split('\n')
          .slice(0, rows.length + 1);
        for (const line of lines) expect(line.length).to.be.at.most(width);
      }),
    );
  });
});

describe('report/batch-table', () => {
  it('shows lists by length and first items, nothing as a dash, and line breaks as what they are', () => {
    const batch = batchOf({
      prompt: ['a\nb', 'c'],
      answer: [null, '7'],
      reward: new Float64Array([1 / 3, 1200]),
      advantage: raggedFloat32([[0.5, -1], Array.from({ length: 9 }, () => 0.25)]),
    });
    expect(batchTable([batch], 90).split('\n')).to.deep.equal([
      'prompt  answer  reward  advantage',
      'a\\nb    -        0.333  2: 0.5 -1',
      'c       7        1,200  9: 0.25 0.25 0.25 0.25 0.25 0.25 …',
    ]);
    expect(batchTable([], 90)).to.equal('no rows');
  });
});

describe('report/run-list', () => {
  it('prints a table for every 1,000 cohorts, and holds no more', async () => {
    async function* cohorts(): AsyncGenerator<ListedCohort> {
      for (let step = 0; step < 2001; step++)
        yield { scope: 'train', step, rounds: 1, events: 8, rows: 256, bytes: 7000, stages: [] };
    }
    const tables: string[] = [];
    for await (const table of runList(cohorts(), 80)) tables.push(table);
    expect(tables.map((t) => t.split('\n').length - 2)).to.deep.equal([1000, 1000, 1]);
    expect(tables[2]).to.equal('scope  step  events  rows   bytes\ntrain  2000       8   256  7.0 kB\n');
  });

  it('writes sizes in powers of 1,000', () => {
    expect([0, 999, 1000, 1_234_567, 5e9].map(bytesOf)).to.deep.equal([
      '0 B',
      '999 B',
      '1.0 kB',
      '1.2 MB',
      '5.0 GB',
    ]);
  });
});
