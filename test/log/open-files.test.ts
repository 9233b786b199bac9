import { writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { nodeFiles } from '../../src/log/files.ts';
import { openFiles } from '../../src/log/open-files.ts';
import { scratch } from './scratch.ts';

/** What a handle's number is once it is closed. */
const closed = -1;

describe('log/open-files', () => {
  const path = scratch();
  const file = async (name: string): Promise<string> => {
    await writeFile(path(name), name);
    return path(name);
  };

  it('keeps the files that were used last', async () => {
    const files = openFiles(2);
    const names = await Promise.all(['a', 'b', 'c'].map(file));
    const handles = [];
    for (const i of [0, 1, 0, 2]) handles[i] = await files.use(names[i]!, 'r', async (handle) => handle);
    expect(handles.map(({ fd }) => fd === closed)).to.deep.equal([false, true, false]);
    expect(await files.use(names[0]!, 'r', async (handle) => handle)).to.equal(handles[0]);
    await files.closeAll();
    expect(handles.map(({ fd }) => fd)).to.deep.equal([closed, closed, closed]);
  });

  it('closes none that is in use, and opens one once for all that use it at a time', async () => {
    const files = openFiles(1);
    const [a, b] = [await file('a'), await file('b')];
    await files.use(a, 'r', async (first) => {
      await Promise.all([b, a].map((name) => files.use(name, 'r', (handle) => handle.stat())));
      expect(await files.use(a, 'r', async (again) => again)).to.equal(first);
      expect(first.fd).not.to.equal(closed);
    });
    await files.closeAll();
  });

  it('keeps nothing where it may not, or has closed all', async () => {
    const files = openFiles(1);
    await files.closeAll();
    for (const none of [files, openFiles(0)]) {
      const handle = await none.use(await file('a'), 'r', async (h) => h);
      expect(handle.fd).to.equal(closed);
    }
  });

  it('forgets a file that could not be opened', async () => {
    const files = openFiles(4);
    const read = (): Promise<string> => files.use(path('later'), 'r', (handle) => handle.readFile('utf8'));
    expect(await read().catch((error) => error.code)).to.equal('ENOENT');
    await file('later');
    expect(await read()).to.equal('later');
    await files.closeAll();
  });

  it('reads what has a name now, not what had it before', async () => {
    const files = nodeFiles();
    const text = async (name: string): Promise<string> =>
      Buffer.from(await files.read(path(name), 0, 99)).toString();
    const put = (name: string, content: string): Promise<void> =>
      files.append(path(name), new TextEncoder().encode(content));
    await put('old', 'old');
    expect(await text('old')).to.equal('old');
    await put('new', 'new');
    await files.rename(path('new'), path('old'));
    expect(await text('old')).to.equal('new');
    await files.mkdir(path('folder'));
    await put('folder/x', '1');
    await files.remove(path('folder'));
    expect(await files.list(path('folder'))).to.deep.equal([]);
    expect(await text('folder/x').catch((error) => error.code)).to.equal('ENOENT');
    await files.mkdir(path('folder'));
    await put('folder/x', '2');
    expect(await text('folder/x')).to.equal('2');
    await files.close();
  });

  it('lets timers have their turn while it reads without end', async () => {
    const files = nodeFiles();
    const name = await file('a');
    let late = false;
    setTimeout(() => {
      late = true;
    }, 1);
    while (!late) expect(await files.read(name, 0, 1)).to.have.length(1);
    await files.close();
  });
});
