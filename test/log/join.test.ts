import { expect } from 'chai';
import { allColumnsOf, columnOf } from '../../src/core/batch.ts';
import type { EventDraft, EventLog, Scope } from '../../src/log/event-log.ts';
import { cohortAt, cohortsOf, joinedBatch } from '../../src/log/join.ts';
import { createRun } from '../../src/log/run-directory.ts';
import { errorOf } from '../support/stage.ts';
import { columnsDraft, origin, pipeline, updateDraft } from './events.ts';
import { FakeFiles } from './fake-files.ts';

/** Prompts 0 and 1 of a step with two responses each; a select drops one; a reward for those that are left. */
async function record(log: EventLog, step: number, scope: Scope = 'train'): Promise<void> {
  const stage = (stage: string): Pick<EventDraft, 'key'> => ({
    key: { step, round: 0, part: 0, stage, scope },
  });
  const rows = (groups: readonly string[]): string[] => groups.map((g) => `${step}.0.${g}`);
  const draft = (id: string, more: object): Promise<unknown> =>
    log.append(columnsDraft(step, { ...stage(id), ...more }));
  await draft('prompts', {
    columns: { row_id: rows(['0.0', '1.0']), prompt: ['a', 'b'], points: new Float64Array([1, 2]) },
  });
  const responses = rows(['0.0', '0.1', '1.0', '1.1']);
  await draft('rollout', { columns: { row_id: responses, response: ['p', 'q', 'r', 's'] } });
  const keep = [responses[3]!, responses[0]!];
  await draft('filter', { kind: 'select', columns: undefined, data: { keep } });
  await draft('reward', { columns: { row_id: keep, reward: new Float64Array([0.5, 1.5]) } });
}

