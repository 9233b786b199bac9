import type { z } from 'zod';
import { type Place, RlevError, RlevErrors } from '../core/errors.ts';

/**
 * What a schema finds wrong with parameters, each as `config/unknown-key` or `config/type`.
 *
 * @param owner what takes the parameters: `reward/rlev`
 */
export function parameterErrors(error: z.ZodError, owner: string, place?: Place): RlevErrors {
  return new RlevErrors(
    error.issues.map((issue) => {
      const path = issue.path.map(String).join('.');
      return new RlevError({
        code: issue.code === 'unrecognized_keys' ? 'config/unknown-key' : 'config/type',
        message: `${owner}${path && `, ${path}`}: ${issue.message}.`,
        value: issue.input,
        ...(place && { place }),
      });
    }),
  );
}
