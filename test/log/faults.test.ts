import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { RlevError } from '../../src/core/errors.ts';
import { verifyCheckpoint } from '../../src/log/checkpoints.ts';
import { createRun, openRun } from '../../src/log/run-directory.ts';
import { all, columnsDraft, origin, pipeline, updateDraft } from './events.ts';
import { FakeFiles, type Fault } from './fake-files.ts';
import { failing, nobodyRuns, recovers, survivals, wholeScript } from './faults.ts';

describe('log, when an operation fails', () => {
  let script: string[];
  let operations: number;
  before(async () => {
    ({ identities: script, operations } = await wholeScript());
  });

  for (const fault of ['error', 'torn', 'full', 'killed'] as const satisfies Fault[]) {
    it(`keeps exactly what was acknowledged: ${fault}, at every operation`, async () => {
      for (let at = 1; at <= operations; at++) {
        const { files, acknowledged, error } = await failing(at, fault);
        if (error) expect((error as RlevError).code, `operation ${at}: ${error}`).to.equal('run/io');
        for (const survival of survivals) {
          try {
            await recovers(files.restarted(survival), acknowledged, script);
          } catch (cause) {
            throw new Error(`operation ${at} of ${operations}, ${survival} survived: ${cause}`, { cause });
          }
        }
      }
    });
  }

  it('recovers when recovery itself is stopped', async () => {
    for (let at = 1; at <= operations; at += 3) {
      const { files, acknowledged } = await failing(at, 'killed');
      for (let stop = 1; stop < 40; stop++) {
        const half = files.restarted('half');
        half.failAt(stop, 'killed');
        const opened = await openRun('/runs/a', { files: half, write: true, processes: nobodyRuns }).catch(
          () => {},
        );
        for (const survival of survivals) await recovers(half.restarted(survival), acknowledged, script);
        if (opened) break;
      }
    }
  });

  it('is over after the first failure, and leaves a valid run on a full disk', async () => {
    const files = new FakeFiles();
    const log = await createRun('/run', origin, pipeline, { files });
    const first = await log.append(columnsDraft(0));
    files.failAt(files.operations + 1, 'full');
    const errors = await Promise.all(
      [columnsDraft(1), updateDraft(1)].map((d) => log.append(d).catch((e: unknown) => e as RlevError)),
    );
    errors.push(await log.append(updateDraft(2)).catch((e: unknown) => e as RlevError));
    for (const error of errors) {
      expect(error).to.be.instanceOf(RlevError);
      expect((error as RlevError).code).to.equal('run/io');
      expect((error as RlevError).message).to.equal((errors[0] as RlevError).message);
      expect((error as RlevError).summary).to.equal('The disk is full.');
    }
    await log.close();
    const again = await openRun('/run', { files, write: false });
    expect(again.recovery).to.deep.equal([]);
    expect(await all(again)).to.deep.equal([first]);
  });

  it('never acknowledges after a failed sync', async () => {
    const files = new FakeFiles();
    const log = await createRun('/run', origin, pipeline, { files });
    await log.append(updateDraft(0));
    files.failAt(files.operations + 2, 'error');
    expect(await log.append(updateDraft(1)).catch((e: RlevError) => e.code)).to.equal('run/io');
    expect(await log.append(updateDraft(2)).catch((e: RlevError) => e.code)).to.equal('run/io');
    expect(await all(log)).to.have.length(1);
  });
});

describe('log/checkpoints', () => {
  const key = (step: number) => ({ step, round: 0, part: 0, stage: 'checkpoint', scope: 'train' }) as const;
  const draft = { use: 'checkpoint', params: {}, parents: [], keep: 2 };
  const content = new TextEncoder().encode('weights');

  it('records size and hash of every file, keeps the newest, and checks them', async () => {
    const files = new FakeFiles();
    const log = await createRun('/run', origin, pipeline, { files });
    const write = async (directory: string): Promise<void> => {
      await files.mkdir(`${directory}/optimizer`);
      await files.append(`${directory}/optimizer/m.bin`, content);
      await files.append(`${directory}/model.safetensors`, content);
    };
    for (const step of [20, 40, 60])
      await log.checkpoint({ ...draft, key: key(step), data: { version: step }, write });
    expect(await files.list('/run/checkpoints')).to.deep.equal(['000040/', '000060/']);

    const last = (await all(log)).at(-1)!;
    const said = { bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') };
    expect(last.kind).to.equal('checkpoint');
    expect(last.data!.version).to.equal(60);
    expect(last.data!.directory).to.equal('checkpoints/000060');
    expect(last.data!.files).to.deep.equal({ 'model.safetensors': said, 'optimizer/m.bin': said });

    await verifyCheckpoint(files, '/run', last);
    files.put('/run/checkpoints/000060/optimizer/m.bin', new TextEncoder().encode('weightS'));
    const error = await verifyCheckpoint(files, '/run', last).catch((e: unknown) => e as RlevError);
    expect(error!.code).to.equal('run/corrupt');
    expect(error!.place!.file).to.equal('/run/checkpoints/000060/optimizer/m.bin');
  });

  it('makes one that is recorded and gone again, as it was and not otherwise, without another event', async () => {
    const files = new FakeFiles();
    const log = await createRun('/run', origin, pipeline, { files });
    const writing = (text: string) => ({
      ...draft,
      key: key(20),
      write: (directory: string) => files.append(`${directory}/model.safetensors`, Buffer.from(text)),
    });
    const entry = await log.checkpoint(writing('weights'));
    await files.remove('/run/checkpoints/000020');
    const error = await log.checkpoint(writing('weightS'), entry).catch((e: unknown) => e as RlevError);
    expect(error).to.include({ code: 'run/mismatch' });
    expect((error as RlevError).summary).to.include('model.safetensors did not come to what event 1 records');
    expect(await files.list('/run/checkpoints')).to.deep.equal([]);
    expect(await log.checkpoint(writing('weights'), entry)).to.equal(entry);
    await verifyCheckpoint(files, '/run', entry);
    expect(await all(log)).to.have.length(1);
  });

  it('records nothing where the checkpoint could not be made, and goes on', async () => {
    const files = new FakeFiles();
    const log = await createRun('/run', origin, pipeline, { files });
    const failure = new RlevError({ code: 'engine/failed', message: 'No weights.' });
    const write = (): Promise<void> => Promise.reject(failure);
    expect(await log.checkpoint({ ...draft, key: key(20), write }).catch((e: unknown) => e)).to.equal(
      failure,
    );
    await log.append(updateDraft(20));
    await log.close();
    const again = await openRun('/run', { files, write: true });
    expect(again.recovery.map((r) => r.why)).to.deep.equal([]);
    expect(await all(again)).to.have.length(1);
    expect(await files.list('/run/checkpoints')).to.deep.equal([]);
  });
});
