import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Batch } from '../../../src/core/batch.ts';
import { diffPipelines, type PipelineDiff } from '../../../src/pipeline/replay/diff-pipelines.ts';
import { diffRuns, type RunDiff } from '../../../src/pipeline/replay/diff-runs.ts';
import { errorOf } from '../../support/stage.ts';
import { furnish, numbers, record, smallPipeline, stagesWith, stepsOf } from '../small-run.ts';
import { cutAfter } from './recorded.ts';

describe('pipeline/diff', function () {
  this.timeout(60_000);
  let folder: string;
  let run: string;
  let recorded: Batch[];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rlev-diff-'));
    await furnish(folder);
    run = await record(folder, 'run', 'run.steps=2');
    recorded = await stepsOf(run);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const runs = (a: string, b: string): Promise<RunDiff> => diffRuns(a, b, { catalogue: stagesWith() });

  describe('of two runs', () => {
    it('says that equal runs are identical', async () => {
      await cutAfter(run, 16, join(folder, 'same'));
      const diff = await runs(run, join(folder, 'same'));
      expect(diff).to.deep.include({
        identical: true,
        pipeline: [],
        origin: [],
        first: undefined,
        columns: {},
      });
      expect(diff.events).to.deep.equal({ equal: 16, differing: 0, alone: [0, 0] });
    });

    it('finds where they part, and what differs from there on', async () => {
      const other = await record(folder, 'alpha', 'run.steps=2', 'stages.reward.alpha=2.5');
      const diff = await runs(run, other);
      expect(diff.identical).to.equal(false);
      expect(diff.pipeline).to.deep.equal([{ key: 'stages.reward.alpha', before: 10, after: 2.5 }]);
      expect(diff.first).to.deep.equal({ scope: 'train', step: 0, stage: 'reward', alone: false });
      const { differing } = diff.columns.train!;
      const scale = differing.find(({ column }) => column === 'scale');
      const others = await stepsOf(other);
      const [x, y] = [numbers(recorded, 'scale'), numbers(others, 'scale')];
      const apart = x.map((a, i) => Math.abs(a - y[i]!));
      expect(scale?.pairs.n).to.equal(32);
      expect(scale?.pairs.mean_difference).to.be.closeTo(apart.reduce((a, b) => a + b) / 32, 1e-12);
      expect(scale?.pairs.max_difference).to.equal(Math.max(...apart));
      expect(scale?.by_value.map(({ label }) => label)).to.deep.equal([
        '1 point',
        '2 points',
        '3 points',
        '4 points',
      ]);
    });

    it('compares row by row only where the question is the same', async () => {
      const other = await record(folder, 'seed', 'run.steps=2', 'run.seed=2');
      const diff = await runs(run, other);
      expect(diff.first).to.deep.equal({ scope: 'train', step: 0, stage: 'prompts', alone: false });
      const points = diff.columns.train!.differing.find(({ column }) => column === 'points')!;
      const others = await stepsOf(other);
      const questions = (steps: readonly Batch[]): number[] =>
        numbers(steps, 'points').filter((_, i) => i % 4 === 0);
      const [x, y] = [questions(recorded), questions(others)];
      expect(points.before.n).to.equal(8);
      expect(points.pairs.n).to.equal(x.filter((p, i) => p === y[i]).length);
      expect(points.pairs.n).to.be.below(8);
      expect(points.pairs.equal).to.equal(points.pairs.n);
    });

    it('says where one goes on and the other has stopped', async () => {
      await cutAfter(run, 10, join(folder, 'stopped'));
      const longer = await runs(join(folder, 'stopped'), run);
      expect(longer).to.deep.include({ identical: false, first: undefined, columns: {} });
      expect(longer.events).to.deep.equal({ equal: 10, differing: 0, alone: [0, 6] });
      const shorter = await runs(run, join(folder, 'stopped'));
      expect(shorter.events.alone).to.deep.equal([6, 0]);
      expect(shorter.first).to.deep.equal({ scope: 'train', step: 1, stage: 'verify', alone: true });
    });
  });

  it('is of one step where an address names one', async () => {
    // 7 stages and the checkpoint before them
    expect((await runs(`${run}@1`, run)).events).to.deep.equal({ equal: 8, differing: 0, alone: [0, 0] });
    await errorOf(() => runs(`${run}@0`, `${run}@1`), 'usage/arguments');
    const file = join(run, 'pipeline.yaml');
    const options = { catalogue: stagesWith() };
    expect((await diffPipelines(file, file, `${run}@1`, options)).steps).to.equal(1);
  });

  it('is cancelled by a signal, with one error', async () => {
    const options = { catalogue: stagesWith(), signal: AbortSignal.abort() };
    expect((await errorOf(() => diffRuns(run, run, options))).code).to.equal('run/cancelled');
    const file = join(run, 'pipeline.yaml');
    expect((await errorOf(() => diffPipelines(file, file, run, options))).code).to.equal('run/cancelled');
  });

  describe('of two pipelines on one recording', () => {
    async function pipelines(change: (yaml: string) => string): Promise<PipelineDiff> {
      const files = [join(folder, 'a.yaml'), join(folder, 'b.yaml')] as const;
      await writeFile(files[0], smallPipeline);
      await writeFile(files[1], change(smallPipeline));
      return diffPipelines(...files, run, { catalogue: stagesWith() });
    }

    it('says how advantages change, by value, in sign and together', async () => {
      const diff = await pipelines((yaml) =>
        yaml.replace('{ use: advantage/rloo }', '{ use: advantage/grpo }'),
      );
      expect(diff).to.deep.include({ identical: false, steps: 2, rollouts: 32 });
      expect(diff.pipeline.map(({ key }) => key)).to.include('stages.advantage.use');
      const [advantage, ...rest] = diff.columns.differing;
      expect([advantage?.column, rest.length]).to.deep.equal(['advantage', 0]);

      const x = numbers(recorded, 'advantage');
      const rewards = numbers(recorded, 'reward');
      const group = (i: number): number[] => rewards.slice(i - (i % 4), i - (i % 4) + 4);
      const y = rewards.map((r, i) => {
        const all = group(i);
        const mean = all.reduce((a, b) => a + b) / 4;
        const sd = Math.sqrt(all.reduce((sum, q) => sum + (q - mean) ** 2, 0) / 3);
        return (r - mean) / (sd + 1e-6);
      });
      const mean = (z: number[]): number => z.reduce((a, b) => a + b) / z.length;
      const [mx, my] = [mean(x), mean(y)];
      const covariance = mean(x.map((a, i) => (a - mx) * (y[i]! - my)));
      const sd = (z: number[], m: number): number => Math.sqrt(mean(z.map((a) => (a - m) ** 2)));
      expect(advantage?.pairs.correlation).to.be.closeTo(covariance / (sd(x, mx) * sd(y, my)), 1e-6);
      expect(advantage?.pairs.mean_difference).to.be.closeTo(
        mean(x.map((a, i) => Math.abs(a - y[i]!))),
        1e-6,
      );
      expect(advantage?.pairs.sign_flips).to.equal(0);
      const points = numbers(recorded, 'points');
      for (const { from, before, after } of advantage!.by_value) {
        const size = (z: number[]): number => mean(z.filter((_, i) => points[i] === from).map(Math.abs));
        expect(before.mean_size).to.be.closeTo(size(x), 1e-6);
        expect(after.mean_size).to.be.closeTo(size(y), 1e-6);
      }
    });

    it('counts opposite signs', async () => {
      const diff = await pipelines((yaml) => yaml.replace('test/parity', 'test/parity, even: true'));
      const advantage = diff.columns.differing.find(({ column }) => column === 'advantage');
      const nonzero = numbers(recorded, 'advantage').filter((a) => Math.abs(a) > 1e-9).length;
      expect(advantage?.pairs.sign_flips).to.equal(nonzero);
      expect(nonzero).to.be.above(0);
    });

    it('says that pipelines that give the same are identical', async () => {
      const diff = await pipelines((yaml) => yaml.replace('seed: 1', 'seed: 9'));
      expect(diff).to.deep.include({ identical: true, pipeline: [] });
      expect(diff.columns.equal).to.include.members(['correct', 'value', 'reward', 'advantage']);
    });
  });
});
