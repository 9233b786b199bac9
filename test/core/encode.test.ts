import { RecordBatchStreamWriter, tableFromIPC } from 'apache-arrow';
import { expect } from 'chai';
import fc from 'fast-check';
import { allColumnsOf, batchOf, columnOf, takeRows, withColumns } from '../../src/core/batch.ts';
import { type AnyColumns, raggedFloat32, raggedInt32 } from '../../src/core/columns.ts';
import { contentHash, encode } from '../../src/core/encode.ts';
import { RlevError } from '../../src/core/errors.ts';

const specs = {
  'data.price': { kind: 'float64', nullable: true, doc: '' },
  'data.urgent': { kind: 'bool', nullable: true, doc: '' },
} as const;

const rowArbitrary = fc.record({
  row_id: fc.string(),
  solution: fc.option(fc.string({ unit: 'binary' }), { nil: null }),
  reference: fc.array(fc.string(), { maxLength: 3 }),
  reward: fc.double({ noNaN: true }),
  correct: fc.float({ noNaN: true }),
  group: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  tokens: fc.array(fc.nat(1000), { maxLength: 5 }),
  eos: fc.option(fc.array(fc.float({ noNaN: true }), { maxLength: 4 }), { nil: null }),
  price: fc.option(fc.double({ noNaN: true }), { nil: null }),
  urgent: fc.option(fc.boolean(), { nil: null }),
});
type Row = typeof rowArbitrary extends fc.Arbitrary<infer R> ? R : never;

function columns(rows: readonly Row[]): AnyColumns {
  const eos = raggedFloat32(rows.map((r) => r.eos ?? []));
  const valid = Uint8Array.from(rows, (r) => (r.eos ? 1 : 0));
  return {
    row_id: rows.map((r) => r.row_id),
    solution: rows.map((r) => r.solution),
    reference: rows.map((r) => r.reference),
    reward: Float64Array.from(rows, (r) => r.reward),
    correct: Float32Array.from(rows, (r) => r.correct),
    group: Int32Array.from(rows, (r) => r.group),
    response_tokens: raggedInt32(rows.map((r) => r.tokens)),
    eos_logprobs: valid.includes(0) ? { ...eos, valid } : eos,
    'data.price': rows.map((r) => r.price),
    'data.urgent': rows.map((r) => r.urgent),
  };
}

describe('encode', () => {
  it('gives back what it was given, through Arrow and its IPC stream', () => {
    fc.assert(
      fc.property(fc.array(rowArbitrary, { maxLength: 12 }), (rows) => {
        const given = columns(rows);
        const batch = encode(given, specs);
        const bytes = RecordBatchStreamWriter.writeAll([batch]).toUint8Array(true);
        const read = tableFromIPC(bytes);
        expect(read.numRows).to.equal(rows.length);
        const got = allColumnsOf(read);
        expect(contentHash(got, specs)).to.equal(contentHash(given, specs));
        if (rows.length > 0) expect(got).to.deep.equal(given);
      }),
      { numRuns: 60, seed: 4 },
    );
  });

  it('hashes the same numbers alike, however they were built', () => {
    const values = Float32Array.of(9, 1, 2, 3, 9);
    const a = { offsets: Int32Array.of(0, 2, 3), values: Float32Array.of(1, 2, 3) };
    const b = { offsets: Int32Array.of(1, 3, 4), values };
    const c = raggedFloat32([[1, 2], [3]]);
    const hashes = [a, b, c].map((advantage) => contentHash({ advantage }));
    expect(new Set(hashes).size).to.equal(1);
  });

  it('hashes other rows, other borders, other names and a null differently', () => {
    const hashes = [
      contentHash({ advantage: raggedFloat32([[1, 2], [3]]) }),
      contentHash({ advantage: raggedFloat32([[1], [2, 3]]) }),
      contentHash({ returns: raggedFloat32([[1, 2], [3]]) }),
      contentHash({ solution: ['a', ''] }),
      contentHash({ solution: ['a', null] }),
      contentHash({ prompt: ['a', 'bc'] }),
      contentHash({ prompt: ['ab', 'c'] }),
    ];
    expect(new Set(hashes).size).to.equal(hashes.length);
  });

  it('declares what the vocabulary declares: plain strings, and null only where a column may be null', () => {
    const batch = encode({ prompt: ['x'], solution: [null] });
    expect(batch.schema.fields.map((f) => [f.name, `${f.type}`, f.nullable])).to.deep.equal([
      ['prompt', 'Utf8', false],
      ['solution', 'Utf8', true],
    ]);
  });

  const refused: [string, AnyColumns][] = [
    ['a name that is not in the vocabulary', { rewards: Float64Array.of(1) }],
    ['numbers of another width', { reward: Float32Array.of(1) as never }],
    ['text where there are numbers', { reward: ['1'] as never }],
    ['null where none may be', { prompt: [null] as never }],
    ['columns of unequal length', { prompt: ['a'], exam: ['b', 'c'] }],
    ['a list where there is a number', { reward: raggedFloat32([[1]]) as never }],
  ];
  for (const [what, given] of refused) {
    it(`refuses ${what}`, () => {
      expect(() => encode(given))
        .to.throw(RlevError)
        .with.property('code', 'stage/contract');
    });
  }
});

describe('batches', () => {
  const batch = batchOf({
    row_id: ['a', 'b', 'c'],
    reward: Float64Array.of(1, 2, 3),
    response_tokens: raggedInt32([[1], [2, 3], []]),
  });

  it('take rows in any order, as often as asked', () => {
    const taken = takeRows(batch, [2, 1, 1]);
    expect(columnOf(taken, 'row_id')).to.deep.equal(['c', 'b', 'b']);
    expect(columnOf(taken, 'reward')).to.deep.equal(Float64Array.of(3, 2, 2));
    expect(columnOf(taken, 'response_tokens')).to.deep.equal(raggedInt32([[], [2, 3], [2, 3]]));
  });

  it('gain and replace columns without touching the others', () => {
    const more = withColumns(
      batch,
      batchOf({ reward: Float64Array.of(7, 8, 9), scale: Float64Array.of(1, 1, 1) }),
    );
    expect(more.schema.fields.map((f) => f.name)).to.deep.equal([
      'row_id',
      'reward',
      'response_tokens',
      'scale',
    ]);
    expect(columnOf(more, 'reward')).to.deep.equal(Float64Array.of(7, 8, 9));
    expect(columnOf(batch, 'reward')).to.deep.equal(Float64Array.of(1, 2, 3));
  });

  it('read a column alike from one chunk and from several', () => {
    const two = takeRows(batch, [0, 1]).concat(takeRows(batch, [2]));
    for (const name of ['row_id', 'reward', 'response_tokens'] as const) {
      expect(columnOf(two, name)).to.deep.equal(columnOf(batch, name));
    }
  });

  it('name the column that is not there, and those that are', () => {
    expect(() => columnOf(batch, 'advantage')).to.throw(/no column advantage.*row_id, reward/);
  });
});
