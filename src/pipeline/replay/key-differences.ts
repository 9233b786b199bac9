import { isDeepStrictEqual } from 'node:util';
import { parse } from 'yaml';
import type { Pipeline } from '../file/resolve.ts';

/** A key of two pipelines that has two values; undefined where it is absent. */
export interface KeyDifference {
  readonly key: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** Leaves of the two resolved pipelines that differ. */
export function keyDifferences(a: Pipeline, b: Pipeline): KeyDifference[] {
  const [before, after] = [leavesOf(a), leavesOf(b)];
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((key) => {
    const sides = { before: before.get(key), after: after.get(key) };
    return isDeepStrictEqual(sides.before, sides.after) ? [] : [{ key, ...sides }];
  });
}

function leavesOf(pipeline: Pipeline): Map<string, unknown> {
  const leaves = new Map<string, unknown>();
  const walk = (value: unknown, path: readonly string[]): void => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [key, inner] of Object.entries(value)) walk(inner, [...path, key]);
    } else leaves.set(path.join('.'), value);
  };
  walk(parse(pipeline.toYaml('.')), []);
  leaves.delete('base');
  return leaves;
}
