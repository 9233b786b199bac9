import type { CommandModule } from 'yargs';
import { pipelineJsonSchema } from '../pipeline/file/json-schema.ts';
import { builtInStages } from '../stages/catalogue.ts';

export const schemaCommand: CommandModule = {
  command: 'schema',
  describe: 'print the JSON Schema of a pipeline file, for editors',
  builder: (y) =>
    y
      .example('$0 schema > schema/pipeline.json', '')
      .epilog(
        'A pipeline names it in its first line: # yaml-language-server: $schema=../schema/pipeline.json',
      ),
  async handler() {
    process.stdout.write(`${JSON.stringify(await pipelineJsonSchema(builtInStages), null, 2)}\n`);
  },
};
