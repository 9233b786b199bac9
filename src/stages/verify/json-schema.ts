import { z } from 'zod';
import { columnOf } from '../../core/batch.ts';
import { type Place, RlevError, reasonOf, show } from '../../core/errors.ts';
import { type Dataset, defineMap } from '../../core/stage.ts';
import { Findings } from '../findings.ts';
import { placeIn } from '../place-in.ts';
import { bytesOf } from '../prompts/read-records.ts';
import { type Extract, extractParam, read, statements } from './extract.ts';
import { jsonIn } from './json-in.ts';
import { type Verdict, verdictColumns } from './parts.ts';

/** A schema made ready: whether a value is valid; null where that takes more steps than a verifier has. */
export type Validator = (value: unknown) => boolean | null;

/**
 * Whether a response holds JSON that a schema allows. The answer is that JSON.
 *
 * Patterns in the schema are matched in linear time. A schema that refers to itself can still ask for more steps than
 * there is time for: how often a reference is followed is bounded, what goes beyond is wrong, and the answer says so.
 */
export function verifyJson(response: string, isValid: Validator, extract: Extract = 'all'): Verdict {
  const stated = statements(response.slice(-read), extract);
  const text = stated ? stated.at(-1) : response.slice(-read);
  const value = text === undefined ? undefined : jsonIn(text);
  if (value === undefined) return { answer: null, correct: 0 };
  const answer = JSON.stringify(value);
  const valid = isValid(value);
  return { answer: valid === null ? `${outOfSteps}${answer}` : answer, correct: valid ? 1 : 0 };
}

/** How often references of a schema are followed for one value, and what the answer begins with where that is passed. */
const mostSteps = 25_000;
const outOfSteps = `[stopped after ${mostSteps} references of the schema] `;
const step = 'rlev-step';

class OutOfSteps extends Error {}

/** A schema in which each reference is counted when it is followed. */
function counted(schema: unknown): unknown {
  if (typeof schema !== 'object' || schema === null) return schema;
  if (Array.isArray(schema)) return schema.map(counted);
  const entries = Object.entries(schema).map(([key, value]) => [
    key,
    key === 'enum' || key === 'const' ? value : counted(value),
  ]);
  const refers = entries.some(
    ([key, value]) => /^\$(?:dynamicR|r)ef$/.test(key) && typeof value === 'string',
  );
  return Object.fromEntries(refers ? [...entries, [step, true]] : entries);
}

/** What makes a validator of a schema, by ajv. @throws RlevError `config/type` where it is no schema */
export async function loadCompiler(): Promise<(schema: object, place?: Place) => Validator> {
  const [{ Ajv2020 }, { patternOf }] = await Promise.all([
    import('ajv/dist/2020.js'),
    import('./pattern.ts'),
  ]);
  const regExp = Object.assign(
    (pattern: string, flags: string) => {
      const { find, limit } = patternOf(pattern, flags.replace('u', ''), false);
      return {
        // A string too long to be read whole is none that matches.
        test: (text: string) => text.length <= limit && find(text) !== null,
        // ajv tells patterns apart by this.
        toString: () => `/${pattern}/${flags}`,
      };
    },
    { code: 'patternOf' },
  );
  const ajv = new Ajv2020({
    strict: false,
    logger: false,
    validateFormats: false,
    code: { regExp },
  });
  let steps = 0;
  ajv.addKeyword({
    keyword: step,
    errors: false,
    validate: () => {
      if (++steps > mostSteps) throw new OutOfSteps();
      return true;
    },
  });
  return (schema, place) => {
    try {
      // Its own name for the draft is left out: ajv would look for what it calls by it.
      const { $schema: _, ...rest } = counted(schema) as Record<string, unknown>;
      const validate = ajv.compile(rest);
      // Another schema may go by the same $id.
      ajv.removeSchema(rest);
      return (value) => {
        steps = 0;
        try {
          return validate(value) === true;
        } catch (error) {
          if (error instanceof OutOfSteps) return null;
          throw error;
        }
      };
    } catch (cause) {
      throw new RlevError({
        code: 'config/type',
        message: `${show(schema)} is no JSON Schema: ${reasonOf(cause).split('\n')[0]}`,
        value: schema,
        ...(place && { place }),
        help: 'Write it in draft 2020-12, with patterns that verify/regex takes, and without references to other files.',
        cause,
      });
    }
  };
}

export const jsonSchema = defineMap({
  name: 'verify/json-schema',
  summary: 'Correctness of a response that must hold JSON which a JSON Schema allows.',
  example: 'verify: { use: verify/json-schema, schema: { type: object, required: [answer] } }',
  params: z.strictObject({
    schema: z
      .record(z.string(), z.unknown())
      .optional()
      .describe(
        'The schema that every response must meet. Without it and `file`, the reference of a question is its schema.',
      ),
    file: z.string().min(1).optional().meta({ path: 'file' }).describe('The file of that schema, in JSON.'),
    extract: extractParam.default('all'),
  }),
  needs: ({ schema, file }) =>
    schema === undefined && file === undefined ? ['response', 'reference'] : ['response'],
  adds: () => ['answer', 'correct'],
  create: async ({ schema, file, extract }, setup) => {
    const compile = await loadCompiler();
    const place = placeIn(setup, schema === undefined ? 'file' : 'schema');
    const given = schema ?? (file === undefined ? undefined : await schemaOfFile(setup.resolve(file), place));
    const forAll = given === undefined ? null : compile(given, place);
    const kept = new Map<string, Validator>();
    const schemaOf = (reference: readonly string[], at: Place = place): Validator => {
      const text = reference[0] ?? '';
      const before = kept.get(text);
      if (before) return before;
      const isValid = compile(schemaIn(text, at), at);
      kept.set(text, isValid);
      return isValid;
    };
    return {
      ...(forAll ? {} : { prepare: (dataset: Dataset) => requireSchemas(dataset, schemaOf) }),
      run: ({ response, reference }) =>
        verdictColumns(
          response.map((text, i) => verifyJson(text, forAll ?? schemaOf(reference[i]!), extract)),
        ),
    };
  },
});

async function schemaOfFile(file: string, place: Place): Promise<object> {
  return schemaIn((await bytesOf(file, place)).toString(), { file });
}

function schemaIn(text: string, place: Place): object {
  try {
    const schema: unknown = JSON.parse(text);
    if (typeof schema === 'object' && schema !== null && !Array.isArray(schema)) return schema;
    throw new SyntaxError('it is no object');
  } catch (cause) {
    throw new RlevError({
      code: 'data/syntax',
      message: `${show(text)} is no JSON Schema: ${reasonOf(cause)}.`,
      value: text,
      place,
      help: 'A schema is a JSON object, such as { "type": "object", "required": ["name"] }.',
      cause,
    });
  }
}

function requireSchemas(
  dataset: Dataset,
  schemaOf: (reference: readonly string[], at: Place) => Validator,
): void {
  const findings = new Findings();
  columnOf(dataset.batch, 'reference').forEach((reference, row) => {
    try {
      schemaOf(reference, dataset.place(row));
    } catch (error) {
      if (!(error instanceof RlevError)) throw error;
      findings.add(error);
    }
  });
  findings.throwIfAny();
}
