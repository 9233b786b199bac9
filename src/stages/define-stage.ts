import type { ColumnName } from '../core/columns.ts';
import type { MapDefinition, SelectDefinition, SourceDefinition, UpdateDefinition } from '../core/stage.ts';

/**
 * A stage of whichever kind it names, typed by its fields: `defineMap` and its like with `kind` written out.
 *
 * ```ts
 * export const half = defineStage({
 *   kind: 'map',
 *   name: 'reward/half',
 *   summary: 'Half the correctness.',
 *   params: z.strictObject({}),
 *   needs: () => ['correct'],
 *   adds: () => ['reward'],
 *   create: () => ({ run: ({ correct }) => ({ reward: Float64Array.from(correct, (c) => c / 2) }) }),
 * });
 * ```
 */
export function defineStage<P, const N extends ColumnName, const A extends ColumnName>(
  definition: MapDefinition<P, N, A>,
): MapDefinition<P, N, A>;
export function defineStage<P, const A extends ColumnName>(
  definition: SourceDefinition<P, A>,
): SourceDefinition<P, A>;
export function defineStage<P, const N extends ColumnName>(
  definition: SelectDefinition<P, N>,
): SelectDefinition<P, N>;
export function defineStage<P, const N extends ColumnName>(
  definition: UpdateDefinition<P, N>,
): UpdateDefinition<P, N>;
export function defineStage<D>(definition: D): D {
  return definition;
}
