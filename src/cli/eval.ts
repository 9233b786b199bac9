import type { CommandModule } from 'yargs';
import { evaluate } from '../pipeline/run/evaluate.ts';
import { summarize } from '../report/statistics.ts';
import { summaryTable } from '../report/table.ts';
import { builtInStages } from '../stages/catalogue.ts';
import { onInterrupt } from './interrupt.ts';

interface EvalArguments {
  policy: string;
  data: string;
  json: boolean;
  template?: string;
  verify?: string;
  samples: number;
  temperature: number;
  maxTokens: number;
  longPrompts: string;
  seed: number;
}

export const evalCommand: CommandModule<object, EvalArguments> = {
  command: 'eval',
  describe: 'grade a policy on a file of questions',
  builder: (y) =>
    y
      .option('policy', {
        type: 'string',
        demandOption: true,
        describe: 'Hugging Face directory or checkpoint',
      })
      .option('data', { type: 'string', demandOption: true, describe: 'questions, .jsonl or .csv' })
      .option('json', { type: 'boolean', default: false, describe: 'print JSON' })
      .option('template', { type: 'string', describe: 'prompt, default "{question}\\n"' })
      .option('verify', {
        type: 'string',
        describe: 'verifier, ./own.js#judge for one of your own; default: by the form of each reference',
      })
      .option('samples', { type: 'number', default: 1, describe: 'responses to each question' })
      .option('temperature', { type: 'number', default: 0, describe: '0 takes the most likely token' })
      .option('max-tokens', { type: 'number', default: 32, describe: 'longest response' })
      .option('long-prompts', {
        type: 'string',
        choices: ['error', 'cut-left'],
        default: 'error',
        describe: 'prompts longer than the context: refuse, or read their end',
      })
      .option('seed', { type: 'number', default: 0, describe: 'seed of the sampling' })
      .example(
        '$0 eval --policy runs/rlev/checkpoints/000060 --data fixtures/exams/heldout.jsonl',
        '',
      ) as never,
  async handler(args) {
    const { signal, release } = onInterrupt();
    try {
      const evaluation = await evaluate({
        catalogue: builtInStages,
        policy: args.policy,
        data: args.data,
        ...(args.template !== undefined && { template: args.template.replaceAll('\\n', '\n') }),
        ...(args.verify !== undefined && { verify: args.verify }),
        samples: args.samples,
        temperature: args.temperature,
        maxTokens: args.maxTokens,
        longPrompts: args.longPrompts as 'error' | 'cut-left',
        seed: args.seed,
        signal,
        notice: (message) => process.stderr.write(`${message}\n`),
      });
      const summary = summarize(evaluation);
      process.stdout.write(args.json ? `${JSON.stringify(summary, null, 2)}\n` : summaryTable(summary));
    } finally {
      release();
    }
  },
};
