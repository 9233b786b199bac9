import { tableFromIPC as flechette } from '@uwdata/flechette';
import { expect } from 'chai';
import { parse } from 'csv-parse/sync';
import { readParquet } from 'parquet-wasm/node';
import { allColumnsOf, type Batch, batchOf } from '../../src/core/batch.ts';
import { type AnyColumns, raggedFloat32, raggedInt32 } from '../../src/core/columns.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { type Cell, type Export, exportFormats } from '../../src/log/export.ts';
import { createRun } from '../../src/log/run-directory.ts';
import { parseRows, selectBatches } from '../../src/log/select-batches.ts';
import { errorOf } from '../support/stage.ts';
import { columnsDraft, origin, pipeline, updateDraft } from './events.ts';
import { FakeFiles } from './fake-files.ts';

const specs = {
  'data.flag': { kind: 'bool', nullable: false, doc: '' },
  'data.maybe': { kind: 'float64', nullable: true, doc: '' },
} as const;

/** Columns of every kind, and the same as plain values. */
const columns: AnyColumns = {
  row_id: ['0.0.0.0', '0.0.0.1', '0.0.1.0'],
  answer: ['a, "b"\nc', null, ''],
  reference: [['7'], [], ['zwölf', '€']],
  response_tokens: raggedInt32([[1, 2, 3], [], [4]]),
  advantage: raggedFloat32([[0.5, -1.25], [], [Number.NaN]]),
  eos_logprobs: { ...raggedFloat32([[-0.5], [], [-2]]), valid: new Uint8Array([1, 0, 1]) },
  group: new Int32Array([0, 0, 1]),
  correct: new Float32Array([1, 0, 0.5]),
  reward: new Float64Array([1.1, 0, Infinity]),
  'data.flag': new Uint8Array([1, 0, 1]),
  'data.maybe': [0.1, null, 3],
};
const plain: Record<string, unknown[]> = {
  ...(columns as Record<string, unknown[]>),
  response_tokens: [[1, 2, 3], [], [4]],
  advantage: [[0.5, -1.25], [], [Number.NaN]],
  eos_logprobs: [[-0.5], null, [-2]],
  group: [0, 0, 1],
  correct: [1, 0, 0.5],
  reward: [1.1, 0, Infinity],
  'data.flag': [true, false, true],
};

async function* twice(): AsyncGenerator<Batch> {
  yield batchOf(columns, specs);
  yield batchOf(columns, specs);
}

async function written(write: Export, batches: AsyncIterable<Batch> = twice()): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of write(batches)) chunks.push(Buffer.from(chunk as string));
  return Buffer.concat(chunks);
}

/** The columns that another implementation of Arrow reads, as plain values. */
function readByAnother(bytes: Uint8Array): Record<string, unknown[]> {
  const table = flechette(bytes);
  const plainly = (x: unknown): unknown =>
    x !== null && typeof x === 'object' ? Array.from(x as Iterable<unknown>) : x;
  return Object.fromEntries(
    table.schema.fields.map(({ name }) => [name, Array.from(table.getChild(name)!, plainly)]),
  );
}

function doubled(values: Record<string, unknown[]>): Record<string, unknown[]> {
  return Object.fromEntries(Object.entries(values).map(([name, v]) => [name, [...v, ...v]]));
}

describe('log/export', () => {
  it('writes Arrow that another implementation of it reads', async () => {
    expect(readByAnother(await written(exportFormats.arrow))).to.deep.equal(doubled(plain));
  });

  it('writes Parquet that another implementation of it reads', async () => {
    const bytes = await written(exportFormats.parquet);
    expect(bytes.subarray(0, 4).toString()).to.equal('PAR1');
    expect(readByAnother(readParquet(bytes).intoIPCStream())).to.deep.equal(doubled(plain));
  });

  it('writes JSON lines, numbers that JSON lacks as text', async () => {
    const lines = (await written(exportFormats.jsonl)).toString().trimEnd().split('\n');
    expect(lines).to.have.length(6);
    const rows = lines.map((line) => JSON.parse(line) as Record<string, Cell>);
    expect(rows[0]).to.deep.equal(Object.fromEntries(Object.entries(plain).map(([name, v]) => [name, v[0]])));
    expect([rows[2]!.advantage, rows[2]!.reward, rows[1]!.eos_logprobs]).to.deep.equal([
      ['NaN'],
      'Infinity',
      null,
    ]);
  });

  it('writes CSV with one header, lists as JSON', async () => {
    const rows: Record<string, string>[] = parse(await written(exportFormats.csv), { columns: true });
    expect(rows).to.have.length(6);
    expect(rows[3]).to.include({
      row_id: '0.0.0.0',
      answer: 'a, "b"\nc',
      response_tokens: '[1,2,3]',
      reference: '["7"]',
      reward: '1.1',
    });
    expect(rows[1]!.answer).to.equal('');
  });

  for (const format of ['arrow', 'parquet'] as const) {
    it(`refuses columns that change within one ${format} file`, async () => {
      const mixed = async function* (): AsyncGenerator<Batch> {
        yield batchOf({ reward: new Float64Array([1]) });
        yield batchOf({ correct: new Float32Array([1]) });
      };
      await errorOf(() => written(exportFormats[format], mixed()), 'run/mismatch');
    });
  }
});

