import type { CommandModule } from 'yargs';
import { loadPipeline, type Pipeline } from '../pipeline/resolve.ts';
import { type RunResult, train } from '../pipeline/run.ts';
import { type Comparison, compare, type Summary, summarize } from '../report/statistics.ts';
import { comparisonTable, summaryTable } from '../report/table.ts';
import { builtInStages } from '../stages/catalogue.ts';
import { onInterrupt } from './interrupt.ts';
import { progressOn } from './progress.ts';

interface TrainArguments {
  file: string;
  set: string[];
  run?: string;
  json: boolean;
}

export const trainCommand: CommandModule<object, TrainArguments> = {
  command: 'train <file>',
  describe: 'run a pipeline: train a policy and record everything',
  builder: (y) =>
    y
      .positional('file', { type: 'string', demandOption: true, describe: 'pipeline file (YAML)' })
      .option('set', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [],
        describe: 'override a key: stages.rollout.samples=4',
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
      .example('$0 train pipelines/rlev.yaml --set stages.advantage.use=advantage/grpo', '') as never,
  async handler(args) {
    const out = args.json ? process.stderr : process.stdout;
    const say = (line: string): void => void out.write(`${line}\n`);
    const { signal, release } = onInterrupt();
    try {
      const pipeline = await loadPipeline(args.file, { catalogue: builtInStages, set: args.set });
      for (const notice of pipeline.notices) say(notice);
      const progress = progressOn(out, pipeline);
      let directory: string | undefined;
      try {
        const result = await train(pipeline, {
          ...(args.run !== undefined && { directory: args.run }),
          signal,
          notice: say,
          onEvent(event) {
            if (event.type === 'opened') {
              directory = event.directory;
              const { policy } = event.assembly;
              if (policy) {
                const { parameters, engine, device } = policy.info;
                say(`policy: ${parameters.toLocaleString('en')} parameters on ${engine} (${device})`);
              }
              say(`run: ${directory}`);
            }
            progress.tell(event);
          },
        });
        progress.end();
        if (args.json) process.stdout.write(`${JSON.stringify(summaryOf(result), null, 2)}\n`);
        else say(closing(pipeline, result));
      } catch (error) {
        progress.end();
        if (directory !== undefined) say(leftBehind(args.file, directory));
        throw error;
      }
    } finally {
      release();
    }
  },
};

/** First and last evaluation of each branch. */
function endsOf(
  result: RunResult,
): { branch: string; first: RunResult['evaluations'][0]; last: RunResult['evaluations'][0] }[] {
  const branches = [...new Set(result.evaluations.map((e) => e.branch))];
  return branches.map((branch) => {
    const own = result.evaluations.filter((e) => e.branch === branch);
    return { branch, first: own[0]!, last: own.at(-1)! };
  });
}

interface JsonResult {
  readonly run: string | undefined;
  readonly steps: number;
  readonly checkpoint: string | undefined;
  readonly evaluations: readonly ({ readonly branch: string; readonly step: number } & Summary)[];
  readonly comparisons: readonly ({ readonly branch: string } & Pick<Comparison, 'n' | 'difference'>)[];
}

function summaryOf(result: RunResult): JsonResult {
  return {
    run: result.directory,
    steps: result.steps,
    checkpoint: result.checkpoint,
    evaluations: result.evaluations.map(({ branch, step, evaluation }) => ({
      branch,
      step,
      ...summarize(evaluation),
    })),
    comparisons: endsOf(result)
      .filter(({ first, last }) => first !== last)
      .map(({ branch, first, last }) => {
        const { n, difference } = compare(first.evaluation, last.evaluation);
        return { branch, n, difference };
      }),
  };
}

function closing(pipeline: Pipeline, result: RunResult): string {
  const tables = endsOf(result).map(({ branch, first, last }) =>
    first === last
      ? `\n${branch}\n${summaryTable(summarize(last.evaluation))}`
      : `\n${branch}, before training and after ${last.step} steps\n${comparisonTable(compare(first.evaluation, last.evaluation))}`,
  );
  const lines = ['', `recorded in ${result.directory}`];
  if (result.checkpoint) {
    lines.push(`trained policy: ${result.checkpoint} (a Hugging Face directory)`);
    lines.push('next, grade it on questions of your own, or train with another estimator:');
    lines.push(`  npx rlev eval --policy ${result.checkpoint} --data QUESTIONS.jsonl`);
    lines.push(`  npx rlev train ${pipeline.file} --set stages.advantage.use=advantage/grpo`);
  }
  return [...tables, ...lines].join('\n');
}

function leftBehind(file: string, directory: string): string {
  return [
    `What was recorded until now is in ${directory}, and is valid.`,
    `  rlev train ${file}          starts anew, in another run directory`,
  ].join('\n');
}
