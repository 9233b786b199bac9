import { didYouMean } from '../../core/did-you-mean.ts';
import { RlevError } from '../../core/errors.ts';
import type { Scope } from '../../core/stage.ts';
import type { Pipeline } from '../file/resolve.ts';

/**
 * A pipeline whose stages are those of one flow: of training, or of an evaluation.
 *
 * @throws RlevError `run/not-found` for an evaluation that the pipeline does not have
 */
export function scoped(pipeline: Pipeline, scope: Scope): Pipeline {
  if (scope === 'train') return pipeline;
  const id = scope.slice('eval:'.length);
  const branch = pipeline.evaluate.find((b) => b.id === id);
  if (branch) return { ...pipeline, stages: branch.stages };
  const ids = pipeline.evaluate.map((b) => b.id);
  throw new RlevError({
    code: 'run/not-found',
    message: `${pipeline.file} has no evaluation ${id}.`,
    value: scope,
    help:
      ids.length === 0 ? 'It has none: name its training, --scope train, or no scope.' : didYouMean(id, ids),
  });
}
