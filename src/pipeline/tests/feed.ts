import { readFile } from 'node:fs/promises';
import { extname, resolve as resolvePath } from 'node:path';
import { allColumnsOf, type Batch, batchOf, specsOf } from '../../core/batch.ts';
import {
  type AnyColumnData,
  type AnyColumns,
  type ColumnSpec,
  type Specs,
  vocabulary,
} from '../../core/columns.ts';
import { didYouMean } from '../../core/did-you-mean.ts';
import { type Place, RlevError, RlevErrors } from '../../core/errors.ts';
import { parseAddress } from '../../log/address.ts';
import { readArrow } from '../../log/arrow-file.ts';
import { cohortAt, joinedBatch } from '../../log/join.ts';
import { openRun } from '../../log/run-directory.ts';
import { readJsonl } from '../../stages/prompts/jsonl.ts';
import { defaultsFor } from '../../testing/batch.ts';
import { columnFrom, specFor, unfitRow } from '../../testing/plain.ts';
import { columnsOf } from '../file/flow.ts';
import type { ResolvedStage } from '../file/resolve.ts';
import type { TestCase } from './read.ts';

interface Row {
  readonly fields: Readonly<Record<string, unknown>>;
  /** Place of the key of a field. */
  key(field: string): Place;
  /** Place of a field, or of the row where it lacks it. */
  cell(field: string): Place;
}

/**
 * The rows that a test puts in, as a batch that its first stage takes: what is given, and who each row is where that
 * is not said. Columns that the stages add are taken out, so that what is recorded behind a stage can go into it again.
 *
 * @throws RlevErrors for columns that do not exist, cells that they cannot hold, and columns that a stage needs and
 * the rows lack, with their places
 */
export async function rowsFor(test: TestCase, span: readonly ResolvedStage[]): Promise<Batch> {
  const given = await givenTo(test);
  const adds = new Set<string>(span.flatMap((stage) => columnsOf(stage).adds));
  const replaces = new Set<string>(span.flatMap((stage) => columnsOf(stage).replaces));
  const columns = Object.fromEntries(
    Object.entries(given.columns).filter(([name]) => !adds.has(name) || replaces.has(name)),
  );
  const filled: AnyColumns = { ...defaultsFor(columns), ...columns };
  const errors = span.flatMap((stage, i) => lacking(stage, span.slice(0, i), filled, test));
  if (errors.length > 0) throw new RlevErrors(errors);
  return batchOf(filled, given.specs);
}

async function givenTo(test: TestCase): Promise<{ columns: AnyColumns; specs: Specs }> {
  const { rows } = test.spec;
  if (rows === undefined) {
    throw new RlevError({
      code: 'config/missing',
      message: 'The test has no rows, and its first stage is no source.',
      place: test.place,
      help: 'Give `rows:`, one map of columns a row, a .jsonl or .arrow file, or RUN@STEP/STAGE.',
    });
  }
  if (typeof rows !== 'string') {
    return fromRows(
      rows.map((fields, i) => ({
        fields,
        key: (field) => test.key('rows', i, field),
        cell: (field) => test.at('rows', i, ...(field in fields ? [field] : [])),
      })),
    );
  }
  const batch = extname(rows) === '.jsonl' ? undefined : await recorded(rows, test);
  if (batch) return { columns: allColumnsOf(batch), specs: specsOf(batch) };
  const file = resolvePath(test.folder, rows);
  const records = await jsonl(file, test.at('rows'));
  return fromRows(records.map(({ fields, place }) => ({ fields, key: () => place, cell: () => place })));
}

async function recorded(rows: string, test: TestCase): Promise<Batch> {
  const file = resolvePath(test.folder, rows);
  if (['.arrow', '.arrows', '.feather'].includes(extname(rows))) return readArrow(file, test.at('rows'));
  try {
    const { run, step, scope, stage } = parseAddress(rows);
    if (step === undefined) {
      throw new RlevError({
        code: 'usage/arguments',
        message: `${rows} names no step.`,
        value: rows,
        help: 'Write RUN@STEP/STAGE, or the path of a .jsonl or .arrow file.',
      });
    }
    const log = await openRun(resolvePath(test.folder, run), { write: false });
    try {
      const cohort = await cohortAt(log, step, scope);
      return await joinedBatch(log, cohort, stage === undefined ? {} : { upTo: stage });
    } finally {
      await log.close();
    }
  } catch (error) {
    if (!(error instanceof RlevError)) throw error;
    throw new RlevError({ ...error.details(), place: test.at('rows') });
  }
}

async function jsonl(file: string, place: Place): Promise<ReturnType<typeof readJsonl>> {
  const errors: RlevError[] = [];
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new RlevError({
      code: 'data/missing-file',
      message: `There is no file ${file}.`,
      value: file,
      place,
      help: 'A path is relative to the file of the test.',
      cause,
    });
  }
  const records = readJsonl(text, file, (error) => errors.push(error));
  if (errors.length > 0) throw new RlevErrors(errors);
  return records;
}

function fromRows(rows: readonly Row[]): { columns: AnyColumns; specs: Specs } {
  const errors: RlevError[] = [];
  const columns: Record<string, AnyColumnData> = {};
  const specs: Record<string, ColumnSpec> = {};
  for (const name of new Set(rows.flatMap(({ fields }) => Object.keys(fields)))) {
    const first = rows.find(({ fields }) => name in fields)!;
    if (!(name in vocabulary) && !name.startsWith('data.')) {
      errors.push(
        new RlevError({
          code: 'config/unknown-key',
          message: `No column is called ${name}.`,
          value: name,
          place: first.key(name),
          help: `${didYouMean(name, Object.keys(vocabulary))} A column of one's own is data.<name>.`,
        }),
      );
      continue;
    }
    const cells = rows.map(({ fields }) => fields[name] ?? null);
    const spec = specFor(name, cells);
    const without = rows.findIndex(({ fields }) => !(name in fields));
    if (without >= 0 && !spec.nullable) {
      errors.push(
        new RlevError({
          code: 'config/missing',
          message: `Row ${without} has no ${name}, which other rows have.`,
          place: rows[without]!.cell(name),
          help: 'Give it in every row, or in none.',
        }),
      );
      continue;
    }
    specs[name] = spec;
    try {
      columns[name] = columnFrom(name, cells, spec);
    } catch (error) {
      if (!(error instanceof RlevError)) throw error;
      const place = rows[unfitRow(cells, spec)]?.cell(name);
      errors.push(new RlevError({ ...error.details(), code: 'config/type', ...(place && { place }) }));
    }
  }
  if (errors.length > 0) throw new RlevErrors(errors);
  return { columns, specs };
}

function lacking(
  stage: ResolvedStage,
  before: readonly ResolvedStage[],
  given: AnyColumns,
  test: TestCase,
): RlevError[] {
  const { id, use } = stage;
  const there = [...Object.keys(given), ...before.flatMap((earlier) => columnsOf(earlier).adds)];
  return columnsOf(stage)
    .needs.filter((column) => !there.includes(column))
    .map(
      (column) =>
        new RlevError({
          code: 'config/columns',
          message: `${id} (${use}) needs the column ${column}, which the rows of this test lack.`,
          value: column,
          place: test.at('rows'),
          help: `They have ${there.join(', ')}.`,
        }),
    );
}
