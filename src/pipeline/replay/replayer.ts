import { didYouMean } from '../../core/did-you-mean.ts';
import { RlevError } from '../../core/errors.ts';
import type { Policy } from '../../core/services.ts';
import type { Dataset, SourceStage } from '../../core/stage.ts';
import type { RecordedCohort } from '../../log/join.ts';
import { applyStage, type Cohort, joinRounds, type WiredStage } from '../../streams/cohort.ts';
import { keepsColumns, type Recorder, recordNothing } from '../../streams/record.ts';
import { gatherRounds, stagesInRounds } from '../../streams/rounds.ts';
import { columnsOf } from '../file/flow.ts';
import type { Pipeline, ResolvedStage } from '../file/resolve.ts';
import { createStage, openPolicyOf, setupOf } from '../run/assemble.ts';
import type { Recording } from './recording.ts';
import { sameStage } from './same-stage.ts';
import { takenFromLog } from './weights-of-the-time.ts';

export interface ReplayRange {
  /** Id of the first stage that runs; those before it come from the log. */
  readonly from?: string;
  /** Id of the last stage that runs. */
  readonly to?: string;
}

export interface ReplayerOptions extends ReplayRange {
  /** Id of a stage that runs though it reads weights of the time. */
  readonly again?: string;
  notice(message: string): void;
  readonly signal: AbortSignal;
}

/** Later stages of a pipeline, open, and the recording that they run on. */
export interface Replayer {
  /** Stages whose columns come from the log. */
  readonly before: readonly ResolvedStage[];
  readonly stages: readonly WiredStage[];
  /** The policy, once a stage has asked for it. */
  readonly policy: Policy | undefined;
  /** The recorded columns that the stages need and no stage of theirs adds. */
  readonly needs: readonly string[];
  /** The columns that the stages add or replace. */
  readonly adds: readonly string[];
  /**
   * A recorded cohort as the first stage gets it, with `more` of its columns where they are there: what each round
   * brought, where the stages work in rounds, else all of it.
   */
  inputs(recorded: RecordedCohort, more?: readonly string[]): Promise<readonly Cohort[]>;
  /** Runs one stage; opens the policy where the stage asks for it. */
  apply(wired: WiredStage, cohort: Cohort, record?: Recorder): Promise<Cohort>;
  /**
   * Runs all stages, in as many rounds as they ask for and the recording has.
   *
   * @param inputs at least one
   */
  run(
    inputs: readonly Cohort[],
    apply?: (wired: WiredStage, cohort: Cohort) => Promise<Cohort>,
  ): Promise<Cohort>;
  openPolicy(): Promise<Policy>;
  close(): Promise<void>;
}

/** What a stage that wants the policy meets before it is open; who called the stage opens it and calls again. */
class PolicyWanted extends RlevError {}

/**
 * Opens the stages of a pipeline from `from` to `to` for a recording. No policy is opened before a stage asks for
 * it, and no data is read unless a stage prepares itself on it.
 *
 * Stages that read weights of the time come from the log where they can, but for the one that `again` names.
 *
 * By default `from` is the first stage, of those behind the one that adds response_tokens, that the recording does not
 * have as it is; `to` the last one that does not change the policy.
 *
 * @throws RlevError `usage/arguments` for stages that are not there or stand the wrong way round; `data/missing-file`
 *   and `run/mismatch` where a stage needs all questions and their file is gone or has changed
 */
