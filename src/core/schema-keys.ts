import type { z } from 'zod';

/** A path of keys into data: `['stages', 'rollout', 'samples']`. */
export type KeyPath = readonly (string | number)[];

type Schema = z.core.$ZodType;

/** The keys that a schema knows at a path below it, for «did you mean». */
export function keysAt(schema: Schema, path: KeyPath): readonly string[] {
  let at: readonly Schema[] = [schema];
  for (const key of path) at = at.flatMap((s) => step(s, key));
  return at.flatMap(objectsIn).flatMap((s) => Object.keys(s._zod.def.shape));
}

/** The objects that a schema takes: itself, what is inside its default, or those of its union. */
export function objectsIn(schema: Schema): readonly z.core.$ZodObject[] {
  return unwrap(schema).filter(isObject);
}

function step(schema: Schema, key: string | number): readonly Schema[] {
  return unwrap(schema).flatMap((s) => {
    if (isObject(s)) {
      const inner = s._zod.def.shape[String(key)];
      return inner ? [inner] : [];
    }
    const def = s._zod.def as { valueType?: Schema; element?: Schema };
    const inner = def.valueType ?? def.element;
    return inner ? [inner] : [];
  });
}

function unwrap(schema: Schema): readonly Schema[] {
  const def = schema._zod.def as { innerType?: Schema; in?: Schema; options?: readonly Schema[] };
  if (def.innerType) return unwrap(def.innerType);
  if (def.in) return unwrap(def.in);
  if (def.options) return def.options.flatMap(unwrap);
  return [schema];
}

function isObject(schema: Schema): schema is z.core.$ZodObject {
  return schema._zod.def.type === 'object';
}
