import { expect } from 'chai';
import type { RlevError } from '../../src/core/errors.ts';
import { createRun } from '../../src/log/run-directory.ts';
import { columnsDraft, origin, pipeline, updateDraft } from './events.ts';
import { FakeFiles } from './fake-files.ts';
import { flips, readAll } from './flips.ts';

describe('log, when a file is damaged', function () {
  this.timeout(300_000);

  it('finds every flipped bit', async () => {
    expect(await flips(() => true)).to.be.greaterThan(20_000);
  });

  it('finds every truncation but those at the end of an event, which give a shorter run', async () => {
    const files = new FakeFiles();
    const log = await createRun('/run', origin, pipeline, { files });
    for (const draft of [columnsDraft(0), updateDraft(0), columnsDraft(1)]) await log.append(draft);
    await log.close();
    for (const path of files.paths()) {
      const whole = Uint8Array.from(files.content(path));
      for (let length = 0; length < whole.length; length++) {
        files.put(path, whole.slice(0, length));
        const error = await readAll(files).catch((e: unknown) => e);
        const shorter = path.endsWith('journal.ndjson') && length > whole.indexOf(10);
        if (shorter) expect(error, `${path} ${length}`).to.equal(undefined);
        else expect((error as RlevError).code, `${path} ${length}`).to.equal('run/corrupt');
      }
      files.put(path, whole);
    }
  });
});
