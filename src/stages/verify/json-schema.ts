import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { columnOf } from '../../core/batch.ts';
import { type Place, RlevError, reasonOf, show } from '../../core/errors.ts';
import { type Dataset, defineMap } from '../../core/stage.ts';
import { Findings } from '../findings.ts';
import { type Extract, extractParam, read, statements } from './extract.ts';
import { type Verdict, verdictColumns } from './parts.ts';
import { outOfTime, withinTime } from './within-time.ts';

/** Deeper JSON is not read: a schema that refers to itself is followed as deep as its data. */
const deepest = 64;
/** Brackets of a response from which JSON is tried to be read. */
const mostTries = 64;

/** A schema made ready: whether a value is valid; null where the clock stopped it. */
export type Validator = (value: unknown) => boolean | null;

/**
 * The last JSON value that a response holds: all of it, else of its last fenced block that is one, else the last
 * object or list that stands among its words. Undefined where there is none.
 */
export function jsonIn(text: string): unknown {
  const all = parsed(text.trim());
  if (all !== undefined) return all;
  const fenced = [...text.matchAll(/```[A-Za-z0-9]*[ \t]*\n?([\s\S]*?)```/g)].map(([, block]) =>
    block!.trim(),
  );
  for (const block of fenced.reverse()) {
    const value = parsed(block);
    if (value !== undefined) return value;
  }
  return lastAmong(text);
}

function lastAmong(text: string): unknown {
  let last: unknown;
  let tries = 0;
  for (let at = next(text, 0); at >= 0 && tries < mostTries; tries++) {
    const end = closing(text, at);
    const value = end < 0 ? undefined : parsed(text.slice(at, end));
    if (value !== undefined) last = value;
    at = next(text, value === undefined ? at + 1 : end);
  }
  return last;
}

function next(text: string, from: number): number {
  const found = /[{[]/.exec(text.slice(from));
  return found ? from + found.index : -1;
}

/** Where the bracket at `start` closes, and what follows begins; -1 where it does not. */
function closing(text: string, start: number): number {
  let depth = 0;
  let quoted = false;
  for (let at = start; at < text.length; at++) {
    const character = text[at]!;
    if (character === '\\' && quoted) at++;
    else if (character === '"') quoted = !quoted;
    else if (quoted) continue;
    else if (character === '{' || character === '[') depth++;
    else if ((character === '}' || character === ']') && --depth === 0) return at + 1;
  }
  return -1;
}

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return isShallow(value, deepest) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depth > 0 && Object.values(value).every((inner) => isShallow(inner, depth - 1));
}

/**
 * Whether a response holds JSON that a schema allows. The answer is that JSON.
 *
 * Patterns in the schema are matched in linear time. A schema that refers to itself, or asks for unique items, can
 * still take very long, so such a one has a clock as its last resort: what it stops is wrong, and the answer says so.
 */
export function verifyJson(response: string, isValid: Validator, extract: Extract = 'all'): Verdict {
  const stated = statements(response.slice(-read), extract);
  const text = stated ? stated.at(-1) : response.slice(-read);
  const value = text === undefined ? undefined : jsonIn(text);
  if (value === undefined) return { answer: null, correct: 0 };
  const answer = JSON.stringify(value);
  const valid = isValid(value);
  return { answer: valid === null ? `${outOfTime}${answer}` : answer, correct: valid ? 1 : 0 };
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
  return (schema, place) => {
    try {
      // Its own name for the draft is left out: ajv would look for what it calls by it.
      const { $schema: _, ...rest } = schema as Record<string, unknown>;
      const validate = ajv.compile(rest);
      // Another schema may go by the same $id.
      ajv.removeSchema(rest);
      if (!/"(?:\$(?:ref|dynamicRef)|uniqueItems)"/.test(JSON.stringify(schema))) {
        return (value) => validate(value) === true;
      }
      return (value) => withinTime(() => validate(value) === true)?.result ?? null;
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
  create: async ({ schema, file, extract }, { place, resolve }) => {
    const compile = await loadCompiler();
    const given = schema ?? (file === undefined ? undefined : readSchema(resolve(file), place));
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

function readSchema(file: string, place: Place): object {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new RlevError({
      code: 'data/missing-file',
      message: `The schema ${file} cannot be read: ${reasonOf(cause)}.`,
      value: file,
      place,
      cause,
    });
  }
  return schemaIn(text, { file });
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
