import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { columnOf } from '../../../src/core/batch.ts';
import { openRun } from '../../../src/log/run-directory.ts';
import { replay } from '../../../src/pipeline/replay/replay.ts';
import { resume } from '../../../src/pipeline/run/resume.ts';
import { type RunResult, train } from '../../../src/pipeline/run/run.ts';
import { cutAfter, eventsOf } from '../replay/recorded.ts';
import { stepsOf } from '../small-run.ts';
import { catalogue, endOf, ppoWith } from './ppo.ts';

describe('a run with a critic', function () {
  this.timeout(60_000);
  let folder: string;
  let run: RunResult;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rlev-critic-run-'));
    run = await train(ppoWith('run.inFlight=2'), { directory: join(folder, 'run') });
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('records values of the critic that was published with the policy that sampled', async () => {
    const steps = await stepsOf(run.directory!);
    // cohorts 0 and 1 are both sampled by version 0, whose critic gives 0
    for (const [step, zero] of [true, true, false].entries()) {
      const values = columnOf(steps[step]!, 'values');
      expect(values.offsets).to.deep.equal(columnOf(steps[step]!, 'response_tokens').offsets);
      expect(
        values.values.every((v) => v === 0),
        `step ${step}`,
      ).to.equal(zero);
    }
  });

  it('records the hash of the critic that it published with each policy', async () => {
    const log = await openRun(run.directory!, { write: false });
    const hashes: unknown[] = [];
    for await (const { kind, data } of log.entries()) if (kind === 'update') hashes.push(data?.critic);
    await log.close();
    expect(new Set(hashes)).to.have.length(3);
    expect(hashes[0]).to.match(/^[0-9a-f]{64}$/);
  });

  it('with two in flight resumes to the same events, policy and critic', async () => {
    const events = await eventsOf(run.directory!);
    const at = events.findIndex((line) => line.startsWith('train 2.0 advantage '));
    const directory = join(folder, 'cut');
    await cutAfter(run.directory!, at + 1, directory);
    expect(await endOf(await resume(directory, { catalogue }))).to.deep.equal(await endOf(run));
  });

  it('replays on the recorded values, without a policy, what stands before and behind them', async () => {
    const notices: string[] = [];
    const options = { catalogue, notice: (message: string) => notices.push(message) };
    const whole = await replay(run.directory!, { ...options, check: true });
    expect([whole.from, whole.policy]).to.deep.equal(['verify', false]);
    expect(whole.check).to.deep.equal({ compared: 12, changed: 0, difference: undefined });
    expect(notices.join()).to.contain('values is taken from the recording').and.contain('--from values');

    const other = await replay(run.directory!, { ...options, set: ['stages.reward.alpha=5'] });
    expect([other.from, other.policy]).to.deep.equal(['reward', false]);
    expect(other.changes!.differing.map(({ column }) => column)).to.include.members(['reward', 'returns']);
  });
});
