import { appendFile, cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { z } from 'zod';
import { type Batch, columnOf } from '../../../src/core/batch.ts';
import { raggedFloat32, rowOf } from '../../../src/core/columns.ts';
import { defineMap } from '../../../src/core/stage.ts';
import { openRun } from '../../../src/log/run-directory.ts';
import { resolvePipeline } from '../../../src/pipeline/file/resolve.ts';
import { type ReplayOptions, type ReplayResult, replay } from '../../../src/pipeline/replay/replay.ts';
import { train } from '../../../src/pipeline/run/run.ts';
import { rloo } from '../../../src/stages/advantage/rloo.ts';
import { errorOf } from '../../support/stage.ts';
import { furnish, numbers, record, smallPipeline, stagesWith, stepsOf } from '../small-run.ts';
import { cutAfter, eventsOf } from './recorded.ts';

describe('pipeline/replay', function () {
  this.timeout(60_000);
  let folder: string;
  let run: string;
  let recorded: Batch[];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rlev-replay-'));
    await furnish(folder);
    run = await record(folder, 'run');
    recorded = await stepsOf(run);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  /** A replay, and the cohorts that it ended with. */
  async function replayed(
    options: Partial<ReplayOptions> = {},
    of = run,
  ): Promise<ReplayResult & { batches: Batch[] }> {
    const batches: Batch[] = [];
    const onStep: ReplayOptions['onStep'] = (_, cohort) => void batches.push(cohort.batch);
    const result = await replay(of, { catalogue: stagesWith(), onStep, ...options });
    return { ...result, batches };
  }

  /** r_i - mean of the rewards of the other responses in the group, from the definition. */
  function leaveOneOut(rewards: readonly number[], groups: readonly number[]): number[] {
    return rewards.map((r, i) => {
      const others = rewards.filter((_, j) => j !== i && groups[j] === groups[i]);
      return r - others.reduce((sum, x) => sum + x, 0) / others.length;
    });
  }

  describe('of an unchanged pipeline', () => {
    it('runs what stands behind the rollout, and gives the recorded identities', async () => {
      const { from, to, check, steps, rollouts, policy } = await replayed({ check: true });
      expect([from, to, steps, rollouts]).to.deep.equal(['verify', 'advantage', 3, 48]);
      expect(check).to.deep.equal({ compared: 12, changed: 0, difference: undefined });
      expect(policy).to.equal(false);
    });

    it('says that no column differs', async () => {
      const { changes } = await replayed();
      expect(changes?.differing).to.deep.equal([]);
      expect(changes?.equal).to.deep.equal(['answer', 'correct', 'value', 'scale', 'reward', 'advantage']);
    });

    it('through the optimizer goes on from a checkpoint', async () => {
      const { check, steps } = await replayed({ check: true, to: 'optimize', steps: { from: 1, to: 2 } });
      expect(steps).to.equal(2);
      expect(check).to.deep.equal({ compared: 10, changed: 0, difference: undefined });
    });

    it('from the first stage to the last samples and trains as recorded, on policy all the way', async () => {
      const { check, off_policy, policy } = await replayed({ check: true, from: 'prompts', to: 'optimize' });
      expect(check).to.deep.equal({ compared: 21, changed: 0, difference: undefined });
      expect(policy).to.equal(true);
      for (const { ratio_mean, effective_samples } of off_policy) {
        expect(ratio_mean).to.be.closeTo(1, 1e-3);
        expect(effective_samples).to.be.closeTo(16, 1e-3);
      }
    });

    it('samples at later steps by the policies of the checkpoints, without training', async () => {
      const { check, policy } = await replayed({ from: 'rollout', to: 'verify', check: true });
      expect(check).to.deep.equal({ compared: 6, changed: 0, difference: undefined });
      expect(policy).to.equal(true);
    });

    it('takes one step by its address, or some', async () => {
      expect((await replayed({}, `${run}@1`)).batches.map((b) => columnOf(b, 'row_id')[0])).to.deep.equal([
        '1.0.0.0',
      ]);
      expect((await replayed({ steps: { from: 1, to: 5 } })).steps).to.equal(2);
    });
  });

  describe('of a changed pipeline', () => {
    it('gives the rewards and advantages of another alpha', async () => {
      const result = await replayed({ set: ['stages.reward.alpha=2.5'] });
      expect([result.from, result.to]).to.deep.equal(['reward', 'advantage']);
      const points = numbers(recorded, 'points');
      const correct = numbers(recorded, 'correct');
      const totals = numbers(recorded, 'exam_total');
      const rewards = correct.map((c, i) => c * (1 + Math.min((2.5 * points[i]!) / totals[i]!, 1)));
      const groups = recorded.flatMap((batch, step) => numbers([batch], 'group').map((g) => 100 * step + g));
      numbers(result.batches, 'reward').forEach((r, i) => {
        expect(r).to.be.closeTo(rewards[i]!, 1e-12);
      });
      const expected = leaveOneOut(rewards, groups);
      numbers(result.batches, 'advantage').forEach((a, i) => {
        expect(a).to.be.closeTo(expected[i]!, 1e-6);
      });
      expect(new Set(expected.map((a) => a.toFixed(3))).size).to.be.above(5);
    });

    it('says by points how much changed', async () => {
      const { changes } = await replayed({ set: ['stages.reward.alpha=2.5'] });
      const scale = changes?.differing.find(({ column }) => column === 'scale');
      expect(
        scale?.by_value.map(({ label, before, after }) => [label, before.mean, after.mean]),
      ).to.deep.equal([
        ['1 point', 2, 1.25],
        ['2 points', 2, 1.5],
        ['3 points', 2, 1.75],
        ['4 points', 2, 2],
      ]);
      expect(scale?.pairs).to.include({ n: 48, equal: 12, max_difference: 0.75 });
    });

    it('takes another estimator', async () => {
      const result = await replayed({ set: ['stages.advantage={use: advantage/grpo, std: false}'] });
      expect(result.from).to.equal('advantage');
      const before = numbers(recorded, 'advantage');
      numbers(result.batches, 'advantage').forEach((a, i) => {
        expect(a).to.be.closeTo((before[i]! * 3) / 4, 1e-6);
      });
      const [advantage] = result.changes?.differing ?? [];
      expect(advantage?.column).to.equal('advantage');
      expect(advantage?.pairs.correlation).to.be.closeTo(1, 1e-6);
    });

    it('takes another verifier', async () => {
      const result = await replayed({ set: ['stages.verify.even=true'], check: true });
      const before = numbers(recorded, 'correct');
      expect(numbers(result.batches, 'correct')).to.deep.equal(before.map((c) => 1 - c));
      const value = numbers(recorded, 'value');
      const sum = (x: number[]): number => x.reduce((a, b) => a + b, 0);
      expect(result.h_accuracy).to.be.closeTo(
        sum(value.map((v, i) => v * (1 - before[i]!))) / sum(value),
        1e-12,
      );
      // value does not read what verify gives: it is as it was, all else is not
      expect(result.check).to.deep.equal({ compared: 3, changed: 9, difference: undefined });
    });

    it('takes a whole pipeline file', async () => {
      const file = join(folder, 'correctness.yaml');
      await writeFile(file, smallPipeline.replace('reward/rlev, alpha: 10', 'reward/correctness'));
      const result = await replayed({ pipeline: file });
      expect(result.from).to.equal('reward');
      expect(numbers(result.batches, 'reward')).to.deep.equal(numbers(recorded, 'correct'));
    });

    it('through the optimizer says how far off policy it is', async () => {
      const notices: string[] = [];
      const { off_policy } = await replayed({
        set: ['stages.optimize.adamw.lr=0.05'],
        to: 'optimize',
        notice: (message) => notices.push(message),
      });
      expect(notices.join()).to.contain('off-policy');
      expect(off_policy.map(({ step }) => step)).to.deep.equal([0, 1, 2]);
      expect(off_policy[0]!.effective_samples).to.be.closeTo(16, 1e-3);
      expect(off_policy[2]!.effective_samples).to.be.below(15);
      expect(off_policy[2]!.effective_share).to.be.closeTo(off_policy[2]!.effective_samples / 16, 1e-12);
    });

    it('says which changes it cannot replay', async () => {
      const notices: string[] = [];
      await replayed({
        set: ['stages.rollout.maxTokens=5', 'stages.reward.alpha=3'],
        from: 'advantage',
        notice: (message) => notices.push(message),
      });
      expect(
        notices.filter((n) => n.includes('comes from the log') || n.includes('come from the log')),
      ).to.have.length(2);
    });
  });

  it('names the first event, row and column that differs, with both values', async () => {
    const spoilt: typeof rloo = {
      ...rloo,
      create: async (params, setup) => {
        const stage = await rloo.create(params, setup);
        return {
          run: async (columns, event) => {
            const { advantage } = await stage.run(columns, event);
            const rows = Array.from({ length: 16 }, (_, i) => rowOf(advantage, i).slice());
            const row = rows.findIndex((r, i) => i > 4 && r.length > 1);
            if (event.step === 1) rows[row]![1]! += 0.5;
            return { advantage: raggedFloat32(rows) };
          },
        };
      },
    };
    const { check, steps } = await replayed({ catalogue: stagesWith(spoilt), check: true });
    expect(steps).to.equal(2);
    const step = recorded[1]!;
    const tokens = columnOf(step, 'response_tokens');
    const row = Array.from({ length: 16 }, (_, i) => i).find((i) => i > 4 && rowOf(tokens, i).length > 1)!;
    const was = rowOf(columnOf(step, 'advantage'), row)[1]!;
    expect(check?.difference).to.deep.include({
      step: 1,
      stage: 'advantage',
      row: columnOf(step, 'row_id')[row],
      column: 'advantage',
      element: 1,
      recorded: was,
      replayed: Math.fround(was + 0.5),
    });
  });

  it('is recorded as a run of its own, whose header says of which', async () => {
    const directory = join(folder, 'replayed');
    await replayed({ directory, set: ['stages.reward.alpha=3'], from: 'value', check: true });
    const log = await openRun(directory, { write: false });
    expect(Object.keys(log.header.data)).to.deep.equal(['train', 'replay of run']);
    expect(log.count).to.equal(9);
    await log.close();
    const stages = (events: string[], id: string): string[] => events.filter((e) => e.includes(` ${id} `));
    const [now, then] = [await eventsOf(directory), await eventsOf(run)];
    expect(stages(now, 'value')).to.deep.equal(stages(then, 'value'));
    expect(stages(now, 'reward')).to.not.deep.equal(stages(then, 'reward'));
    expect(await readFile(join(directory, 'pipeline.yaml'), 'utf8')).to.contain('alpha: 3');
  });

  it('replays the whole steps of a run that was stopped', async () => {
    const notices: string[] = [];
    // header, a step of 7 events and its checkpoint, then 2 events of the next
    await cutAfter(run, 10, join(folder, 'stopped'));
    const { steps, check } = await replayed(
      { check: true, notice: (n) => notices.push(n) },
      join(folder, 'stopped'),
    );
    expect(steps).to.equal(2);
    expect(check).to.deep.equal({ compared: 4, changed: 0, difference: undefined });
    const { steps: fewer } = await replayed(
      { from: 'reward', notice: (n) => notices.push(n) },
      join(folder, 'stopped'),
    );
    expect(fewer).to.equal(1);
    expect(notices.join()).to.contain('Step 1 is left out');
  });

  it('replays a run with two cohorts in flight', async () => {
    const two = await record(folder, 'two', 'run.inFlight=2', 'run.checkpoint={}');
    const { check } = await replayed({ check: true }, two);
    expect(check).to.deep.equal({ compared: 12, changed: 0, difference: undefined });
  });

  it('begins the state of a changed stage anew, also where the policy comes from checkpoints, and says so', async () => {
    const rates = await record(
      folder,
      'rates',
      'run.steps=2',
      'stages.prompts.perStep=all',
      'stages.value={use: value/pass-rate}',
    );
    for (const range of [{ from: 'rollout' }, { from: 'value' }, { from: 'value', to: 'optimize' }]) {
      const notices: string[] = [];
      const { stages } = await replayed(
        {
          ...range,
          steps: { from: 1, to: 1 },
          set: ['stages.value.weight=1'],
          notice: (text) => notices.push(text),
        },
        rates,
      );
      const value = stages.find(({ id }) => id === 'value')!.columns.value!;
      expect([value.min, value.max], JSON.stringify(range)).to.deep.equal([0.5, 0.5]);
      expect(notices.join()).to.include('begins anew at step 1');
    }
  });

  it('has no importance ratios of an update on no response', async () => {
    const signal = '  signal: { use: select/signal }\n  value:';
    const text = smallPipeline.replace('steps: 3', 'steps: 1').replace('samples: 4', 'samples: 1');
    const file = join(folder, 'none.yaml');
    const pipeline = resolvePipeline(text.replace('  value:', signal), file, { catalogue: stagesWith() });
    const { directory } = await train(pipeline, { directory: join(folder, 'none') });
    const { off_policy, rollouts, check } = await replayed({ to: 'optimize', check: true }, directory!);
    expect([rollouts, off_policy, check!.difference]).to.deep.equal([0, [], undefined]);
  });

  describe('without what the run began with', () => {
    let bare: string;
    before(async () => {
      bare = await mkdtemp(join(tmpdir(), 'rlev-bare-'));
      await cp(folder, bare, { recursive: true });
      await rename(join(bare, 'policy'), join(bare, 'policy-gone'));
    });
    after(() => rm(bare, { recursive: true, force: true }));

    it('needs no policy where no stage does, and says so where one does', async () => {
      expect((await replayed({ check: true }, join(bare, 'run'))).check?.compared).to.equal(12);
      const error = await errorOf(() => replayed({ to: 'optimize' }, join(bare, 'run')));
      expect(error.code).to.equal('policy/checkpoint');
    });

    it('needs the questions only where a stage prepares itself on all of them', async () => {
      const numeric = { set: ['stages.verify.use=verify/numeric'] };
      await replayed(numeric, join(bare, 'run'));
      await appendFile(join(bare, 'questions.jsonl'), '\n');
      const changed = await errorOf(() => replayed(numeric, join(bare, 'run')));
      expect(changed.code).to.equal('run/mismatch');
      await rm(join(bare, 'questions.jsonl'));
      const gone = await errorOf(() => replayed(numeric, join(bare, 'run')));
      expect(gone.code).to.equal('data/missing-file');
      expect(gone.message).to.match(/verify \(verify\/numeric\).*questions\.jsonl/);
      expect((await replayed({}, join(bare, 'run'))).steps).to.equal(3);
    });
  });

  describe('of an evaluation', () => {
    let evaluated: string;
    before(async () => {
      const branch = 'evaluate={held: {through: value, stages: {rollout: {samples: 2}}}}';
      evaluated = await record(folder, 'evaluated', 'run.steps=1', branch);
    });

    it('gives the recorded identities, also where it samples again by the policy of each time', async () => {
      const later = await replayed({ scope: 'eval:held', check: true }, evaluated);
      expect(later.check).to.deep.equal({ compared: 4, changed: 0, difference: undefined });
      const all = await replayed({ scope: 'eval:held', from: 'prompts', check: true }, evaluated);
      expect(all.check).to.deep.equal({ compared: 8, changed: 0, difference: undefined });
      expect([all.steps, all.rollouts]).to.deep.equal([2, 16]);
    });

    it('has no state of the training in its stages', async () => {
      const counted = defineMap({
        name: 'test/counted',
        summary: 'Values a row by how many came before it.',
        params: z.strictObject({}),
        needs: () => ['points'],
        adds: () => ['value'],
        create: () => {
          let rows = 0;
          return {
            run: ({ points }) => ({ value: points.map(() => rows++) }),
            save: async (at: string) => {
              await mkdir(at, { recursive: true });
              await writeFile(join(at, 'rows'), String(rows));
            },
            load: async (at: string) => {
              rows = Number(await readFile(join(at, 'rows'), 'utf8'));
            },
          };
        },
      });
      const catalogue = stagesWith(counted);
      const text = `${smallPipeline.replace('steps: 3', 'steps: 2').replace('value/points', 'test/counted')}
evaluate: { held: { through: value } }`;
      const directory = join(folder, 'counted');
      await train(resolvePipeline(text, join(folder, 'counted.yaml'), { catalogue }), { directory });
      const notices: string[] = [];
      const options = { catalogue, scope: 'eval:held', notice: (m: string) => notices.push(m) } as const;
      const { check } = await replayed({ ...options, check: true }, directory);
      expect(check).to.deep.equal({ compared: 4, changed: 0, difference: undefined });
      const { batches } = await replayed({ ...options, steps: { from: 2, to: 2 } }, directory);
      expect(numbers(batches, 'value')[0]).to.equal(0);
      expect(notices.join()).to.include('begins anew at step 2');
    });

    it('changes by the patches of its branch', async () => {
      const set = ['evaluate.held.stages={rollout: {samples: 2}, verify: {even: true}}'];
      const { changes } = await replayed({ set }, `${evaluated}@1/eval:held`);
      expect(changes?.differing.map(({ column }) => column)).to.deep.equal(['correct']);
    });

    it('refuses one that the run does not have', async () => {
      const error = await errorOf(() => replayed({ scope: 'eval:hold' }, evaluated), 'run/not-found');
      expect(error.message).to.include('Did you mean `held`');
    });
  });

  describe('refuses', () => {
    const cases: [string, Partial<ReplayOptions>, string, RegExp][] = [
      ['a stage that is not there', { from: 'rewrad' }, 'usage/arguments', /Did you mean `reward`/],
      [
        'stages the wrong way round',
        { from: 'reward', to: 'value' },
        'usage/arguments',
        /value stands before --from reward/,
      ],
      ['steps that are not there', { steps: { from: 7, to: 9 } }, 'run/not-found', /no whole step/],
      ['a directory that exists', { directory: '.' }, 'run/exists', /exists/],
    ];
    for (const [what, options, code, message] of cases) {
      it(what, async () => {
        const error = await errorOf(() => replayed(options));
        expect(error.message).to.match(message);
        expect(error.code).to.equal(code);
      });
    }

    it('the optimizer from a step whose policy is not kept', async () => {
      await cutAfter(run, 24, join(folder, 'unkept'));
      const log = join(folder, 'unkept');
      const error = await errorOf(() => replayed({ to: 'optimize', steps: { from: 4, to: 4 } }, log));
      expect(error.code).to.equal('run/not-found');
      expect(error.help).to.contain('step 0');
    });

    it('where it is cancelled', async () => {
      const error = await errorOf(() => replayed({ signal: AbortSignal.abort() }));
      expect(error.code).to.equal('run/cancelled');
    });
  });
});
