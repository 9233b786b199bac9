import { basename, relative, resolve as resolvePath } from 'node:path';
import { RlevError } from '../../core/errors.ts';
import { type Catalogue, changePolicy, type Scope } from '../../core/stage.ts';
import { parseAddress, type StepRange, stepsOfAddress } from '../../log/address.ts';
import type { EventLog } from '../../log/event-log.ts';
import { canonicalJson, sha256 } from '../../log/identity.ts';
import { cohortsOf, type RecordedCohort } from '../../log/join.ts';
import { originOf } from '../../log/origin.ts';
import { createRun } from '../../log/run-directory.ts';
import type { ColumnsDiff } from '../../report/column-diff.ts';
import type { Cohort } from '../../streams/cohort.ts';
import { keepsColumns, type Recorder, recordInto, recordNothing } from '../../streams/record.ts';
import { cancellable } from '../cancellable.ts';
import { loadPipeline, type Pipeline } from '../file/resolve.ts';
import { startingHash } from '../run/fork.ts';
import { checkAgainst, type ReplayCheck } from './check-replay.ts';
import { measureOffPolicy, type OffPolicy } from './off-policy.ts';
import { keyColumns, openRecording, type Recording, recordedPipeline } from './recording.ts';
import { ReplayChanges } from './replay-changes.ts';
import { type ReplayedStage, ReplayFigures } from './replay-figures.ts';
import { openReplayer, type Replayer, type ReplayRange } from './replayer.ts';
import { scoped } from './scoped.ts';
import { needsPolicyOfTheTime, startPolicy, startStates } from './starting.ts';

export interface ReplayOptions extends ReplayRange {
  readonly catalogue: Catalogue;
  /** A pipeline file whose stages are replayed; default: the run's own. */
  readonly pipeline?: string;
  /** Overrides, as `--set` takes them. */
  readonly set?: readonly string[];
  /** The flow to replay: training, or an evaluation; default: what the address says. */
  readonly scope?: Scope;
  /** First and last step, both included; default: all. */
  readonly steps?: StepRange;
  /** Compare identities with the recorded ones. */
  readonly check?: boolean;
  /** Where the replay is recorded as a run of its own; must not exist. Default: it is not. */
  readonly directory?: string;
  /** Compare columns with the recorded ones, by value; true by default. */
  readonly compare?: boolean;
  readonly signal?: AbortSignal;
  notice?(message: string): void;
  onStep?(step: number, cohort: Cohort): void;
}

export interface ReplayResult {
  /** The run that was replayed. */
  readonly run: string;
  readonly from: string;
  readonly to: string;
  readonly steps: number;
  readonly rollouts: number;
  readonly seconds: number;
  /** Whether a stage asked for the policy. */
  readonly policy: boolean;
  readonly stages: readonly ReplayedStage[];
  /** Human-aligned accuracy sum(v * correct) / sum(v) over all rollouts; null where nothing has value. */
  readonly h_accuracy: number | null;
  /** What differs from the recording; undefined where `compare` is false. */
  readonly changes: ColumnsDiff | undefined;
  readonly check: ReplayCheck | undefined;
  /** One an update of the policy that had a response. */
  readonly off_policy: readonly OffPolicy[];
  /** Where the replay is recorded. */
  readonly directory: string | undefined;
}

/** Columns beside those that the stages need, for figures and buckets. */
const alongside = [...keyColumns, 'correct'];

/**
 * Runs later stages of a pipeline on the recorded cohorts of a run, one cohort at a time: memory does not grow with
 * the run. Earlier columns come from the log; the policy is opened only where a stage asks for it.
 *
 * Through an update stage the replay is off-policy after the first update, because the rollouts stay those of the
 * recorded policy: each step then has its importance ratios.
 *
 * @param run a run directory, or RUN@STEP for one step of it
 * @throws RlevError `run/not-found`, `run/corrupt`, `config/*`, `data/*`; `run/cancelled` when the signal fires
 */
