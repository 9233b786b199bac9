import { expect } from 'chai';
import { columnOf } from '../../src/core/batch.ts';
import type { EventLog, JournalEntry } from '../../src/log/event-log.ts';
import { createRun } from '../../src/log/run-directory.ts';
import type { WiredStage } from '../../src/streams/cohort.ts';
import { pastOf, recalling } from '../../src/streams/recall.ts';
import { recordInto } from '../../src/streams/record.ts';
import { runOnce } from '../../src/streams/training-loop.ts';
import { all, origin, pipeline } from '../log/events.ts';
import { scratch } from '../log/scratch.ts';
import { eventAt, map, source, wire } from '../support/flow.ts';
import { errorOf } from '../support/stage.ts';

/** Source, map, select and update that write down what they do; `bias` makes another computation of the map's. */
function stagesOf(worked: string[], bias = 0): WiredStage[] {
  const prompts = source(3);
  const made = prompts.stage as { next(event: unknown): unknown };
  return [
    {
      ...prompts,
      stage: {
        next: (event: never) => {
          worked.push('prompts');
          return made.next(event);
        },
      } as never,
    },
    map('value', ['points'], ['value'], ({ points }) => {
      worked.push('value');
      return { value: points.map((p) => p / 100 + bias) };
    }),
    wire('drop', { kind: 'select', needs: () => ['row_id'] } as never, {
      run: ({ row_id }: { row_id: string[] }) => {
        worked.push('drop');
        return { keep: [row_id[2], row_id[0]] };
      },
    }),
    wire('optimize', { kind: 'update', needs: () => ['value'] } as never, {
      run: async ({ value }: { value: Float64Array }) => {
        worked.push('optimize');
        return { metrics: { sum: value[0]! + value[1]! }, version: 1, hash: 'h' };
      },
    }),
  ];
}

describe('recalling what is recorded', () => {
  const path = scratch();
  let log: EventLog;
  let entries: JournalEntry[];
  before(async () => {
    log = await createRun(path('run'), origin, pipeline);
    await runOnce(stagesOf([]), eventAt(4), { record: recordInto(log) });
    entries = await all(log);
  });
  after(() => log.close());

  /** Runs the flow when the first `known` of its events are recorded; answers who worked, and the batch. */
  const again = async (
    known: number,
    into = log,
  ): Promise<{ worked: readonly string[]; kept: readonly string[] }> => {
    const worked: string[] = [];
    const past = pastOf(entries.slice(0, known), log);
    const stages = stagesOf(worked).map((wired) => recalling(wired, past));
    const { batch } = await runOnce(stages, eventAt(4), { record: recordInto(into, past) });
    return { worked, kept: columnOf(batch, 'row_id') };
  };

  it('lets a stage rest whose event is there, but for an update', async () => {
    const { worked, kept } = await again(4);
    expect(worked).to.deep.equal(['optimize']);
    expect(kept).to.deep.equal(['4.0.2.0', '4.0.0.0']);
    expect(log.count).to.equal(4);
  });

  it('lets the others work, and records what they do with the same identities', async () => {
    const other = await createRun(path('other'), origin, pipeline);
    const { worked } = await again(2, other);
    expect(worked).to.deep.equal(['drop', 'optimize']);
    expect((await all(other)).map((e) => e.identity)).to.deep.equal(entries.slice(2).map((e) => e.identity));
    await other.close();
  });

  it('finds an event by its cohort, not by its place', async () => {
    const past = pastOf([...entries].reverse(), log);
    expect(past.find('value', eventAt(4))?.seq).to.equal(2);
    expect(past.find('value', eventAt(5))).to.equal(undefined);
    expect(past.find('value', { ...eventAt(4), scope: 'eval:a' })).to.equal(undefined);
    expect(past.find('value', { ...eventAt(4), round: 1 })).to.equal(undefined);
  });

  it('refuses what comes out otherwise than it is recorded, with the line of the journal', async () => {
    const past = pastOf(entries, log);
    const stages = stagesOf([], 0.5);
    const error = await errorOf(
      () => runOnce(stages, eventAt(4), { record: recordInto(log, past) }),
      'run/mismatch',
    );
    expect(error.message).to.include('Stage value (test/value), step 4').and.to.include('journal.ndjson:3');
  });
});
