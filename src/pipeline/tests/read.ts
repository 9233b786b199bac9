import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { type Place, RlevErrors } from '../../core/errors.ts';
import type { Catalogue } from '../../core/stage.ts';
import { findings } from '../file/findings.ts';
import type { Located, Path } from '../file/located.ts';
import { parseYaml } from '../file/parse-yaml.ts';
import { loadPipeline, type Pipeline, readPipeline } from '../file/resolve.ts';
import { type TestSpec, testFileSchema } from './test-schema.ts';

/** A test, where it stands, and the pipeline that it is of. */
export interface TestCase {
  readonly spec: TestSpec;
  /** The pipeline file, and the overrides of the file of the test before the test's own. */
  readonly pipeline: string;
  readonly set: readonly string[];
  /** Folder that its paths are relative to. */
  readonly folder: string;
  readonly place: Place;
  /** Where the pipeline is named, or begins. */
  readonly pipelinePlace: Place;
  /** Place of the value at a path below the test. */
  at(...path: Path): Place;
  /** Place of the key that leads there. */
  key(...path: Path): Place;
}

/**
 * The tests of a file: those under `tests:` of a pipeline, and of the `NAME.test.yaml` beside it; or those of a
 * `*.test.yaml`, which names its pipeline.
 *
 * @throws RlevErrors for what is wrong with the file, or with the pipeline
 */
export async function readTests(file: string, catalogue: Catalogue): Promise<readonly TestCase[]> {
  const text = await readPipeline(file);
  const source = parseYaml(text, file);
  if (source.at(['pipeline']) !== undefined) return testsOfFile(source, file);
  const inline = inlineTests(await loadPipeline(file, { catalogue }));
  const beside = file.replace(/\.ya?ml$/, '.test.yaml');
  return [...inline, ...(beside !== file && existsSync(beside) ? await readTests(beside, catalogue) : [])];
}

/** The tests that stand in a pipeline itself. */
export function inlineTests({ file, tests, source }: Pipeline): TestCase[] {
  return tests.map((spec, i) =>
    testCase(spec, source, i, { pipeline: file, set: [], folder: dirname(file) }),
  );
}

function testsOfFile(source: Located, file: string): TestCase[] {
  const parsed = testFileSchema.safeParse(source.data);
  if (!parsed.success) {
    throw new RlevErrors(findings(parsed.error, source, [], testFileSchema));
  }
  const { pipeline, set, tests } = parsed.data;
  const folder = dirname(file);
  const of = { pipeline: isAbsolute(pipeline) ? pipeline : join(folder, pipeline), set, folder };
  return tests.map((spec, i) => testCase(spec, source, i, of));
}

function testCase(
  spec: TestSpec,
  source: Located,
  i: number,
  of: Pick<TestCase, 'pipeline' | 'set' | 'folder'>,
): TestCase {
  return {
    ...of,
    spec,
    place: source.placeOf(['tests', i]),
    pipelinePlace: source.placeOf(['pipeline']),
    at: (...path) => source.placeOf(['tests', i, ...path]),
    key: (...path) => source.placeOfKey(['tests', i, ...path]),
  };
}
