import { expect } from 'chai';
import { planPrune, pruneRun } from '../../src/log/prune.ts';
import { createRun, openRun } from '../../src/log/run-directory.ts';
import { verifyRun } from '../../src/log/verify.ts';
import { errorOf } from '../support/stage.ts';
import { all, columnsDraft, origin, pipeline } from './events.ts';
import { FakeFiles } from './fake-files.ts';
import { nobodyRuns, survivals } from './faults.ts';
import { scratch } from './scratch.ts';

/** Four steps, a file of columns and a checkpoint each. */
async function run(): Promise<FakeFiles> {
  const files = new FakeFiles();
  const log = await createRun('/run', origin, pipeline, { files, rotateAt: 1 });
  for (const step of [0, 1, 2, 3]) {
    await log.append(columnsDraft(step));
    await log.checkpoint({
      key: { step, round: 0, part: 0, stage: 'checkpoint', scope: 'train' },
      use: 'checkpoint',
      params: {},
      parents: [],
      keep: 9,
      write: (directory) => files.append(`${directory}/model`, new Uint8Array(4)),
    });
  }
  await log.close();
  return files;
}

describe('log/prune', () => {
  const path = scratch();

  it('plans what goes, and changes nothing', async () => {
    const files = await run();
    const paths = files.paths();
    const plan = await planPrune('/run', { checkpoints: 2, before: 3 }, { files });
    expect(plan.checkpoints).to.deep.equal(['checkpoints/000000', 'checkpoints/000001']);
    expect(plan.files.map((f) => f.file)).to.deep.equal(
      [1, 2, 3].map((n) => `events/rollout.000${n}.arrows`),
    );
    expect(files.paths()).to.deep.equal(paths);
    expect(await planPrune('/run', {}, { files })).to.deep.include({ checkpoints: [], files: [] });
  });

  it('says where resuming from the newest checkpoint would read what goes', async () => {
    const files = await run();
    expect(await planPrune('/run', { before: 3 }, { files })).to.not.have.property('needed');
    expect(await planPrune('/run', { before: 4 }, { files })).to.include({ needed: 3 });
  });

  it('removes that, and leaves a run that verifies, reads and goes on', async () => {
    const files = await run();
    await pruneRun(await planPrune('/run', { checkpoints: 1, before: 2 }, { files }), { files });
    await pruneRun(await planPrune('/run', { checkpoints: 1, before: 9 }, { files }), { files });
    expect(files.paths().filter((p) => /events|checkpoints/.test(p))).to.deep.equal([
      '/run/checkpoints/000003/model',
    ]);
    const verified = await verifyRun('/run', { files });
    expect(verified.findings).to.deep.equal([]);
    expect(verified.remnants).to.deep.equal([]);
    expect(verified.pruned).to.have.length(4);

    const log = await openRun('/run', { files, write: true });
    const [first] = await all(log);
    const error = await errorOf(() => log.read(first!), 'run/not-found');
    expect(error.message).to.include('were pruned');
    const next = await log.append(columnsDraft(4));
    expect(next.segment!.file).to.equal('events/rollout.0005.arrows');
    await log.read(next);
    await log.close();
    expect((await verifyRun('/run', { files })).findings).to.deep.equal([]);
  });

  for (const asked of [
    ...[0, -2, 1.5, Number.NaN].map((checkpoints) => ({ checkpoints })),
    ...[-1, 0.5, Number.NaN].map((before) => ({ before })),
  ]) {
    const [option] = Object.keys(asked);
    it(`refuses --${option} ${Object.values(asked)[0]}, which counts nothing`, async () => {
      const error = await errorOf(
        async () => planPrune('/run', asked, { files: await run() }),
        'usage/arguments',
      );
      expect(error.message).to.include(`--${option} takes a whole number`);
    });
  }

  it('stopped at any operation, leaves a run that verifies, goes on, and can be pruned again', async () => {
    const whole = await run();
    const prune = async (files: FakeFiles): Promise<void> =>
      pruneRun(await planPrune('/run', { checkpoints: 2, before: 3 }, { files }), {
        files,
        processes: nobodyRuns,
      });
    const counted = whole.restarted('all');
    await prune(counted);
    for (const fault of ['torn', 'killed'] as const) {
      for (let at = 1; at <= counted.operations; at++) {
        const files = whole.restarted('all');
        files.failAt(at, fault);
        await prune(files).catch(() => undefined);
        for (const survival of survivals) {
          const left = files.restarted(survival);
          const what = `operation ${at}, ${fault}, ${survival}`;
          const found = await verifyRun('/run', { files: left, processes: nobodyRuns });
          expect(
            found.findings.map((f) => f.error.message),
            what,
          ).to.deep.equal([]);
          const log = await openRun('/run', { files: left, write: true, processes: nobodyRuns });
          expect((await all(log)).length, what).to.equal(8);
          await log.close();
          await prune(left);
          expect(left.paths().sort(), what).to.deep.equal(counted.paths().sort());
        }
      }
    }
  });

  it('is seen by a reader that had the run open before', async () => {
    const directory = path('run');
    const log = await createRun(directory, origin, pipeline, { rotateAt: 1 });
    const entries = [await log.append(columnsDraft(0)), await log.append(columnsDraft(1))];
    await log.close();
    const reader = await openRun(directory, { write: false });
    for (const [step, entry] of entries.entries()) {
      await pruneRun(await planPrune(directory, { before: step + 1 }));
      const error = await errorOf(() => reader.read(entry), 'run/not-found');
      expect(error.message).to.include('were pruned');
    }
    await reader.close();
  });

  it('does not hide damage: a file that is gone and not on the list', async () => {
    const files = await run();
    await pruneRun(await planPrune('/run', { before: 1 }, { files }), { files });
    await files.remove('/run/events/rollout.0002.arrows');
    expect((await verifyRun('/run', { files })).findings.map((f) => f.seq)).to.deep.equal([3]);
    files.put('/run/pruned.json', new Uint8Array(3));
    expect((await verifyRun('/run', { files })).findings[0]!.error.place?.file).to.equal('/run/pruned.json');
  });
});
