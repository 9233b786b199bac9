import { createInterface } from 'node:readline/promises';
import { RlevError } from '../core/errors.ts';

/**
 * Asks before something is taken away for good; `yes` answers for the person.
 *
 * @throws RlevError `usage/arguments` where nobody is there to ask; `run/cancelled` for any answer but y or yes.
 */
export async function confirm(yes: boolean): Promise<void> {
  if (yes) return;
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    throw new RlevError({
      code: 'usage/arguments',
      message: 'Nothing was changed: this takes something away for good, and nobody is there to ask.',
      help: 'Add --yes.',
    });
  }
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await lines.question('Take it away for good? [y/N] ');
  lines.close();
  if (/^y(es)?$/i.test(answer.trim())) return;
  throw new RlevError({ code: 'run/cancelled', message: 'Nothing was changed.' });
}
