import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { RlevError, show } from '../core/errors.ts';
import type { LogFiles } from './files.ts';

/** Who holds a run directory. A pid alone is reused; with its start time and the machine's boot it is not. */
export interface LockOwner {
  readonly pid: number;
  /** Start of the process in clock ticks since boot; null where the system does not say. */
  readonly started: string | null;
  /** Id of the machine's boot; null where the system does not say. */
  readonly boot: string | null;
  readonly host: string;
}

/** What is known of the processes of this machine. */
export interface Processes {
  self(): LockOwner;
  /** Whether the process of this machine, in this boot, still runs. */
  runs(owner: LockOwner): boolean;
}

export const systemProcesses: Processes = {
  self: () => ({
    pid: process.pid,
    started: startTime(process.pid),
    boot: firstLine('/proc/sys/kernel/random/boot_id'),
    host: hostname(),
  }),
  runs: (owner) => {
    if (owner.started !== null) return startTime(owner.pid) === owner.started;
    try {
      process.kill(owner.pid, 0);
      return true;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EPERM';
    }
  },
};

/**
 * Takes a run directory for this process, over a lock whose owner is gone: its process ended, its pid was reused, or
 * the machine was started anew. Of another host nothing is known, so its lock stands.
 *
 * A file system has no "remove it if it still says this": of two processes that find the same stale lock, the second
 * could remove the new lock of the first. So a stale lock is removed only by who holds a second one, `lock.taking`, and
 * only while it says what it said: its owner is gone, nobody else may remove it now, and no two locks say the same. A
 * second lock whose owner stopped in between is stale itself and taken over likewise.
 *
 * @returns what gives the directory free again.
 * @throws RlevError `run/locked` with the owner's pid and host.
 */
export async function takeLock(
  files: LogFiles,
  path: string,
  processes: Processes = systemProcesses,
): Promise<() => Promise<void>> {
  const self = processes.self();
  const content = `${JSON.stringify({ ...self, id: randomUUID() })}\n`;
  while (!(await files.claim(path, content))) {
    const found = await readOwner(files, path);
    if (!found) continue;
    if (!isStale(found.owner, self, processes)) throw locked(path, found.owner);
    const release = await takeLock(files, `${path}.taking`, processes);
    try {
      if ((await readOwner(files, path))?.text === found.text) await files.remove(path);
    } finally {
      await release();
    }
  }
  return () => files.remove(path);
}

/** Who holds a run directory now: nobody where there is no lock, or a stale one. @throws RlevError `run/locked` for a lock that does not say */
export async function lockHolder(
  files: LogFiles,
  path: string,
  processes: Processes = systemProcesses,
): Promise<LockOwner | undefined> {
  const found = await readOwner(files, path);
  return found && !isStale(found.owner, processes.self(), processes) ? found.owner : undefined;
}

function isStale(owner: LockOwner, self: LockOwner, processes: Processes): boolean {
  if (owner.host !== self.host) return false;
  if (owner.boot !== self.boot) return true;
  return !processes.runs(owner);
}

async function readOwner(
  files: LogFiles,
  path: string,
): Promise<{ text: string; owner: LockOwner } | undefined> {
  const bytes = await files.readAll(path);
  if (!bytes) return undefined;
  const text = new TextDecoder().decode(bytes);
  try {
    const { id, ...owner } = JSON.parse(text) as LockOwner & { readonly id: string };
    if (Number.isInteger(owner.pid) && typeof owner.host === 'string') return { text, owner };
  } catch {
    // falls through to the error below, which shows what the file holds
  }
  throw new RlevError({
    code: 'run/locked',
    message: `The lock does not say who holds the run: ${show(text)}.`,
    value: text,
    place: { file: path },
    help: 'If no process uses the run, delete this file.',
  });
}

function locked(path: string, owner: LockOwner): RlevError {
  return new RlevError({
    code: 'run/locked',
    message: `Process ${owner.pid} on ${owner.host} has the run.`,
    value: owner,
    place: { file: path },
    help: 'Wait for it or stop it. If you know that it is gone, delete this file.',
  });
}

/** Field 22 of /proc/<pid>/stat; null for a process that is not there, has ended (zombie), or no such file system. */
function startTime(pid: number): string | null {
  const line = firstLine(`/proc/${pid}/stat`);
  // the command's name, field 2, stands in parentheses and may hold spaces and parentheses itself
  const fields = line?.slice(line.lastIndexOf(')') + 2).split(' ');
  if (!fields || fields[0] === 'Z' || fields[0] === 'X') return null;
  return fields[19] ?? null;
}

function firstLine(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').split('\n')[0]!;
  } catch {
    return null;
  }
}
