import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { columnOf } from '../../../src/core/batch.ts';
import { cohortsOf, joinedBatch } from '../../../src/log/join.ts';
import { openRun } from '../../../src/log/run-directory.ts';
import { resolvePipeline } from '../../../src/pipeline/file/resolve.ts';
import { replay } from '../../../src/pipeline/replay/replay.ts';
import { resume } from '../../../src/pipeline/run/resume.ts';
import { train } from '../../../src/pipeline/run/run.ts';
import { cutAfter, eventsOf, outcomeOf } from '../../pipeline/replay/recorded.ts';
import { furnish, numbers, smallPipeline, stagesWith, stepsOf } from '../../pipeline/small-run.ts';

describe('values in a recorded run', function () {
  this.timeout(60_000);
  let folder: string;
  const catalogue = stagesWith();
  const recorded = async (name: string, ...set: string[]): Promise<string> => {
    const pipeline = resolvePipeline(smallPipeline, join(folder, 'small.yaml'), { catalogue, set });
    await train(pipeline, { directory: join(folder, name) });
    return join(folder, name);
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rlev-value-'));
    await furnish(folder);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('value/shuffled trains on values dealt out anew, and evaluates by the real ones', async () => {
    const directory = await recorded(
      'shuffled',
      'stages.value.use=value/shuffled',
      'evaluate={all: {through: value, stages: {prompts: {perStep: all}, rollout: {samples: 1, temperature: 0}}}}',
    );
    const steps = await stepsOf(directory);
    const dealt = new Map<string, Set<number>>();
    const real = new Map<string, number>();
    for (const batch of steps) {
      const [points, totals, values] = [
        columnOf(batch, 'points'),
        columnOf(batch, 'exam_total'),
        columnOf(batch, 'value'),
      ];
      columnOf(batch, 'prompt_id').forEach((id, i) => {
        dealt.set(id, (dealt.get(id) ?? new Set()).add(values[i]!));
        real.set(id, points[i]! / totals[i]!);
      });
    }
    const ids = [...real.keys()];
    expect(ids.every((id) => dealt.get(id)!.size === 1)).to.equal(true);
    const values = ids.map((id) => [...dealt.get(id)!][0]!);
    expect(values.toSorted()).to.deep.equal([...real.values()].toSorted());
    expect(values).not.to.deep.equal([...real.values()]);

    const log = await openRun(directory, { write: false });
    for await (const cohort of cohortsOf(log, { scope: 'eval:all' })) {
      const batch = await joinedBatch(log, cohort);
      const value = columnOf(batch, 'value');
      for (const [i, id] of columnOf(batch, 'prompt_id').entries()) expect(value[i]).to.equal(real.get(id));
    }
    await log.close();
  });

  it('value/pass-rate values a question by earlier steps, and is resumed as if it had not been stopped', async () => {
    const whole = await recorded('whole', 'stages.value.use=value/pass-rate');
    const steps = await stepsOf(whole);
    expect(numbers(steps.slice(0, 1), 'value').every((v) => v === 0.5)).to.equal(true);
    const [first, second] = steps;
    const right = new Map<string, number>();
    const correct = columnOf(first!, 'correct');
    for (const [i, id] of columnOf(first!, 'prompt_id').entries()) {
      right.set(id, (right.get(id) ?? 0) + correct[i]!);
    }
    const value = columnOf(second!, 'value');
    columnOf(second!, 'prompt_id').forEach((id, i) => {
      // prior 0.5 of weight 4, and 4 responses
      expect(value[i]).to.equal(1 - (2 + right.get(id)!) / 8);
    });
    expect(new Set(value).size).to.be.above(1);

    // a replay from a later step on gets the estimates of the checkpoint
    const { check } = await replay(whole, { catalogue, steps: { from: 2, to: 2 }, check: true });
    expect(check).to.include({ difference: undefined, changed: 0 });

    const events = await eventsOf(whole);
    for (const stage of ['value', 'optimize', 'checkpoint']) {
      const at =
        events.findLastIndex((line) => line.startsWith('train 2.0') && line.includes(` ${stage} `)) + 1;
      const stopped = join(folder, `stopped-${stage}`);
      await cutAfter(whole, at > 0 ? at : events.length - 2, stopped);
      const { checkpoint } = await resume(stopped, { catalogue });
      expect(await outcomeOf(stopped, checkpoint!), stage).to.deep.equal(
        await outcomeOf(whole, join(whole, 'checkpoints', '000003')),
      );
    }
  });
});
