import type { z } from 'zod';
import { didYouMean, nearest } from '../../core/did-you-mean.ts';
import { RlevError, show } from '../../core/errors.ts';
import type { Located, Path } from './located.ts';

/**
 * What a schema finds wrong with the value at `path`, as errors with their places.
 *
 * @param known the keys that the schema knows at a path below the value, for «did you mean»
 */
export function findings(
  error: z.ZodError,
  source: Located,
  path: Path,
  known: (below: Path) => readonly string[],
): RlevError[] {
  return error.issues.flatMap((issue) => issueErrors(issue, source, path, known));
}

function issueErrors(
  issue: z.core.$ZodIssue,
  source: Located,
  path: Path,
  known: (below: Path) => readonly string[],
): RlevError[] {
  const below = issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key));
  const full = [...path, ...below];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(
      (key) =>
        new RlevError({
          code: 'config/unknown-key',
          message: `Nothing reads the key ${dotted([...full, key])}.`,
          value: key,
          place: source.placeOfKey([...full, key]),
          help:
            key === '<<'
              ? 'YAML 1.2 has no merge keys: write the keys out, or let this file extend one that has them.'
              : didYouMean(key, known(below)),
        }),
    );
  }
  const value = source.at(full);
  if (value === undefined && (issue.code === 'invalid_type' || issue.code === 'invalid_value')) {
    const misspelt = misspeltKey(source, full);
    return [
      new RlevError({
        code: 'config/missing',
        message: `${dotted(full)} is missing.`,
        value: undefined,
        place: misspelt ? source.placeOfKey(misspelt) : source.placeOfKey(full.slice(0, -1)),
        help: misspelt
          ? `There is \`${misspelt.at(-1)}\`: did you mean \`${full.at(-1)}\`?`
          : `It takes ${expectation(issue)}.`,
      }),
    ];
  }
  if (issue.code === 'invalid_union') {
    const branches = issue.errors.map((issues) => issues.map((i) => expectation(i)).join(', '));
    return [wrongType(full, value, [...new Set(branches)].join(', or '), source)];
  }
  return [wrongType(full, value, expectation(issue), source)];
}

function wrongType(path: Path, value: unknown, expected: string, source: Located): RlevError {
  if (path.length === 0 && value === null) {
    return new RlevError({
      code: 'config/missing',
      message: 'This file is empty.',
      value,
      place: source.placeOf(path),
      help: 'Begin with `rlev: 1`; rlev new pipeline NAME writes one that runs.',
    });
  }
  return new RlevError({
    code: 'config/type',
    message: `${dotted(path) || 'The file'} is ${show(value)}; it takes ${expected}.`,
    value,
    place: source.placeOf(path),
  });
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

/** The key beside a missing one that looks like it. */
function misspeltKey(source: Located, path: Path): Path | undefined {
  const at = path.slice(0, -1);
  const near = nearest(String(path.at(-1)), source.keysAt(at));
  return near === undefined ? undefined : [...at, near];
}

function article(noun: string): string {
  return /^[aeiou]/.test(noun) ? 'an' : 'a';
}

/** `stages.rollout.samples`. */
export function dotted(path: Path): string {
  return path.join('.');
}
