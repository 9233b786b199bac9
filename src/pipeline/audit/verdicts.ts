import { columnOf } from '../../core/batch.ts';
import type { StepRange } from '../../log/address.ts';
import { cohortsOf, type RecordedCohort } from '../../log/join.ts';
import type { Cohort } from '../../streams/cohort.ts';
import { keepsColumns } from '../../streams/record.ts';
import { columnsOf } from '../file/flow.ts';
import type { ResolvedStage } from '../file/resolve.ts';
import { keyColumns, keysOf, type Recording } from '../replay/recording.ts';
import { openReplayer } from '../replay/replayer.ts';

/** The verdicts of a recording, and what they are worth. */
export interface Verdicts {
  readonly recording: Recording;
  /** Ids of the stages up to the last one that says something of a verdict's worth. */
  readonly through: readonly string[];
  readonly steps: StepRange;
  readonly signal: AbortSignal;
  notice(message: string): void;
  /** What the verdicts of a cohort are worth. */
  worth(recorded: RecordedCohort): Promise<Worth>;
  /** A cohort behind the verifier, with the named columns that are there, and `row_id`. */
  judged(recorded: RecordedCohort, names: readonly string[]): Promise<Cohort>;
  close(): Promise<void>;
}

/** What verdicts are worth, a row each. */
export interface Worth {
  readonly ids: readonly string[];
  /** Points where there are any, else values; NaN where neither is recorded. */
  readonly keys: Float64Array;
  readonly byPoints: boolean;
  /** s(x) of the reward, 0 where a filter dropped the row before it had one; undefined where none is recorded. */
  readonly scale: Float64Array | undefined;
}

/**
 * Opens the verdicts of a recording: all that the verifier gave, also those by which a filter dropped rows. What a
 * lean recording did not keep, such as the scales of rewards, is computed again.
 *
 * @param verifier index of the stage that gave them
 */
export async function openVerdicts(
  recording: Recording,
  verifier: number,
  options: Pick<Verdicts, 'steps' | 'signal' | 'notice'>,
): Promise<Verdicts> {
  const { pipeline } = recording;
  const { signal, notice } = options;
  const through = upToWorth(pipeline.stages);
  const ids = through.map(({ id }) => id);
  const isKept = (stage: ResolvedStage): boolean => keepsColumns(pipeline.run.record, stage);
  const derived = through.filter((stage) => !isKept(stage));
  // what was kept comes from the recording, wherever it stands; what follows from it comes behind
  const replayer =
    derived.length > 0
      ? await openReplayer(
          recording,
          { ...pipeline, stages: [...through.filter(isKept), ...derived] },
          { from: derived[0]!.id, to: derived.at(-1)!.id, notice, signal },
        )
      : undefined;
  const rewarded = async (recorded: RecordedCohort, names: readonly string[]): Promise<Cohort> => {
    if (replayer) return replayer.run(await replayer.inputs(recorded, names));
    return recording.cohortAfter(ids, recorded, names, signal);
  };
  const upToVerifier = ids.slice(0, verifier + 1).filter((_, i) => isKept(through[i]!));
  const judged = (recorded: RecordedCohort, names: readonly string[]): Promise<Cohort> =>
    recording.cohortAfter(upToVerifier, recorded, names, signal);
  return {
    ...options,
    recording,
    through: ids,
    judged,
    worth: async (recorded) => {
      const { batch: given } = await judged(recorded, keyColumns);
      const isKnown = keyColumns.some((name) => given.getChild(name));
      const { batch: behind } = await rewarded(recorded, isKnown ? ['scale'] : [...keyColumns, 'scale']);
      const known = isKnown ? given : behind;
      const rowIds = columnOf(known, 'row_id');
      const scales = behind.getChild('scale') ? columnOf(behind, 'scale') : undefined;
      const byId = new Map(columnOf(behind, 'row_id').map((id, i) => [id, scales?.[i]]));
      return {
        ids: rowIds,
        keys: keysOf(known),
        byPoints: known.getChild('points') !== null,
        scale: scales && Float64Array.from(rowIds, (id) => byId.get(id) ?? 0),
      };
    },
    close: async () => replayer?.close(),
  };
}

/** The recorded cohorts in which every stage of the verdicts has done its work: a run can have been stopped in one. */
export async function* wholeCohorts(
  { recording, through, steps, signal }: Verdicts,
  notice?: (message: string) => void,
): AsyncGenerator<RecordedCohort> {
  const { log, scope } = recording;
  for await (const recorded of cohortsOf(log, { scope, ...steps })) {
    signal.throwIfAborted();
    const lacking = through.find((id) => !recording.entryOf(recorded, id));
    if (lacking === undefined) yield recorded;
    else notice?.(`Step ${recorded.step} is left out: the run stopped in it before ${lacking}.`);
  }
}

const telling: readonly string[] = [...keyColumns, 'correct', 'scale'];

/** The stages up to the last one that adds a verdict, or what it is worth. */
function upToWorth<S extends ResolvedStage>(stages: readonly S[]): S[] {
  const last = stages.findLastIndex((stage) => columnsOf(stage).adds.some((name) => telling.includes(name)));
  return stages.slice(0, last + 1);
}
