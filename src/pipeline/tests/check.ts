import { vocabulary } from '../../core/columns.ts';
import { didYouMean } from '../../core/did-you-mean.ts';
import { errorCodes, RlevError, RlevErrors, show } from '../../core/errors.ts';
import type { Catalogue } from '../../core/stage.ts';
import { columnsOf } from '../file/flow.ts';
import { loadPipeline, type Pipeline, type ResolvedStage } from '../file/resolve.ts';
import { requireExpectation } from './expectation.ts';
import { rowsFor } from './feed.ts';
import type { TestCase } from './read.ts';
import { spanOf } from './run-tests.ts';

/**
 * What is wrong with tests, as far as it can be told without running a stage or reading a recorded run: a pipeline that
 * does not load, stages that are not there, rows that the first stage cannot take, columns and codes that nothing has.
 * Of a test that expects an error, only whether there is such a code.
 */
export async function checkTests(tests: readonly TestCase[], catalogue: Catalogue): Promise<RlevError[]> {
  const pipelines = new Map<string, Promise<Pipeline>>();
  const errors: RlevError[] = [];
  for (const test of tests) {
    try {
      errors.push(...unknownNames(test));
      if (test.spec.expect.error !== undefined) continue;
      const set = [...test.set, ...test.spec.set];
      const key = JSON.stringify([test.pipeline, ...set]);
      if (!pipelines.has(key)) pipelines.set(key, loadPipeline(test.pipeline, { catalogue, set }));
      const span = spanOf(test, await pipelines.get(key)!);
      errors.push(...(await missingColumns(test, span)));
    } catch (error) {
      if (!(error instanceof RlevError)) throw error;
      const found = error instanceof RlevErrors ? error.errors : [error];
      errors.push(
        ...found.map((e) => (e.place ? e : new RlevError({ ...e.details(), place: test.pipelinePlace }))),
      );
    }
  }
  return errors;
}

const words = ['rows', 'error', 'message'];

function unknownNames(test: TestCase): RlevError[] {
  const { expect } = test.spec;
  const code = expect.error;
  const codes = Object.keys(errorCodes);
  return [
    ...Object.keys(expect)
      .filter((name) => !words.includes(name) && !(name in vocabulary) && !name.startsWith('data.'))
      .map((name) => unknown(test, name, Object.keys(vocabulary))),
    ...Object.entries(expect).flatMap(([name, expected]) =>
      words.includes(name) ? [] : unfitExpectations(test, name, expected),
    ),
    ...(code === undefined || codes.includes(String(code))
      ? []
      : [
          new RlevError({
            code: 'config/unknown-key',
            message: `No error has the code ${typeof code === 'string' ? code : show(code)}.`,
            value: code,
            place: test.at('expect', 'error'),
            help: didYouMean(String(code), codes),
          }),
        ]),
  ];
}

function unfitExpectations(test: TestCase, name: string, expected: unknown): RlevError[] {
  try {
    requireExpectation(expected);
    return [];
  } catch (error) {
    if (!(error instanceof RlevError)) throw error;
    return [new RlevError({ ...error.details(), place: test.at('expect', name) })];
  }
}

/** Columns that are expected of a test whose rows are at hand, and that neither these nor its stages have. */
async function missingColumns(test: TestCase, span: readonly ResolvedStage[]): Promise<RlevError[]> {
  const { rows, expect } = test.spec;
  const source = span[0]!.definition.kind === 'source';
  if (!source && typeof rows === 'string' && !rows.endsWith('.jsonl')) return [];
  const given = source ? [] : (await rowsFor(test, span)).schema.fields.map((field) => field.name);
  const there: readonly string[] = [...given, ...span.flatMap((stage) => columnsOf(stage).adds)];
  return Object.keys(expect)
    .filter((name) => !words.includes(name) && name in vocabulary && !there.includes(name))
    .map((name) => unknown(test, name, there));
}

function unknown(test: TestCase, name: string, names: readonly string[]): RlevError {
  return new RlevError({
    code: 'config/unknown-key',
    message: `There is no column ${name} behind ${test.spec.stage}.`,
    value: name,
    place: test.key('expect', name),
    help: didYouMean(name, names),
  });
}
