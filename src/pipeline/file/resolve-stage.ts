import { relative, resolve as resolvePath } from 'node:path';
import { didYouMean } from '../../core/did-you-mean.ts';
import { type Place, RlevError, show } from '../../core/errors.ts';
import { partsOfUse } from '../../core/module-use.ts';
import type { Catalogue, StageDefinition } from '../../core/stage.ts';
import { findings } from './findings.ts';
import type { Located, Path } from './located.ts';
import { patchStage, removed } from './merge.ts';
import { movedTo, namesModule } from './own-stages.ts';
import { type PipelineFile, pathKeys } from './schema.ts';

export interface ResolvedStage {
  readonly id: string;
  readonly use: string;
  readonly definition: StageDefinition;
  /** As its schema parsed them, defaults filled in. */
  readonly params: unknown;
  readonly place: Place;
  /** Where a parameter stands, `['adamw', 'lr']`, its value or its key; undefined where it is a default. */
  placeOf?(path: Path, of?: 'value' | 'key'): Place | undefined;
}

/** A stage that knows where each of its parameters came from. */
export interface PlacedStage extends ResolvedStage {
  placeOf(path: Path, of?: 'value' | 'key'): Place | undefined;
  /** The environment variable that filled a parameter in. */
  variableOf(path: Path): string | undefined;
}

export interface ResolvedBranch {
  readonly id: string;
  readonly every: number | undefined;
  readonly stages: readonly PlacedStage[];
  readonly place: Place;
}

/** A pipeline on its way: what stages are resolved from, and where what is found goes. */
export interface Resolving {
  readonly source: Located;
  readonly catalogue: Catalogue;
  /** Absolute folder that the pipeline's paths are relative to. */
  readonly base: string;
  /** The same of each file that took part, by the name that places give it. */
  readonly folders: ReadonlyMap<string, string>;
  readonly errors: RlevError[];
  readonly notices: string[];
}

/** The stages at a path, in order; `undefined` stands for one with an error, which is then among the errors. */
export function resolveStages(resolving: Resolving, ids: readonly string[]): (PlacedStage | undefined)[] {
  return ids.map((id) => resolveStage(resolving, id));
}

/** The stages of an evaluation: those above up to `through`, patched or removed by id. */
export function resolveBranch(
  resolving: Resolving,
  id: string,
  { through, every, stages }: PipelineFile['evaluate'][string],
): Omit<ResolvedBranch, 'stages'> & { readonly stages: readonly (PlacedStage | undefined)[] } {
  const { source, catalogue, errors } = resolving;
  const at = ['evaluate', id];
  const ids = source.keysAt(['stages']);
  const requireId = (word: string, place: Place): void => {
    if (ids.includes(word)) return;
    errors.push(
      new RlevError({
        code: 'config/unknown-key',
        message: `No stage above has the id ${JSON.stringify(word)}.`,
        value: word,
        place,
        help: didYouMean(word, ids),
      }),
    );
  };
  requireId(through, source.placeOf([...at, 'through']));
  for (const stage of Object.keys(stages)) requireId(stage, source.placeOfKey([...at, 'stages', stage]));
  const part = ids.slice(0, ids.indexOf(through) + 1).filter((stage) => stages[stage] !== removed);
  if (stages[through] === removed) {
    errors.push(
      new RlevError({
        code: 'config/order',
        message: `${through} is the last stage of evaluate.${id}, and cannot be removed from it.`,
        value: through,
        place: source.placeOf([...at, 'stages', through]),
        help: 'Name an earlier stage in `through`.',
      }),
    );
  }
  const dropped: string[] = [];
  const patched = ids
    .filter((stage) => stages[stage] !== undefined && stages[stage] !== removed)
    .reduce(
      (result, stage) =>
        patchStage(result, ['stages', stage], source, [...at, 'stages', stage], catalogue, dropped),
      source,
    );
  resolving.notices.push(...dropped.map((notice) => `In evaluate.${id}, ${notice.replace(/^stages\./, '')}`));
  return {
    id,
    every,
    stages: resolveStages({ ...resolving, source: patched }, part),
    place: source.placeOfKey(at),
  };
}

