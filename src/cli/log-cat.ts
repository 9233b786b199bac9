import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { CommandModule } from 'yargs';
import type { Batch } from '../core/batch.ts';
import { RlevError } from '../core/errors.ts';
import { parseAddress } from '../log/address.ts';
import { type ExportFormat, exportFormats } from '../log/export.ts';
import { openRun } from '../log/run-directory.ts';
import { parseRows, selectBatches } from '../log/select-batches.ts';
import { batchTable } from '../report/batch-table.ts';
import { counted } from '../report/format.ts';
import { print } from './print.ts';

interface CatArguments {
  address: string;
  columns?: string;
  rows?: string;
  format?: ExportFormat | 'table';
  output?: string;
}

const formats = ['table', ...(Object.keys(exportFormats) as ExportFormat[])] as const;
/** Rows of a table, where none are named. */
const tableRows = { first: 0, last: 19 };

export const logCatCommand: CommandModule<object, CatArguments> = {
  command: 'cat <address>',
  describe: 'print or save what is recorded: RUN, RUN@STEP, RUN@STEP/STAGE or RUN@STEP/eval:ID/STAGE',
  builder: (y) =>
    y
      .positional('address', { type: 'string', demandOption: true, describe: 'what to show' })
      .option('columns', {
        type: 'string',
        describe: "columns a,b of this stage or earlier ones; default: the stage's own",
      })
      .option('rows', { type: 'string', describe: 'rows 0..9, both included; default: all, in a table 20' })
      .option('format', {
        choices: formats,
        describe: "default: what the output's name ends in, else table",
      })
      .option('output', { alias: 'o', type: 'string', describe: 'file to write; default: stdout' })
      .example('$0 log cat runs/rlev@12/reward --columns prompt,response,reward', '')
      .example('$0 log cat runs/rlev@12/verify -o fixtures/verified.arrow', '') as never,
  async handler({ address, columns, rows, output, ...args }) {
    const format = args.format ?? formatOf(output);
    if (!output && process.stdout.isTTY && (format === 'arrow' || format === 'parquet')) {
      throw new RlevError({
        code: 'usage/arguments',
        message: `${format} is not for a terminal.`,
        help: 'Name a file with -o, or send stdout to a program.',
      });
    }
    const { run, ...what } = parseAddress(address);
    const range = rows === undefined ? (format === 'table' ? tableRows : undefined) : parseRows(rows);
    const names = columns?.split(',').map((name) => name.trim());
    const unkept = new Set<string>();
    let written = 0;
    const log = await openRun(run, { write: false });
    try {
      const batches = selectBatches(log, what, {
        ...(names && { columns: names }),
        ...(range && { rows: range }),
        leftOut: (step, stage) =>
          process.stderr.write(`step ${step} is left out: it came no further than ${stage}\n`),
        notKept: (stage) => unkept.add(stage),
      });
      const all = counting(batches, (rows) => {
        written += rows;
      });
      await save(format === 'table' ? asTable(all) : exportFormats[format](all), output);
    } finally {
      await log.close();
    }
    if (unkept.size > 0) {
      const stages = [...unkept].join(', ');
      process.stderr.write(
        `without the columns of ${stages}, which were not kept: rlev replay ${run} computes them again\n`,
      );
    }
    if (output !== undefined) process.stderr.write(`written to ${output}, ${counted(written, 'row')}\n`);
  },
};

/** The format that a file's name ends in; a table where no file is named. @throws RlevError `usage/arguments` */
function formatOf(output: string | undefined): (typeof formats)[number] {
  if (output === undefined) return 'table';
  const format = formats.find((f) => output.toLowerCase().endsWith(`.${f}`));
  if (format) return format;
  const endings = Object.keys(exportFormats).map((f) => `.${f}`);
  throw new RlevError({
    code: 'usage/arguments',
    message: `The name of ${output} does not say what is to be written.`,
    value: output,
    help: `Let it end in ${endings.slice(0, -1).join(', ')} or ${endings.at(-1)}, or name one with --format: ${formats.join(', ')}.`,
  });
}

async function* counting(
  batches: AsyncIterable<Batch>,
  count: (rows: number) => void,
): AsyncGenerator<Batch> {
  for await (const batch of batches) {
    count(batch.numRows);
    yield batch;
  }
}

async function* asTable(batches: AsyncIterable<Batch>): AsyncGenerator<string> {
  const all: Batch[] = [];
  for await (const batch of batches) all.push(batch);
  yield `${batchTable(all, process.stdout.columns ?? 100)}\n`;
}

/** Chunks to a file, which appears when it is whole, or to stdout. */
async function save(chunks: AsyncIterable<string | Uint8Array>, output: string | undefined): Promise<void> {
  if (output === undefined) return print(chunks);
  const aside = `${output}.part`;
  try {
    await pipeline(Readable.from(chunks), createWriteStream(aside));
    await rename(aside, output);
  } catch (error) {
    await rm(aside, { force: true }).catch(() => undefined);
    if (error instanceof RlevError || !(error instanceof Error && 'syscall' in error)) throw error;
    throw new RlevError({
      code: 'usage/arguments',
      message: `${output} cannot be written: ${error.message}`,
      value: output,
      help: 'Name another file with -o, in a folder that is there.',
      cause: error,
    });
  }
}
