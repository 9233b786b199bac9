import type { CommandModule } from 'yargs';
import { logCatCommand } from './log-cat.ts';
import { logListCommand } from './log-list.ts';
import { logPruneCommand } from './log-prune.ts';
import { logRepairCommand, logVerifyCommand } from './log-verify.ts';

export const logCommand: CommandModule = {
  command: 'log <command>',
  describe: 'look at what a run recorded, check it, save it, make room',
  builder: (y) =>
    y
      .command(logListCommand)
      .command(logCatCommand)
      .command(logVerifyCommand)
      .command(logRepairCommand)
      .command(logPruneCommand)
      .demandCommand(1) as never,
  handler() {
    // one of the commands above was called
  },
};
