import type { CommandModule } from 'yargs';
import { RlevError } from '../core/errors.ts';
import { formatCount, formatTest } from '../pipeline/tests/format.ts';
import { runTests, type TestResult } from '../pipeline/tests/run-tests.ts';
import { builtInStages } from '../stages/catalogue.ts';
import { onInterrupt } from './interrupt.ts';

interface TestArguments {
  files: string[];
  json: boolean;
}

export const testCommand: CommandModule<object, TestArguments> = {
  command: 'test <files..>',
  describe: 'run the tests of pipelines: rows through a stage, columns as expected',
  builder: (y) =>
    y
      .positional('files', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'pipelines with `tests:`, or *.test.yaml',
      })
      .option('json', { type: 'boolean', default: false, describe: 'print the results as JSON' })
      .example('$0 test pipelines/rlev.yaml', 'its own tests, and those of pipelines/rlev.test.yaml')
      .epilog('Exits with 1 where a test fails. How tests are written: docs/stages.md.') as never,
  async handler({ files, json }) {
    const say = (line: string): void => void (json || process.stdout.write(`${line}\n`));
    const { signal, release } = onInterrupt();
    const results: TestResult[] = [];
    try {
      for (const file of new Set(files)) {
        say(file);
        for await (const result of testsOf(file, signal)) {
          results.push(result);
          say(formatTest(result));
        }
      }
    } finally {
      release();
    }
    say(formatCount(results));
    if (json) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
    if (results.some(({ failures }) => failures.length > 0)) process.exitCode = 1;
  },
};

/** The results of a file; one that cannot be read as tests is one that failed, so that the others still run. */
async function* testsOf(file: string, signal: AbortSignal): AsyncGenerator<TestResult> {
  try {
    yield* runTests(file, { catalogue: builtInStages, signal });
  } catch (error) {
    if (!(error instanceof RlevError) || signal.aborted) throw error;
    const place = { file };
    yield {
      name: 'can be read',
      place,
      stage: '',
      failures: [{ place, what: 'has a fault', actual: error.message }],
    };
  }
}
