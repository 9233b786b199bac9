import { relative, resolve as resolvePath } from 'node:path';
import { didYouMean } from '../../core/did-you-mean.ts';
import { type Place, RlevError } from '../../core/errors.ts';
import { importModule } from '../../core/import-module.ts';
import { namesExport, partsOfUse } from '../../core/module-use.ts';
import type { AnyDefinition, Catalogue, StageDefinition } from '../../core/stage.ts';
import { compose } from './compose.ts';
import type { Located, Path } from './located.ts';
import { override } from './override.ts';
import type { LoadOptions } from './resolve.ts';

/** Whether `use` names a stage of one's own: `./stages/my-reward.js#lengthBonus`. */
export function namesModule(use: string): boolean {
  return namesExport(use) || /^\.{0,2}\//.test(use);
}

export interface OwnStages {
  /** The catalogue with the stages of their own that were found, each under the text of its `use`. */
  readonly catalogue: Catalogue;
  /** `config/module` with the place of each `use` whose module cannot be loaded, or exports no stage of that name. */
  readonly errors: readonly RlevError[];
}

/**
 * Loads the stages that a pipeline names by path, in its file, in what that extends and in overrides. A path is
 * relative to the file that it stands in, or to its `base`.
 *
 * A file that cannot be read as a pipeline names none: resolving says what is wrong with it.
 */
export async function ownStages(text: string, file: string, options: LoadOptions): Promise<OwnStages> {
  const catalogue = new Map(options.catalogue);
  const errors: RlevError[] = [];
  const folders = new Map<string, string>();
  for (const own of usesOf(text, file, options)) {
    const earlier = folders.get(own.use);
    folders.set(own.use, earlier ?? own.folder);
    if (earlier !== undefined && earlier !== own.folder) errors.push(ambiguous(own, earlier));
    if (catalogue.has(own.use)) continue;
    try {
      catalogue.set(own.use, await ownStage(own));
    } catch (error) {
      if (!(error instanceof RlevError)) throw error;
      errors.push(error);
    }
  }
  return { catalogue, errors };
}

/** A `use:` that names a module, and where it stands. */
export interface OwnUse {
  readonly use: string;
  readonly place: Place;
  /** Absolute folder that its path is relative to, and that of the pipeline. */
  readonly folder: string;
  readonly base: string;
}

function usesOf(text: string, file: string, options: LoadOptions): OwnUse[] {
  let source: Located;
  let folders: ReadonlyMap<string, string>;
  try {
    const composed = compose(text, file, options);
    folders = composed.folders;
    source = override(composed.source, options.set ?? [], options.catalogue, []);
  } catch (error) {
    if (error instanceof RlevError) return [];
    throw error;
  }
  const lists: Path[] = [
    ['stages'],
    ...source.keysAt(['evaluate']).map((id): Path => ['evaluate', id, 'stages']),
  ];
  return lists.flatMap((list) =>
    source.keysAt(list).flatMap((id) => {
      const path = [...list, id, 'use'];
      const use = source.at(path);
      if (typeof use !== 'string' || !namesModule(use)) return [];
      const place = source.placeOf(path);
      const base = folders.get(file)!;
      return [{ use, place, folder: folders.get(place.file) ?? base, base }];
    }),
  );
}

function mapOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** The stage that a module exports. @throws RlevError `config/module` where it cannot be loaded or exports none */
export async function ownStage({ use, place, folder, base }: OwnUse): Promise<StageDefinition> {
  const { path, name } = partsOfUse(use);
  const fail = (message: string, help: string, cause?: unknown): RlevError =>
    new RlevError({ code: 'config/module', message, value: use, place, help, cause });
  const module = await importModule(resolvePath(folder, path)).catch((error: RlevError) => {
    throw new RlevError({ ...error.details(), value: use, place });
  });
  const stages = Object.keys(module).filter((key) => isDefinition(module[key]));
  if (name === '') {
    throw fail(
      `${use} names no export of the module.`,
      stages.length > 0
        ? `Write \`${path}#${stages[0]}\`; ${didYouMean('', stages)}`
        : `It exports no stage; write \`export const myStage = defineMap({ ... })\`.`,
    );
  }
  if (!(name in module)) {
    throw fail(
      `${path} has no export ${JSON.stringify(name)}.`,
      stages.length > 0
        ? didYouMean(name, stages)
        : `It exports ${Object.keys(module).join(', ') || 'nothing'}.`,
    );
  }
  const found = module[name];
  if (!isDefinition(found)) {
    throw fail(
      `${name} of ${path} is ${describe(found)}, not a stage${missingFrom(found)}.`,
      'Export what defineMap, defineSource, defineSelect, defineUpdate, verifier, value, scale or reward of rlev returns.',
    );
  }
  const { params } = found as { params?: unknown };
  if (!isStrict(params)) {
    throw fail(
      `The parameters of ${name} of ${path} are no strict object of zod 4: a misspelt one would go unseen.`,
      'Write `params: z.strictObject({ ... })`, with the z that rlev exports.',
    );
  }
  return {
    ...found,
    name: folder === base ? use : movedTo(base, resolvePath(folder, path), name),
  } as StageDefinition;
}

/** What names a module's export from another folder. */
export function movedTo(base: string, file: string, name: string): string {
  const path = relative(base, file);
  return `${path.startsWith('.') ? '' : './'}${path}#${name}`;
}

function ambiguous({ use, place, folder }: OwnUse, earlier: string): RlevError {
  return new RlevError({
    code: 'config/module',
    message: `${use} means one module here, in ${folder}, and another in ${earlier}.`,
    value: use,
    place,
    help: 'Name one of the two by another path, such as an absolute one.',
  });
}

/** Whether a value has the fields that a stage's definition of its kind must have. */
function isDefinition(value: unknown): value is AnyDefinition {
  const fields = mapOf(value);
  return (
    functionsOf[String(fields.kind)]?.every((name) => typeof fields[name] === 'function') === true &&
    typeof fields.summary === 'string' &&
    typeof mapOf(fields.params).safeParse === 'function'
  );
}

/** What a definition of a kind must have as functions. */
const functionsOf: Readonly<Record<string, readonly string[]>> = {
  source: ['create', 'adds'],
  map: ['needs', 'create', 'adds'],
  select: ['needs', 'create'],
  update: ['needs', 'create'],
};

/** `: it has no needs, no create`, or `: no stage is of the kind "filter"`, of what is nearly one. */
function missingFrom(value: unknown): string {
  const fields = mapOf(value);
  if (typeof fields.kind !== 'string') return '';
  const functions = functionsOf[fields.kind];
  if (!functions) return `: no stage is of the kind ${JSON.stringify(fields.kind)}`;
  const missing = ['summary', 'params', ...functions].filter((name) => fields[name] === undefined);
  return missing.length > 0 ? `: it has no ${missing.join(', no ')}` : '';
}

function isStrict(params: unknown): boolean {
  const def = mapOf(mapOf(mapOf(params)._zod).def);
  return def.type === 'object' ? def.catchall !== undefined : def.type !== undefined;
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === 'object' ? `an object of ${Object.keys(value).join(', ')}` : `a ${typeof value}`;
}
