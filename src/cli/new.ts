import type { CommandModule } from 'yargs';
import { newPipeline, newStage } from '../pipeline/explain/scaffold.ts';

interface NewArguments {
  what: string;
  name: string;
}

export const newCommand: CommandModule<object, NewArguments> = {
  command: 'new <what> <name>',
  describe: 'begin a pipeline or a stage of your own',
  builder: (y) =>
    y
      .positional('what', {
        type: 'string',
        choices: ['pipeline', 'stage'],
        demandOption: true,
        describe: 'a pipeline with questions, or a stage with its test',
      })
      .positional('name', {
        type: 'string',
        demandOption: true,
        describe: 'path and name of the file: experiments/mine, stages/length-bonus',
      })
      .example('$0 new pipeline mine', '')
      .example('$0 new stage stages/length-bonus', '') as never,
  async handler({ what, name }) {
    const files = what === 'pipeline' ? await newPipeline(name) : await newStage(name);
    const next =
      what === 'pipeline' ? `npx rlev lint ${quoted(files[0]!)}` : `node --test ${quoted(files[1]!)}`;
    process.stdout.write(`${files.map((file) => `${file}\n`).join('')}next: ${next}\n`);
  },
};

/** A path as a shell takes it. */
function quoted(path: string): string {
  return /^[\w./@%+:,-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
