import { columnOf } from '../../core/batch.ts';
import type { ColumnName } from '../../core/columns.ts';
import { RlevError } from '../../core/errors.ts';
import { parseAddress, stepsOfAddress } from '../../log/address.ts';
import { cohortsOf } from '../../log/join.ts';
import { ColumnDiffs, type ColumnsDiff } from '../../report/column-diff.ts';
import type { Cohort } from '../../streams/cohort.ts';
import { cancellable } from '../cancellable.ts';
import { loadPipeline } from '../file/resolve.ts';
import type { DiffOptions } from './diff-runs.ts';
import { type KeyDifference, keyDifferences } from './key-differences.ts';
import { keysOf, openRecording } from './recording.ts';
import { isWhole } from './replay.ts';
import { partnersOf } from './replay-changes.ts';
import { firstStage, openReplayer, type Replayer } from './replayer.ts';
import { needsPolicyOfTheTime, startPolicy, startStates } from './starting.ts';

export interface PipelineDiff {
  readonly run: string;
  readonly pipelines: readonly [string, string];
  /** Whether all columns are equal in every row. */
  readonly identical: boolean;
  /** Keys under `stages` that differ. */
  readonly pipeline: readonly KeyDifference[];
  readonly steps: number;
  readonly rollouts: number;
  readonly columns: ColumnsDiff;
}

/**
 * Runs two pipelines' stages behind the rollout on the same recording and compares the columns that they give.
 *
 * @param a and `b`: pipeline files
 * @param run a run directory, or RUN@STEP for one step of it
 * @throws RlevError as {@link replay} does
 */
export function diffPipelines(
  a: string,
  b: string,
  run: string,
  options: DiffOptions,
): Promise<PipelineDiff> {
  return cancellable(options.signal, 'The comparison', (signal) =>
    compareOn(run, a, b, { ...options, signal }),
  );
}

async function compareOn(
  run: string,
  a: string,
  b: string,
  options: DiffOptions & { readonly signal: AbortSignal },
): Promise<PipelineDiff> {
  const { signal } = options;
  const address = parseAddress(run);
  const range = stepsOfAddress(address, options.steps);
  const recording = await openRecording(address.run, options.catalogue);
  const open: Replayer[] = [];
  try {
    const pipelines = [await loadPipeline(a, options), await loadPipeline(b, options)] as const;
    const first = Math.min(...pipelines.map((pipeline) => firstStage(recording.pipeline, pipeline)));
    for (const pipeline of pipelines) {
      const notice = (message: string): void => options.notice?.(`${pipeline.file}: ${message}`);
      const from = pipeline.stages[Math.min(first, pipeline.stages.length - 1)]!.id;
      const replayer = await openReplayer(recording, pipeline, { from, notice, signal });
      open.push(replayer);
      await startStates(replayer, recording, Math.max(recording.base, range?.from ?? 0), notice);
    }
    const [left, right] = open as [Replayer, Replayer];
    const diffs = new ColumnDiffs(true);
    let steps = 0;
    let rollouts = 0;
    for await (const recorded of cohortsOf(recording.log, { scope: 'train', ...range })) {
      signal.throwIfAborted();
      if (!isWhole(recorded, recording, left, options.notice ?? (() => undefined))) continue;
      const through = async (replayer: Replayer): Promise<Cohort> => {
        if (needsPolicyOfTheTime(replayer, recording)) {
          await startPolicy(replayer, recording, recorded.step);
        }
        return replayer.run(await replayer.inputs(recorded, ['points']));
      };
      const x = await through(left);
      const y = await through(right);
      compareCohorts(diffs, x, y, [left, right]);
      steps++;
      rollouts += x.batch.numRows;
    }
    if (steps === 0) {
      throw new RlevError({
        code: 'run/not-found',
        message: `${recording.log.directory} has no whole step to compare on.`,
        value: run,
      });
    }
    const columns = diffs.result();
    return {
      run: recording.log.directory,
      pipelines: [a, b],
      identical: columns.differing.length === 0,
      pipeline: keyDifferences(...pipelines).filter(({ key }) => key.startsWith('stages.')),
      steps,
      rollouts,
      columns,
    };
  } finally {
    for (const replayer of open) await replayer.close();
    await recording.close();
  }
}

function compareCohorts(diffs: ColumnDiffs, x: Cohort, y: Cohort, [left, right]: [Replayer, Replayer]): void {
  const partner = partnersOf(x.batch, y.batch);
  const keys = [keysOf(x.batch), keysOf(y.batch)] as const;
  const made = new Set([...left.adds, ...right.adds]);
  for (const { name } of x.batch.schema.fields) {
    if (name === 'row_id' || !made.has(name) || !y.batch.getChild(name)) continue;
    const before = { data: columnOf(x.batch, name as ColumnName), keys: keys[0] };
    const after = { data: columnOf(y.batch, name as ColumnName), keys: keys[1] };
    diffs.add(name, before, after, partner);
  }
}
