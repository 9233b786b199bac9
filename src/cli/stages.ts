import type { CommandModule } from 'yargs';
import type { StageKind } from '../core/stage.ts';
import {
  type ColumnDescription,
  describeParts,
  describeStage,
  type ParameterDescription,
  type PartEntry,
  type StageDescription,
} from '../pipeline/explain/describe-stage.ts';
import { builtInStages } from '../stages/catalogue.ts';

interface StagesArguments {
  name?: string;
  json: boolean;
}

const kinds: Record<StageKind, string> = {
  source: 'makes rows',
  map: 'adds columns to rows',
  select: 'chooses the rows that go on',
  update: 'changes the policy',
};

export const stagesCommand: CommandModule<object, StagesArguments> = {
  command: 'stages [name]',
  describe: 'what there is to build pipelines of; or all about one stage',
  builder: (y) =>
    y
      .positional('name', { type: 'string', describe: 'of a stage or a loss: advantage/rloo, loss/gspo' })
      .option('json', { type: 'boolean', default: false, describe: 'print JSON' })
      .example('$0 stages advantage/grpo', '') as never,
  async handler({ name, json }) {
    const parts = await describeParts(builtInStages);
    process.stdout.write(
      name === undefined ? catalogueText(parts, json) : await entryText(name, parts, json),
    );
  },
};

function catalogueText(parts: readonly PartEntry[], json: boolean): string {
  const stages = [...builtInStages.values()].map(({ name, kind, summary }) => ({ name, kind, summary }));
  const others = parts.map(({ name, parameter, description }) => ({
    name,
    kind: parameter,
    summary: description,
  }));
  if (json) return asJson([...stages, ...others]);
  const table = (entries: typeof others): string =>
    aligned(entries.map(({ name, summary }) => [name, summary]));
  const kinds = [...new Set(others.map(({ kind }) => kind))].map(
    (kind) => `\n${kind}: { use: ... }\n${table(others.filter((entry) => entry.kind === kind))}`,
  );
  return `${table(stages)}${kinds.join('')}\nAll about one of them: rlev stages advantage/rloo\n`;
}

async function entryText(name: string, parts: readonly PartEntry[], json: boolean): Promise<string> {
  const part = parts.find((entry) => entry.name === name);
  if (part && json) return asJson(part);
  if (part) {
    return [
      `${name} (${part.parameter} of ${part.stages.join(', ')})\n${part.description}\n`,
      ...facts(part),
      section('parameters', parameterRows(part.parameters), 'none'),
      `example\n  ${part.parameter}: { use: ${name} }\n`,
    ].join('\n');
  }
  const stage = await describeStage(name, builtInStages);
  return json ? asJson(stage) : describe(stage);
}

function describe(stage: StageDescription): string {
  const { name, kind, summary, parameters, parts, needs, adds, replaces, example } = stage;
  const sections = [
    `${name} (${kind}: ${kinds[kind]})\n${summary}\n`,
    ...facts(stage),
    section('parameters', parameterRows(parameters), 'none'),
    ...parts.map((part) =>
      section(
        [`${part.parameter}: { use: ${part.name} }: ${part.description}`, ...facts(part, '  ')]
          .join('\n')
          .trimEnd(),
        parameterRows(part.parameters),
        '',
      ),
    ),
    section('needs the columns', columnRows(needs), 'none'),
    ...(kind === 'update' || kind === 'select'
      ? []
      : [section('adds the columns', columnRows(adds), 'none')]),
    ...(replaces.length > 0 ? [section('gives anew the columns', columnRows(replaces), '')] : []),
    `example\n${example.replaceAll(/^(?=.)/gm, '  ')}`,
  ];
  return sections.join('\n');
}

/** What is known of a stage or a loss beside its parameters, one line each. */
function facts(
  { formula, source, valueScale }: Partial<Pick<StageDescription, 'formula' | 'source' | 'valueScale'>>,
  indent = '',
): string[] {
  const rows = Object.entries({ formula, source, 's(x)': valueScale }).flatMap(([name, text]) =>
    text === undefined ? [] : [[name, text]],
  );
  return rows.length > 0 ? [aligned(rows, indent)] : [];
}

function section(title: string, rows: readonly string[][], empty: string): string {
  return rows.length > 0 ? `${title}\n${aligned(rows, '  ')}` : `${title}${empty && `: ${empty}`}\n`;
}

function parameterRows(parameters: readonly ParameterDescription[]): string[][] {
  return parameters.map((p) => [
    p.name,
    p.type,
    p.required ? requiredText(p.name) : p.default === undefined ? '' : `default ${p.default}`,
    p.description,
  ]);
}

/** A key of a map that may be left out as a whole is required with it. */
function requiredText(name: string): string {
  const map = name.slice(0, Math.max(0, name.lastIndexOf('.')));
  return map === '' ? 'required' : `required in ${map}`;
}

function columnRows(columns: readonly ColumnDescription[]): string[][] {
  return columns.map(({ name, type, description }) => [name, type, description]);
}

/** Rows as lines, each column as wide as its widest cell; on a terminal the last one is folded where it would not fit. */
function aligned(rows: readonly (readonly string[])[], indent = ''): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const left = indent.length + widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 0);
  const room = (process.stdout.columns ?? Infinity) - left;
  return rows
    .map((row) => {
      const cells = row.slice(0, -1).map((cell, i) => `${cell.padEnd(widths[i]!)}  `);
      const [first, ...more] = folded(row.at(-1)!, room);
      const lines = [`${indent}${cells.join('')}${first}`, ...more.map((line) => ' '.repeat(left) + line)];
      return lines.map((line) => `${line.trimEnd()}\n`).join('');
    })
    .join('');
}

/** A text as lines of at most `room` characters, broken between words; whole where that is too little to read. */
function folded(text: string, room: number): string[] {
  if (room < 24 || text.length <= room) return [text];
  const cut = text.lastIndexOf(' ', room);
  const at = cut > 0 ? cut : room;
  return [text.slice(0, at), ...folded(text.slice(at).trimStart(), room)];
}

function asJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
