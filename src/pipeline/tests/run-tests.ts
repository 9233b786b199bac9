import { columnOf } from '../../core/batch.ts';
import { didYouMean } from '../../core/did-you-mean.ts';
import { errorCodes, type Place, RlevError, RlevErrors, reasonOf, show } from '../../core/errors.ts';
import type { Policy } from '../../core/services.ts';
import type { Catalogue, Dataset, SourceStage, StageEvent } from '../../core/stage.ts';
import { applyStage, type Cohort, emptyCohort, type WiredStage } from '../../streams/cohort.ts';
import { recordNothing } from '../../streams/record.ts';
import { loadPipeline, type Pipeline, type ResolvedStage } from '../file/resolve.ts';
import { createStage, openPolicyOf, setupOf } from '../run/assemble.ts';
import { mismatches } from './expectation.ts';
import { rowsFor } from './feed.ts';
import { readTests, type TestCase } from './read.ts';

/** What a test expected and did not find. */
export interface TestFailure {
  readonly place: Place;
  /** `stage reward, row 1 (0.0.1.0), column reward`, or what else went wrong. */
  readonly what: string;
  readonly expected?: string;
  readonly actual?: string;
}

export interface TestResult {
  readonly name: string;
  /** Of the test. */
  readonly place: Place;
  readonly stage: string;
  /** Empty where it passed. */
  readonly failures: readonly TestFailure[];
}

export interface RunTestsOptions {
  readonly catalogue: Catalogue;
  readonly signal?: AbortSignal;
}

/**
 * Runs the tests of a file, in order: each feeds rows to one stage, or to some in a row, and compares what they return
 * with what it expects. Stages are held to their contract as in a run, and nothing is recorded. A policy is opened when
 * a stage asks for it.
 *
 * @throws RlevErrors for a file that has no tests, or that cannot be read as such
 */
export async function* runTests(
  file: string,
  { catalogue, signal = new AbortController().signal }: RunTestsOptions,
): AsyncGenerator<TestResult> {
  const tests = await readTests(file, catalogue);
  if (tests.length === 0) {
    throw new RlevError({
      code: 'config/missing',
      message: 'This file has no tests, and there is no file of tests beside it.',
      place: { file },
      help: 'Write them under `tests:`, or beside it in NAME.test.yaml; see docs/stages.md.',
    });
  }
  const bench = benchOf(catalogue, signal);
  try {
    for (const test of tests) {
      signal.throwIfAborted();
      const { name, stage } = test.spec;
      yield { name, stage, place: test.place, failures: await failuresOf(test, bench) };
    }
  } finally {
    await bench.close();
  }
}

/** Pipelines and policies that several tests share. */
interface Bench {
  load(test: TestCase): Promise<{ readonly pipeline: Pipeline; readonly policy: Policy | undefined }>;
  /** Opens the policy of a pipeline, for the tests that come. */
  open(pipeline: Pipeline): Promise<void>;
  readonly signal: AbortSignal;
  close(): Promise<void>;
}

function benchOf(catalogue: Catalogue, signal: AbortSignal): Bench {
  const pipelines = new Map<string, Pipeline>();
  const policies = new Map<Pipeline, Policy>();
  return {
    signal,
    async load({ pipeline: file, set, spec }) {
      const all = [...set, ...spec.set];
      const key = JSON.stringify([file, ...all]);
      const pipeline = pipelines.get(key) ?? (await loadPipeline(file, { catalogue, set: all }));
      pipelines.set(key, pipeline);
      return { pipeline, policy: policies.get(pipeline) };
    },
    async open(pipeline) {
      policies.set(pipeline, await openPolicyOf(pipeline));
    },
    async close() {
      await Promise.allSettled([...policies.values()].map((policy) => policy.close()));
    },
  };
}

async function failuresOf(test: TestCase, bench: Bench): Promise<TestFailure[]> {
  const { expect } = test.spec;
  let cohort: Cohort;
  try {
    cohort = await outcome(test, bench);
  } catch (error) {
    if (bench.signal.aborted) throw error;
    return compareError(test, error);
  }
  if (expect.error !== undefined) {
    return [
      {
        place: test.at('expect', 'error'),
        what: whereIn(test),
        expected: `error ${textOf(expect.error)}`,
        actual: 'no error',
      },
    ];
  }
  return Object.entries(expect).flatMap(([name, expected]) => compare(test, cohort, name, expected));
}

