import type { CommandModule } from 'yargs';
import { planPrune, pruneRun } from '../log/prune.ts';
import { bytesOf } from '../report/run-list.ts';
import { confirm } from './confirm.ts';

interface PruneArguments {
  run: string;
  checkpoints?: number;
  before?: number;
  yes: boolean;
}

export const logPruneCommand: CommandModule<object, PruneArguments> = {
  command: 'prune <run>',
  describe: 'remove old checkpoints, and whole files of columns of old steps; the journal stays',
  builder: (y) =>
    y
      .positional('run', { type: 'string', demandOption: true, describe: 'run directory' })
      .option('checkpoints', {
        type: 'number',
        describe: 'how many of the newest checkpoints stay, 1 or more; default: all',
      })
      .option('before', {
        type: 'number',
        describe: 'files of columns go whose steps are all before this one; default: none',
      })
      .option('yes', { type: 'boolean', default: false, describe: 'do not ask' }) as never,
  async handler({ run, yes, checkpoints, before }) {
    const plan = await planPrune(run, {
      ...(checkpoints !== undefined && { checkpoints }),
      ...(before !== undefined && { before }),
    });
    if (plan.checkpoints.length + plan.files.length === 0) {
      process.stdout.write('There is nothing to remove. Columns go by whole files, of up to 256 MB each.\n');
      return;
    }
    process.stdout.write('To be removed:\n');
    for (const path of plan.checkpoints) process.stdout.write(`  ${path}\n`);
    for (const { file, bytes } of plan.files) process.stdout.write(`  ${file}, ${bytesOf(bytes)}\n`);
    if (plan.needed !== undefined) {
      process.stdout.write(
        `Among them are columns of steps after the newest checkpoint, of step ${plan.needed}: without them the run cannot be resumed.\n`,
      );
    }
    await confirm(yes);
    await pruneRun(plan);
  },
};
