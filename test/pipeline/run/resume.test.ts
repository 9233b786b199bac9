import { existsSync } from 'node:fs';
import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { catalogueOf, type StageSetup } from '../../../src/core/stage.ts';
import type { RunHeader } from '../../../src/log/event-log.ts';
import { toLine } from '../../../src/log/lines.ts';
import { openRun } from '../../../src/log/run-directory.ts';
import { verifyRun } from '../../../src/log/verify.ts';
import type { Pipeline } from '../../../src/pipeline/file/resolve.ts';
import { refuseUnsteady, resume } from '../../../src/pipeline/run/resume.ts';
import { type RunEvent, type RunResult, train } from '../../../src/pipeline/run/run.ts';
import { builtInStages } from '../../../src/stages/catalogue.ts';
import { errorOf } from '../../support/stage.ts';
import { cutAfter, evaluationsOf, eventsOf, outcomeOf, smallRun, watchedStages } from '../replay/recorded.ts';

const catalogue = builtInStages;
const smoke = (...set: string[]): Promise<Pipeline> => smallRun('run.steps=3', ...set);

/** Rewrites the header of a run's journal, and the chain of checksums that begins there. */
async function changeHeader(directory: string, change: (header: RunHeader) => RunHeader): Promise<void> {
  const file = join(directory, 'journal.ndjson');
  const [header, ...events] = (await readFile(file, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => {
      const { crc: _, ...fields } = JSON.parse(line);
      return fields;
    });
  let { text, crc } = toLine(change(header as RunHeader));
  for (const event of events) {
    const line = toLine({ ...event, prev: crc });
    text += line.text;
    crc = line.crc;
  }
  await writeFile(file, text);
}

describe('resume', function () {
  this.timeout(60_000);
  let folder: string;
  let whole: RunResult;
  const path = (name: string): string => join(folder, name);
  /** A copy of the whole run, cut after the event of this stage. */
  const cut = async (scope: string, step: number, stage: string): Promise<string> => {
    const events = await eventsOf(whole.directory!);
    const at = events.findIndex((line) => line.startsWith(`${scope} ${step}.0 ${stage} `));
    const to = path(`cut-${scope.replace(':', '-')}-${step}-${stage}`);
    await cutAfter(whole.directory!, at + 1, to);
    return to;
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rlev-resume-'));
    whole = await train(await smoke(), { directory: path('whole') });
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('continues from the beginning where there is no checkpoint yet, without evaluating or sampling again', async () => {
    const directory = await cut('train', 0, 'optimize');
    const sampled: string[] = [];
    const told: RunEvent[] = [];
    const result = await resume(directory, {
      catalogue: watchedStages((cohort) => sampled.push(cohort)),
      onEvent: (e) => told.push(e),
    });
    expect(await outcomeOf(directory, result.checkpoint!)).to.deep.equal(
      await outcomeOf(whole.directory!, whole.checkpoint!),
    );
    expect(sampled).to.deep.equal(['train 1', 'eval:heldOut 2', 'train 2', 'eval:heldOut 3']);
    expect(told.find((e) => e.type === 'opened')).to.include({ from: 0, again: 1 });
    expect(told.flatMap((e) => (e.type === 'evaluated' ? e.step : []))).to.deep.equal([2, 3]);
    expect(evaluationsOf(result)).to.deep.equal(evaluationsOf(whole));
  });

  it('continues from the newest checkpoint, and ends the evaluation that was under way', async () => {
    const directory = await cut('eval:heldOut', 2, 'rollout');
    // what a crash in the middle of a write leaves
    await appendFile(join(directory, 'journal.ndjson'), '{"seq":23,"ke');
    const sampled: string[] = [];
    const told: RunEvent[] = [];
    const result = await resume(directory, {
      catalogue: watchedStages((cohort) => sampled.push(cohort)),
      onEvent: (e) => told.push(e),
    });
    expect(await outcomeOf(directory, result.checkpoint!)).to.deep.equal(
      await outcomeOf(whole.directory!, whole.checkpoint!),
    );
    expect(sampled).to.deep.equal(['train 2', 'eval:heldOut 3']);
    expect(told.find((e) => e.type === 'opened')).to.include({ from: 2, again: 0 });
    expect(evaluationsOf(result)).to.deep.equal(evaluationsOf(whole));
  });

  it('with two cohorts in flight finds those that were sampled ahead', async () => {
    const pipeline = await smoke('run.inFlight=2', 'evaluate={}');
    const two = await train(pipeline, { directory: path('two') });
    const events = await eventsOf(two.directory!);
    const ahead = events.findIndex((line) => line.startsWith('train 2.0 rollout '));
    await cutAfter(two.directory!, ahead + 1, path('two-cut'));
    const sampled: string[] = [];
    const result = await resume(path('two-cut'), {
      catalogue: watchedStages((cohort) => sampled.push(cohort)),
    });
    expect(await outcomeOf(path('two-cut'), result.checkpoint!)).to.deep.equal(
      await outcomeOf(two.directory!, two.checkpoint!),
    );
    expect(sampled).to.not.include('train 2');
  });

  it('says of a finished run that it is, shows its evaluations, and writes nothing', async () => {
    const directory = path('finished');
    await cp(whole.directory!, directory, { recursive: true });
    const notes = await readFile(join(directory, 'notes.ndjson'), 'utf8');
    const told: RunEvent[] = [];
    const result = await resume(directory, { catalogue, onEvent: (e) => told.push(e) });
    expect(told.filter((e) => e.type !== 'stage')).to.have.length(1);
    expect(told[0]).to.deep.include({ type: 'opened', from: 3, evaluations: [] });
    expect(evaluationsOf(result)).to.deep.equal(evaluationsOf(whole));
    expect(await readFile(join(directory, 'notes.ndjson'), 'utf8')).to.equal(notes);
  });

  it('makes the last checkpoint again where its folder is gone, to the same bits', async () => {
    const directory = path('unkept');
    await cp(whole.directory!, directory, { recursive: true });
    await rm(join(directory, 'checkpoints/000003'), { recursive: true });
    const { checkpoint } = await resume(directory, { catalogue });
    expect(checkpoint).to.equal(join(directory, 'checkpoints/000003'));
    expect(await outcomeOf(directory, checkpoint!)).to.deep.equal(
      await outcomeOf(whole.directory!, whole.checkpoint!),
    );
    expect((await verifyRun(directory)).findings).to.deep.equal([]);
  });

  it('refuses a run that something else made, says what differs, and changes nothing', async () => {
    const directory = await cut('train', 1, 'rollout');
    await changeHeader(directory, (header) => ({
      ...header,
      versions: { ...header.versions, node: '18.0.0' },
    }));
    const before = await eventsOf(directory);
    const error = await errorOf(() => resume(directory, { catalogue }), 'run/mismatch');
    expect(error.message).to.include(`versions.node: recorded 18.0.0, now ${process.versions.node}`);
    expect(await eventsOf(directory)).to.deep.equal(before);
  });

  it('refuses where an update does not come to what is recorded', async () => {
    const directory = await cut('train', 2, 'optimize');
    const optimize = builtInStages.get('optimize/policy-gradient')!;
    const other = {
      ...optimize,
      create: (params: object, setup: StageSetup) => optimize.create({ ...params, epochs: 2 }, setup),
    };
    const changed = catalogueOf([
      ...[...builtInStages.values()].filter((d) => d !== optimize),
      other as never,
    ]);
    const error = await errorOf(() => resume(directory, { catalogue: changed }), 'run/mismatch');
    expect(error.message)
      .to.include('Stage optimize (optimize/policy-gradient), step 2')
      .and.to.include('journal.ndjson:32');
  });

  it('refuses a checkpoint whose files are damaged', async () => {
    const directory = await cut('train', 2, 'rollout');
    const file = join(directory, 'checkpoints/000002/optimizer.safetensors');
    const bytes = await readFile(file);
    bytes[bytes.length - 5]! ^= 1;
    await writeFile(file, bytes);
    const error = await errorOf(() => resume(directory, { catalogue }), 'run/corrupt');
    expect(error.place?.file).to.equal(file);
  });

  it('refuses to repeat updates on an engine that promises no bits, and says how to go on', async () => {
    const gpu = { engine: 'onnx', device: 'webgpu' };
    const error = await errorOf(() => refuseUnsteady('runs/a', gpu, { from: 20, again: 3 }), 'run/mismatch');
    expect(error.message)
      .to.include('3 steps are recorded after the checkpoint of step 20')
      .and.to.include('rlev train --from runs/a@20');
    refuseUnsteady('runs/a', gpu, { from: 20, again: 0 });
    refuseUnsteady('runs/a', { engine: 'onnx', device: 'cpu' }, { from: 20, again: 3 });
    refuseUnsteady('runs/a', { engine: 'reference', device: 'cpu' }, { from: 20, again: 3 });
  });

  it('refuses a run that a process is writing, with its pid', async () => {
    const directory = await cut('train', 1, 'verify');
    const writer = await openRun(directory, { write: true });
    const error = await errorOf(() => resume(directory, { catalogue }), 'run/locked');
    expect(error.message).to.include(`Process ${process.pid} `);
    await writer.close();
  });

  it('refuses a directory where no run is, and makes none', async () => {
    await errorOf(() => resume(path('nowhere'), { catalogue }), 'run/not-found');
    expect(existsSync(path('nowhere'))).to.equal(false);
  });
});
