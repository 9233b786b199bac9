import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { JournalEntry } from '../../../src/log/event-log.ts';
import { identityOf } from '../../../src/log/identity.ts';
import { openRun } from '../../../src/log/run-directory.ts';
import { loadPipeline, type Pipeline } from '../../../src/pipeline/file/resolve.ts';
import { pipelineOf, resume } from '../../../src/pipeline/run/resume.ts';
import { type RunResult, train } from '../../../src/pipeline/run/run.ts';
import { builtInStages } from '../../../src/stages/catalogue.ts';
import { errorOf } from '../../support/stage.ts';
import { cutAfter, eventsOf, outcomeOf } from '../replay/recorded.ts';

const catalogue = builtInStages;

async function entriesOf(directory: string): Promise<JournalEntry[]> {
  const log = await openRun(directory, { write: false });
  const found: JournalEntry[] = [];
  for await (const entry of log.entries()) found.push(entry);
  await log.close();
  return found;
}

describe('a fork', function () {
  this.timeout(60_000);
  let folder: string;
  let parent: RunResult;
  let fork: RunResult;
  const path = (name: string): string => join(folder, name);
  const parents = (...set: string[]): Promise<Pipeline> => pipelineOf(path('parent'), { catalogue, set });

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rlev-fork-'));
    const pipeline = await loadPipeline('pipelines/smoke.yaml', {
      catalogue,
      set: ['policy.engine={use: onnx, threads: 1}', 'run.steps=4', 'run.checkpoint.every=2'],
    });
    parent = await train(pipeline, { directory: path('parent') });
    fork = await train(await parents(), {
      directory: path('fork'),
      from: { run: parent.directory!, step: 2 },
    });
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('of the same pipeline does what its parent did after the checkpoint, to the same weights', async () => {
    const steps = async (directory: string): Promise<string[]> =>
      (await eventsOf(directory)).filter((line) => /^train [23]\.0 (?!checkpoint|optimize)/.test(line));
    expect(await steps(fork.directory!)).to.deep.equal(await steps(parent.directory!));
    expect((await outcomeOf(fork.directory!, fork.checkpoint!)).weights).to.equal(
      (await outcomeOf(parent.directory!, parent.checkpoint!)).weights,
    );
  });

  it('begins with a checkpoint of its own, which names that of its parent, and is a parent of its first update', async () => {
    const origin = (await entriesOf(parent.directory!)).find(
      ({ kind, key }) => kind === 'checkpoint' && key.step === 2,
    )!;
    const entries = await entriesOf(fork.directory!);
    const [first] = entries;
    expect(first).to.include({ seq: 1, kind: 'checkpoint' });
    expect(first!.data).to.include({ forkedFrom: origin.identity, version: 2 });
    const identityWith = (parents: string[]): string =>
      identityOf({ ...first!, params: {}, parents, data: first!.data! });
    expect(identityWith([origin.identity])).to.equal(first!.identity);
    const updates = (list: readonly JournalEntry[]): string[] =>
      list.filter(({ kind, key }) => kind === 'update' && key.step >= 2).map(({ identity }) => identity);
    const [here, there] = [updates(entries), updates(await entriesOf(parent.directory!))];
    expect(here[0]).to.not.equal(there[0]);
    expect(here[1]).to.equal(there[1]);
  });

  it('that is stopped is resumed to what it would have been', async () => {
    const entries = await entriesOf(fork.directory!);
    const update = entries.findIndex(({ kind }) => kind === 'update');
    await cutAfter(fork.directory!, update + 1, path('stopped'));
    const result = await resume(path('stopped'), { catalogue });
    expect(await outcomeOf(path('stopped'), result.checkpoint!)).to.deep.equal(
      await outcomeOf(fork.directory!, fork.checkpoint!),
    );
  });

  it('that is stopped before its first event is not taken for a run from the beginning', async () => {
    await cutAfter(fork.directory!, 0, path('unborn'));
    const error = await errorOf(() => resume(path('unborn'), { catalogue }), 'run/mismatch');
    expect(error.message).to.include('policy: ');
    expect(await eventsOf(path('unborn'))).to.deep.equal([]);
  });

  it('may be longer, of another pipeline, and have more cohorts in flight', async () => {
    const changed = await parents('run.steps=5', 'run.inFlight=2', 'stages.advantage.use=advantage/rloo');
    const result = await train(changed, {
      directory: path('changed'),
      from: { run: parent.directory!, step: 4 },
    });
    expect(
      (await eventsOf(result.directory!)).map((line) => line.split(' ').slice(0, 3).join(' ')),
    ).to.include('train 4.0 optimize');
  });

  it('is refused where there is no checkpoint, with the steps that have one', async () => {
    const error = await errorOf(
      async () =>
        train(await parents(), { directory: path('none'), from: { run: parent.directory!, step: 3 } }),
      'run/not-found',
    );
    expect(error.message).to.include('These steps have one: 2, 4.');
  });

  it('is refused where no step is left', async () => {
    await errorOf(
      async () =>
        train(await parents(), { directory: path('none'), from: { run: parent.directory!, step: 4 } }),
      'usage/arguments',
    );
  });

  it('leaves its parent as it was', async () => {
    const lines = (await readFile(join(parent.directory!, 'journal.ndjson'), 'utf8')).trimEnd().split('\n');
    expect(lines).to.have.length(1 + 4 * 7 + 2);
  });
});
