#!/usr/bin/env node
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { version } from '../core/version.ts';
import { auditCommand } from './audit.ts';
import { diffCommand } from './diff.ts';
import { evalCommand } from './eval.ts';
import { explainCommand } from './explain.ts';
import { exitCodeOf, explain, isCancelled } from './failure.ts';
import { askedBy } from './interrupt.ts';
import { lintCommand } from './lint.ts';
import { logCommand } from './log.ts';
import { newCommand } from './new.ts';
import { refuseNoNumber } from './numbers.ts';
import { replayCommand } from './replay.ts';
import { resumeCommand } from './resume.ts';
import { schemaCommand } from './schema.ts';
import { stagesCommand } from './stages.ts';
import { welcome } from './start.ts';
import { testCommand } from './test.ts';
import { trainCommand } from './train.ts';
import { valuesCommand } from './values.ts';

const cli = yargs(hideBin(process.argv))
  .scriptName('rlev')
  .usage('$0 <command> [options]')
  .version(version)
  .command(trainCommand)
  .command(resumeCommand)
  .command(evalCommand)
  .command(replayCommand)
  .command(diffCommand)
  .command(auditCommand)
  .command(logCommand)
  .command(lintCommand)
  .command(explainCommand)
  .command(schemaCommand)
  .command(stagesCommand)
  .command(valuesCommand)
  .command(newCommand)
  .command(testCommand)
  .strict()
  .strictCommands()
  .recommendCommands()
  .middleware((parsed) => refuseNoNumber(parsed, hideBin(process.argv)))
  .alias('h', 'help')
  .wrap(Math.min(100, process.stdout.columns ?? 100))
  .fail((message, error) => {
    if (error) throw error;
    process.stderr.write(`rlev: ${message}\n  See rlev --help.\n`);
    process.exit(2);
  });

// whoever read the output has gone, as `head` does: no fault of ours
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

try {
  const { _: commands } = await cli.parseAsync();
  if (commands.length === 0) process.stdout.write(welcome());
} catch (error) {
  process.stderr.write(explain(error));
  process.exitCode = exitCodeOf(error, askedBy());
  // a stage that did not end when it was cancelled would keep the process
  if (isCancelled(error)) process.exit();
}