describe('log/select-batches', () => {
  let log: EventLog;
  before(async () => {
    log = await createRun('/run', origin, pipeline, { files: new FakeFiles() });
    for (const step of [0, 1, 2]) {
      await log.append(columnsDraft(step));
      const key = { step, round: 0, part: 0, stage: 'reward', scope: 'train' } as const;
      const reward = new Float64Array([0, 1, 2, 3]).map((x) => 10 * step + x);
      await log.append(columnsDraft(step, { key, columns: { reward } }));
      await log.append(updateDraft(step));
    }
  });
  const rewards = async (address: object, options = {}): Promise<unknown[]> => {
    const found: unknown[] = [];
    for await (const batch of selectBatches(log, { scope: 'train', ...address }, options))
      found.push(...(batch.getChild('reward') ?? []));
    return found;
  };

  it('tells which stages a whole run comes without, because their columns were not kept', async () => {
    const lean = await createRun('/lean', origin, pipeline, { files: new FakeFiles() });
    await lean.append(columnsDraft(0));
    await lean.append(columnsDraft(0, { key: { ...columnsDraft(0).key, stage: 'verify' }, keep: false }));
    const told: string[] = [];
    const notKept = (stage: string): void => void told.push(stage);
    for await (const batch of selectBatches(lean, { scope: 'train' }, { notKept }))
      expect(batch.numRows).to.equal(4);
    expect(told).to.deep.equal(['verify']);
  });

  it('gives all steps, one, or the columns of one stage', async () => {
    expect(await rewards({})).to.deep.equal([0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23]);
    expect(await rewards({ step: 1 })).to.deep.equal([10, 11, 12, 13]);
    for await (const batch of selectBatches(log, { step: 1, scope: 'train', stage: 'reward' }))
      expect(batch.schema.fields.map((f) => f.name)).to.deep.equal(['reward']);
  });

  it('joins the columns of earlier stages where they are asked for', async () => {
    const address = { step: 1, scope: 'train', stage: 'reward' } as const;
    for await (const batch of selectBatches(log, address, { columns: ['reward', 'response'] }))
      expect(batch.toArray().map((row) => [row.reward, row.response])[1]).to.deep.equal([11, 'sept']);
  });

  it('counts rows over all steps', async () => {
    expect(await rewards({}, { rows: parseRows('3..8') })).to.deep.equal([3, 10, 11, 12, 13, 20]);
    expect(await rewards({}, { rows: parseRows('5') })).to.deep.equal([11]);
    expect(await rewards({}, { rows: parseRows('50..60') })).to.deep.equal([]);
    for (const text of ['', '9..3', 'a', '-1']) await errorOf(() => parseRows(text), 'usage/arguments');
  });

  it('leaves out of a whole run the step in which it stopped, and says so', async () => {
    const stopped = await createRun('/stopped', origin, pipeline, { files: new FakeFiles() });
    for await (const entry of log.entries()) {
      const { key, kind } = entry;
      if (kind === 'update') await stopped.append(updateDraft(key.step));
      else
        await stopped.append(columnsDraft(key.step, { key, columns: allColumnsOf(await log.read(entry)) }));
    }
    await stopped.append(columnsDraft(3));
    const left: unknown[] = [];
    for (const columns of [undefined, ['reward']]) {
      const rows: unknown[] = [];
      const options = { ...(columns && { columns }), leftOut: (...what: unknown[]) => left.push(what) };
      for await (const batch of selectBatches(stopped, { scope: 'train' }, options))
        rows.push(...(batch.getChild('reward') ?? []));
      expect(rows).to.have.length(12);
    }
    expect(left).to.deep.equal([
      [3, 'rollout'],
      [3, 'rollout'],
    ]);
    for await (const batch of selectBatches(stopped, { scope: 'train', step: 3 }))
      expect(batch.numRows).to.equal(4);
  });

  it('says that an update has no columns, and what it has', async () => {
    const error = await errorOf(() => rewards({ step: 1, stage: 'optimize' }), 'run/not-found');
    expect(error.message).to.include('has no columns').and.to.include('"loss":0.25');
  });
});
