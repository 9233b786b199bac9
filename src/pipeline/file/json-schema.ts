import { z } from 'zod';
import { vocabulary } from '../../core/columns.ts';
import { errorCodes } from '../../core/errors.ts';
import type { Catalogue, PartDefinition, StageDefinition } from '../../core/stage.ts';
import { testFileSchema } from '../tests/test-schema.ts';
import { removed } from './merge.ts';
import { pipelineSchema } from './schema.ts';

/** A schema, or a part of one, as plain data: JSON Schema draft 2020-12. */
export interface JsonSchema {
  [keyword: string]: unknown;
}

/**
 * The JSON Schema of a pipeline file, from the same schemas that check it: keys, types, defaults and descriptions, the
 * parameters of each stage by its `use`, those of a loss by its own. A file that `extends` another may leave out what
 * the other has.
 */
export async function pipelineJsonSchema(catalogue: Catalogue): Promise<JsonSchema> {
  const definitions = [...catalogue.values()];
  const top = objectSchema(pipelineSchema);
  const properties = top.properties as Record<string, JsonSchema>;
  const { every, through } = (properties.evaluate!.additionalProperties as JsonSchema)
    .properties as JsonSchema;
  const mapOf = (values: JsonSchema, description: string): JsonSchema => ({
    type: 'object',
    description,
    additionalProperties: values,
  });
  const ref = (name: string): JsonSchema => ({ $ref: `#/$defs/${name}` });
  const perStage = await Promise.all(
    definitions.map(async (definition) => [definition.name, await stageSchema(definition)] as const),
  );
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'rlev pipeline',
    type: 'object',
    properties: {
      ...properties,
      tests: withColumns(properties.tests!),
      stages: mapOf(true as never, 'ids and stages, in order'),
      evaluate: mapOf(true as never, 'ids and evaluations'),
    },
    additionalProperties: false,
    if: { required: ['extends'] },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: {
      properties: {
        stages: mapOf({ anyOf: [{ const: removed }, ref('patch')] }, 'changes to the stages, by id'),
        evaluate: mapOf(
          { anyOf: [{ const: removed }, ref('evaluation')] },
          'changes to the evaluations, by id',
        ),
      },
    },
    else: {
      required: ['rlev', 'run', 'stages'],
      properties: {
        stages: mapOf(ref('stage'), 'ids and stages, in order'),
        evaluate: mapOf({ ...ref('evaluation'), required: ['through'] }, 'ids and evaluations'),
        run: { required: ['steps'] },
      },
    },
    $defs: {
      use: {
        description: 'name of the stage, or the path of one of your own: ./stages/mine.js#name',
        anyOf: [
          ...definitions.map(({ name, summary }) => ({ const: name, description: summary })),
          { type: 'string', pattern: '#' },
        ],
      },
      stage: {
        type: 'object',
        required: ['use'],
        properties: { use: ref('use'), before: false, after: false },
        allOf: perStage.map(([name, { required }]) => byUse(name, { ...ref(escaped(name)), required })),
      },
      patch: {
        type: 'object',
        properties: {
          use: ref('use'),
          before: { type: 'string', description: 'id of the stage that this one goes before' },
          after: { type: 'string', description: 'id of the stage that this one goes after' },
        },
        allOf: perStage.map(([name]) => byUse(name, ref(escaped(name)))),
      },
      evaluation: {
        type: 'object',
        properties: {
          every,
          through,
          stages: mapOf({ anyOf: [{ const: removed }, ref('patch')] }, 'changes to the stages above, by id'),
        },
        additionalProperties: false,
      },
      ...Object.fromEntries(perStage.map(([name, { required, ...schema }]) => [name, schema])),
    },
  };
}

/** The JSON Schema of a file of tests, `*.test.yaml`: its keys, and the columns that rows and expectations may name. */
export function testJsonSchema(): JsonSchema {
  const { properties, ...top } = objectSchema(testFileSchema);
  const { tests, ...others } = properties as Record<string, JsonSchema>;
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'rlev tests',
    ...top,
    properties: { ...others, tests: withColumns(tests!) },
  };
}

