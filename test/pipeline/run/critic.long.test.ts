import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { replay } from '../../../src/pipeline/replay/replay.ts';
import { resume } from '../../../src/pipeline/run/resume.ts';
import { type RunResult, train } from '../../../src/pipeline/run/run.ts';
import { errorOf } from '../../support/stage.ts';
import { cutAfter, eventsOf } from '../replay/recorded.ts';
import { catalogue, endOf, ppoWith } from './ppo.ts';

describe('a run with a critic, at length', function () {
  this.timeout(600_000);
  let folder: string;
  let runs: Readonly<Record<1 | 2, RunResult>>;
  const path = (name: string): string => join(folder, name);
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rlev-critic-run-'));
    runs = {
      1: await train(ppoWith(), { directory: path('one') }),
      2: await train(ppoWith('run.inFlight=2'), { directory: path('two') }),
    };
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('learns what its questions are worth: the value loss falls and the explained variance rises', async () => {
    const told: Readonly<Record<string, number>>[] = [];
    const set = ['run.steps=16', 'stages.optimize.adamw.lr=1e-5', 'stages.advantage.lambda=1'];
    await train(ppoWith(...set, 'stages.prompts.perStep=8'), {
      record: false,
      onEvent: (event) => {
        if (event.type === 'step') told.push(event.metrics);
      },
    });
    const mean = (name: string, from: number, to: number): number =>
      told.slice(from, to).reduce((sum, metrics) => sum + metrics[name]!, 0) / (to - from);
    expect(told[0]!.explained_variance).to.equal(0);
    expect(mean('explained_variance', 12, 16)).to.be.above(0.5);
    expect(mean('critic_loss', 12, 16)).to.be.below(mean('critic_loss', 0, 4) / 5);
  });

  for (const inFlight of [1, 2] as const) {
    it(`with ${inFlight} in flight resumes after every event to the same events, policy and critic`, async () => {
      const run = runs[inFlight];
      const end = await endOf(run);
      const events = await eventsOf(run.directory!);
      for (let at = 0; at < events.length; at++) {
        const directory = path(`cut-${inFlight}-${at}`);
        await cutAfter(run.directory!, at + 1, directory);
        expect(await endOf(await resume(directory, { catalogue })), events[at]).to.deep.equal(end);
      }
    });

    it(`with ${inFlight} in flight replays values by the critic of each time`, async () => {
      const { directory } = runs[inFlight];
      const values = { catalogue, from: 'values', check: true };
      const through = await replay(directory!, { ...values, to: 'optimize' });
      expect(through.check).to.deep.equal({ compared: 9, changed: 0, difference: undefined });
      const at = await replay(`${directory!}@2`, values);
      expect(at.check).to.deep.equal({ compared: 2, changed: 0, difference: undefined });
    });
  }

  it('with two in flight gives the same events every time', async () => {
    const again = await train(ppoWith('run.inFlight=2'), { directory: path('again') });
    expect(await endOf(again)).to.deep.equal(await endOf(runs[2]));
  });

  it('forks from a checkpoint with its critic', async () => {
    const from = { run: runs[1].directory!, step: 2 };
    const fork = await train(ppoWith(), { directory: path('fork'), from });
    const [a, b] = [await endOf(fork), await endOf(runs[1])];
    expect([a.weights, a.critic]).to.deep.equal([b.weights, b.critic]);
  });

  it('refuses to go on with another critic than it was begun with', async () => {
    const begin = path('begin');
    await cp('fixtures/models/tiny-qwen2', begin, { recursive: true });
    const set = [`policy.critic.from=${begin}`, 'run.steps=1', 'stages.prompts.perStep=1'];
    const run = await train(ppoWith(...set), { directory: path('other') });
    const events = await eventsOf(run.directory!);
    await cutAfter(run.directory!, events.length - 2, path('other-cut'));
    await cp('fixtures/models/tiny-llama31', begin, { recursive: true });
    const error = await errorOf(() => resume(path('other-cut'), { catalogue }), 'run/mismatch');
    expect(error.message).to.contain('policy');
  });
});
