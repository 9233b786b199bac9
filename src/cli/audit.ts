import type { CommandModule } from 'yargs';
import { RlevError } from '../core/errors.ts';
import { type AuditResult, audit } from '../pipeline/audit/audit.ts';
import type { Disagreement } from '../pipeline/audit/judged.ts';
import { auditTable } from '../report/audit-table.ts';
import { absent, bothEnds, counted, fixed, plainNumber } from '../report/format.ts';
import { builtInStages } from '../stages/catalogue.ts';
import { onInterrupt } from './interrupt.ts';
import { scopeOf, stepsOf } from './which-cohorts.ts';

interface AuditArguments {
  target: string;
  strict?: string;
  lenient?: string;
  judge?: string;
  sample: string;
  seed: number;
  steps?: string;
  scope?: string;
  examples: number;
  json: boolean;
}

export const auditCommand: CommandModule<object, AuditArguments> = {
  command: 'audit <target>',
  describe: 'put two verifiers side by side on recorded responses: disagreement by value, and its cost',
  builder: (y) =>
    y
      .positional('target', { type: 'string', demandOption: true, describe: 'RUN, or RUN@STEP' })
      .option('strict', {
        type: 'string',
        describe: 'a verifier that finds few answers right; default, where none is named: verify/exact',
      })
      .option('lenient', { type: 'string', describe: 'one that finds many right' })
      .option('judge', {
        type: 'string',
        describe: 'one that is believed: ./judge.js#judge. A lone one is held against the recorded verdict',
      })
      .option('sample', { type: 'string', default: '500', describe: 'verdicts to draw, or all' })
      .option('seed', { type: 'number', default: 0, describe: 'seed of the drawing' })
      .option('steps', { type: 'string', describe: 'steps A..B, both included; default: all' })
      .option('scope', { type: 'string', describe: 'train (default), or an evaluation: eval:ID' })
      .option('examples', {
        type: 'number',
        default: 5,
        describe: 'disagreements to show, the dearest first',
      })
      .option('json', { type: 'boolean', default: false, describe: 'print JSON' })
      .example('$0 audit runs/rlev --judge ./judge.js#judge --sample 200', '')
      .example("$0 audit runs/rlev --lenient '{ use: verify/numeric, rel: 0.01 }'", '') as never,
  async handler({ target, strict, lenient, judge, seed, json, ...args }) {
    const { signal, release } = onInterrupt();
    try {
      const result = await audit(target, {
        catalogue: builtInStages,
        ...(strict !== undefined && { strict }),
        ...(lenient !== undefined && { lenient }),
        ...(judge !== undefined && { judge }),
        sample: args.sample === 'all' ? 'all' : wholeNumber('sample', Number(args.sample), args.sample),
        seed: wholeNumber('seed', seed),
        examples: wholeNumber('examples', args.examples),
        ...(args.steps !== undefined && { steps: stepsOf(args.steps) }),
        ...(args.scope !== undefined && { scope: scopeOf(args.scope) }),
        signal,
        notice: (message) => process.stderr.write(`${message}\n`),
        ...(process.stderr.isTTY && { onProgress }),
      });
      process.stdout.write(json ? `${JSON.stringify(result, null, 2)}\n` : describeAudit(result));
    } finally {
      release();
    }
  },
};

/** A line that writes over itself: a judge can take a while. */
function onProgress(judged: number, of: number): void {
  process.stderr.write(judged < of ? `\rjudged ${fixed(judged)} of ${fixed(of)}` : '\r\x1b[K');
}

function wholeNumber(option: string, value: number, text: unknown = value): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new RlevError({
    code: 'usage/arguments',
    message: `--${option} takes a whole number, 0 or more, not ${text}.`,
    value: text,
    help: option === 'sample' ? 'For instance --sample 200, or --sample all.' : `For instance --${option} 7.`,
  });
}

function describeAudit(result: AuditResult): string {
  const { run, scope, steps, rows, sampled, sides, seed, unit, disagreements, examples } = result;
  const names = sides.map(({ name }) => name) as [string, string];
  const width = Math.max(...names.map((name) => name.length));
  const drawn = sampled < rows ? `${fixed(sampled)} of ${fixed(rows)}` : `all ${fixed(rows)}`;
  const lines = [
    `${drawn} verdicts of ${counted(steps, 'step')} of ${run}${scope === 'train' ? '' : `, ${scope}`}${sampled < rows ? `, drawn by ${unit} with seed ${seed}` : ''}`,
    ...sides.map(({ name, use, params }) => `  ${name.padEnd(width)}  ${use}${parameters(use, params)}`),
    '',
    auditTable(result, names, unit),
  ];
  if (examples.length > 0) {
    lines.push(
      '',
      `the dearest ${examples.length === 1 ? 'disagreement' : `${fixed(examples.length)} disagreements`} of ${fixed(disagreements)} among the drawn`,
    );
    for (const example of examples) lines.push('', ...exampleLines(example, width, unit));
  }
  return `${lines.join('\n')}\n`;
}

/** Parameters that are not the defaults. */
function parameters(use: string, params: unknown): string {
  const defaults = builtInStages.get(use)?.params.safeParse({}).data as Record<string, unknown> | undefined;
  const text = JSON.stringify;
  const changed = Object.entries(params as object).filter(
    ([key, value]) => text(value) !== text(defaults?.[key]),
  );
  return changed.map(([key, value]) => `  ${key}: ${text(value)}`).join('');
}

function exampleLines(
  { row_id, points, scale, prompt, reference, response, verdicts }: Disagreement,
  width: number,
  unit: 'points' | 'value',
): string[] {
  const worth =
    unit === 'points'
      ? `${plainNumber(points)} point${points === 1 ? '' : 's'}`
      : `v = ${plainNumber(points)}`;
  const s = scale === null ? '' : `, s(x) ${plainNumber(scale)}`;
  const label = (name: string): string => `  ${name.padEnd(Math.max(width, 9))}  `;
  return [
    `${worth}${s}: row ${row_id}`,
    `${label('prompt')}${shortly(prompt)}`,
    `${label('reference')}${shortly(reference.join('; '))}`,
    `${label('response')}${shortly(response)}`,
    ...Object.entries(verdicts).map(
      ([name, { answer, correct }]) =>
        `${label(name)}${verdictOf(correct)}${answer === null ? '' : `, read ${shortly(answer)}`}`,
    ),
  ];
}

function verdictOf(correct: number): string {
  if (correct === 1) return 'right';
  return correct === 0 ? 'wrong' : `${plainNumber(correct)} right`;
}

/** A text on one line; of a long one the beginning and the end, where answers stand. */
function shortly(text: string | null): string {
  return text === null ? absent : bothEnds(JSON.stringify(text), 50, 110);
}