export function replay(run: string, options: ReplayOptions): Promise<ReplayResult> {
  return cancellable(options.signal, 'The replay', (signal) => replayUnder(signal, run, options));
}

async function replayUnder(signal: AbortSignal, run: string, options: ReplayOptions): Promise<ReplayResult> {
  const address = parseAddress(run);
  const steps = stepsOfAddress(address, options.steps) ?? { from: 0, to: Number.MAX_SAFE_INTEGER };
  const scope = options.scope ?? address.scope;
  const recording = await openRecording(address.run, options.catalogue, scope);
  let replayer: Replayer | undefined;
  let log: EventLog | undefined;
  try {
    const whole = await loadPipeline(options.pipeline ?? recordedPipeline(address.run), options);
    const pipeline = scoped(whole, scope);
    const notice = options.notice ?? (() => undefined);
    for (const message of pipeline.notices) notice(message);
    replayer = await openReplayer(recording, pipeline, {
      ...options,
      ...(options.from !== undefined && { again: options.from }),
      notice,
      signal,
    });
    if (options.compare !== false) sayWhatWasNotKept(recording, replayer, notice);
    if (changePolicy(replayer.stages)) {
      notice(
        'The rollouts stay those of the recorded policy: where anything differs from the recording, every update after the first is off-policy. See the importance ratios.',
      );
      await startPolicy(replayer, recording, Math.max(recording.base, steps.from));
    }
    await startStates(replayer, recording, Math.max(recording.base, steps.from), notice);
    if (options.directory !== undefined) {
      log = await recordAs(options.directory, recording, pipeline, replayer);
    }
    return await replayAll(recording, replayer, log, { ...options, notice, steps });
  } finally {
    await replayer?.close();
    await recording.close();
    await log?.close();
  }
}

async function replayAll(
  recording: Recording,
  replayer: Replayer,
  log: EventLog | undefined,
  options: ReplayOptions & Required<Pick<ReplayOptions, 'notice' | 'steps'>>,
): Promise<ReplayResult> {
  const { stages } = replayer;
  const figures = new ReplayFigures(stages);
  const changes = options.compare === false ? undefined : new ReplayChanges(recording, stages);
  const check = options.check ? checkAgainst(recording, stages) : undefined;
  const offPolicy: OffPolicy[] = [];
  const asIs = needsPolicyOfTheTime(replayer, recording);
  const started = performance.now();
  let count = 0;
  const load = async (recorded: RecordedCohort) => {
    if (!isWhole(recorded, recording, replayer, options.notice)) return undefined;
    const inputs = await replayer.inputs(recorded, alongside);
    return { recorded, inputs, before: await changes?.read(recorded) };
  };
  const { log: recordedLog, scope } = recording;
  for await (const loaded of ahead(cohortsOf(recordedLog, { scope, ...options.steps }), load)) {
    if (!loaded) continue;
    const { recorded, inputs, before } = loaded;
    const record = recorderOf(recorded, log, check);
    if (asIs) await startPolicy(replayer, recording, recorded.step);
    const cohort = await replayer.run(inputs, async (wired, given) => {
      const hasRatios = given.batch.numRows > 0 && given.batch.getChild('sampled_logprobs') !== null;
      if (wired.definition.kind === 'update' && hasRatios) {
        offPolicy.push(await measureOffPolicy(await replayer.openPolicy(), given));
      }
      const start = performance.now();
      const done = await replayer.apply(wired, given, record);
      figures.stage(wired, done, performance.now() - start);
      if (before) changes?.add(before, wired, done);
      return done;
    });
    figures.cohort(cohort);
    count++;
    options.onStep?.(recorded.step, cohort);
    if (check?.result.difference) break;
  }
  if (count === 0) {
    throw new RlevError({
      code: 'run/not-found',
      message: `${recording.log.directory} has no whole step among those to replay.`,
      value: options.steps,
      help: 'See what is there: rlev log list RUN.',
    });
  }
  return {
    run: recording.log.directory,
    from: stages[0]!.id,
    to: stages.at(-1)!.id,
    steps: count,
    ...figures.result(),
    seconds: (performance.now() - started) / 1000,
    policy: replayer.policy !== undefined,
    changes: changes?.result(),
    check: check?.result,
    off_policy: offPolicy,
    directory: log?.directory,
  };
}

