import { expect } from 'chai';
import * as fc from 'fast-check';
import { allColumnsOf } from '../../src/core/batch.ts';
import { RlevError } from '../../src/core/errors.ts';
import type { EventDraft, EventLog, Outline } from '../../src/log/event-log.ts';
import { all, columnsDraft, rewardDraft, someDrafts, throughArrow, updateDraft } from './events.ts';

/** A run in some storage: made empty, and opened again after its log was closed. */
export interface LogUnderTest {
  readonly log: EventLog;
  readonly reopen: (write: boolean) => Promise<EventLog>;
}

/** What every event log must do, whatever stores it. */
export function eventLogContract(name: string, make: () => Promise<LogUnderTest>): void {
  describe(`${name} keeps the contract of an event log`, () => {
    it('gives back what was appended, in order, at once and when opened again', async () => {
      await fc.assert(
        fc.asyncProperty(someDrafts, async (drafts) => {
          const { log, reopen } = await make();
          const appended = await Promise.all(drafts.map((d) => log.append(d)));
          expect(await all(log)).to.deep.equal(appended);
          await log.close();
          const again = await reopen(false);
          const entries = await all(again);
          expect(entries).to.deep.equal(appended);
          expect(again.recovery).to.deep.equal([]);
          expect(again.count).to.equal(drafts.length);
          for (const [i, draft] of drafts.entries()) {
            const { key, kind, use, data } = entries[i]!;
            expect({ key, kind, use, data }).to.deep.equal({
              key: draft.key,
              kind: draft.kind,
              use: draft.use,
              data: draft.data,
            });
            if (!draft.columns || draft.keep === false) continue;
            expect(allColumnsOf(await again.read(entries[i]!))).to.deep.equal(throughArrow(draft));
          }
          await again.close();
        }),
        { numRuns: 40 },
      );
    });

    it('gives the events that are wanted, by what the start of their line says', async () => {
      await fc.assert(
        fc.asyncProperty(someDrafts, fc.nat(1000), async (drafts, step) => {
          const { log } = await make();
          const appended = await Promise.all(drafts.map((d) => log.append(d)));
          const wanted = ({ seq, key, kind }: Outline): boolean =>
            key.step < step && key.scope !== 'train' && (kind === 'columns' || seq % 2 === 0);
          expect(await all(log, wanted)).to.deep.equal(appended.filter(wanted));
          await log.close();
        }),
        { numRuns: 20 },
      );
    });

    it('numbers events from 1, across openings', async () => {
      const { log, reopen } = await make();
      await log.append(columnsDraft(0));
      await log.append(updateDraft(0));
      await log.close();
      const again = await reopen(true);
      expect((await again.append(columnsDraft(1))).seq).to.equal(3);
      expect((await all(again)).map((e) => e.seq)).to.deep.equal([1, 2, 3]);
      await again.close();
    });

    it('keeps the order of calls that do not wait for each other', async () => {
      const { log } = await make();
      const drafts = Array.from({ length: 20 }, (_, i) => (i % 3 ? columnsDraft(i) : updateDraft(i)));
      await Promise.all(drafts.map((d) => log.append(d)));
      expect((await all(log)).map((e) => e.key.step)).to.deep.equal(drafts.map((d) => d.key.step));
      await log.close();
    });

    it('encodes a draft before the call returns, so that its arrays may be reused', async () => {
      const { log } = await make();
      const reward = new Float64Array([1, 2]);
      const data = { list: [1] };
      const pending = log.append({ ...columnsDraft(0), columns: { reward }, data });
      reward.fill(9);
      data.list[0] = 9;
      const entry = await pending;
      expect([...(allColumnsOf(await log.read(entry)).reward as Float64Array)]).to.deep.equal([1, 2]);
      expect(entry.data).to.deep.equal({ list: [1] });
      await log.close();
    });

    it('gives equal events equal identities in any order, and different ones different', async () => {
      const drafts = [columnsDraft(0), rewardDraft(0), updateDraft(0), columnsDraft(1), updateDraft(1)];
      const identities = async (order: readonly EventDraft[]): Promise<string[]> => {
        const { log } = await make();
        const entries = await Promise.all(order.map((d) => log.append(d)));
        await log.close();
        return entries.map((e) => e.identity);
      };
      const forward = await identities(drafts);
      expect((await identities([...drafts].reverse())).reverse()).to.deep.equal(forward);
      expect(new Set(forward).size).to.equal(drafts.length);
    });

    it('refuses a draft that it could not give back, and goes on', async () => {
      const { log } = await make();
      const bad: Partial<EventDraft>[] = [
        { data: { loss: Number.NaN } },
        { params: { at: new Date(0) } },
        { columns: undefined },
        { columns: { reward: new Float32Array(1) } },
        { key: { ...columnsDraft(0).key, step: -1 } },
        { key: { ...columnsDraft(0).key, stage: '' } },
      ];
      for (const change of bad) {
        const error = await log.append(columnsDraft(0, change)).catch((e: unknown) => e);
        expect(error, JSON.stringify(change)).to.be.instanceOf(RlevError);
        expect((error as RlevError).code).to.equal('stage/contract');
      }
      await log.append(columnsDraft(0));
      expect(await all(log)).to.have.length(1);
      await log.close();
    });

    it('refuses an event that is recorded already, also when opened again, and goes on', async () => {
      const { log, reopen } = await make();
      const first = log.append(columnsDraft(0));
      const refused = async (at: EventLog): Promise<void> => {
        const error = await at.append(columnsDraft(0, { params: null })).catch((e: unknown) => e);
        expect(error).to.be.instanceOf(RlevError);
        expect((error as RlevError).code).to.equal('stage/contract');
        expect((error as RlevError).summary).to.match(
          /rollout has recorded step 0, round 0, of train already/,
        );
      };
      await refused(log);
      await first;
      await log.close();
      const again = await reopen(true);
      await refused(again);
      const { key } = columnsDraft(0);
      for (const other of [{ round: 1 }, { part: 1 }, { stage: 'judge' }, { scope: 'eval:a' as const }])
        await again.append(columnsDraft(0, { key: { ...key, ...other } }));
      expect(await all(again)).to.have.length(5);
      await again.close();
    });

    it('refuses to append when opened for reading, or closed', async () => {
      const { log, reopen } = await make();
      await log.close();
      for (const closed of [log, await reopen(false)]) {
        const error = await closed.append(columnsDraft(0)).catch((e: unknown) => e);
        expect((error as RlevError).code).to.equal('usage/arguments');
        await closed.close();
      }
    });

    it('acknowledges appends in flight before it closes', async () => {
      const { log, reopen } = await make();
      const pending = [log.append(columnsDraft(0)), log.append(updateDraft(0))];
      await log.close();
      const entries = await Promise.all(pending);
      const again = await reopen(false);
      expect(await all(again)).to.deep.equal(entries);
    });

    it('records of columns that are not to be kept their identity alone', async () => {
      const { log, reopen } = await make();
      const dropped = await log.append(columnsDraft(0, { keep: false }));
      const kept = await log.append(columnsDraft(1));
      expect(dropped).to.not.have.property('segment');
      await log.close();
      const again = await reopen(true);
      expect(await all(again)).to.deep.equal([dropped, kept]);
      const error = (await again.read(dropped).catch((e: unknown) => e)) as RlevError;
      expect(error.code).to.equal('run/not-found');
      expect(error.summary).to.include('were not kept');
      expect(error.help).to.match(/^rlev replay .* computes them again/);
      await again.close();

      const other = await make();
      expect((await other.log.append(columnsDraft(0))).identity).to.equal(dropped.identity);
      await other.log.close();
    });

    it('has no columns to read in an update', async () => {
      const { log } = await make();
      const entry = await log.append(updateDraft(0));
      const error = await log.read(entry).catch((e: unknown) => e);
      expect((error as RlevError).code).to.equal('run/not-found');
      await log.close();
    });
  });
}
