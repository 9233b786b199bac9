import { expect } from 'chai';
import fc from 'fast-check';
import { raggedInt32, rowLength } from '../../src/core/columns.ts';
import { planMicroBatches, tokenColumn, tokenFeeds } from '../../src/policy/micro-batches.ts';

const lengths = fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 64 })), {
  maxLength: 60,
});

const ragged = (sizes: number[]) => raggedInt32(sizes.map((size) => new Int32Array(size).fill(7)));

describe('policy/micro-batches', () => {
  it('takes every row with a response once, within its shape and the budget', () => {
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 4096 }), (rows, budget) => {
        const prompts = ragged(rows.map(([prompt]) => prompt));
        const responses = ragged(rows.map(([, response]) => response));
        const all = rows.map((_, i) => i);
        const batches = planMicroBatches(prompts, responses, all, budget);
        const taken = batches.flatMap((b) => [...b.indices]).sort((a, b) => a - b);
        expect(taken).to.deep.equal(all.filter((i) => rows[i]![1] > 0));
        for (const { shape, indices } of batches) {
          expect(indices.length).to.be.within(1, shape.rows);
          expect(shape.rows * shape.length <= budget || shape.rows === 2).to.equal(true);
          for (const i of indices) {
            expect(rowLength(prompts, i) + rowLength(responses, i)).to.be.at.most(shape.length);
            expect(rowLength(responses, i)).to.be.at.most(shape.responses);
          }
        }
      }),
    );
  });

  it('needs few shapes for a batch of many lengths', () => {
    const responses = ragged(Array.from({ length: 256 }, (_, i) => 1 + (i % 64)));
    const prompts = ragged(new Array(256).fill(20));
    const batches = planMicroBatches(
      prompts,
      responses,
      Array.from({ length: 256 }, (_, i) => i),
      2048,
    );
    const shapes = new Set(batches.map(({ shape }) => JSON.stringify(shape)));
    expect(shapes.size).to.be.at.most(6);
    const computed = batches.reduce((sum, { shape }) => sum + shape.rows * shape.length, 0);
    expect(computed).to.be.below(1.35 * (prompts.values.length + responses.values.length));
  });

  it('lays out tokens, the positions that predict them and columns, padded on the right', () => {
    const prompts = raggedInt32([
      [1, 5],
      [1, 6, 7],
    ]);
    const responses = raggedInt32([
      [8, 9, 2],
      [4, 2],
    ]);
    const batch = { shape: { rows: 3, length: 6, responses: 4 }, indices: [1, 0] };
    const feeds = tokenFeeds(batch, prompts, responses, Float32Array.of(0.5, 0), 3);
    expect([...feeds.tokens]).to.deep.equal([1, 6, 7, 4, 2, 3, 1, 5, 8, 9, 2, 3, 3, 3, 3, 3, 3, 3]);
    expect([...feeds.indices]).to.deep.equal([2, 3, 0, 0, 7, 8, 9, 0, 0, 0, 0, 0]);
    expect([...feeds.targets]).to.deep.equal([4, 2, 0, 0, 8, 9, 2, 0, 0, 0, 0, 0]);
    expect([...feeds.inverseTemperature]).to.deep.equal([1, 1, 1, 1, 2, 2, 2, 2, 1, 1, 1, 1]);
    const column = { offsets: responses.offsets, values: Float32Array.of(0.1, 0.2, 0.3, 0.4, 0.5) };
    const expected = [0.4, 0.5, 0, 0, 0.1, 0.2, 0.3, 0, 0, 0, 0, 0].map(Math.fround);
    expect([...tokenColumn(batch, column)]).to.deep.equal(expected);
  });
});