/** What `load` makes of each item, the next one being loaded while one is worked on. */
async function* ahead<T, U>(items: AsyncIterable<T>, load: (item: T) => Promise<U>): AsyncGenerator<U> {
  let next: Promise<U> | undefined;
  for await (const item of items) {
    const loaded = next;
    next = load(item);
    // who waits for it gets its failure, if anybody still does
    next.catch(() => undefined);
    if (loaded) yield await loaded;
  }
  if (next) yield await next;
}

/**
 * Whether a cohort has what comes before the replayed stages, and all rounds that these select from: a run that was
 * stopped can end inside a step.
 */
export function isWhole(
  recorded: RecordedCohort,
  recording: Recording,
  { before, stages }: Replayer,
  notice: (message: string) => void,
): boolean {
  const { pipeline, entryOf, inRounds } = recording;
  const selecting = [...inRounds].at(-1);
  const last = Math.max(...recorded.entries.map(({ key }) => key.round));
  const isThere = (id: string): boolean => {
    const entry = entryOf(recorded, id, inRounds.has(id) ? last : undefined);
    return entry !== undefined && entry.data?.again !== true;
  };
  const known = new Set(pipeline.stages.map(({ id }) => id));
  const needed = [...before, ...stages.filter(({ id }) => id === selecting)];
  const lacking = needed.find(({ id }) => known.has(id) && !isThere(id));
  if (!lacking) return true;
  const where = before.some(({ id }) => id === lacking.id) ? ` before ${stages[0]!.id}` : '';
  notice(`Step ${recorded.step} is left out: the run stopped in it${where}, at ${lacking.id}.`);
  return false;
}

function recorderOf(
  recorded: RecordedCohort,
  log: EventLog | undefined,
  check: ReturnType<typeof checkAgainst> | undefined,
): Recorder {
  const compare = check?.recorder(recorded);
  const keep = log && recordInto(log);
  if (!compare || !keep) return compare ?? keep ?? recordNothing;
  return async (wired, cohort, deed) => {
    await compare(wired, cohort, deed);
    return keep(wired, cohort, deed);
  };
}

function sayWhatWasNotKept(
  { pipeline }: Recording,
  { stages }: Replayer,
  notice: (message: string) => void,
): void {
  const lacking = stages.filter((wired) => !keepsColumns(pipeline.run.record, wired)).map(({ id }) => id);
  if (lacking.length === 0) return;
  notice(
    `The recording is lean: it has no columns of ${lacking.join(', ')} to compare with. rlev diff A.yaml B.yaml --on RUN compares two pipelines.`,
  );
}

/** A run directory for a replay; its header counts the recording among the data. */
async function recordAs(
  directory: string,
  { log }: Recording,
  pipeline: Pipeline,
  replayer: Replayer,
): Promise<EventLog> {
  const { data, policy } = log.header;
  const origin = await originOf({
    data: { ...data, [`replay of ${basename(resolvePath(log.directory))}`]: runHash(log) },
    policy: replayer.policy ? startingHash(replayer.policy.info) : policy,
  });
  const base = relative(resolvePath(directory), pipeline.base) || '.';
  const own = await createRun(directory, origin, pipeline.toYaml(base));
  const stages = replayer.stages.map(({ id }) => id);
  await own.note({ what: 'replay', of: resolvePath(log.directory), stages });
  return own;
}

/** What stands for a run: the hash of its header. */
function runHash({ header }: EventLog): string {
  return sha256(canonicalJson(header));
}
