import { parse, stringify } from 'yaml';
import { type ColumnName, type KnownColumn, vocabulary } from '../../core/columns.ts';
import { didYouMean } from '../../core/did-you-mean.ts';
import { RlevError, show } from '../../core/errors.ts';
import type { Catalogue, StageDefinition, StageKind } from '../../core/stage.ts';
import { columnsOf } from '../file/flow.ts';
import type { JsonSchema } from '../file/json-schema.ts';
import { choicesOf, parametersSchema } from '../file/parameters.ts';

export interface ParameterDescription {
  /** `adamw.lr`. */
  readonly name: string;
  /** `number above 0`. */
  readonly type: string;
  /** In YAML; undefined where there is none. */
  readonly default: string | undefined;
  readonly required: boolean;
  readonly description: string;
}

export interface ColumnDescription {
  readonly name: string;
  readonly type: string;
  readonly description: string;
}

/** Something that a parameter names by a `use` of its own. */
export interface PartDescription {
  readonly parameter: string;
  readonly name: string;
  readonly description: string;
  readonly formula: string | undefined;
  readonly source: string | undefined;
  readonly parameters: readonly ParameterDescription[];
}

/** What a reader wants to know of a stage before using it. */
export interface StageDescription {
  readonly name: string;
  readonly kind: StageKind;
  readonly summary: string;
  readonly formula: string | undefined;
  /** Where the formula is from. */
  readonly source: string | undefined;
  /** Of an estimator: what becomes of s(x), and which settings change that. */
  readonly valueScale: string | undefined;
  readonly parameters: readonly ParameterDescription[];
  readonly parts: readonly PartDescription[];
  /** Columns with the parameters that the example gives. */
  readonly needs: readonly ColumnDescription[];
  readonly adds: readonly ColumnDescription[];
  /** Columns that are there and that it gives anew. */
  readonly replaces: readonly ColumnDescription[];
  /** As it would stand in a pipeline file. */
  readonly example: string;
}

/** A part by itself, and the stages that take it. */
export interface PartEntry extends PartDescription {
  readonly stages: readonly string[];
}

/** The parts of all stages of a catalogue, losses for one, each once; not those that are stages themselves. */
export async function describeParts(catalogue: Catalogue): Promise<readonly PartEntry[]> {
  const entries = new Map<string, PartEntry>();
  for (const definition of catalogue.values()) {
    for (const part of await partsOf(definition)) {
      if (catalogue.has(part.name)) continue;
      const stages = entries.get(part.name)?.stages ?? [];
      entries.set(part.name, { ...part, stages: [...stages, definition.name] });
    }
  }
  return [...entries.values()];
}

/** @throws RlevError `config/unknown-stage` for a name that the catalogue does not have, with a guess at a stage or part */
export async function describeStage(name: string, catalogue: Catalogue): Promise<StageDescription> {
  const definition = catalogue.get(name);
  if (!definition) {
    const parts = await describeParts(catalogue);
    throw new RlevError({
      code: 'config/unknown-stage',
      message: `No stage is called ${show(name)}.`,
      value: name,
      help: didYouMean(name, [...catalogue.keys(), ...parts.map((part) => part.name)]),
    });
  }
  const schema = parametersSchema(definition.params);
  const example = definition.example ? paramsOf(definition.example) : exampleParams(schema);
  const { needs, adds, replaces } = columnsWith(definition, example);
  return {
    name,
    kind: definition.kind,
    summary: definition.summary,
    formula: definition.formula,
    source: definition.source,
    valueScale: valueScaleOf(definition, schema),
    parameters: parametersOf(schema),
    parts: await partsOf(definition),
    needs: needs.map(describeColumn),
    adds: adds.filter((column) => !replaces.includes(column)).map(describeColumn),
    replaces: replaces.map(describeColumn),
    example: definition.example
      ? `stages:\n  ${definition.example}\n`
      : stringify({ stages: { [name.split('/')[0]!]: { use: name, ...example } } }, { lineWidth: 0 }),
  };
}

async function partsOf({ parts = {} }: StageDefinition): Promise<PartDescription[]> {
  const described = await Promise.all(
    Object.entries(parts).map(async ([parameter, catalogueOf]) =>
      Object.entries(await catalogueOf()).map(([name, { doc, formula, source, params }]) => ({
        parameter,
        name,
        description: doc,
        formula,
        source,
        parameters: parametersOf(parametersSchema(params)),
      })),
    ),
  );
  return described.flat();
}

/** The parameters of an example line. */
function paramsOf(example: string): Record<string, unknown> {
  const [stage] = Object.values(parse(example) as Record<string, Record<string, unknown>>);
  const { use, ...params } = stage!;
  return params;
}

const scaleKept = {
  nothing: 'kept',
  'group-std': 'cancelled, up to eps',
  'group-mean': 'cancelled',
  'batch-std': 'differences between questions are kept, a scale that all share is cancelled',
} as const;

