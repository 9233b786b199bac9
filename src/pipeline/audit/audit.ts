import { type Batch, columnOf, takeRows } from '../../core/batch.ts';
import { RlevError } from '../../core/errors.ts';
import type { Catalogue, Scope } from '../../core/stage.ts';
import { parseAddress, type StepRange, stepsOfAddress } from '../../log/address.ts';
import type { AuditSummary } from '../../report/audit.ts';
import type { Cohort } from '../../streams/cohort.ts';
import { cancellable } from '../cancellable.ts';
import type { ResolvedStage } from '../file/resolve.ts';
import { isVerifier } from '../file/verifier.ts';
import { openRecording, type Recording } from '../replay/recording.ts';
import { openReplayer, type Replayer } from '../replay/replayer.ts';
import { type Disagreement, Judged } from './judged.ts';
import { draw, populationOf } from './population.ts';
import { type Side, sidesOf, type Verifiers } from './sides.ts';
import { openVerdicts, type Verdicts, wholeCohorts } from './verdicts.ts';

export interface AuditOptions extends Verifiers {
  readonly catalogue: Catalogue;
  /** Verdicts to draw, or `all`; by default 500. */
  readonly sample?: number | 'all';
  /** Seed of the drawing; by default 0. */
  readonly seed?: number;
  /** First and last step, both included; default: all. */
  readonly steps?: StepRange;
  /** `train` by default, or an evaluation: `eval:heldOut`. */
  readonly scope?: Scope;
  /** Disagreements to show, the dearest first; by default 5. */
  readonly examples?: number;
  readonly signal?: AbortSignal;
  notice?(message: string): void;
  onProgress?(judged: number, of: number): void;
}

export interface AuditResult extends AuditSummary {
  readonly run: string;
  readonly scope: Scope;
  readonly steps: number;
  readonly sides: readonly { readonly name: string; readonly use: string; readonly params: unknown }[];
  readonly seed: number;
  /** What `points` are: those of the questions, or v(x) where they have none. */
  readonly unit: 'points' | 'value';
  /** Disagreements in the sample, and the dearest of them. */
  readonly disagreements: number;
  readonly examples: readonly Disagreement[];
}

/**
 * Puts two verifiers side by side on recorded responses, drawn at random with equally many of each value, and says by
 * value how often they disagree and what that costs in points and reward, for the sample and weighted back to the run.
 *
 * Two passes over the record read what verdicts are worth, the third judges those drawn, a step at a time: memory
 * grows with the sample and not with the run. The policy is opened only where a verifier asks for it.
 *
 * @param run a run directory, RUN@STEP for one step, or RUN@STEP/eval:ID
 * @throws RlevError `run/not-found` for a run without verdicts or value; `usage/arguments`; `config/*` and `data/*`
 *   where a verifier cannot work; whatever a verifier throws
 */
export function audit(run: string, options: AuditOptions): Promise<AuditResult> {
  return cancellable(options.signal, 'The audit', (signal) => auditOnce(run, options, signal));
}

async function auditOnce(run: string, options: AuditOptions, signal: AbortSignal): Promise<AuditResult> {
  const address = parseAddress(run);
  const steps = stepsOfAddress(address, options.steps) ?? { from: 0, to: Number.MAX_SAFE_INTEGER };
  const notice = options.notice ?? (() => undefined);
  const { sample = 500, seed = 0, examples = 5 } = options;
  const recording = await openRecording(address.run, options.catalogue, options.scope ?? address.scope);
  const replayers: (Replayer | undefined)[] = [];
  let verdicts: Verdicts | undefined;
  try {
    const { pipeline } = recording;
    const at = pipeline.stages.findIndex(isVerifier);
    const verifier = pipeline.stages[at];
    if (!verifier) throw noVerifier(recording);
    const sides = await sidesOf(options, verifier, options.catalogue, pipeline.base);
    for (const side of sides) replayers.push(await replayerOf(side, verifier, recording, notice, signal));
    verdicts = await openVerdicts(recording, at, { steps, signal, notice });
    const population = await populationOf(verdicts);
    const drawn = await draw(verdicts, population, {
      sample: sample === 'all' ? population.rows : Math.min(sample, population.rows),
      seed,
    });
    const before = pipeline.stages.slice(0, at).map(({ id }) => id);
    const judged = new Judged(population, sides, examples);
    const of = [...drawn.values()].reduce((sum, rows) => sum + rows.size, 0);
    for await (const recorded of wholeCohorts(verdicts)) {
      const rows = drawn.get(recorded.step);
      if (!rows) continue;
      const needs = replayers.flatMap((replayer) => replayer?.needs ?? []);
      const given = await recording.cohortAfter(before, recorded, [...texts, ...needs], signal);
      const input = pick(given, [...rows.keys()]);
      const answers: Batch[] = [];
      for (const [i, replayer] of replayers.entries()) {
        const { batch } = replayer
          ? await judge(replayer, sides[i]!, input)
          : pick(await verdicts.judged(recorded, ['answer', 'correct']), [...rows.keys()]);
        answers.push(batch);
      }
      judged.add(recorded.step, rows, input.batch, answers as [Batch, Batch]);
      options.onProgress?.(judged.rows, of);
    }
    return {
      run: recording.log.directory,
      scope: recording.scope,
      steps: population.steps,
      sides: sides.map(({ name, use, params }) => ({ name, use, params })),
      seed,
      unit: population.byPoints ? 'points' : 'value',
      ...judged.summary(),
      disagreements: judged.disagreements,
      examples: judged.examples(),
    };
  } finally {
    for (const replayer of replayers) await replayer?.close();
    await verdicts?.close();
    await recording.close();
  }
}

const texts = ['prompt', 'reference', 'response'];

/** What judges for a side in the place of the run's verifier; undefined for the recorded verdict. */
function replayerOf(
  { stage }: Side,
  verifier: ResolvedStage,
  recording: Recording,
  notice: (message: string) => void,
  signal: AbortSignal,
): Promise<Replayer> | undefined {
  if (!stage) return undefined;
  const { id } = verifier;
  const { pipeline } = recording;
  const stages = pipeline.stages.map((other) => (other.id === id ? { ...other, ...stage, id } : other));
  return openReplayer(recording, { ...pipeline, stages }, { from: id, to: id, notice, signal });
}

async function judge(replayer: Replayer, side: Side, input: Cohort): Promise<Cohort> {
  const lacking = replayer.needs.find((name) => !input.batch.getChild(name));
  if (lacking === undefined) return replayer.apply(replayer.stages[0]!, input);
  throw new RlevError({
    code: 'run/not-found',
    message: `${side.use} needs the column ${lacking}, which the run did not record before its verifier.`,
    value: lacking,
    place: { file: `--${side.name}` },
    help: 'See what there is: rlev log cat RUN@STEP/STAGE.',
  });
}

/** The rows of these ids, in their order. */
function pick(cohort: Cohort, ids: readonly string[]): Cohort {
  const rows = new Map(columnOf(cohort.batch, 'row_id').map((id, i) => [id, i]));
  const indices = ids.map((id) => rows.get(id)!);
  return { ...cohort, batch: takeRows(cohort.batch, indices) };
}

function noVerifier({ log, pipeline, scope }: Recording): RlevError {
  return new RlevError({
    code: 'run/not-found',
    message: `${log.directory} has no verdicts: no stage of ${scope} adds \`correct\`.`,
    value: scope,
    help: `Its stages are ${pipeline.stages.map(({ id, definition }) => `${id} (${definition.name})`).join(', ')}.`,
  });
}
