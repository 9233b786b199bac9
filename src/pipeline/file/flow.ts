import { type ColumnName, vocabulary } from '../../core/columns.ts';
import { didYouMean } from '../../core/did-you-mean.ts';
import { type Place, RlevError, reasonOf, show } from '../../core/errors.ts';
import { type Catalogue, mostRounds, type StageDefinition, type StageKind } from '../../core/stage.ts';
import type { JsonSchema } from './json-schema.ts';
import { choicesOf, parametersSchema } from './parameters.ts';
import type { ResolvedStage } from './resolve-stage.ts';

const order: Record<StageKind, number> = { source: 0, map: 1, select: 1, update: 2 };

/**
 * Checks that columns flow: one source, first; each stage finds the columns it needs; no stage adds a column that is
 * there already unless it declares that it replaces it; nothing follows an update; one stage at most samples on in rounds.
 *
 * @param stages `undefined` for a stage that could not be resolved: what it adds is not known, so that columns which
 * later stages need are not missed
 */
export function checkFlow(stages: readonly (ResolvedStage | undefined)[], catalogue: Catalogue): RlevError[] {
  return [...orderErrors(stages), ...columnErrors(stages, catalogue)];
}

/** An evaluation asks its questions once. */
export function checkEvaluation(
  id: string,
  stages: readonly (ResolvedStage | undefined)[],
  place: Place,
): RlevError[] {
  return stages.flatMap((stage) => {
    if (!stage || !asksForRounds(stage)) return [];
    return new RlevError({
      code: 'config/order',
      message: `The evaluation ${id} would sample on at ${stage.id} (${stage.use}): it asks its questions once.`,
      value: stage.use,
      place,
      help: `Take the stage out of it: stages: { ${stage.id}: remove }.`,
    });
  });
}

/**
 * The columns that a stage needs and adds.
 *
 * @throws RlevError `stage/contract` with the stage's place where its definition cannot say
 */
export function columnsOf(stage: Pick<ResolvedStage, 'definition' | 'params' | 'place'>): {
  readonly needs: readonly ColumnName[];
  readonly adds: readonly ColumnName[];
  readonly replaces: readonly ColumnName[];
} {
  const { definition, params } = stage;
  const list = (name: 'needs' | 'adds' | 'replaces', columns: () => readonly ColumnName[]) =>
    namesFrom(stage, name, columns);
  return {
    needs: definition.kind === 'source' ? [] : list('needs', () => definition.needs(params)),
    adds:
      definition.kind === 'source' || definition.kind === 'map'
        ? list('adds', () => definition.adds(params))
        : [],
    replaces: definition.kind === 'map' ? list('replaces', () => definition.replaces?.(params) ?? []) : [],
  };
}

function namesFrom(
  { definition, place }: Pick<ResolvedStage, 'definition' | 'place'>,
  name: string,
  columns: () => readonly ColumnName[],
): readonly ColumnName[] {
  const broken = (how: string, cause?: unknown): RlevError =>
    new RlevError({
      code: 'stage/contract',
      message: `${name} of ${definition.name} ${how}.`,
      place,
      help: `It is a function of the parameters that returns names of columns: ${name}: () => ['reward'].`,
      cause,
    });
  let found: unknown;
  try {
    found = columns();
  } catch (cause) {
    throw broken(`fails: ${reasonOf(cause).replace(/\.$/, '')}`, cause);
  }
  if (Array.isArray(found) && found.every((column) => typeof column === 'string')) {
    return found as ColumnName[];
  }
  throw broken(`returns ${show(found)}, no list of names`);
}

function asksForRounds(stage: ResolvedStage): boolean {
  return mostRounds(stage) > 1;
}

function orderErrors(stages: readonly (ResolvedStage | undefined)[]): RlevError[] {
  const asking = stages.find((stage) => stage && asksForRounds(stage));
  return stages.flatMap((stage, i) => {
    if (!stage) return [];
    const { id, use, place, definition } = stage;
    const errors: RlevError[] = [];
    const refuse = (message: string, help: string): void => {
      errors.push(new RlevError({ code: 'config/order', message, value: use, place, help }));
    };
    if (i === 0 && definition.kind !== 'source') {
      refuse(
        `The first stage must be a source; ${id} (${use}) is of the kind ${definition.kind}.`,
        'Begin with a source: prompts: { use: prompts/exam, file: ... }',
      );
    }
    if (i > 0 && definition.kind === 'source') {
      refuse(
        `${id} (${use}) is a source; a pipeline has one, and it stands first.`,
        'Move it to the beginning, in the place of the one that is there.',
      );
    }
    if (asking && stage !== asking && asksForRounds(stage)) {
      refuse(
        `${id} (${use}) asks for more rounds of a step, as ${asking.id} does: one stage of a flow may.`,
        'Let one of the two take what one round brings.',
      );
    }
    const previous = stages[i - 1];
    if (previous && order[previous.definition.kind] > order[definition.kind]) {
      refuse(
        `${id} (${use}) follows ${previous.id}, which changes the policy and ends the step.`,
        `Move it above ${previous.id}.`,
      );
    }
    return errors;
  });
}

