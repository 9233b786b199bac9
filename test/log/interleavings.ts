import { expect } from 'chai';
import * as fc from 'fast-check';
import type { RlevError } from '../../src/core/errors.ts';
import type { LogFiles } from '../../src/log/files.ts';
import { type LockOwner, type Processes, takeLock } from '../../src/log/lock.ts';
import { FakeFiles } from './fake-files.ts';

/** A process that takes the lock so many times, and stops before its n-th operation on files. */
const anyTaker = fc.record({
  times: fc.integer({ min: 1, max: 2 }),
  stopsAt: fc.option(fc.integer({ min: 1, max: 25 }), { nil: Number.POSITIVE_INFINITY }),
});

/**
 * Several processes that take and release a lock that a process which is gone had left; between any two operations on
 * files any other process may act. Never do two that run hold it, and when all are done a new one gets it.
 */
export const interleavings = fc.asyncProperty(
  fc.scheduler(),
  fc.array(anyTaker, { minLength: 2, maxLength: 4 }),
  async (scheduler, takers) => {
    const disk = new FakeFiles();
    const running = new Set<number>();
    const holding = new Set<number>();
    const owner = (pid: number): LockOwner => ({ pid, started: String(pid), boot: 'boot', host: 'host' });
    const as = (pid: number): Processes => ({ self: () => owner(pid), runs: (o) => running.has(o.pid) });
    await takeLock(disk, '/lock', as(99));

    let taken = 0;
    const run = async (pid: number, times: number, files: LogFiles): Promise<void> => {
      for (let i = 0; i < times; i++) {
        let release: () => Promise<void>;
        try {
          release = await takeLock(files, '/lock', as(pid));
        } catch (error) {
          expect((error as RlevError).code, String(error)).to.equal('run/locked');
          continue;
        }
        taken++;
        holding.add(pid);
        expect([...holding].filter((p) => running.has(p))).to.deep.equal([pid]);
        await files.size('/what a writer does');
        holding.delete(pid);
        await release();
      }
    };
    const all = takers.map(({ times, stopsAt }, pid) => {
      running.add(pid);
      let stop = (): void => undefined;
      const stopped = new Promise<void>((resolve) => {
        stop = resolve;
      });
      let operations = 0;
      const files = new Proxy(disk as LogFiles, {
        get:
          (target, name: keyof LogFiles) =>
          async (...args: never[]) => {
            await scheduler.schedule(Promise.resolve(), `${pid} ${name}`);
            if (++operations < stopsAt) return (target[name] as (...args: never[]) => unknown)(...args);
            running.delete(pid);
            stop();
            return new Promise(() => undefined);
          },
      });
      return Promise.race([run(pid, times, files), stopped]);
    });
    await scheduler.waitFor(Promise.all(all));
    running.clear();
    await takeLock(disk, '/lock', as(100));
    if (takers.every(({ stopsAt }) => stopsAt === Number.POSITIVE_INFINITY))
      expect(taken).to.be.greaterThan(0);
  },
);
