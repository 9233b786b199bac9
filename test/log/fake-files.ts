import { dirname } from 'node:path';
import type { LogFiles } from '../../src/log/files.ts';

/** What happens to the operation that is to fail, and after it. */
export type Fault =
  /** It is not done and throws; later ones work. */
  | 'error'
  /** An append writes half and throws, anything else throws; later ones work. */
  | 'torn'
  /** This and every later append writes half of its bytes and throws ENOSPC; anything else works. */
  | 'full'
  /** It is half done if it is an append, and no later operation does anything: the process was killed. */
  | 'killed';

/** What a machine that lost power finds. */
export type Survival =
  /** Everything that was written: only the process ended. */
  | 'all'
  /** What was synced, names and content. */
  | 'synced'
  /** All names, but of content only what was synced and half of the rest. */
  | 'half';

interface Inode {
  current: Uint8Array;
  durable: Uint8Array;
}
type Names = Map<string, Inode | 'folder'>;

/** A file system in memory that knows what is on the disk and what only in the cache. */
export class FakeFiles implements LogFiles {
  private names: Names = new Map([['/', 'folder']]);
  private durableNames: Names = new Map([['/', 'folder']]);
  private fault: Fault | undefined;
  private faultAt = Infinity;
  /** Changing operations so far. */
  operations = 0;

  failAt(operation: number, fault: Fault): void {
    this.faultAt = operation;
    this.fault = fault;
  }

  /** The same disk as another process finds it after a stop. */
  restarted(survival: Survival): FakeFiles {
    const next = new FakeFiles();
    for (const [path, node] of survival === 'synced' ? this.durableNames : this.names) {
      const content = node === 'folder' ? undefined : surviving(node, survival);
      const inode: Inode | 'folder' = content ? { current: content, durable: content } : 'folder';
      next.names.set(path, inode);
      next.durableNames.set(path, inode);
    }
    return next;
  }

  /** A file's content, to change it under the log's feet. */
  content(path: string): Uint8Array {
    return this.file(path).current;
  }

  put(path: string, bytes: Uint8Array): void {
    const inode = { current: bytes, durable: bytes };
    this.names.set(path, inode);
    this.durableNames.set(path, inode);
  }

  paths(): string[] {
    return [...this.names].filter(([, node]) => node !== 'folder').map(([path]) => path);
  }

  async mkdir(path: string): Promise<void> {
    this.step();
    if (this.names.has(path)) throw failure('EEXIST', path);
    this.inFolder(path);
    this.names.set(path, 'folder');
  }

  async list(path: string): Promise<string[]> {
    const folder = path.replace(/\/$/, '');
    const below = [...this.names.keys()].filter((name) => name !== '/' && dirname(name) === folder);
    return below
      .map((name) => name.slice(folder.length + 1) + (this.names.get(name) === 'folder' ? '/' : ''))
      .sort();
  }

  async size(path: string): Promise<number | undefined> {
    const node = this.names.get(path);
    return node && node !== 'folder' ? node.current.length : undefined;
  }

  async readAll(path: string): Promise<Uint8Array | undefined> {
    const node = this.names.get(path);
    return node && node !== 'folder' ? node.current : undefined;
  }

  async read(path: string, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(this.file(path).current.slice(offset, offset + length));
  }

  async append(path: string, bytes: Uint8Array): Promise<void> {
    const half = bytes.subarray(0, bytes.length >> 1);
    const done = this.isFaulty() && this.fault !== 'error' ? half : bytes;
    if (this.isFaulty() && this.fault === 'error') this.step();
    if (this.isDead()) throw failure('EIO', path);
    if (!this.names.has(path)) {
      this.inFolder(path);
      this.names.set(path, { current: new Uint8Array(0), durable: new Uint8Array(0) });
    }
    const file = this.file(path);
    file.current = Buffer.concat([file.current, done]);
    this.step(true);
  }

  async sync(path: string): Promise<void> {
    this.step();
    const node = this.names.get(path);
    if (!node) throw failure('ENOENT', path);
    if (node !== 'folder') {
      node.durable = node.current;
      return;
    }
    const inside = (name: string): boolean => name !== '/' && dirname(name) === path;
    for (const name of [...this.durableNames.keys()]) {
      // a folder that is gone takes all in it along
      if (inside(name) && !this.names.has(name)) forget(this.durableNames, name);
    }
    for (const [name, child] of this.names) if (inside(name)) this.durableNames.set(name, child);
  }

  async truncate(path: string, size: number): Promise<void> {
    this.step();
    const file = this.file(path);
    file.current = file.current.slice(0, size);
  }

  async rename(from: string, to: string): Promise<void> {
    this.step();
    if (!this.names.has(from)) throw failure('ENOENT', from);
    for (const [name, node] of [...this.names]) {
      if (name !== from && !name.startsWith(`${from}/`)) continue;
      this.names.delete(name);
      const moved = to + name.slice(from.length);
      this.names.set(moved, node);
      // what was durable in a folder is so under its new name, once that name is
      if (name !== from && this.durableNames.has(name)) this.durableNames.set(moved, node);
    }
  }

  async remove(path: string): Promise<void> {
    this.step();
    forget(this.names, path);
  }

  async claim(path: string, content: string): Promise<boolean> {
    this.step();
    if (this.names.has(path)) return false;
    this.inFolder(path);
    const bytes = Buffer.from(content);
    this.names.set(path, { current: bytes, durable: bytes });
    return true;
  }

  async close(): Promise<void> {}

  private step(grows = false): void {
    this.operations++;
    if (this.isDead()) throw failure('EIO', 'a process that was killed');
    if (this.operations === this.faultAt && this.fault !== 'full') throw failure('EIO', 'the disk');
    if (grows && this.fault === 'full' && this.operations >= this.faultAt)
      throw failure('ENOSPC', 'the disk');
  }

  /** Whether the operation about to be counted is the one to fail. */
  private isFaulty(): boolean {
    const next = this.operations + 1;
    return next === this.faultAt || (this.fault === 'full' && next > this.faultAt);
  }

  private isDead(): boolean {
    return this.fault === 'killed' && this.operations > this.faultAt;
  }

  private file(path: string): Inode {
    const node = this.names.get(path);
    if (!node || node === 'folder') throw failure('ENOENT', path);
    return node;
  }

  private inFolder(path: string): void {
    if (this.names.get(dirname(path)) !== 'folder') throw failure('ENOENT', path);
  }
}

function surviving({ current, durable }: Inode, survival: Survival): Uint8Array {
  if (survival === 'all') return current;
  if (survival === 'synced' || current.length < durable.length) return durable;
  return current.slice(0, (current.length + durable.length) >> 1);
}

function forget(names: Names, path: string): void {
  for (const name of [...names.keys()]) {
    if (name === path || name.startsWith(`${path}/`)) names.delete(name);
  }
}

function failure(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