function resolveStage({ source, catalogue, ...resolving }: Resolving, id: string): PlacedStage | undefined {
  const path = ['stages', id];
  const refuse = (error: RlevError): undefined => {
    resolving.errors.push(error);
    return undefined;
  };
  const isTaken = id === 'checkpoint';
  if (isTaken || !/^[A-Za-z][\w-]*$/.test(id)) {
    return refuse(
      new RlevError({
        code: 'config/type',
        message: `A stage cannot be called ${JSON.stringify(id)}.`,
        value: id,
        place: source.placeOfKey(path),
        help: isTaken
          ? 'Under that name a run records its checkpoints.'
          : 'An id begins with a letter and goes on with letters, digits, `_` and `-`.',
      }),
    );
  }
  const { use, ...given } = source.at(path) as { use: string; [key: string]: unknown };
  const definition = catalogue.get(use);
  if (!definition) {
    return refuse(
      new RlevError({
        code: 'config/unknown-stage',
        message: `No stage is called ${show(use)}.`,
        value: use,
        place: source.placeOf([...path, 'use']),
        help: didYouMean(use, [...catalogue.keys()]),
      }),
    );
  }
  const moved = withPathsOf(given, source, path, pathKeys(definition.params), resolving);
  const params = withPartsOf(moved, source, path, Object.keys(definition.parts ?? {}), resolving);
  const parsed = definition.params.safeParse(params);
  if (!parsed.success) {
    resolving.errors.push(...findings(parsed.error, source, path, definition.params));
    return undefined;
  }
  return {
    id,
    use: definition.name,
    definition,
    params: parsed.data,
    place: source.placeOfKey(path),
    placeOf: (key, of = 'value') => {
      const at = [...path, ...key];
      if (source.at(at) === undefined) return undefined;
      return of === 'key' ? source.placeOfKey(at) : source.placeOf(at);
    },
    variableOf: (key) => source.variableOf([...path, ...key]),
  };
}

/** The map with those of its paths that stand in a file of another folder made relative to the pipeline's. */
export function withPathsOf<T extends Readonly<Record<string, unknown>>>(
  map: T,
  source: Located,
  at: Path,
  keys: readonly string[],
  { base, folders }: Pick<Resolving, 'base' | 'folders'>,
): T {
  const moved = keys.flatMap((key) => {
    const value = map[key];
    const folder = folders.get(source.placeOf([...at, key]).file) ?? base;
    if (typeof value !== 'string' || folder === base) return [];
    return [[key, relative(base, resolvePath(folder, value)) || '.'] as const];
  });
  return { ...map, ...Object.fromEntries(moved) };
}

/** The map with those of its parts, losses for one, that are named by a path in a file of another folder made relative too. */
function withPartsOf(
  map: Readonly<Record<string, unknown>>,
  source: Located,
  at: Path,
  keys: readonly string[],
  { base, folders }: Pick<Resolving, 'base' | 'folders'>,
): Readonly<Record<string, unknown>> {
  const moved = keys.flatMap((key) => {
    const part = map[key] as { readonly use?: unknown } | null | undefined;
    const use = part?.use;
    const folder = folders.get(source.placeOf([...at, key, 'use']).file) ?? base;
    if (typeof use !== 'string' || !namesModule(use) || folder === base) return [];
    const { path, name } = partsOfUse(use);
    return [[key, { ...part, use: movedTo(base, resolvePath(folder, path), name) }] as const];
  });
  return { ...map, ...Object.fromEntries(moved) };
}

/** What is wrong where no stage stands under `stages`. */
export function requireStages(source: Located): RlevError[] {
  if (source.keysAt(['stages']).length > 0) return [];
  return [
    new RlevError({
      code: 'config/missing',
      message: 'stages has no stage.',
      place: source.placeOfKey(['stages']),
      help: 'Begin with a source: prompts: { use: prompts/exam, file: ... }',
    }),
  ];
}
