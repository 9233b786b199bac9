import type { z } from 'zod';
import { RlevError } from '../../core/errors.ts';
import { schemaFindings } from '../../core/schema-findings.ts';
import type { Located, Path } from './located.ts';

/** What a schema finds wrong with the value at `path`, as errors with their places. */
export function findings(
  error: z.ZodError,
  source: Located,
  path: Path,
  schema: z.core.$ZodType,
): RlevError[] {
  const data = source.at(path);
  if (path.length === 0 && data === null) return [empty(source)];
  return schemaFindings(error, {
    data,
    schema,
    nameOf: (below) => dotted([...path, ...below]) || 'The file',
    placeOf: (below, of) =>
      of === 'key' ? source.placeOfKey([...path, ...below]) : source.placeOf([...path, ...below]),
  });
}

function empty(source: Located): RlevError {
  return new RlevError({
    code: 'config/missing',
    message: 'This file is empty.',
    value: null,
    place: source.placeOf([]),
    help: 'Begin with `rlev: 1`; rlev new pipeline NAME writes one that runs.',
  });
}

/** `stages.rollout.samples`. */
export function dotted(path: Path): string {
  return path.join('.');
}
