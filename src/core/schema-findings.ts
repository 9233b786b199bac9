import type { z } from 'zod';
import { didYouMean, nearest } from './did-you-mean.ts';
import { type Place, RlevError, show } from './errors.ts';
import { type KeyPath, keysAt } from './schema-keys.ts';

/** Data that a schema did not take. */
export interface Refused {
  readonly data: unknown;
  readonly schema: z.core.$ZodType;
  /** What stands at a path of the data, as the subject of a sentence: `stages.rollout.samples`. */
  nameOf(path: KeyPath): string;
  /** Where it stands, its value or its key. */
  placeOf(path: KeyPath, of: 'value' | 'key'): Place | undefined;
}

/**
 * What a schema finds wrong, each as `config/unknown-key`, `config/missing` or `config/type` with its place, what it
 * takes and what may be meant.
 */
export function schemaFindings(error: z.ZodError, refused: Refused): RlevError[] {
  return error.issues.flatMap((issue) => findingsOf(issue, refused));
}

function findingsOf(issue: z.core.$ZodIssue, { data, schema, nameOf, placeOf }: Refused): RlevError[] {
  const path = issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key));
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(
      (key) =>
        new RlevError({
          code: 'config/unknown-key',
          message: `Nothing reads the key ${nameOf([...path, key])}.`,
          value: key,
          place: placeOf([...path, key], 'key'),
          help:
            key === '<<'
              ? 'YAML 1.2 has no merge keys: write the keys out, or let this file extend one that has them.'
              : didYouMean(key, keysAt(schema, path)),
        }),
    );
  }
  const value = valueAt(data, path);
  if (value === undefined && (issue.code === 'invalid_type' || issue.code === 'invalid_value')) {
    const misspelt = misspeltKey(data, path);
    return [
      new RlevError({
        code: 'config/missing',
        message: `${nameOf(path)} is missing.`,
        value: undefined,
        place: placeOf(misspelt ?? path.slice(0, -1), 'key'),
        help: misspelt
          ? `There is \`${misspelt.at(-1)}\`: did you mean \`${path.at(-1)}\`?`
          : `It takes ${expectation(issue)}.`,
      }),
    ];
  }
  const branches = issue.code === 'invalid_union' ? issue.errors : [[issue]];
  const expected = new Set(branches.map((issues) => issues.map(expectation).join(', ')));
  return [
    new RlevError({
      code: 'config/type',
      message: `${nameOf(path)} is ${show(value)}; it takes ${[...expected].join(', or ')}.`,
      value,
      place: placeOf(path, 'value'),
    }),
  ];
}

function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return nouns[issue.expected] ?? `${article(issue.expected)} ${issue.expected}`;
    case 'invalid_value':
      // A schema may say more of a value than which others there are.
      if (!issue.message.startsWith('Invalid ')) return issue.message;
      return issue.values.length === 1
        ? show(issue.values[0])
        : `one of ${issue.values.map((v) => show(v)).join(', ')}`;
    case 'too_small':
      return `${issue.origin === 'array' ? 'a list of' : 'a number'} ${issue.inclusive ? 'at least' : 'above'} ${issue.minimum}`;
    case 'too_big':
      return `${issue.origin === 'array' ? 'a list of' : 'a number'} ${issue.inclusive ? 'at most' : 'below'} ${issue.maximum}`;
    default:
      return issue.message;
  }
}

const nouns: Readonly<Record<string, string>> = {
  int: 'a whole number',
  object: 'a map of keys',
  record: 'a map of keys',
  array: 'a list',
  tuple: 'a list',
  boolean: 'true or false',
};

function valueAt(data: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>((at, key) => (isMap(at) ? at[key] : undefined), data);
}

/** The key beside a missing one that looks like it. */
function misspeltKey(data: unknown, path: KeyPath): KeyPath | undefined {
  const beside = valueAt(data, path.slice(0, -1));
  if (path.length === 0 || !isMap(beside) || Array.isArray(beside)) return undefined;
  const near = nearest(String(path.at(-1)), Object.keys(beside));
  return near === undefined ? undefined : [...path.slice(0, -1), near];
}

function isMap(value: unknown): value is Record<string | number, unknown> {
  return typeof value === 'object' && value !== null;
}

function article(noun: string): string {
  return /^[aeiou]/.test(noun) ? 'an' : 'a';
}