describe('log/join', () => {
  let log: EventLog;
  before(async () => {
    log = await createRun('/run', origin, pipeline, { files: new FakeFiles() });
    for (const step of [0, 1, 2]) {
      await record(log, step);
      await log.append(updateDraft(step));
    }
    await record(log, 1, 'eval:heldOut');
  });

  it('gives responses the columns of their prompts, and drops what a select dropped', async () => {
    const cohort = await cohortAt(log, 1);
    expect(allColumnsOf(await joinedBatch(log, cohort!))).to.deep.equal({
      row_id: ['1.0.1.1', '1.0.0.0'],
      prompt: ['b', 'a'],
      points: new Float64Array([2, 1]),
      response: ['s', 'p'],
      reward: new Float64Array([0.5, 1.5]),
    });
  });

  it('stops at a stage', async () => {
    const cohort = await cohortAt(log, 2);
    const prompts = await joinedBatch(log, cohort!, { upTo: 'prompts' });
    expect(columnOf(prompts, 'row_id')).to.deep.equal(['2.0.0.0', '2.0.1.0']);
    const rollouts = await joinedBatch(log, cohort!, { upTo: 'rollout' });
    expect(columnOf(rollouts, 'points')).to.deep.equal(new Float64Array([1, 1, 2, 2]));
    expect(rollouts.getChild('reward')).to.equal(null);
  });

  it('gives the columns that are asked for, in that order', async () => {
    const cohort = await cohortAt(log, 0);
    const batch = await joinedBatch(log, cohort!, { columns: ['reward', 'prompt'] });
    expect(allColumnsOf(batch)).to.deep.equal({ reward: new Float64Array([0.5, 1.5]), prompt: ['b', 'a'] });
  });

  it('goes through cohorts by step, of one scope or all, between two steps', async () => {
    const found = async (filter: object): Promise<string[]> => {
      const names = [];
      for await (const { scope, step, entries } of cohortsOf(log, filter))
        names.push(`${scope} ${step} ${entries.length}`);
      return names;
    };
    expect(await found({})).to.deep.equal(['train 0 5', 'train 1 5', 'train 2 5', 'eval:heldOut 1 4']);
    expect(await found({ scope: 'eval:heldOut' })).to.deep.equal(['eval:heldOut 1 4']);
    expect(await found({ scope: 'train', from: 1, to: 1 })).to.deep.equal(['train 1 5']);
  });

  it('holds a cohort together whose events are mixed with those of the next', async () => {
    const mixed = await createRun('/mixed', origin, pipeline, { files: new FakeFiles() });
    for (let step = 0; step < 100; step++) {
      await mixed.append(columnsDraft(step + 1));
      await mixed.append(updateDraft(step));
    }
    const steps = [];
    for await (const { step, entries } of cohortsOf(mixed, { from: 1, to: 99 })) {
      steps.push(step);
      expect(entries.map((e) => e.key.stage)).to.deep.equal(['rollout', 'optimize']);
    }
    expect(steps).to.deep.equal(Array.from({ length: 99 }, (_, i) => i + 1));
  });

  describe('of a step that was sampled in rounds', () => {
    const key = (stage: string, round: number): Pick<EventDraft, 'key'> => ({
      key: { step: 0, round, part: 0, stage, scope: 'train' },
    });
    const ids = (round: number): string[] => [`0.${round}.0.0`, `0.${round}.1.0`];
    const prompts = (round: number): EventDraft =>
      columnsDraft(0, { ...key('prompts', round), columns: { row_id: ids(round), prompt: ['a', 'b'] } });
    const verify = (round: number): EventDraft =>
      columnsDraft(0, {
        ...key('verify', round),
        columns: { row_id: ids(round), correct: new Float32Array([1, 0]) },
      });
    const select = (round: number, keep: readonly string[], again: boolean): EventDraft =>
      columnsDraft(0, {
        ...key('signal', round),
        kind: 'select',
        columns: undefined,
        data: { keep, ...(again && { again }) },
      });
    const recorded = async (name: string, ...drafts: EventDraft[]): Promise<EventLog> => {
      const run = await createRun(name, origin, pipeline, { files: new FakeFiles() });
      for (const draft of drafts) await run.append(draft);
      return run;
    };
    const kept = '0.0.1.0';

    it('is read up to where it stopped, with the columns that all its rows have', async () => {
      const stopped = await recorded('/stopped', prompts(0), verify(0), select(0, [kept], true), prompts(1));
      const cohort = await cohortAt(stopped, 0);
      expect(allColumnsOf(await joinedBatch(stopped, cohort))).to.deep.equal({
        row_id: [kept, ...ids(1)],
        prompt: ['b', 'a', 'b'],
      });
      expect(allColumnsOf(await joinedBatch(stopped, cohort, { upTo: 'signal' }))).to.deep.equal({
        row_id: [kept],
        prompt: ['b'],
        correct: new Float32Array([0]),
      });
      const error = await errorOf(() => joinedBatch(stopped, cohort, { columns: ['correct'] }));
      expect(error.message).to.include('no column correct');
    });

    it('is read from the select on, where nothing before it was recorded', async () => {
      const keep = [kept, '0.1.0.0'];
      const reward = { row_id: keep, reward: new Float64Array([1, 2]) };
      const replayed = await recorded(
        '/replayed',
        select(0, [kept], true),
        select(1, keep, false),
        columnsDraft(0, { ...key('reward', 1), columns: reward }),
      );
      const cohort = await cohortAt(replayed, 0);
      expect(allColumnsOf(await joinedBatch(replayed, cohort))).to.deep.equal(reward);
      expect(allColumnsOf(await joinedBatch(replayed, cohort, { upTo: 'signal' }))).to.deep.equal({
        row_id: keep,
      });
    });
  });

  it('says what is there instead of a step, stage or column that is not', async () => {
    const step = await errorOf(() => cohortAt(log, 7), 'run/not-found');
    expect(step.help).to.equal('There is: train: steps 0 to 2; eval:heldOut: step 1.');
    const cohort = await cohortAt(log, 1);
    const stage = await errorOf(() => joinedBatch(log, cohort!, { upTo: 'value' }), 'run/not-found');
    expect(stage.help).to.equal('It has prompts, rollout, filter, reward, optimize.');
    const column = await errorOf(() => joinedBatch(log, cohort!, { columns: ['scale'] }), 'run/not-found');
    expect(column.help).to.include('prompt, points, response, reward');
  });
});
