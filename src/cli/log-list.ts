import type { CommandModule } from 'yargs';
import { type ListedCohort, listCohorts } from '../log/list.ts';
import { openRun } from '../log/run-directory.ts';
import { runList } from '../report/run-list.ts';
import { print } from './print.ts';

interface ListArguments {
  run: string;
  json: boolean;
}

export const logListCommand: CommandModule<object, ListArguments> = {
  command: 'list <run>',
  describe: 'list steps and what each stage did: events, rows, bytes, identities',
  builder: (y) =>
    y
      .positional('run', { type: 'string', demandOption: true, describe: 'run directory' })
      .option('json', { type: 'boolean', default: false, describe: 'print JSON, a line a step' }) as never,
  async handler({ run, json }) {
    const log = await openRun(run, { write: false });
    try {
      const cohorts = listCohorts(log);
      await print(json ? asJson(cohorts) : runList(cohorts, process.stdout.columns ?? 120));
    } finally {
      await log.close();
    }
  },
};

async function* asJson(cohorts: AsyncIterable<ListedCohort>): AsyncGenerator<string> {
  for await (const cohort of cohorts) yield `${JSON.stringify(cohort)}\n`;
}
