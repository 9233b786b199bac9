import { z } from 'zod';
import type { JsonSchema } from './json-schema.ts';

/** The schema of parameters as plain data, for what reads them: bounds, paths and all. */
export function parametersSchema(params: z.ZodType): JsonSchema {
  return z.toJSONSchema(params, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
}

/** The values of a parameter that takes one of a few, or a list of some of a few. */
export function choicesOf(schema: JsonSchema): readonly unknown[] {
  if (schema.anyOf) return (schema.anyOf as JsonSchema[]).flatMap(choicesOf);
  if (schema.enum) return schema.enum as unknown[];
  if (schema.const !== undefined) return [schema.const];
  if (schema.type === 'boolean') return [true, false];
  if (schema.type !== 'array' || !schema.items) return [];
  return choicesOf(schema.items as JsonSchema).map((choice) => [choice]);
}
