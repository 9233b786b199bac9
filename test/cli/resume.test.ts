import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { train } from '../../src/pipeline/run/run.ts';
import { smallRun } from '../pipeline/replay/recorded.ts';
import { rlev } from '../support/cli.ts';
import { errorOf } from '../support/stage.ts';

describe('rlev resume', function () {
  this.timeout(60_000);
  let folder: string;
  let directory: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rlev-cli-resume-'));
    directory = join(folder, 'cut');
    const abort = new AbortController();
    const pipeline = await smallRun('run.steps=3');
    const cut = train(pipeline, {
      directory,
      signal: abort.signal,
      onEvent: (e) => e.type === 'step' && e.step === 2 && abort.abort(),
    });
    await errorOf(() => cut, 'run/cancelled');
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('goes on where the run was stopped, and prints its whole result', async () => {
    const { code, out, err } = await rlev(['resume', directory, '--json']);
    expect(code).to.equal(0);
    expect(err)
      .to.include('resumes after step 2, from its checkpoint')
      .and.to.match(/^step 3\/3 /m);
    expect(err).to.not.match(/^step [12]\/3 {2}reward/m);
    const result = JSON.parse(out);
    expect(result.steps).to.equal(3);
    expect(result.evaluations.map((e: { step: number }) => e.step)).to.deep.equal([0, 2, 3]);

    const again = await rlev(['resume', directory]);
    expect(again.code).to.equal(0);
    expect(again.out)
      .to.include('finished: all 3 steps are done')
      .and.to.include('before training and after 3 steps');
  });

  it('leaves a run that train --from forks at the steps that have a checkpoint only, and names these', async () => {
    const { code, err } = await rlev(['train', '--from', `${directory}@9`]);
    expect(code).to.equal(1);
    expect(err).to.match(/run\/not-found: .* has no checkpoint of step 9\.\n.*1, 2/);
  });
});
