import type { CommandModule } from 'yargs';
import { RlevError } from '../core/errors.ts';
import { diffPipelines, type PipelineDiff } from '../pipeline/replay/diff-pipelines.ts';
import { diffRuns, type RunDiff } from '../pipeline/replay/diff-runs.ts';
import type { KeyDifference } from '../pipeline/replay/key-differences.ts';
import type { ColumnsDiff } from '../report/column-diff.ts';
import { differenceTable } from '../report/diff-table.ts';
import { counted, fixed } from '../report/format.ts';
import { builtInStages } from '../stages/catalogue.ts';
import { onInterrupt } from './interrupt.ts';
import { stepsOf } from './which-cohorts.ts';

interface DiffArguments {
  a: string;
  b: string;
  on?: string;
  steps?: string;
  json: boolean;
}

export const diffCommand: CommandModule<object, DiffArguments> = {
  command: 'diff <a> <b>',
  describe: 'compare two runs, or two pipelines over one recording',
  builder: (y) =>
    y
      .positional('a', { type: 'string', demandOption: true, describe: 'a run; with --on a pipeline file' })
      .positional('b', { type: 'string', demandOption: true, describe: 'the other' })
      .option('on', { type: 'string', describe: 'run whose rollouts both pipelines get' })
      .option('steps', { type: 'string', describe: 'steps A..B, both included; default: all' })
      .option('json', { type: 'boolean', default: false, describe: 'print JSON' })
      .example('$0 diff runs/rlev runs/rlev-2', '')
      .example('$0 diff rloo.yaml grpo.yaml --on runs/rlev', '') as never,
  async handler(args) {
    if (args.on === undefined && [args.a, args.b].every((path) => /\.ya?ml$/.test(path))) {
      throw new RlevError({
        code: 'usage/arguments',
        message: 'Two pipelines are compared on a recording, and none is named.',
        help: `rlev diff ${args.a} ${args.b} --on RUN`,
      });
    }
    const { signal, release } = onInterrupt();
    const options = {
      catalogue: builtInStages,
      ...(args.steps !== undefined && { steps: stepsOf(args.steps) }),
      signal,
      notice: (message: string) => void process.stderr.write(`${message}\n`),
    };
    try {
      let text: string;
      if (args.on === undefined) {
        const diff = await diffRuns(args.a, args.b, options);
        text = args.json ? JSON.stringify(diff, null, 2) : describeRuns(diff);
      } else {
        const diff = await diffPipelines(args.a, args.b, args.on, options);
        text = args.json ? JSON.stringify(diff, null, 2) : describePipelines(diff);
      }
      process.stdout.write(`${text}\n`);
    } finally {
      release();
    }
  },
};

function describeRuns({ runs, identical, pipeline, origin, events, first, columns }: RunDiff): string {
  const lines: string[] = [];
  if (identical) {
    lines.push(`identical: ${runs[0]} and ${runs[1]} have the same ${fixed(events.equal)} events`);
  }
  lines.push(...keyLines(pipeline), ...origin);
  if (identical) return lines.join('\n');
  const counts = [`${fixed(events.equal)} events are equal`, `${fixed(events.differing)} differ`];
  events.alone.forEach((n, i) => {
    if (n > 0) counts.push(`${fixed(n)} are in ${runs[i]} alone`);
  });
  lines.push(counts.join(', '));
  if (first) {
    const what = first.alone ? `is not in ${runs[1]}` : 'differs';
    const scope = first.scope === 'train' ? '' : ` of ${first.scope}`;
    lines.push(`the first event that ${what}: ${first.stage}${scope}, step ${first.step}`);
  } else lines.push(`${runs[1]} begins as ${runs[0]} does, and goes on`);
  for (const [scope, diff] of Object.entries(columns)) {
    lines.push('', `${scope}, in events that differ`, '', ...columnLines(diff, ['a', 'b']));
  }
  return lines.join('\n');
}

function describePipelines({
  run,
  pipelines,
  identical,
  pipeline,
  steps,
  rollouts,
  columns,
}: PipelineDiff): string {
  const over = `over ${fixed(rollouts)} rollouts in ${counted(steps, 'step')} of ${run}`;
  if (identical) {
    const same = `identical ${over}: ${columns.equal.join(', ')}`;
    return [same, ...keyLines(pipeline)].join('\n');
  }
  return [
    `a: ${pipelines[0]}  b: ${pipelines[1]}`,
    over,
    ...keyLines(pipeline),
    '',
    ...columnLines(columns, ['a', 'b']),
  ].join('\n');
}

function columnLines({ differing, equal }: ColumnsDiff, names: readonly [string, string]): string[] {
  const lines = differing.length > 0 ? [differenceTable(differing, names)] : [];
  if (equal.length > 0)
    lines.push(...(lines.length > 0 ? [''] : []), `equal in every row: ${equal.join(', ')}`);
  return lines;
}

function keyLines(differences: readonly KeyDifference[]): string[] {
  const say = (value: unknown): string => (value === undefined ? 'absent' : JSON.stringify(value));
  return differences.map(({ key, before, after }) => `${key}: ${say(before)}, ${say(after)}`);
}