/** A list of tests with the names of the columns in `rows` and `expect`. */
function withColumns(tests: JsonSchema): JsonSchema {
  const test = tests.items as JsonSchema & { properties: Record<string, JsonSchema> };
  const described = Object.entries(vocabulary).map(([name, { kind, nullable, doc }]) => [
    name,
    { description: `${doc} (${kind}${nullable ? ', may be null' : ''})` },
  ]);
  const columns = {
    properties: Object.fromEntries(described) as Record<string, JsonSchema>,
    patternProperties: { '^data\\.': {} },
    additionalProperties: false,
  };
  const { rows, expect } = test.properties;
  return {
    ...tests,
    items: {
      ...test,
      properties: {
        ...test.properties,
        rows: {
          description: rows!.description,
          anyOf: [{ type: 'string' }, { type: 'array', minItems: 1, items: { type: 'object', ...columns } }],
        },
        expect: {
          description: expect!.description,
          type: 'object',
          ...columns,
          properties: {
            rows: { type: 'integer', minimum: 0, description: 'how many rows come out' },
            error: {
              description: 'code of the error that it ends with',
              anyOf: Object.entries(errorCodes).map(([code, description]) => ({ const: code, description })),
            },
            message: { type: 'string', description: 'part of what the error says' },
            ...columns.properties,
          },
        },
      },
    },
  };
}

/** What stands under the id of a stage; `required` are its parameters without a default. */
async function stageSchema(definition: StageDefinition): Promise<JsonSchema & { required: string[] }> {
  const { properties, required = [] } = objectSchema(definition.params);
  const own = { ...(properties as Record<string, JsonSchema>) };
  for (const [key, catalogueOf] of Object.entries(definition.parts ?? {})) {
    own[key] = partSchema(own[key]!, await catalogueOf());
  }
  return {
    description: definition.summary,
    properties: { use: true, before: true, after: true, ...own },
    additionalProperties: false,
    required: required as string[],
  };
}

/** `{ use, ... }` of a loss: its parameters by its name. */
function partSchema(schema: JsonSchema, catalogue: Readonly<Record<string, PartDefinition>>): JsonSchema {
  const { use } = schema.properties as Record<string, JsonSchema>;
  const usual = use!.default as string;
  const parts = Object.entries(catalogue);
  return {
    type: 'object',
    description: schema.description,
    properties: {
      use: {
        description: use!.description,
        default: usual,
        anyOf: [
          ...parts.map(([name, { doc }]) => ({ const: name, description: doc })),
          { type: 'string', pattern: '#' },
        ],
      },
    },
    allOf: parts.map(([name, { params }]) => {
      const { properties } = objectSchema(params);
      const own = { properties: { use: true, ...(properties as JsonSchema) }, additionalProperties: false };
      return byUse(name, own, name === usual);
    }),
  };
}

/** The schema where `use` is the name; where it is the default, also where there is no `use`. */
function byUse(name: string, schema: JsonSchema, usual = false): JsonSchema {
  const condition: JsonSchema = { properties: { use: { const: name } } };
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  return { if: usual ? condition : { ...condition, required: ['use'] }, then: schema };
}

function objectSchema(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      const node = jsonSchema as JsonSchema;
      delete node.$schema;
      delete node.path;
      // Bounds of what a float64 holds exactly say nothing to a reader.
      if (node.maximum === Number.MAX_SAFE_INTEGER) delete node.maximum;
      if (node.minimum === Number.MIN_SAFE_INTEGER) delete node.minimum;
      allowVariable(node);
    },
  }) as JsonSchema;
}

/** A number, a flag or a word may be filled in from the environment: `"${STEPS:-60}"`. */
function allowVariable(node: JsonSchema): void {
  const scalar = ['number', 'integer', 'boolean'].includes(String(node.type)) || node.enum !== undefined;
  if (!scalar || node.const !== undefined) return;
  const { description, default: usual, ...value } = node;
  for (const key of Object.keys(node)) delete node[key];
  Object.assign(node, {
    ...(description !== undefined && { description }),
    ...(usual !== undefined && { default: usual }),
    anyOf: [value, { type: 'string', pattern: String.raw`^\$\{.*\}$` }],
  });
}

function escaped(name: string): string {
  return encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'));
}
