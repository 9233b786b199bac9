import type { CommandModule } from 'yargs';
import type { RunEvent } from '../pipeline/run/carry-out.ts';
import { resume } from '../pipeline/run/resume.ts';
import { builtInStages } from '../stages/catalogue.ts';
import { attend } from './attend.ts';

interface ResumeArguments {
  run: string;
  json: boolean;
}

export const resumeCommand: CommandModule<object, ResumeArguments> = {
  command: 'resume <run>',
  describe: 'continue a run that was stopped, as if it never had been',
  builder: (y) =>
    y
      .positional('run', { type: 'string', demandOption: true, describe: 'run directory' })
      .option('json', {
        type: 'boolean',
        default: false,
        describe: 'print the result as JSON, all else on stderr',
      })
      .example('$0 resume runs/rlev', '') as never,
  async handler({ run, json }) {
    await attend({
      json,
      run: (options) => resume(run, { ...options, catalogue: builtInStages }),
      opened: (event) => [whereItStands(event)],
    });
  },
};

function whereItStands({
  from,
  again,
  evaluations,
  pipeline,
}: Extract<RunEvent, { type: 'opened' }>): string {
  const { steps } = pipeline.run;
  if (from === steps && evaluations.length === 0) return `finished: all ${steps} steps are done`;
  const start = from === 0 ? 'resumes from the beginning' : `resumes after step ${from}, from its checkpoint`;
  if (again === 0) return start;
  const repeated = `${again} recorded step${again === 1 ? ' is' : 's are'} trained on again, without being sampled again`;
  return `${start}; ${repeated}${from === 0 && again > 1 ? ' (run.checkpoint.every makes them fewer)' : ''}`;
}