function columnErrors(stages: readonly (ResolvedStage | undefined)[], catalogue: Catalogue): RlevError[] {
  const errors: RlevError[] = [];
  const addedBy = new Map<string, ResolvedStage>();
  let known = true;
  stages.forEach((stage, i) => {
    if (!stage) {
      known = false;
      return;
    }
    const { needs, adds, replaces } = columnsOf(stage);
    for (const column of needs) {
      if (!known || column.startsWith('data.') || addedBy.has(column)) continue;
      const later = stages.slice(i + 1).find((s) => s && columnsOf(s).adds.includes(column));
      errors.push(
        new RlevError({
          code: 'config/columns',
          message: `${stage.use} needs the column \`${column}\`, which no stage before ${where(stage.place)} adds.`,
          value: column,
          place: placeOfNeed(stage, column),
          help: later
            ? `${later.id} (${later.use}) adds it at ${where(later.place)}: move it up.`
            : waysToAdd(column, [...addedBy.keys()], catalogue),
        }),
      );
    }
    for (const column of adds) {
      if (!(column in vocabulary) && !column.startsWith('data.')) {
        errors.push(
          new RlevError({
            code: 'config/columns',
            message: `${stage.use} adds the column \`${column}\`, which is no column.`,
            value: column,
            place: stage.place,
            help: `${didYouMean(column, Object.keys(vocabulary))} A column of one's own is data.<name>.`,
          }),
        );
      }
      const earlier = addedBy.get(column);
      if (earlier && !replaces.includes(column)) {
        errors.push(
          new RlevError({
            code: 'config/columns',
            message: `${stage.use} adds the column \`${column}\`, which ${earlier.id} (${earlier.use}) has added already.`,
            value: column,
            place: stage.place,
            help: 'Remove one of the two stages.',
          }),
        );
      }
      addedBy.set(column, stage);
    }
  });
  return errors;
}

/** Where the parameter stands without which a stage would not need a column, or else the stage. */
function placeOfNeed(stage: ResolvedStage, column: string): Place {
  const { definition, params, place, placeOf } = stage;
  if (definition.kind === 'source') return place;
  const given = params as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(given)) {
    const at = placeOf?.([key], 'key');
    if (!at) continue;
    const without = definition.params.safeParse({ ...given, [key]: undefined });
    if (
      without.success &&
      !columnsOf({ ...stage, params: without.data }).needs.includes(column as ColumnName)
    ) {
      return at;
    }
  }
  return place;
}

function where({ file, line }: Place): string {
  return line === undefined ? file : `line ${line}`;
}

function waysToAdd(column: string, there: readonly string[], catalogue: Catalogue): string {
  const ways = [...catalogue.values()].flatMap((definition) => waysOf(definition, column));
  if (ways.length === 0) return didYouMean(column, there);
  return `A stage that adds it: ${ways.join(', ')}.`;
}

/** How a stage can be made to add a column: by itself, or with a parameter that takes one of a few values. */
function waysOf(definition: StageDefinition, column: string): string[] {
  if (definition.kind !== 'source' && definition.kind !== 'map') return [];
  const usual = (definition.params.safeParse({}).data ?? {}) as Readonly<Record<string, unknown>>;
  const addsWith = (params: unknown): boolean => {
    try {
      return (definition.adds(params) as readonly string[]).includes(column);
    } catch {
      return false;
    }
  };
  if (addsWith(usual)) return [definition.name];
  const { properties } = parametersSchema(definition.params);
  const settings = Object.entries((properties ?? {}) as Record<string, JsonSchema>).flatMap(
    ([key, property]) => choicesOf(property).map((choice) => ({ key, choice })),
  );
  const found = settings.find(({ key, choice }) => addsWith({ ...usual, [key]: choice }));
  if (!found) return [];
  const { key, choice } = found;
  return [`${definition.name} with ${key}: ${Array.isArray(choice) ? `[${choice}]` : choice}`];
}
