import { expect } from 'chai';
import { lastValueFrom, toArray } from 'rxjs';
import { columnOf } from '../../src/core/batch.ts';
import type { StageEvent } from '../../src/core/stage.ts';
import type { Cohort, WiredStage } from '../../src/streams/cohort.ts';
import { recordNothing } from '../../src/streams/record.ts';
import { trainingLoop } from '../../src/streams/training-loop.ts';
import { map, source, wire } from '../support/flow.ts';

interface Trace {
  readonly lines: string[];
  published: number;
}

/** A slow sampler and a slow trainer that write down who works when. */
function stages(trace: Trace, delay = { rollout: 1, optimize: 1 }): WiredStage[] {
  const wait = (turns: number): Promise<void> =>
    turns === 0 ? Promise.resolve() : new Promise((done) => setTimeout(done, turns));
  const rollout = map(
    'rollout',
    ['points'],
    ['value'],
    async ({ points }, { step, policyVersion }: StageEvent) => {
      trace.lines.push(`sample ${step} by ${policyVersion} of ${trace.published}`);
      await wait(delay.rollout);
      return { value: points };
    },
  );
  const optimize = wire('optimize', { kind: 'update', needs: () => ['value'] } as never, {
    run: async (_: unknown, { step }: StageEvent) => {
      await wait(delay.optimize);
      trace.published += 1;
      trace.lines.push(`publish ${trace.published} from ${step}`);
      return { metrics: {}, version: trace.published, hash: '' };
    },
  });
  return [source(2), rollout, optimize];
}

function loop(
  wired: readonly WiredStage[],
  inFlight: number,
  steps: number,
  more: Partial<Parameters<typeof trainingLoop>[0]> = {},
): Promise<Cohort[]> {
  return lastValueFrom(
    trainingLoop({
      stages: wired,
      record: recordNothing,
      seed: 1,
      from: 0,
      steps,
      inFlight,
      signal: new AbortController().signal,
      afterStep: async () => undefined,
      ...more,
    }).pipe(toArray()),
  );
}

describe('the training loop', () => {
  it('consumes each cohort once, in order', async () => {
    for (const inFlight of [1, 2, 5]) {
      const cohorts = await loop(stages({ lines: [], published: 0 }), inFlight, 4);
      expect(cohorts.map((c) => c.event.step)).to.deep.equal([0, 1, 2, 3]);
      expect(cohorts.map((c) => columnOf(c.batch, 'points')[0])).to.deep.equal([0, 100, 200, 300]);
    }
  });

  it('with one cohort in flight samples each by the policy just published', async () => {
    const trace = { lines: [] as string[], published: 0 };
    await loop(stages(trace), 1, 3);
    expect(trace.lines).to.deep.equal([
      'sample 0 by 0 of 0',
      'publish 1 from 0',
      'sample 1 by 1 of 1',
      'publish 2 from 1',
      'sample 2 by 2 of 2',
      'publish 3 from 2',
    ]);
  });

  for (const delay of [
    { rollout: 1, optimize: 6 },
    { rollout: 6, optimize: 1 },
  ]) {
    it(`with k in flight samples cohort n by exactly policy max(0, n - k + 1), published by then (sampler ${delay.rollout} ms, trainer ${delay.optimize} ms)`, async () => {
      for (const k of [2, 3]) {
        const trace = { lines: [] as string[], published: 0 };
        await loop(stages(trace, delay), k, 6);
        for (const line of trace.lines.filter((l) => l.startsWith('sample'))) {
          const [n, version, published] = line.match(/\d+/g)!.map(Number) as [number, number, number];
          expect(version).to.equal(Math.max(0, n - k + 1));
          expect(published).to.be.at.least(version);
        }
      }
    });
  }

  it('overlaps sampling and training when two are in flight', async () => {
    const trace = { lines: [] as string[], published: 0 };
    await loop(stages(trace, { rollout: 1, optimize: 10 }), 2, 3);
    expect(trace.lines.indexOf('sample 1 by 0 of 0')).to.be.lessThan(trace.lines.indexOf('publish 1 from 0'));
  });

  it('never runs further ahead than its credits, however slow the trainer', async () => {
    const trace = { lines: [] as string[], published: 0 };
    let most = 0;
    let sampled = 0;
    await loop(stages(trace, { rollout: 0, optimize: 3 }), 3, 12, {
      watch: (wired) => {
        if (wired.id === 'rollout') sampled += 1;
        most = Math.max(most, sampled - trace.published);
      },
    });
    expect(most).to.be.at.most(3);
  });

  it('runs what follows a step before the next update', async () => {
    const trace = { lines: [] as string[], published: 0 };
    await loop(stages(trace), 2, 3, {
      afterStep: async ({ event }) => {
        await new Promise((done) => setTimeout(done, 5));
        trace.lines.push(`after ${event.step} at ${trace.published}`);
      },
    });
    expect(trace.lines.filter((l) => l.startsWith('after'))).to.deep.equal([
      'after 0 at 1',
      'after 1 at 2',
      'after 2 at 3',
    ]);
  });

  it('goes on from a later step', async () => {
    const cohorts = await loop(stages({ lines: [], published: 2 }), 1, 5, { from: 3 });
    expect(cohorts.map((c) => c.event.step)).to.deep.equal([3, 4]);
  });

  it('ends at the first error of a stage and starts nothing after it', async () => {
    const trace = { lines: [] as string[], published: 0 };
    const [prompts, rollout] = stages(trace);
    const broken = wire('optimize', { kind: 'update', needs: () => ['value'] } as never, {
      run: async () => {
        throw new RangeError('no');
      },
    });
    let error: unknown;
    await loop([prompts!, rollout!, broken], 2, 9).catch((e: unknown) => {
      error = e;
    });
    expect(String(error)).to.include('stage/failed: Stage optimize (test/optimize), step 0: no');
    await new Promise((done) => setTimeout(done, 10));
    expect(trace.lines.length).to.be.at.most(3);
  });

  it('starts no stage once its signal is aborted', async () => {
    const abort = new AbortController();
    const trace = { lines: [] as string[], published: 0 };
    const reason = new RangeError('enough');
    let error: unknown;
    await loop(stages(trace), 1, 9, {
      signal: abort.signal,
      afterStep: async ({ event }) => {
        if (event.step === 1) abort.abort(reason);
      },
    }).catch((e: unknown) => {
      error = e;
    });
    expect(error).to.equal(reason);
    expect(trace.published).to.equal(2);
  });

  it('holds a stage with a state back where it would run ahead of a checkpoint, and no other', async () => {
    const trace: Trace = { lines: [], published: 0 };
    const [prompts, rollout, optimize] = stages(trace, { rollout: 1, optimize: 5 });
    const counting = map('count', ['value'], ['scale'], ({ value }, { step }) => {
      trace.lines.push(`count ${step}`);
      return { scale: value };
    });
    const stateful = { ...counting, stage: { ...counting.stage, save: async () => undefined } };
    await loop([prompts!, rollout!, stateful, optimize!], 3, 4, {
      savesAt: (steps) => steps === 2,
      afterStep: async ({ event }) => void trace.lines.push(`after ${event.step}`),
    });
    const at = (line: string): number => trace.lines.findIndex((l) => l.startsWith(line));
    expect(at('count 1')).to.be.lessThan(at('after 0'));
    expect(at('sample 2')).to.be.lessThan(at('after 1'));
    expect(at('count 2')).to.be.greaterThan(at('after 1'));
    expect(at('count 3')).to.be.greaterThan(-1);
  });
});
