import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Batch, columnOf } from '../../../src/core/batch.ts';
import { parseAddress } from '../../../src/log/address.ts';
import { listCohorts } from '../../../src/log/list.ts';
import { openRun } from '../../../src/log/run-directory.ts';
import { selectBatches } from '../../../src/log/select-batches.ts';
import { verifyRun } from '../../../src/log/verify.ts';
import { type Pipeline, resolvePipeline } from '../../../src/pipeline/file/resolve.ts';
import { diffRuns } from '../../../src/pipeline/replay/diff-runs.ts';
import { type ReplayOptions, replay } from '../../../src/pipeline/replay/replay.ts';
import { resume } from '../../../src/pipeline/run/resume.ts';
import { type RunResult, train } from '../../../src/pipeline/run/run.ts';
import { errorOf } from '../../support/stage.ts';
import { cutAfter, eventsOf, outcomeOf } from '../replay/recorded.ts';
import { furnish, smallPipeline, stagesWith, stepsOf } from '../small-run.ts';

/** Two responses a prompt are often equally right: a step needs more than one round to have four prompts with signal. */
const refilled = smallPipeline
  .replace('steps: 3', 'steps: 2')
  .replace('samples: 4', 'samples: 2')
  .replace('  value:', '  signal: { use: select/signal, refill: { groups: 4, rounds: 5 } }\n  value:');

