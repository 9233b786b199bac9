import { type FileHandle, open } from 'node:fs/promises';

/** For reading, or for writing at the end of a file, which is made where it is missing. */
type Mode = 'r' | 'a';

/** Files that stay open between uses: opening one costs more than reading a few kilobytes of it. */
export interface OpenFiles {
  /** Works with a file that is open, and stays so until the work is done. */
  use<T>(path: string, mode: Mode, work: (handle: FileHandle) => Promise<T>): Promise<T>;
  /** The mode in which a file is held: where it was written to, a sync must learn what became of that. */
  modeOf(path: string): Mode;
  /** Closes a file, or all below a folder. */
  close(path: string): Promise<void>;
  /** Closes all; from now on each is closed after its use. */
  closeAll(): Promise<void>;
}

/** Milliseconds after which none stays open that is not used, so that a log which nobody closes leaves none behind. */
const patience = 1000;

/** @param most files that stay open: those that were used last. */
export function openFiles(most: number): OpenFiles {
  let room = most;
  let idle: NodeJS.Timeout | undefined;
  /** In the order of their last use. */
  const held = new Map<
    string,
    { readonly path: string; readonly handle: Promise<FileHandle>; users: number }
  >();

  const close = async (name: string): Promise<void> => {
    const { handle } = held.get(name)!;
    held.delete(name);
    await (await handle).close();
  };
  const closeThose = async (
    isMeant: (file: { readonly path: string; readonly users: number }) => boolean,
  ): Promise<void> => {
    for (const [name, file] of held) if (isMeant(file)) await close(name);
  };

  const closeIdle = (): void => {
    closeThose(({ users }) => users === 0).catch(() => undefined);
  };

  return {
    use: async (path, mode, work) => {
      const name = `${mode} ${path}`;
      const file = held.get(name) ?? { path, handle: open(path, mode), users: 0 };
      held.delete(name);
      held.set(name, file);
      file.users++;
      try {
        const handle = await file.handle.catch((error) => {
          held.delete(name);
          throw error;
        });
        return await work(handle);
      } finally {
        file.users--;
        await closeThose(({ users }) => held.size > room && users === 0);
        clearTimeout(idle);
        if (held.size > 0) idle = setTimeout(closeIdle, patience).unref();
      }
    },
    modeOf: (path) => (held.has(`a ${path}`) ? 'a' : 'r'),
    close: (path) => closeThose((file) => file.path === path || file.path.startsWith(`${path}/`)),
    closeAll: async () => {
      room = 0;
      clearTimeout(idle);
      await closeThose(() => true);
    },
  };
}
