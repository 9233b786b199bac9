import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { expect } from 'chai';
import * as fc from 'fast-check';
import { RlevError } from '../../src/core/errors.ts';
import { nodeFiles } from '../../src/log/files.ts';
import { type LockOwner, lockHolder, type Processes, systemProcesses, takeLock } from '../../src/log/lock.ts';
import { FakeFiles } from './fake-files.ts';
import { interleavings } from './interleavings.ts';
import { scratch } from './scratch.ts';

const first: LockOwner = { pid: 11, started: '100', boot: 'boot-1', host: 'alpha' };
const second: LockOwner = { pid: 12, started: '200', boot: 'boot-1', host: 'alpha' };

const as = (owner: LockOwner, running: readonly LockOwner[] = []): Processes => ({
  self: () => owner,
  runs: ({ pid, started }) => running.some((r) => r.pid === pid && r.started === started),
});

describe('log/lock', () => {
  const path = scratch();

  it('is free again once it is given back', async () => {
    const files = new FakeFiles();
    for (const owner of [first, second]) await (await takeLock(files, '/lock', as(owner, [first, second])))();
  });

  it("refuses a second writer with the first one's pid and host", async () => {
    const files = new FakeFiles();
    await takeLock(files, '/lock', as(first));
    const error = await takeLock(files, '/lock', as(second, [first])).catch((e: unknown) => e as RlevError);
    expect(error).to.be.instanceOf(RlevError);
    expect((error as RlevError).code).to.equal('run/locked');
    expect((error as RlevError).summary).to.equal('Process 11 on alpha has the run.');
    expect((error as RlevError).value).to.deep.equal(first);
  });

  it('leaves nothing behind where it cannot be written', async () => {
    const files = nodeFiles();
    await files.mkdir(path('full'));
    const unwritable = undefined as unknown as string;
    const claim = files.claim(path('full/lock'), unwritable);
    expect(await claim.catch((error: Error) => error)).to.be.instanceOf(Error);
    expect(await readdir(path('full'))).to.deep.equal([]);
    await files.remove(path('full'));
  });

  const stale: [string, LockOwner, readonly LockOwner[]][] = [
    ['the process is gone', second, []],
    ['the pid was reused', second, [{ ...first, started: '150' }]],
    ['the machine was started anew', { ...second, boot: 'boot-2' }, [first]],
  ];
  for (const [why, taker, running] of stale) {
    it(`takes over where ${why}`, async () => {
      const files = new FakeFiles();
      await takeLock(files, '/lock', as(first));
      await takeLock(files, '/lock', as(taker, running));
      expect(JSON.parse(new TextDecoder().decode(files.content('/lock')))).to.include(taker);
      expect(files.paths()).to.deep.equal(['/lock']);
    });
  }

  it('leaves the lock of another host, of whose processes nothing is known', async () => {
    const files = new FakeFiles();
    await takeLock(files, '/lock', as({ ...first, host: 'beta' }));
    const error = await takeLock(files, '/lock', as(second)).catch((e: unknown) => e as RlevError);
    expect((error as RlevError).code).to.equal('run/locked');
  });

  it('does not guess at a lock that it cannot read', async () => {
    const files = new FakeFiles();
    files.put('/lock', new TextEncoder().encode('12345'));
    const error = await takeLock(files, '/lock', as(second)).catch((e: unknown) => e as RlevError);
    expect((error as RlevError).code).to.equal('run/locked');
  });

  it('lets one of many takers have it', async () => {
    const lock = path('lock');
    const takers = Array.from({ length: 8 }, (_, i) => ({ ...first, pid: 20 + i }));
    const taken = await Promise.allSettled(takers.map((t) => takeLock(nodeFiles(), lock, as(t, takers))));
    expect(taken.filter((t) => t.status === 'fulfilled')).to.have.length(1);
    expect(await readdir(path('.'))).to.deep.equal(['lock']);
  });

  it('is held by one process at a time, whatever the order of their steps and wherever they stop', async () => {
    await fc.assert(interleavings, { numRuns: 300 });
  });

  it('looks at the lock that is there, not at the one that was looked at before', async () => {
    const lock = path('replaced');
    const files = nodeFiles();
    const everyone = (owner: LockOwner): Processes => as(owner, [first, second]);
    const release = await takeLock(nodeFiles(), lock, everyone(first));
    expect(await lockHolder(files, lock, everyone(second))).to.deep.equal(first);
    await release();
    await takeLock(nodeFiles(), lock, everyone(second));
    expect(await lockHolder(files, lock, everyone(first))).to.deep.equal(second);
  });

  it('knows which processes of this machine run', async () => {
    expect(systemProcesses.runs(systemProcesses.self())).to.equal(true);
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    const owner = { ...systemProcesses.self(), pid: child.pid!, started: null };
    expect(systemProcesses.runs(owner)).to.equal(true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(systemProcesses.runs(owner)).to.equal(false);
    expect(systemProcesses.runs({ ...systemProcesses.self(), started: '1' })).to.equal(
      process.platform !== 'linux',
    );
  });
});
