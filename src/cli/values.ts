import type { CommandModule } from 'yargs';
import { valuesOf } from '../pipeline/explain/values-of.ts';
import { fixed } from '../report/format.ts';
import { writePlot } from '../report/plot.ts';
import { valuePlot } from '../report/value-plot.ts';
import { valueReport, valueReportText } from '../report/value-report.ts';
import { builtInStages } from '../stages/catalogue.ts';

interface ValuesArguments {
  file: string;
  alpha?: number;
  column?: string;
  normalise?: string;
  set: string[];
  output?: string;
  json: boolean;
}

export const valuesCommand: CommandModule<object, ValuesArguments> = {
  command: 'values <file>',
  describe: 'what questions are worth, what s(x) makes of it, and how many it clips',
  builder: (y) =>
    y
      .positional('file', {
        type: 'string',
        demandOption: true,
        describe: 'a pipeline (YAML), or a file of questions (.jsonl, .csv)',
      })
      .option('alpha', {
        type: 'number',
        describe: 'steepness of s(x); default: that of the pipeline, or 10',
      })
      .option('column', { type: 'string', describe: 'of a file of questions: the column that holds values' })
      .option('normalise', {
        type: 'string',
        choices: ['total', 'max', 'quantile', 'none'],
        describe: 'what that column is divided by; default: max',
      })
      .option('set', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [],
        describe: 'override a key of the pipeline: stages.value.use=value/shuffled',
      })
      .option('output', { type: 'string', alias: 'o', describe: 'draw it into a file: .svg or .png' })
      .option('json', { type: 'boolean', default: false, describe: 'print JSON' })
      .example('$0 values pipelines/rlev.yaml --alpha 20', '')
      .example('$0 values tickets.csv --column data.money -o money.svg', '') as never,
  async handler({ file, alpha, column, normalise, set, output, json }) {
    const { data, use, values, scale } = await valuesOf(file, {
      catalogue: builtInStages,
      set,
      ...(alpha !== undefined && { alpha }),
      ...(column !== undefined && { column }),
      ...(normalise !== undefined && { normalise }),
      notice: (message) => void process.stderr.write(`${message}\n`),
    });
    const report = valueReport(values, scale);
    if (output !== undefined) await writePlot(valuePlot(report, scale, `${data}: v(x) by ${use}`), output);
    const scaled = scale ? `; s(x) = ${scale.formula}` : '; no stage scales by value';
    const heading = `${fixed(report.n)} questions of ${data}\nv(x) by ${use}${scaled}`;
    const text = json
      ? JSON.stringify({ data, value: use, scale: scale?.formula ?? null, ...report }, null, 2)
      : `${heading}\n\n${valueReportText(report, Math.min(100, process.stdout.columns ?? 80))}`;
    process.stdout.write(`${text}\n`);
    if (output !== undefined) process.stderr.write(`drawn in ${output}\n`);
  },
};
