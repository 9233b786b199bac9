import type { CommandModule } from 'yargs';
import { RlevError } from '../core/errors.ts';
import { loadPipeline } from '../pipeline/file/resolve.ts';
import { checkBeforeRun } from '../pipeline/lint/before-run.ts';
import { runStepOf } from '../pipeline/run/fork.ts';
import { pipelineOf } from '../pipeline/run/resume.ts';
import { train } from '../pipeline/run/run.ts';
import { builtInStages } from '../stages/catalogue.ts';
import { attend } from './attend.ts';

interface TrainArguments {
  file?: string;
  from?: string;
  set: string[];
  run?: string;
  json: boolean;
}

export const trainCommand: CommandModule<object, TrainArguments> = {
  command: 'train [file]',
  describe: 'run a pipeline: train a policy and record everything',
  builder: (y) =>
    y
      .positional('file', {
        type: 'string',
        describe: 'pipeline file (YAML); with --from by default that of the run',
      })
      .option('set', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [],
        describe: 'override a key: stages.rollout.samples=4',
      })
      .option('from', {
        type: 'string',
        describe: 'go on from a checkpoint of another run, in a new one: RUN@STEP',
      })
      .option('run', {
        type: 'string',
        describe: 'run directory, must not exist; default: a new one in runs/',
      })
      .option('json', {
        type: 'boolean',
        default: false,
        describe: 'print the result as JSON, all else on stderr',
      })
      .example('$0 train pipelines/rlev.yaml --set stages.advantage.use=advantage/grpo', '')
      .example('$0 train --from runs/rlev@40 --set run.steps=90', '') as never,
  async handler({ file, from, set, run, json }) {
    await attend({
      json,
      async run(options, say) {
        const start = from === undefined ? undefined : runStepOf(from);
        const load = { catalogue: builtInStages, set };
        const pipeline =
          file === undefined
            ? await pipelineOf((start ?? noFile()).run, load)
            : await loadPipeline(file, load);
        for (const notice of pipeline.notices) say(notice);
        await checkBeforeRun(pipeline, builtInStages, say, options.signal);
        return train(pipeline, {
          ...options,
          ...(run !== undefined && { directory: run }),
          ...(start && { from: start }),
        });
      },
      opened: ({ from: done }) => (from === undefined ? [] : [`goes on from ${from}, after ${done} steps`]),
    });
  },
};

function noFile(): never {
  throw new RlevError({
    code: 'usage/arguments',
    message: 'train needs a pipeline file, or a run to go on from.',
    help: 'rlev train pipelines/rlev.yaml, or rlev train --from RUN@STEP',
  });
}