export async function openReplayer(
  recording: Recording,
  pipeline: Pipeline,
  options: ReplayerOptions,
): Promise<Replayer> {
  const { first, last } = rangeOf(recording.pipeline, pipeline, options);
  const range = pipeline.stages.slice(first, last + 1);
  const taken = takenFromLog(pipeline.stages, range, options.again, recording);
  const before = pipeline.stages.filter((stage, i) => i < first || taken.includes(stage));
  const resolved = range.filter((stage) => !taken.includes(stage));
  for (const { id } of taken) {
    options.notice(
      `${id} is taken from the recording: it reads weights of each step. To run it again: --from ${id}.`,
    );
  }
  const stages: WiredStage[] = [];
  let policy: Policy | undefined;
  let opening: Promise<Policy> | undefined;

  const openPolicy = async (): Promise<Policy> => {
    opening ??= openPolicyOf(pipeline, options.signal);
    policy = await opening;
    return policy;
  };
  const givePolicy = (): Policy | undefined => {
    if (policy || !pipeline.policy) return policy;
    const message = 'The policy is not open yet.';
    throw new PolicyWanted({ code: 'config/missing', message, place: pipeline.policyPlace });
  };
  const asking = async <T>(work: () => T | Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof PolicyWanted)) throw error;
      await openPolicy();
      return work();
    }
  };
  const setup = (stage: ResolvedStage) => setupOf(pipeline, stage, givePolicy, options);
  const close = async (): Promise<void> => {
    await Promise.allSettled(stages.map(async ({ stage }) => stage.close?.()));
    await policy?.close();
  };

  try {
    for (const stage of resolved) stages.push(await asking(() => createStage(stage, setup(stage))));
    const preparing = stages.filter(({ stage }) => stage.prepare);
    if (preparing.length > 0) {
      const source = pipeline.stages[0]!;
      const wired = stages.find(({ id }) => id === source.id) ?? (await createStage(source, setup(source)));
      try {
        const dataset = await asking(() => datasetOf(wired, preparing[0]!, recording));
        for (const { stage } of preparing) await asking(() => stage.prepare!(dataset));
      } finally {
        if (!stages.includes(wired)) await wired.stage.close?.();
      }
    }
  } catch (error) {
    await close();
    throw error;
  }

  const needs = neededColumns(resolved);
  const rounds = pipeline.stages.slice(0, stagesInRounds(pipeline.stages));
  /** How many of the stages, from the first, work in rounds. */
  const inRounds = rounds.filter((stage) => resolved.includes(stage)).length;
  /** Whether the one is among them that selects from the rounds. */
  const selects = inRounds > 0 && resolved.includes(rounds.at(-1)!);
  const apply = (wired: WiredStage, cohort: Cohort, record: Recorder = recordNothing): Promise<Cohort> =>
    asking(() => applyStage(wired, cohort, record));
  return {
    before,
    stages,
    get policy() {
      return policy;
    },
    needs,
    adds: resolved.flatMap((stage) => columnsOf(stage).adds),
    openPolicy,
    inputs: async (recorded, more = []) => {
      const ids = before.map(({ id }) => id);
      const rounds = inRounds > 0 ? roundsOf(recorded) : [undefined];
      const cohorts = await Promise.all(
        rounds.map((round) =>
          recording.cohortAfter(ids, recorded, [...needs, ...more], options.signal, round),
        ),
      );
      const lacking = before.length > 0 && needs.find((name) => !cohorts[0]!.batch.getChild(name));
      if (!lacking) return cohorts;
      throw new RlevError({
        code: 'run/not-found',
        message: `The stages to replay need the column ${lacking}, which the recording does not have before ${stages[0]!.id}.`,
        value: lacking,
        place: stages[0]!.place,
        help: 'Begin with an earlier stage: --from.',
      });
    },
    apply,
    run: async (inputs, run = apply) => {
      const pass = async (cohort: Cohort, through: readonly WiredStage[]): Promise<Cohort> => {
        let at = cohort;
        for (const wired of through) at = await run(wired, at);
        return at;
      };
      if (inRounds === 0) return pass(inputs[0]!, stages);
      if (!selects) {
        const done: Cohort[] = [];
        for (const input of inputs) done.push(await pass(input, stages));
        return done.reduce(joinRounds);
      }
      const gathered = await gatherRounds(stages.slice(0, inRounds), (round) => inputs[round], run);
      if (gathered.again) {
        const { step } = gathered.event;
        options.notice(
          `Step ${step} asks for more rounds than the ${inputs.length} that are recorded: it goes on with ${gathered.batch.numRows} rows.`,
        );
      }
      return pass(gathered, stages.slice(inRounds));
    },
    close,
  };
}