/** What the stages of a test make of its rows. */
async function outcome(test: TestCase, bench: Bench): Promise<Cohort> {
  const { pipeline, policy } = await bench.load(test);
  const span = spanOf(test, pipeline);
  let asked = false;
  const wired: WiredStage[] = [];
  const open = (): Policy | undefined => {
    asked = true;
    return policy;
  };
  try {
    for (const stage of span) {
      wired.push(await createStage(stage, setupOf(pipeline, stage, open, { notice: () => undefined })));
    }
    let cohort = emptyCohort(eventOf(test, pipeline, bench.signal));
    if (span[0]!.definition.kind === 'source') {
      if (test.spec.rows !== undefined) throw sourceHasRows(test, span[0]!);
      const dataset = await (wired[0]!.stage as SourceStage).dataset();
      for (const { stage } of wired) await stage.prepare?.(dataset);
    } else {
      const batch = await rowsFor(test, span);
      const dataset: Dataset = { batch, hash: '', place: (row) => test.at('rows', row) };
      for (const { stage } of wired) await stage.prepare?.(dataset);
      cohort = { ...cohort, batch };
    }
    for (const stage of wired) cohort = await applyStage(stage, cohort, recordNothing);
    return cohort;
  } catch (error) {
    if (!asked || policy || !pipeline.policy) throw error;
  } finally {
    await Promise.allSettled(wired.map(async ({ stage }) => stage.close?.()));
  }
  await bench.open(pipeline);
  return outcome(test, bench);
}

/** The stages that a test feeds. @throws RlevError with the place of an id that is not there */
export function spanOf(test: TestCase, pipeline: Pipeline): readonly ResolvedStage[] {
  const ids = pipeline.stages.map(({ id }) => id);
  const [from = '', to = from, ...rest] = test.spec.stage.split('/');
  for (const id of [from, to]) {
    if (ids.includes(id) && rest.length === 0) continue;
    throw new RlevError({
      code: 'config/unknown-key',
      message: `No stage of ${pipeline.file} has the id ${show(id)}.`,
      value: id,
      place: test.at('stage'),
      help: `${didYouMean(id, ids)} Several in a row are \`from/to\`.`,
    });
  }
  const span = pipeline.stages.slice(ids.indexOf(from), ids.indexOf(to) + 1);
  if (span.length > 0) return span;
  throw new RlevError({
    code: 'config/order',
    message: `${to} stands before ${from}.`,
    value: test.spec.stage,
    place: test.at('stage'),
    help: `Write ${to}/${from}.`,
  });
}

function sourceHasRows(test: TestCase, { id, use }: ResolvedStage): RlevError {
  return new RlevError({
    code: 'config/type',
    message: `${id} (${use}) makes rows itself; the test gives it rows.`,
    place: test.at('rows'),
    help: 'Leave `rows` out, or begin with the stage behind it.',
  });
}

function eventOf(test: TestCase, pipeline: Pipeline, signal: AbortSignal): StageEvent {
  const { step } = test.spec;
  return { step, round: 0, scope: 'train', seed: pipeline.run.seed, policyVersion: 0, signal };
}

function compare(test: TestCase, { batch }: Cohort, name: string, expected: unknown): TestFailure[] {
  const place = test.at('expect', name);
  const where = whereIn(test);
  if (name === 'message') {
    return [
      { place, what: `${where}: message goes with error`, expected: show(expected), actual: 'no error' },
    ];
  }
  if (name === 'rows') {
    if (batch.numRows === expected) return [];
    return [
      { place, what: `${where}, number of rows`, expected: show(expected), actual: show(batch.numRows) },
    ];
  }
  const names = batch.schema.fields.map((field) => field.name);
  if (!names.includes(name)) {
    const what = `${where}: there is no column ${name}. ${didYouMean(name, names)}`;
    return [{ place: test.key('expect', name), what }];
  }
  const rowIds = columnOf(batch, 'row_id');
  try {
    return mismatches(columnOf(batch, name as 'row_id'), expected).map(({ row, ...diff }) => ({
      place: Array.isArray(expected) && row < expected.length ? test.at('expect', name, row) : place,
      what: `${where}, row ${row}${rowIds[row] === undefined ? '' : ` (${rowIds[row]})`}, column ${name}`,
      ...diff,
    }));
  } catch (error) {
    if (!(error instanceof RlevError)) throw error;
    return [{ place, what: error.message }];
  }
}

function compareError(test: TestCase, error: unknown): TestFailure[] {
  const { error: code, message } = test.spec.expect;
  const found = error instanceof RlevErrors ? error.errors : [error];
  const matching = found.filter(
    (e) =>
      e instanceof RlevError &&
      e.code === code &&
      (message === undefined || e.message.includes(String(message))),
  );
  if (matching.length > 0) return [];
  const said = error instanceof RlevError ? error.message : reasonOf(error);
  if (code === undefined) return [{ place: test.place, what: `${whereIn(test)} failed`, actual: said }];
  const known = Object.keys(errorCodes);
  const help = known.includes(String(code))
    ? ''
    : `: no error has that code. ${didYouMean(String(code), known)}`;
  const expected = `error ${textOf(code)}${message === undefined ? '' : ` with ${show(message)}`}`;
  return [{ place: test.at('expect', 'error'), what: `${whereIn(test)}${help}`, expected, actual: said }];
}

function whereIn({ spec }: TestCase): string {
  return spec.stage.includes('/') ? `stages ${spec.stage}` : `stage ${spec.stage}`;
}

/** A word as it stands, anything else as JSON. */
function textOf(code: unknown): string {
  return typeof code === 'string' ? code : show(code);
}
