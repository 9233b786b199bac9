import type { z } from 'zod';
import { type Place, RlevErrors } from '../core/errors.ts';
import { schemaFindings } from '../core/schema-findings.ts';
import type { KeyPath } from '../core/schema-keys.ts';

export interface Owner {
  /** What takes the parameters: `reward/rlev`. */
  readonly name: string;
  readonly params: z.ZodType;
  /** Where a parameter stands. */
  placeOf?(path: KeyPath, of: 'value' | 'key'): Place | undefined;
}

/** What a schema finds wrong with parameters, each as `config/unknown-key`, `config/missing` or `config/type`. */
export function parameterErrors(
  error: z.ZodError,
  given: unknown,
  { name, params, placeOf }: Owner,
): RlevErrors {
  const findings = schemaFindings(error, {
    data: given,
    schema: params,
    nameOf: (path) => (path.length === 0 ? `What ${name} is given` : `${path.join('.')} of ${name}`),
    placeOf: (path, of) => placeOf?.(path, of),
  });
  return new RlevErrors(findings);
}
