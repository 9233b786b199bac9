import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tableFromIPC } from 'apache-arrow';
import { expect } from 'chai';
import { RlevError } from '../../src/core/errors.ts';
import { toLine } from '../../src/log/lines.ts';
import { createRun, openRun } from '../../src/log/run-directory.ts';
import { eventLogContract } from './contract.ts';
import { all, columnsDraft, origin, pipeline, rewardDraft, updateDraft } from './events.ts';
import { FakeFiles } from './fake-files.ts';
import { flips } from './flips.ts';
import { scratch } from './scratch.ts';

async function errorOf(work: Promise<unknown>): Promise<RlevError> {
  const error = await work.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).to.be.instanceOf(RlevError);
  return error as RlevError;
}

eventLogContract('a run directory in memory, rotated often,', async () => {
  const files = new FakeFiles();
  const log = await createRun('/runs/a', origin, pipeline, { files, rotateAt: 2000 });
  return { log, reopen: (write) => openRun('/runs/a', { files, write }) };
});

describe('log on the file system of this machine', () => {
  const path = scratch();
  let made = 0;
  eventLogContract('a run directory', async () => {
    const directory = path(`run-${made++}`);
    const log = await createRun(directory, origin, pipeline);
    return { log, reopen: (write) => openRun(directory, { write }) };
  });
});