/** The rounds of a recorded cohort, from 0. */
function roundsOf({ entries }: RecordedCohort): number[] {
  return [...new Set(entries.map(({ key }) => key.round))];
}

/** Index behind the stage that makes the responses; 1 where none does. */
function afterRollout(stages: readonly ResolvedStage[]): number {
  const at = stages.findIndex((stage) => columnsOf(stage).adds.includes('response_tokens'));
  return Math.max(0, at) + 1;
}

/**
 * Index of the first stage, behind the one that makes the responses, that the recording does not have as it is; no
 * later than the first whose columns it did not keep.
 */
export function firstStage(recorded: Pipeline, { stages }: Pipeline): number {
  const changed = stages.findIndex((stage, i) => {
    const was = recorded.stages[i];
    return was?.id !== stage.id || !sameStage(was, stage);
  });
  const first = Math.max(Math.min(afterRollout(stages), stages.length - 1), changed);
  const unkept = stages.findIndex((stage) => !keepsColumns(recorded.run.record, stage));
  return unkept < 0 ? first : Math.min(first, unkept);
}

function rangeOf(
  recorded: Pipeline,
  pipeline: Pipeline,
  { from, to, notice }: ReplayerOptions,
): { first: number; last: number } {
  const { stages } = pipeline;
  const first = from === undefined ? firstStage(recorded, pipeline) : indexOf(stages, from, '--from');
  const untilUpdate = stages.findLastIndex(({ definition }) => definition.kind !== 'update');
  const last = to === undefined ? Math.max(first, untilUpdate) : indexOf(stages, to, '--to');
  if (first > last) {
    throw new RlevError({
      code: 'usage/arguments',
      message: `--to ${stages[last]!.id} stands before ${from === undefined ? 'the first changed stage,' : '--from'} ${stages[first]!.id}.`,
      value: to,
      help: `The stages are ${stages.map(({ id }) => id).join(', ')}.`,
    });
  }
  for (const stage of stages.slice(0, first)) {
    const was = recorded.stages.find(({ id }) => id === stage.id);
    if (!sameStage(was, stage)) {
      notice(`${stage.id} differs from the recording, and is not replayed: its columns come from the log.`);
    }
  }
  return { first, last };
}

function indexOf(stages: readonly ResolvedStage[], id: string, option: string): number {
  const index = stages.findIndex((stage) => stage.id === id);
  if (index >= 0) return index;
  const ids = stages.map((stage) => stage.id);
  throw new RlevError({
    code: 'usage/arguments',
    message: `${option} ${id}: the pipeline has no stage of this id.`,
    value: id,
    help: didYouMean(id, ids),
  });
}

function neededColumns(stages: readonly ResolvedStage[]): string[] {
  const added = new Set<string>();
  const needed = new Set<string>();
  for (const stage of stages) {
    const { needs, adds } = columnsOf(stage);
    for (const name of needs) if (!added.has(name)) needed.add(name);
    for (const name of adds) added.add(name);
  }
  return [...needed];
}

/** All questions of the run. */
async function datasetOf(source: WiredStage, asker: WiredStage, { log, scope }: Recording): Promise<Dataset> {
  const who = `${asker.id} (${asker.definition.name}) looks at all questions before it begins`;
  let dataset: Dataset;
  try {
    dataset = await (source.stage as SourceStage).dataset();
  } catch (error) {
    if (!(error instanceof RlevError) || error.code !== 'data/missing-file') throw error;
    throw new RlevError({
      ...error.details(),
      message: `${who}, and they are gone. ${error.summary}`,
      help: `Bring the file back, name it with --set stages.${source.id}.file=FILE, or replay from a stage behind ${asker.id}.`,
    });
  }
  const recorded = log.header.data[scope];
  if (recorded === undefined || recorded === dataset.hash) return dataset;
  throw new RlevError({
    code: 'run/mismatch',
    message: `${who}, and the questions are not those of the run: their hash is ${dataset.hash.slice(0, 12)}, not ${recorded.slice(0, 12)}.`,
    value: dataset.hash,
    place: source.place,
    help: `Bring back the file as it was, or name it with --set stages.${source.id}.file=FILE.`,
  });
}
