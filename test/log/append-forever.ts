import { openRun } from '../../src/log/run-directory.ts';
import { columnsDraft, updateDraft } from './events.ts';

/** A process to be killed: appends to the run that is named, and prints each identity once it is acknowledged. */
const log = await openRun(process.argv[2]!, { write: true });
for (let step = log.count; ; step++) {
  const entries = await Promise.all([log.append(columnsDraft(step)), log.append(updateDraft(step))]);
  process.stdout.write(entries.map((e) => `${e.seq} ${e.identity}\n`).join(''));
}