function valueScaleOf(definition: StageDefinition, schema: JsonSchema): string | undefined {
  if (definition.kind !== 'map' || !definition.dividesBy) return undefined;
  const usual = definition.params.safeParse({}).data as Readonly<Record<string, unknown>> | undefined;
  if (!usual) return undefined;
  const read = (definition.needs(usual) as readonly string[]).some((name) => readsScale.includes(name));
  if (!read) return 'ignored: it reads no reward';
  const byDefault = scaleKept[definition.dividesBy(usual)];
  const otherwise = Object.entries((schema.properties ?? {}) as Record<string, JsonSchema>).flatMap(
    ([key, property]) =>
      choicesOf(property).flatMap((choice) => {
        const kept = scaleKept[definition.dividesBy!({ ...usual, [key]: choice })];
        return kept === byDefault ? [] : [`with ${key}: ${inline(choice)}, ${kept}`];
      }),
  );
  return [byDefault, ...otherwise].join('; ');
}

const readsScale = ['reward', 'token_rewards', 'scale'];

function parametersOf(schema: JsonSchema, within = ''): ParameterDescription[] {
  const required = (schema.required ?? []) as string[];
  return Object.entries((schema.properties ?? {}) as Record<string, JsonSchema>).flatMap(
    ([key, property]) => {
      const name = within + key;
      if (property.properties) return parametersOf(property, `${name}.`);
      return [
        {
          name,
          type: typeOf(property),
          default: property.default === undefined ? undefined : inline(property.default),
          required: required.includes(key),
          description: String(property.description ?? ''),
        },
      ];
    },
  );
}

function typeOf(schema: JsonSchema): string {
  if (schema.const !== undefined) return inline(schema.const);
  if (schema.enum) return (schema.enum as unknown[]).map(inline).join(' | ');
  if (schema.anyOf) return (schema.anyOf as JsonSchema[]).map(typeOf).join(' | ');
  switch (schema.type) {
    case 'integer':
    case 'number':
      return [schema.type === 'integer' ? 'whole number' : 'number', ...bounds(schema)].join(' ');
    case 'boolean':
      return 'true | false';
    case 'string':
      return schema.path === 'file'
        ? 'path of a file'
        : schema.path === 'folder'
          ? 'path of a folder'
          : 'text';
    case 'array': {
      const items = (schema.prefixItems ?? [schema.items]) as JsonSchema[];
      return `[${items.map(typeOf).join(', ')}]`;
    }
    default:
      return 'map';
  }
}

function bounds({ minimum, exclusiveMinimum, maximum, exclusiveMaximum }: JsonSchema): string[] {
  const limits: string[] = [];
  if (minimum !== undefined && minimum !== Number.MIN_SAFE_INTEGER) limits.push(`from ${minimum}`);
  if (exclusiveMinimum !== undefined) limits.push(`above ${exclusiveMinimum}`);
  if (maximum !== undefined && maximum !== Number.MAX_SAFE_INTEGER) limits.push(`to ${maximum}`);
  if (exclusiveMaximum !== undefined) limits.push(`below ${exclusiveMaximum}`);
  return limits;
}

/** Parameters that must be given, filled with something likely, and those at hand with their defaults. */
function exampleParams(schema: JsonSchema): Record<string, unknown> {
  const required = (schema.required ?? []) as string[];
  const entries = Object.entries((schema.properties ?? {}) as Record<string, JsonSchema>);
  return Object.fromEntries(
    entries.flatMap(([key, property]) => {
      if (required.includes(key)) return [[key, likely(key, property)]];
      return property.default === undefined || typeof property.default === 'object'
        ? []
        : [[key, property.default]];
    }),
  );
}

function likely(key: string, schema: JsonSchema): unknown {
  if (schema.path === 'file') return 'questions.jsonl';
  if (schema.enum) return (schema.enum as unknown[])[0];
  if (schema.type === 'array') return [likely(key, (schema.items ?? {}) as JsonSchema)];
  if (schema.type === 'number' || schema.type === 'integer') return schema.minimum ?? 1;
  return schema.type === 'boolean' ? true : key;
}

function columnsWith(
  definition: StageDefinition,
  example: Readonly<Record<string, unknown>>,
): ReturnType<typeof columnsOf> {
  const params = definition.params.parse(example);
  return columnsOf({ definition, params, place: { file: definition.name } });
}

function describeColumn(name: ColumnName): ColumnDescription {
  const spec = name in vocabulary ? vocabulary[name as KnownColumn] : undefined;
  return {
    name,
    type: spec ? `${spec.kind}${spec.nullable ? ', may be null' : ''}` : 'as read',
    description: spec?.doc ?? 'a column of the data',
  };
}

function inline(value: unknown): string {
  return typeof value === 'string'
    ? JSON.stringify(value)
    : stringify(value, { collectionStyle: 'flow' }).trim();
}
