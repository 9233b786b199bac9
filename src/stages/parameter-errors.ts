import type { z } from 'zod';
import { didYouMean } from '../core/did-you-mean.ts';
import { type Place, RlevError, RlevErrors, show } from '../core/errors.ts';

export interface Owner {
  /** What takes the parameters: `reward/rlev`. */
  readonly name: string;
  readonly params: z.ZodType;
  /** Where a parameter stands. */
  placeOf?(path: readonly (string | number)[], of: 'value' | 'key'): Place | undefined;
}

/** What a schema finds wrong with parameters, each as `config/unknown-key` or `config/type`, with its place. */
export function parameterErrors(error: z.ZodError, { name, params, placeOf }: Owner): RlevErrors {
  return new RlevErrors(
    error.issues.flatMap((issue) => {
      const path = issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key));
      if (issue.code === 'unrecognized_keys') {
        return issue.keys.map((key) => {
          const place = placeOf?.([...path, key], 'key');
          return new RlevError({
            code: 'config/unknown-key',
            message: `${name} has no parameter ${show([...path, key].join('.'))}.`,
            value: key,
            ...(path.length === 0 && { help: didYouMean(key, keysOf(params)) }),
            ...(place && { place }),
          });
        });
      }
      const place = placeOf?.(path, 'value');
      return new RlevError({
        code: 'config/type',
        message: `${name}${path.length > 0 ? `, ${path.join('.')}` : ''}: ${issue.message}.`,
        value: issue.input,
        ...(place && { place }),
      });
    }),
  );
}

function keysOf(params: z.ZodType): string[] {
  return Object.keys((params as unknown as { readonly shape?: object }).shape ?? {});
}
