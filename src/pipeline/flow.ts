import { didYouMean } from '../core/did-you-mean.ts';
import { RlevError } from '../core/errors.ts';
import type { StageKind } from '../core/stage.ts';
import type { ResolvedStage } from './resolve.ts';

const order: Record<StageKind, number> = { source: 0, map: 1, select: 1, update: 2 };

/**
 * Checks that columns flow: one source, first; each stage finds the columns it needs; no stage adds a column that is
 * there already unless it declares that it replaces it; nothing follows an update.
 */
export function checkFlow(stages: readonly ResolvedStage[]): RlevError[] {
  const errors: RlevError[] = [];
  const addedBy = new Map<string, string>();
  stages.forEach((stage, i) => {
    const { definition, params, place, id } = stage;
    const kind = definition.kind;
    if ((i === 0) !== (kind === 'source')) {
      errors.push(
        new RlevError({
          code: 'config/order',
          message:
            i === 0
              ? `The first stage must be a source; ${id} (${stage.use}) is of the kind ${kind}.`
              : `${id} (${stage.use}) is a source; a pipeline has one, and it stands first.`,
          value: stage.use,
          place,
        }),
      );
    }
    const previous = stages[i - 1];
    if (previous && order[previous.definition.kind] > order[kind]) {
      errors.push(
        new RlevError({
          code: 'config/order',
          message: `${id} (${stage.use}) follows ${previous.id}, which changes the policy and ends the step.`,
          value: stage.use,
          place,
        }),
      );
    }
    if (definition.kind !== 'source') {
      for (const column of definition.needs(params)) {
        if (column.startsWith('data.') || addedBy.has(column)) continue;
        errors.push(
          new RlevError({
            code: 'config/columns',
            message: `${stage.use} needs the column ${column}, which no stage before it adds.`,
            value: column,
            place,
            help: didYouMean(column, [...addedBy.keys()]),
          }),
        );
      }
    }
    if (definition.kind === 'source' || definition.kind === 'map') {
      const replaces: readonly string[] =
        definition.kind === 'map' ? (definition.replaces?.(params) ?? []) : [];
      for (const column of definition.adds(params)) {
        const earlier = addedBy.get(column);
        if (earlier && !replaces.includes(column)) {
          errors.push(
            new RlevError({
              code: 'config/columns',
              message: `${stage.use} adds the column ${column}, which ${earlier} has added already.`,
              value: column,
              place,
              help: 'Remove one of the two stages.',
            }),
          );
        }
        addedBy.set(column, id);
      }
    }
  });
  return errors;
}
