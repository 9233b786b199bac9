import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { replay } from '../../../src/pipeline/replay/replay.ts';
import { pipelineOf } from '../../../src/pipeline/run/resume.ts';
import { train } from '../../../src/pipeline/run/run.ts';
import { furnish, record, stagesWith } from '../small-run.ts';

describe('a replay through the optimizer', () => {
  const catalogue = stagesWith();
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rlev-replay-'));
    await furnish(folder);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('gives the recorded events and weights of a run with two cohorts in flight', async () => {
    const run = await record(folder, 'two', 'run.inFlight=2', 'run.steps=5');
    const { check } = await replay(run, { catalogue, check: true, from: 'prompts', to: 'optimize' });
    expect(check).to.deep.equal({ compared: 35, changed: 0, difference: undefined });
  });

  it('gives those of a fork, from the checkpoint that it begins with', async () => {
    const run = await record(folder, 'parent');
    const pipeline = await pipelineOf(run, { catalogue, set: ['run.steps=4'] });
    const { directory } = await train(pipeline, { directory: join(folder, 'fork'), from: { run, step: 2 } });
    const { check, steps } = await replay(directory!, {
      catalogue,
      check: true,
      from: 'prompts',
      to: 'optimize',
    });
    expect(steps).to.equal(2);
    expect(check).to.deep.equal({ compared: 14, changed: 0, difference: undefined });
  });
});
