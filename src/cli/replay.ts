import type { CommandModule } from 'yargs';
import type { ReplayCheck, ReplayDifference } from '../pipeline/replay/check-replay.ts';
import type { OffPolicy } from '../pipeline/replay/off-policy.ts';
import { type ReplayResult, replay } from '../pipeline/replay/replay.ts';
import { differenceTable, significant, spreadLine } from '../report/diff-table.ts';
import { counted, fixed, percent } from '../report/format.ts';
import { builtInStages } from '../stages/catalogue.ts';
import { onInterrupt } from './interrupt.ts';
import { scopeOf, stepsOf } from './which-cohorts.ts';

interface ReplayArguments {
  target: string;
  from?: string;
  to?: string;
  steps?: string;
  scope?: string;
  set: string[];
  pipeline?: string;
  check: boolean;
  json: boolean;
  run?: string;
}

export const replayCommand: CommandModule<object, ReplayArguments> = {
  command: 'replay <target>',
  describe: 'run later stages again on recorded rollouts',
  builder: (y) =>
    y
      .positional('target', { type: 'string', demandOption: true, describe: 'RUN, or RUN@STEP' })
      .option('from', {
        type: 'string',
        describe: 'first stage to run; default: the first one behind the rollout that was changed',
      })
      .option('to', {
        type: 'string',
        describe: 'last stage to run; default: the last one that does not change the policy',
      })
      .option('steps', { type: 'string', describe: 'steps A..B, both included; default: all' })
      .option('scope', {
        type: 'string',
        describe: 'the flow to replay: train, or eval:ID for an evaluation; default: train',
      })
      .option('set', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [],
        describe: 'override a key: stages.reward.alpha=5',
      })
      .option('pipeline', { type: 'string', describe: "another pipeline file; default: the run's own" })
      .option('check', {
        type: 'boolean',
        default: false,
        describe: 'unchanged stages must give the recorded identities',
      })
      .option('json', { type: 'boolean', default: false, describe: 'print JSON' })
      .option('run', { type: 'string', describe: 'record the replay in this run directory, must not exist' })
      .example('$0 replay runs/rlev --set stages.advantage.use=advantage/grpo', '')
      .example('$0 replay runs/rlev --check', '') as never,
  async handler(args) {
    const { signal, release } = onInterrupt();
    try {
      const result = await replay(args.target, {
        catalogue: builtInStages,
        set: args.set,
        check: args.check,
        ...(args.from !== undefined && { from: args.from }),
        ...(args.to !== undefined && { to: args.to }),
        ...(args.steps !== undefined && { steps: stepsOf(args.steps) }),
        ...(args.scope !== undefined && { scope: scopeOf(args.scope) }),
        ...(args.pipeline !== undefined && { pipeline: args.pipeline }),
        ...(args.run !== undefined && { directory: args.run }),
        signal,
        notice: (message) => process.stderr.write(`${message}\n`),
      });
      process.stdout.write(args.json ? `${JSON.stringify(result, null, 2)}\n` : describeReplay(result));
      if (result.check?.difference) process.exitCode = 1;
    } finally {
      release();
    }
  },
};

function describeReplay(result: ReplayResult): string {
  const { from, to, steps, rollouts, seconds, stages, changes, check, h_accuracy } = result;
  const range = from === to ? from : `${from} to ${to}`;
  const lines = [
    `replayed ${range} on ${counted(steps, 'step')} of ${result.run}: ${counted(rollouts, 'rollout')} in ${seconds.toFixed(1)} s (${fixed(rollouts / seconds)} a second)${result.policy ? '' : ', no policy opened'}`,
    '',
  ];
  for (const { id, use, rows, columns, metrics } of stages) {
    lines.push(`${id} (${use}): ${counted(rows, 'row')}`);
    for (const [name, spread] of Object.entries(columns)) lines.push(`  ${name}: ${spreadLine(spread)}`);
    if (metrics) {
      const means = Object.entries(metrics).map(([name, mean]) => `${name} ${significant(mean)}`);
      lines.push(`  ${means.join('  ')}`);
    }
  }
  if (h_accuracy !== null) lines.push(`H-Acc ${percent(h_accuracy)}`);
  if (result.off_policy.length > 0) lines.push('', ...offPolicyLines(result.off_policy));
  if (changes) {
    lines.push('');
    if (changes.differing.length > 0) {
      lines.push('against the recording', '', differenceTable(changes.differing, ['recorded', 'replayed']));
      if (changes.equal.length > 0) lines.push('', `equal in every row: ${changes.equal.join(', ')}`);
    } else if (changes.equal.length > 0) {
      lines.push(`identical to the recording in every row: ${changes.equal.join(', ')}`);
    } else lines.push('the recording has none of the replayed columns');
  }
  if (check) lines.push('', ...checkLines(check));
  if (result.directory !== undefined) lines.push('', `recorded in ${result.directory}`);
  return `${lines.join('\n')}\n`;
}

function checkLines({ compared, changed, difference }: ReplayCheck): string[] {
  const rest = changed > 0 ? `; ${counted(changed, 'event')} of changed stages cannot be compared` : '';
  if (difference) return [`check: ${differenceLine(difference)}`];
  if (compared === 0) return [`check: nothing to compare${rest}`];
  return [`check: ${counted(compared, 'event')} compared, each has the recorded identity${rest}`];
}

/** The first event, row and column that differs, with both values. */
function differenceLine(difference: ReplayDifference): string {
  const { step, stage, row, column, element, field, recorded, replayed } = difference;
  const what =
    column !== undefined
      ? `row ${row ?? '-'}, column ${column}${element === undefined ? '' : `[${element}]`}`
      : field !== undefined
        ? field
        : undefined;
  const where = `the first event that differs is ${stage} of step ${step}`;
  if (what) return `${where}, ${what}: recorded ${said(recorded)}, replayed ${said(replayed)}`;
  const { recorded: a, replayed: b } = difference.identities;
  return `${where}: every row is equal, but not the identity (${a.slice(0, 12)}, ${b.slice(0, 12)}); its parameters or parents are others`;
}

function said(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 120 ? `${text.slice(0, 119)}…` : text;
}

function offPolicyLines(steps: readonly OffPolicy[]): string[] {
  const shown = steps.length > 12 ? [...steps.slice(0, 6), ...steps.slice(-6)] : steps;
  return [
    'importance ratios of responses, policy before the update to the one that sampled; effective: (sum w)^2 / sum w^2',
    ...shown.map(
      ({ step, responses, ratio_mean, ratio_max, effective_samples }) =>
        `  step ${step}: mean ratio ${significant(ratio_mean)}, largest ${significant(ratio_max)}, effective ${effective_samples.toFixed(1)} of ${responses}`,
    ),
    ...(shown.length < steps.length
      ? [`  (${steps.length - shown.length} steps between are in --json)`]
      : []),
  ];
}