describe('a step that is sampled in rounds', function () {
  this.timeout(60_000);
  const catalogue = stagesWith();
  let folder: string;
  let run: RunResult;
  let directory: string;

  const pipelineWith = (...set: string[]): Pipeline =>
    resolvePipeline(refilled, join(folder, 'refilled.yaml'), { catalogue, set });
  const batchAt = async (address: string): Promise<Batch> => {
    const log = await openRun(directory, { write: false });
    try {
      for await (const batch of selectBatches(log, parseAddress(`${directory}@${address}`))) return batch;
      throw new RangeError(address);
    } finally {
      await log.close();
    }
  };
  const replayed = (options: Partial<ReplayOptions> = {}) => replay(directory, { catalogue, ...options });
  const roundsIn = (batch: Batch): Set<string> =>
    new Set(columnOf(batch, 'row_id').map((id) => id.split('.')[1]!));

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rlev-refill-'));
    await furnish(folder);
    const questions = (await readFile('fixtures/exams/train.jsonl', 'utf8')).split('\n').slice(0, 40);
    await writeFile(join(folder, 'questions.jsonl'), `${questions.join('\n')}\n`);
    run = await train(pipelineWith(), { directory: join(folder, 'run') });
    directory = run.directory!;
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('goes on with as many prompts with signal as were asked for, of all rounds', async () => {
    const steps = await stepsOf(directory);
    expect(steps).to.have.length(2);
    expect(steps.some((step) => roundsIn(step).size > 1)).to.equal(true);
    for (const step of steps) {
      const [groups, correct] = [columnOf(step, 'group'), columnOf(step, 'correct')];
      expect(new Set(groups).size).to.equal(4);
      for (const group of new Set(groups)) {
        expect(correct.filter((_, i) => groups[i] === group).sort()).to.deep.equal(Float32Array.of(0, 1));
      }
      expect(new Set(columnOf(step, 'row_id')).size).to.equal(8);
    }
  });

  it('asks other questions in each round', async () => {
    const prompts = columnOf(await batchAt('0/prompts'), 'prompt_id');
    expect(prompts.length).to.be.greaterThan(4);
    expect(new Set(prompts).size).to.equal(prompts.length);
  });

  it('is listed with its rounds, and verifies', async () => {
    const log = await openRun(directory, { write: false });
    const rounds: number[] = [];
    for await (const cohort of listCohorts(log)) if (cohort.scope === 'train') rounds.push(cohort.rounds);
    await log.close();
    expect(Math.max(...rounds)).to.be.within(2, 5);
    expect((await verifyRun(directory)).findings).to.deep.equal([]);
  });

  it('is read as the union of its rounds: all that was sampled, and what was kept of it', async () => {
    const [all, kept] = [await batchAt('0/rollout'), await batchAt('0/signal')];
    expect(roundsIn(all).size).to.be.greaterThan(1);
    expect(all.numRows).to.equal(8 * roundsIn(all).size);
    expect(kept.numRows).to.equal(8);
    expect(columnOf(all, 'row_id')).to.include.members([...columnOf(kept, 'row_id')]);
    const advantage = await batchAt('0/advantage');
    expect(columnOf(advantage, 'row_id')).to.deep.equal(columnOf(kept, 'row_id'));
  });

  it('gives the same identities with two cohorts in flight as an equal run', async () => {
    const outcomes = [];
    for (const name of ['one', 'two']) {
      const result = await train(pipelineWith('run.inFlight=2'), { directory: join(folder, name) });
      outcomes.push(await outcomeOf(result.directory!, result.checkpoint!));
    }
    expect(outcomes[0]).to.deep.equal(outcomes[1]);
  });

  it('is resumed from the middle of a round to the same identities and weights', async () => {
    const events = await eventsOf(directory);
    const second = events.findIndex((line) => line.startsWith('train 0.1 rollout '));
    const asked = events.findIndex((line) => line.startsWith('train 0.0 signal '));
    for (const at of [asked, second]) {
      const cut = join(folder, `cut-${at}`);
      await cutAfter(directory, at + 1, cut);
      const result = await resume(cut, { catalogue });
      expect(await outcomeOf(cut, result.checkpoint!)).to.deep.equal(
        await outcomeOf(directory, run.checkpoint!),
      );
    }
  });

  for (const [from, to, stages] of [
    ['verify', 'advantage', 'verify signal value reward advantage'],
    ['verify', 'verify', 'verify'],
    ['signal', 'signal', 'signal'],
    ['value', 'advantage', 'value reward advantage'],
    ['prompts', 'rollout', 'prompts rollout'],
    ['prompts', 'optimize', 'prompts rollout verify signal value reward advantage optimize'],
  ] as const) {
    it(`is replayed from ${from} to ${to} to the recorded identities, in every round`, async () => {
      const { check, changes } = await replayed({ from, to, check: true });
      expect(check!.difference).to.equal(undefined);
      const events = await eventsOf(directory);
      const isMeant = (line: string): boolean =>
        line.startsWith('train ') && stages.split(' ').includes(line.split(' ')[2]!);
      expect(check!.compared).to.equal(events.filter(isMeant).length);
      expect(check!.changed).to.equal(0);
      expect(changes!.differing).to.deep.equal([]);
    });
  }

  it('goes on with what is recorded where a changed stage asks for more, and says so', async () => {
    const notices: string[] = [];
    const { steps, rollouts } = await replayed({
      set: ['stages.signal.refill={groups: 9, rounds: 9}'],
      notice: (message) => notices.push(message),
    });
    expect(steps).to.equal(2);
    expect(rollouts).to.be.greaterThan(16);
    expect(notices.join('\n')).to.match(
      /Step 0 asks for more rounds than the \d that are recorded: it goes on/,
    );
  });

  it('is left out of a replay where the run stopped between two rounds', async () => {
    const events = await eventsOf(directory);
    const asked = events.findIndex((line) => line.startsWith('train 0.0 signal '));
    const cut = join(folder, 'between');
    await cutAfter(directory, asked + 1, cut);
    for (const from of ['value', 'verify']) {
      const error = await errorOf(() => replay(cut, { catalogue, from }), 'run/not-found');
      expect(error.message).to.include('no whole step');
    }
    expect((await replay(cut, { catalogue, from: 'verify', to: 'verify' })).rollouts).to.equal(8);
  });

  it('is not compared where a stage reads other rounds than it had read', async () => {
    const set = ['stages.signal={use: select/signal}'];
    const { check } = await replayed({ from: 'verify', set, check: true });
    expect(check!.difference).to.equal(undefined);
    expect(check!.changed).to.be.greaterThan(0);
  });

  it('has its later stages compared also where a replay asks for fewer rounds', async () => {
    const set = ['stages.signal.refill.groups=1', 'stages.reward.alpha=0.1'];
    const { check, changes } = await replayed({ from: 'signal', set, check: true });
    expect(changes!.differing.map(({ column }) => column)).to.include.members(['scale', 'reward']);
    expect(check!.compared).to.equal(0);
    // of each step its select, which now is content with the first round, value, reward and advantage
    expect(check!.changed).to.equal(8);
  });

  it('is recorded as a replay from the select on, and read', async () => {
    const again = join(folder, 'again');
    await replayed({ from: 'signal', directory: again });
    const [steps, recorded] = [await stepsOf(again), await stepsOf(directory)];
    expect(steps.map((step) => columnOf(step, 'reward'))).to.deep.equal(
      recorded.map((step) => columnOf(step, 'reward')),
    );
  });

  it('is compared with another run, round by round', async () => {
    const other = await train(pipelineWith('stages.advantage.use=advantage/dr-grpo'), {
      directory: join(folder, 'other'),
    });
    const { first, columns, events } = await diffRuns(directory, other.directory!, { catalogue });
    expect(first).to.deep.include({ step: 0, stage: 'advantage' });
    expect(events.alone).to.deep.equal([0, 0]);
    expect(columns.train!.differing[0]).to.include({ column: 'advantage' });
  });

  it('goes on with fewer prompts at the bound, and says so', async () => {
    const notices: string[] = [];
    const result = await train(pipelineWith('stages.signal.refill={groups: 40, rounds: 2}', 'run.steps=1'), {
      directory: join(folder, 'bound'),
      notice: (message) => notices.push(message),
    });
    expect(notices.join('\n')).to.match(/Step 0 goes on with \d prompts with signal, not 40, after 2 rounds/);
    const [step] = await stepsOf(result.directory!);
    expect(new Set(columnOf(step!, 'group')).size).to.be.lessThan(9);

    const { columns } = await diffRuns(directory, result.directory!, { catalogue });
    const { differing, equal } = columns.train!;
    expect([...differing.map(({ column }) => column), ...equal]).to.include.members(['value', 'advantage']);
  });

  it('may be asked for by one stage of a flow only', async () => {
    const twice = refilled.replace(
      '  value:',
      '  more: { use: select/signal, refill: { groups: 2 } }\n  value:',
    );
    const error = await errorOf(
      async () => resolvePipeline(twice, 'twice.yaml', { catalogue }),
      'config/order',
    );
    expect(error.message).to.include('more (select/signal) asks for more rounds');
  });

  it('is for training: an evaluation takes the stage out', () => {
    const branch = 'evaluate={held: {through: value, stages: {rollout: {samples: 1}}}}';
    expect(() => pipelineWith(branch)).to.throw(/The evaluation held would sample on at signal/);
    const out = 'evaluate.held.stages.signal=remove';
    const pipeline = pipelineWith(branch, out);
    const written = resolvePipeline(pipeline.toYaml('.'), join(folder, 'w.yaml'), { catalogue });
    for (const { evaluate, stages } of [pipeline, written]) {
      expect(stages.map(({ id }) => id)).to.include('signal');
      expect(evaluate[0]!.stages.map(({ id }) => id)).to.deep.equal([
        'prompts',
        'rollout',
        'verify',
        'value',
      ]);
    }
    expect(() => pipelineWith(branch, out, 'evaluate.held.stages.value=remove')).to.throw(
      /value is the last stage of evaluate.held/,
    );
  });
});