describe('log/run-directory', () => {
  const path = scratch();

  it('lays a run out as a pipeline, a journal and one Arrow stream a stage', async () => {
    const run = path('layout/deep');
    const log = await createRun(run, origin, pipeline);
    await log.append(columnsDraft(0));
    await log.append(columnsDraft(1));
    await log.append(rewardDraft(1));
    await log.note({ what: 'started' });
    expect((await readdir(run)).sort()).to.deep.equal(
      ['checkpoints', 'events', 'journal.ndjson', 'lock', 'notes.ndjson', 'pipeline.yaml'].sort(),
    );
    await log.close();
    expect(await readFile(`${run}/pipeline.yaml`, 'utf8')).to.equal(pipeline);
    expect((await readdir(`${run}/events`)).sort()).to.deep.equal(['eval.held%2Eout', 'rollout.0001.arrows']);
    expect(await readdir(run)).not.to.include('lock');

    const stream = tableFromIPC(await readFile(`${run}/events/rollout.0001.arrows`));
    expect([...stream.getChild('row_id')!]).to.deep.equal(
      [0, 1].flatMap((step) => [0, 1, 2, 3].map((i) => `${step}.0.0.${i}`)),
    );
    const again = await openRun(run, { write: false });
    expect(again.header.versions).to.deep.equal(origin.versions);
    expect(await all(again)).to.have.length(3);
    await again.close();
  });

  it('writes the same journal for the same events', async () => {
    const journals = [];
    for (const name of ['same-1', 'same-2']) {
      const log = await createRun(path(name), origin, pipeline);
      await log.append(columnsDraft(0));
      await log.append(updateDraft(0));
      await log.close();
      journals.push(await readFile(`${path(name)}/journal.ndjson`, 'utf8'));
    }
    expect(journals[0]).to.equal(journals[1]);
  });

  it('goes on in a new file when the schema changes or the file is full', async () => {
    const files = new FakeFiles();
    const probe = await createRun('/probe', origin, pipeline, { files });
    const { segment } = await probe.append(columnsDraft(0));
    const rotateAt = segment!.offset + 2 * segment!.length;
    const log = await createRun('/run', origin, pipeline, { files, rotateAt });
    const reward = { columns: { reward: new Float64Array(4) } };
    const drafts = [
      columnsDraft(0),
      columnsDraft(1),
      columnsDraft(2),
      columnsDraft(3, reward),
      columnsDraft(4, reward),
    ];
    for (const draft of drafts) await log.append(draft);
    await log.close();
    const reopened = await openRun('/run', { files, write: true, rotateAt });
    await reopened.append(columnsDraft(5, reward));
    await reopened.append(columnsDraft(6));
    const entries = await all(reopened);
    expect(entries.map((e) => Number(e.segment!.file.slice(-11, -7)))).to.deep.equal([1, 1, 2, 3, 3, 3, 4]);
    for (const file of new Set(entries.map((e) => e.segment!.file))) {
      const rows = entries.filter((e) => e.segment!.file === file).length * 4;
      expect(tableFromIPC(files.content(`/run/${file}`)).numRows).to.equal(rows);
    }
  });

  it('refuses to make a run where something is, and to open one where none is', async () => {
    const run = path('twice');
    await (await createRun(run, origin, pipeline)).close();
    expect((await errorOf(createRun(run, origin, pipeline))).code).to.equal('run/exists');
    expect((await errorOf(openRun(path('none'), { write: false }))).code).to.equal('run/not-found');
  });

  it('says what is where no run is, and to delete only what began as one', async () => {
    const runs = path('runs');
    await (await createRun(`${runs}/a`, origin, pipeline)).close();
    await (await createRun(`${runs}/b`, origin, pipeline)).close();
    await rm(`${runs}/b/journal.ndjson`);
    await writeFile(`${runs}/notes.txt`, 'of another program');
    await mkdir(`${runs}/empty`);
    const said = async (directory: string): Promise<string> => {
      const error = await errorOf(openRun(directory, { write: true }));
      expect(error.code).to.equal('run/not-found');
      return `${error.summary} ${error.help}`;
    };
    expect(await said(`${runs}/nope`)).to.match(/^There is no directory .*nope\. .*RUN@STEP/);
    expect(await said('')).to.match(/^There is no directory/);
    expect(await said(`${runs}/notes.txt`)).to.match(/notes\.txt is a file\./);
    expect(await said(runs)).to.match(/runs holds no run: .* There are runs in it: a\.$/);
    expect(await said(`${runs}/empty`)).to.match(/holds no run: .* Give the directory of a run\.$/);
    expect(await said(`${runs}/b`)).to.match(/before its first event\. Delete the directory/);
    expect(await readdir(runs)).to.deep.equal(['a', 'b', 'empty', 'notes.txt']);
  });

  it('lets one process write and others read', async () => {
    const run = path('busy');
    const log = await createRun(run, origin, pipeline);
    const error = await errorOf(openRun(run, { write: true }));
    expect(error.code).to.equal('run/locked');
    expect(error.message).to.include(`Process ${process.pid} on `);
    await log.append(updateDraft(0));
    const reader = await openRun(run, { write: false });
    expect(await all(reader)).to.have.length(1);
    await log.close();
    await (await openRun(run, { write: true })).close();
  });

  it('cuts a torn last line and says so', async () => {
    const run = path('torn');
    const log = await createRun(run, origin, pipeline);
    await log.append(columnsDraft(0));
    await log.append(updateDraft(0));
    await log.close();
    const journal = await readFile(`${run}/journal.ndjson`);
    const start = journal.subarray(0, -1).lastIndexOf(10) + 1;
    for (const length of [start + 1, start + 100, journal.length - 1]) {
      await writeFile(`${run}/journal.ndjson`, journal.subarray(0, length));
      const torn = { file: 'journal.ndjson', from: start, bytes: length - start, why: 'torn line' };
      const reader = await openRun(run, { write: false });
      expect(reader.recovery).to.deep.equal([torn]);
      expect(await all(reader)).to.have.length(1);
      expect((await readFile(`${run}/journal.ndjson`)).length, 'reading changes nothing').to.equal(length);
      const writer = await openRun(run, { write: true });
      expect(writer.recovery).to.deep.equal([torn]);
      await writer.close();
      expect(await readFile(`${run}/journal.ndjson`)).to.deep.equal(journal.subarray(0, start));
    }
  });

  it('cuts data that no line points at and says so', async () => {
    const files = new FakeFiles();
    const log = await createRun('/run', origin, pipeline, { files });
    const { segment } = await log.append(columnsDraft(0));
    await log.close();
    const end = segment!.offset + segment!.length;
    await files.append('/run/events/rollout.0001.arrows', new Uint8Array(99));
    await files.append('/run/events/verify.0001.arrows', new Uint8Array(7));
    await files.mkdir('/run/checkpoints/.tmp-000020');
    const again = await openRun('/run', { files, write: true });
    const why = 'data without a journal line';
    expect(again.recovery).to.deep.equal([
      { file: 'events/rollout.0001.arrows', from: end, bytes: 99, why },
      { file: 'events/verify.0001.arrows', from: 0, bytes: 7, why },
      { file: 'checkpoints/.tmp-000020', from: 0, bytes: 0, why: 'unfinished checkpoint' },
    ]);
    await again.append(columnsDraft(1));
    await again.close();
    expect(files.paths().filter((p) => p.endsWith('.arrows'))).to.deep.equal([
      '/run/events/rollout.0001.arrows',
    ]);
    expect((await openRun('/run', { files, write: false })).recovery).to.deep.equal([]);
  });

  it('names file, line and offset of a journal that does not verify', async () => {
    const files = new FakeFiles();
    const log = await createRun('/run', origin, pipeline, { files });
    for (let step = 0; step < 3; step++) await log.append(updateDraft(step));
    await log.close();
    const text = new TextDecoder().decode(files.content('/run/journal.ndjson'));
    const lines = text.split(/(?<=\n)/);
    const offset = Buffer.byteLength(lines[0]! + lines[1]!);
    const broken: [string, string][] = [
      [lines.toSpliced(2, 1).join(''), 'a line that is gone'],
      [lines.with(2, lines[3]!).with(3, lines[2]!).join(''), 'two lines that changed places'],
      [lines.with(2, lines[1]!).join(''), 'a line that stands twice'],
      [lines.with(2, lines[2]!.replace('0.25', '0.26')).join(''), 'a number that changed'],
    ];
    for (const [journal, what] of broken) {
      files.put('/run/journal.ndjson', new TextEncoder().encode(journal));
      const error = await errorOf(openRun('/run', { files, write: true }));
      expect(error.code, what).to.equal('run/corrupt');
      expect(error.place, what).to.deep.equal({ file: '/run/journal.ndjson', line: 3 });
      expect(error.value, what).to.equal(offset);
    }
    files.put('/run/journal.ndjson', new Uint8Array(0));
    expect((await errorOf(openRun('/run', { files, write: true }))).code).to.equal('run/corrupt');
  });

  it('opens a journal whose fields stand in another order, as another program may write them', async () => {
    const files = new FakeFiles();
    const log = await createRun('/run', origin, pipeline, { files });
    await log.append(columnsDraft(0));
    await log.append(updateDraft(0));
    await log.close();
    const [header, ...lines] = new TextDecoder()
      .decode(files.content('/run/journal.ndjson'))
      .trim()
      .split('\n');
    const entries = await all(log);
    const rewrite = (change: (fields: Record<string, unknown>) => object): void => {
      let { text, crc } = { text: `${header}\n`, crc: header!.slice(-10, -2) };
      for (const line of lines) {
        const { crc: _, prev, ...fields } = JSON.parse(line);
        const next = toLine({ ...change(fields), prev: crc });
        text += next.text;
        crc = next.crc;
      }
      files.put('/run/journal.ndjson', new TextEncoder().encode(text));
    };
    rewrite((fields) => Object.fromEntries(Object.entries(fields).reverse()));
    const again = await openRun('/run', { files, write: true });
    expect(again.recovery).to.deep.equal([]);
    expect(await all(again)).to.deep.equal(entries);
    await again.close();

    rewrite((fields) => ({ ...fields, seq: Number(fields.seq) + 1 }));
    expect((await errorOf(openRun('/run', { files, write: false }))).message).to.include('says that it is 2');
    rewrite((fields) => ({ ...fields, more: 1 }));
    expect((await errorOf(openRun('/run', { files, write: false }))).message).to.include('Unrecognized key');
  });

  it('reads lines of any length, however they lie in what is read at once', async () => {
    const files = new FakeFiles();
    const log = await createRun('/run', origin, pipeline, { files });
    const lengths = [10, 3_000_000, 20, 700_000, 700_000, 2 ** 20, 30];
    for (const [step, n] of lengths.entries())
      await log.append(updateDraft(step, { data: { text: 'x'.repeat(n) } }));
    await log.close();
    const again = await openRun('/run', { files, write: false });
    expect((await all(again)).map((e) => String(e.data?.text).length)).to.deep.equal(lengths);
    const writer = await openRun('/run', { files, write: true });
    for (const step of [4, 5, 6])
      expect((await errorOf(writer.append(updateDraft(step)))).summary).to.include(`step ${step}, round 0`);
    await writer.close();
    files.put('/run/journal.ndjson', files.content('/run/journal.ndjson').slice(0, -1));
    expect((await openRun('/run', { files, write: false })).count).to.equal(lengths.length - 1);
  });

  it('refuses a journal of another format', async () => {
    const files = new FakeFiles();
    await (await createRun('/run', origin, pipeline, { files })).close();
    files.put('/run/journal.ndjson', new TextEncoder().encode(toLine({ format: 2 }).text));
    expect((await errorOf(openRun('/run', { files, write: false }))).code).to.equal('run/mismatch');
  });

  it('finds every flipped bit: a sample', async () => {
    expect(await flips((bit) => bit % 61 === 0)).to.be.greaterThan(300);
  });

  it('finds columns that are shorter than the journal says', async () => {
    const files = new FakeFiles();
    const log = await createRun('/run', origin, pipeline, { files });
    const entry = await log.append(columnsDraft(0));
    await log.close();
    const file = '/run/events/rollout.0001.arrows';
    const bytes = files.content(file);
    for (const length of [0, 1, entry.segment!.head, bytes.length - 1]) {
      files.put(file, bytes.slice(0, length));
      const error = await errorOf(openRun('/run', { files, write: true }));
      expect(error.code).to.equal('run/corrupt');
      expect(error.place?.file).to.equal(file);
      expect(error.value).to.equal(length);
    }
  });
});
