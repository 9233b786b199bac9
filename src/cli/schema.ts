import type { CommandModule } from 'yargs';
import { pipelineJsonSchema, testJsonSchema } from '../pipeline/file/json-schema.ts';
import { builtInStages } from '../stages/catalogue.ts';

interface SchemaArguments {
  tests: boolean;
}

export const schemaCommand: CommandModule<object, SchemaArguments> = {
  command: 'schema',
  describe: 'print the JSON Schema of a pipeline file, or of a file of tests, for editors',
  builder: (y) =>
    y
      .option('tests', {
        type: 'boolean',
        default: false,
        describe: 'of *.test.yaml instead',
      })
      .example('$0 schema > schema/pipeline.json', '')
      .example('$0 schema --tests > schema/tests.json', '')
      .epilog(
        'A file names its own in its first line: # yaml-language-server: $schema=../schema/pipeline.json',
      ) as never,
  async handler({ tests }) {
    const schema = tests ? testJsonSchema() : await pipelineJsonSchema(builtInStages);
    process.stdout.write(`${JSON.stringify(schema, null, 2)}\n`);
  },
};
