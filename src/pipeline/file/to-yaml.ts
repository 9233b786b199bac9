import { removed } from './merge.ts';
import type { ResolvedBranch, ResolvedStage } from './resolve-stage.ts';
import type { PipelineFile, PolicySection } from './schema.ts';

export interface Resolved {
  readonly run: PipelineFile['run'];
  readonly policy: PolicySection | undefined;
  readonly stages: readonly ResolvedStage[];
  readonly evaluate: readonly ResolvedBranch[];
}

/** A resolved pipeline as the data of a pipeline file, defaults filled in; `base` is what its paths are relative to. */
export function pipelineData({ run, policy, stages, evaluate }: Resolved, base: string): object {
  const plain = (list: readonly ResolvedStage[]): Record<string, unknown> =>
    Object.fromEntries(list.map((s) => [s.id, { use: s.use, ...(s.params as object) }]));
  const changed = (branch: ResolvedBranch): Record<string, unknown> => {
    const kept = plain(branch.stages);
    const last = stages.findIndex(({ id }) => id === branch.stages.at(-1)!.id);
    const gone = stages.slice(0, last).filter(({ id }) => !(id in kept));
    return { ...kept, ...Object.fromEntries(gone.map(({ id }) => [id, removed])) };
  };
  return {
    rlev: 1,
    base,
    run,
    ...(policy && { policy }),
    stages: plain(stages),
    ...(evaluate.length > 0 && {
      evaluate: Object.fromEntries(
        evaluate.map((b) => [
          b.id,
          { ...(b.every && { every: b.every }), through: b.stages.at(-1)!.id, stages: changed(b) },
        ]),
      ),
    }),
  };
}
