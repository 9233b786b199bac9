import { resolve } from 'node:path';
import type { ColumnName } from '../core/columns.ts';
import { RlevError } from '../core/errors.ts';
import type {
  MapDefinition,
  MapStage,
  SelectDefinition,
  SelectStage,
  SourceDefinition,
  SourceStage,
  StageEvent,
  StageSetup,
  UpdateDefinition,
  UpdateStage,
} from '../core/stage.ts';
import { parameterErrors } from './parameter-errors.ts';

/** Parameters as they would stand in a pipeline file. */
export type StageParams = Readonly<Record<string, unknown>>;

/**
 * A stage by itself, without a pipeline file: for a test, a notebook or a program of one's own.
 *
 * ```ts
 * const advantage = await createStage(rloo);
 * const columns = await advantage.run({ group, reward, response_tokens }, stageEvent());
 * ```
 *
 * @param params as in the pipeline file; defaults fill what is absent
 * @param setup what differs from a run of one step with seed 0 and no policy, paths relative to the working directory
 * @throws RlevErrors `config/type`, `config/missing` and `config/unknown-key` for parameters that the stage does not take
 */
export function createStage<P, N extends ColumnName, A extends ColumnName>(
  definition: MapDefinition<P, N, A>,
  params?: StageParams,
  setup?: Partial<StageSetup>,
): Promise<MapStage<N, A>>;
export function createStage<P, A extends ColumnName>(
  definition: SourceDefinition<P, A>,
  params?: StageParams,
  setup?: Partial<StageSetup>,
): Promise<SourceStage<A>>;
export function createStage<P, N extends ColumnName>(
  definition: SelectDefinition<P, N>,
  params?: StageParams,
  setup?: Partial<StageSetup>,
): Promise<SelectStage<N>>;
export function createStage<P, N extends ColumnName>(
  definition: UpdateDefinition<P, N>,
  params?: StageParams,
  setup?: Partial<StageSetup>,
): Promise<UpdateStage<N>>;
export async function createStage<P, S>(
  definition: {
    readonly name: string;
    readonly params: MapDefinition<P>['params'];
    needs?(params: P): readonly ColumnName[];
    create(params: P, setup: StageSetup): S | Promise<S>;
  },
  params: StageParams = {},
  setup: Partial<StageSetup> = {},
): Promise<S> {
  const parsed = definition.params.safeParse(params);
  if (!parsed.success) throw parameterErrors(parsed.error, params, definition);
  const stage = await definition.create(parsed.data, { ...alone(definition.name), ...setup });
  return definition.needs ? asking(stage, definition.name, definition.needs(parsed.data)) : stage;
}

/** The stage, whose `run` says so when it reads a column that it needs and was not given; types say it where there are any. */
function asking<S>(stage: S, name: string, needs: readonly ColumnName[]): S {
  const { run } = stage as { run?: (columns: object, event: StageEvent) => unknown };
  if (typeof run !== 'function') return stage;
  const guard: ProxyHandler<object> = {
    get(columns, column) {
      if (column in columns || !needs.includes(column as ColumnName)) return Reflect.get(columns, column);
      throw new RlevError({
        code: 'config/columns',
        message: `${name} needs the column ${String(column)}, which it was not given.`,
        value: column,
        help: `It was given ${Object.keys(columns).join(', ') || 'nothing'}.`,
      });
    },
  };
  return Object.assign(stage as object, {
    run: (columns: object, event: StageEvent) => run.call(stage, new Proxy(columns, guard), event),
  }) as S;
}

/** An event of a step, by default the first of a training run with seed 0. */
export function stageEvent(event: Partial<StageEvent> = {}): StageEvent {
  return {
    step: 0,
    round: 0,
    scope: 'train',
    seed: 0,
    policyVersion: 0,
    signal: new AbortController().signal,
    ...event,
  };
}

function alone(name: string): StageSetup {
  return {
    place: { file: name },
    seed: 0,
    steps: 1,
    policy: () => {
      throw new RlevError({
        code: 'config/missing',
        message: `${name} needs a policy.`,
        help: 'Give createStage a setup with `policy: () => policy`.',
      });
    },
    resolve: (path) => resolve(path),
    notice: () => {},
  };
}
