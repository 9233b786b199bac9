import type { CommandModule } from 'yargs';
import { explainPipeline } from '../pipeline/explain/explain.ts';
import { graphOf, mermaid } from '../pipeline/explain/graph.ts';
import { graphSvg } from '../pipeline/explain/graph-svg.ts';
import { loadPipeline } from '../pipeline/file/resolve.ts';
import { builtInStages } from '../stages/catalogue.ts';

interface ExplainArguments {
  file: string;
  set: string[];
  graph?: string;
}

export const explainCommand: CommandModule<object, ExplainArguments> = {
  command: 'explain <file>',
  describe: 'print a pipeline as it would run: each default, where each line came from, what each stage does',
  builder: (y) =>
    y
      .positional('file', { type: 'string', demandOption: true, describe: 'pipeline file (YAML)' })
      .option('set', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [],
        describe: 'override a key: stages.advantage.use=advantage/grpo',
      })
      .option('graph', {
        type: 'string',
        choices: ['mermaid', 'svg'],
        describe: 'draw it instead: stages, columns, credits',
      })
      .example('$0 explain pipelines/rlev.yaml --graph svg > rlev.svg', '') as never,
  async handler({ file, set, graph }) {
    const pipeline = await loadPipeline(file, { catalogue: builtInStages, set });
    const text =
      graph === 'svg'
        ? graphSvg(graphOf(pipeline), file)
        : graph === 'mermaid'
          ? mermaid(graphOf(pipeline))
          : explainPipeline(pipeline);
    process.stdout.write(text);
  },
};
