import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder for the tests of one `describe`, removed after them. */
export function scratch(): (name: string) => string {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rlev-log-'));
  });
  after(() => rm(folder, { recursive: true }));
  return (name) => join(folder, name);
}
