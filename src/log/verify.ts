import { type Batch, columnOf } from '../core/batch.ts';
import { type KnownColumn, vocabulary } from '../core/columns.ts';
import { kindOf } from '../core/encode.ts';
import { RlevError } from '../core/errors.ts';
import { verifyCheckpoint } from './checkpoints.ts';
import type { JournalEntry, Remnant, RunHeader, Scope } from './event-log.ts';
import { ioError, type LogFiles, nodeFiles } from './files.ts';
import { cohortsOf, promptRowOf } from './join.ts';
import { keyText, readEntries, toEntry, toHeader } from './journal.ts';
import { corrupt, readLines, wayOut } from './lines.ts';
import { type LockOwner, lockHolder, type Processes } from './lock.ts';
import { foldRounds } from './rounds.ts';
import { type LogOptions, requireRun } from './run-directory.ts';
import { type Extents, prunedFiles, readSegment } from './segments.ts';
import { checkPipeline, extend, remnantsOf } from './survey.ts';

/** One thing that is wrong in a run. */
export interface Finding {
  /** With file and line, or byte. */
  readonly error: RlevError;
  /** The event from which on the journal is to be cut. Absent for a checkpoint, and where cutting mends nothing. */
  readonly seq?: number;
  /** Folder of the checkpoint that is damaged, below the run directory. */
  readonly checkpoint?: string;
}

export interface Verification {
  readonly directory: string;
  /** What was checked and found good or bad: events of the journal, rows and bytes of their columns. */
  readonly events: number;
  readonly rows: number;
  readonly bytes: number;
  /** Checkpoints that are there, with the event of each. */
  readonly checkpoints: readonly { readonly path: string; readonly seq: number }[];
  /** Files of columns that were pruned: not checked. */
  readonly pruned: readonly string[];
  /** Events whose columns were not kept. */
  readonly unkept: number;
  /** Damage, the journal's first. */
  readonly findings: readonly Finding[];
  /** What no event owns, and no damage: a stop left it, or the writer is just making it. */
  readonly remnants: readonly Remnant[];
  /** Who writes the run now. */
  readonly writer?: LockOwner;
}

export type VerifyOptions = Pick<LogOptions, 'files' | 'processes'>;

/**
 * Checks a run whole and changes nothing: CRC, chain, sequence and shape of each line; hash, types and rows of all
 * columns; that rows descend from the rows of earlier stages; size and hash of every file of every checkpoint; the
 * pipeline; the lock. Memory does not grow with the run. Behind a line that does not verify nothing can be trusted:
 * the journal is checked up to it.
 *
 * @throws RlevError `run/not-found` where no run is; `run/io`.
 */
export async function verifyRun(directory: string, options: VerifyOptions = {}): Promise<Verification> {
  const files = options.files ?? nodeFiles();
  try {
    return await verify(files, directory, options.processes);
  } catch (error) {
    throw ioError(error, directory);
  } finally {
    await files.close();
  }
}

async function verify(files: LogFiles, directory: string, processes?: Processes): Promise<Verification> {
  const journal = `${directory}/journal.ndjson`;
  await requireRun(files, directory);
  const findings: Finding[] = [];
  const find = (error: unknown, more: Omit<Finding, 'error'> = {}): void => {
    if (!(error instanceof RlevError) || error.code === 'run/io') throw error;
    findings.push({ error, ...more });
  };
  const extents: Extents = new Map();
  const checkpoints: { path: string; seq: number }[] = [];
  /** All that the journal has, also those that are gone. */
  const made = new Set<string>();
  const pruned = await prunedFiles(files, directory).catch((error) => {
    find(error);
    return new Set<string>();
  });
  let header: RunHeader | undefined;
  let torn: Remnant | undefined;
  let events = 0;
  /** Bytes of the journal up to which it is good. */
  let end = 0;
  try {
    for await (const { lines, torn: rest } of readLines(files, journal)) {
      for (const line of lines) {
        if (line.number === 1) {
          header = toHeader(line, journal);
          continue;
        }
        const entry = toEntry(line, journal);
        extend(extents, entry, journal, line);
        events = entry.seq;
        end = line.offset + line.bytes.length + 1;
        if (entry.kind !== 'checkpoint') continue;
        const path = String(entry.data?.directory);
        if (made.has(path)) find(unlike(entry, journal, 'it is recorded twice'), { seq: entry.seq });
        made.add(path);
        if ((await files.list(`${directory}/${path}`)).length === 0) continue;
        checkpoints.push({ path, seq: entry.seq });
        await verifyCheckpoint(files, directory, entry).catch((error) => find(error, { checkpoint: path }));
      }
      if (rest) torn = { file: 'journal.ndjson', ...rest, why: 'torn line' };
    }
    if (!header) throw corrupt(journal, 0, 'The journal has no header.', { line: 1 });
  } catch (error) {
    find(error, header && { seq: events + 1 });
  }
  const whole = findings.every((f) => f.checkpoint);
  if (header) await checkPipeline(files, directory, header).catch((error) => find(error));

  let rows = 0;
  let bytes = 0;
  let unkept = 0;
  const latest = new Map<Scope, number>();
  const cohorts = cohortsOf({ entries: (wanted) => readEntries(files, journal, end, wanted) });
  for await (const { scope, step, entries } of cohorts) {
    const isLate = step <= (latest.get(scope) ?? -1);
    if (!isLate) latest.set(scope, step);
    const keys = new Set<string>();
    await foldRounds<Rows | undefined>(entries, undefined, stackRows, async (above, entry) => {
      const { segment, seq } = entry;
      rows += segment?.rows ?? 0;
      bytes += segment?.length ?? 0;
      try {
        if (isLate) throw unlike(entry, journal, 'it stands among those of much later steps');
        if (keys.has(keyText(entry.key))) throw unlike(entry, journal, 'it is recorded twice');
        keys.add(keyText(entry.key));
        const isUnkept = entry.kind === 'columns' && !segment;
        if (isUnkept) unkept++;
        if (isUnkept || (segment && pruned.has(segment.file))) return above && { ...above, exact: false };
        const batch = segment && (await readSegment(files, directory, entry));
        if (batch) checkColumns(batch, entry, journal);
        return checkRows(above, batch, entry, journal);
      } catch (error) {
        find(error, { seq });
        return above;
      }
    });
  }
  const remnants = whole
    ? await remnantsOf(files, directory, extents, made, pruned).catch((error) => {
        // a file that ends too early: each event that it lacks is a finding already
        if (findings.length === 0) find(error);
        return [];
      })
    : [];
  const writer = await lockHolder(files, `${directory}/lock`, processes).catch((error) => {
    find(error);
    return undefined;
  });
  return {
    directory,
    events,
    rows,
    bytes,
    checkpoints,
    pruned: [...pruned],
    unkept,
    findings,
    remnants: torn ? [torn, ...remnants] : remnants,
    ...(writer && { writer }),
  };
}

/** @throws RlevError `run/corrupt` for a column that the vocabulary says otherwise. */
function checkColumns(batch: Batch, entry: JournalEntry, journal: string): void {
  for (const { name, type, nullable } of batch.schema.fields) {
    const spec = name in vocabulary ? vocabulary[name as KnownColumn] : undefined;
    const wrong = (what: string): RlevError => unlike(entry, journal, `column ${name} ${what}`);
    if (!spec && !name.startsWith('data.')) throw wrong('is not in the vocabulary');
    if (spec && (kindOf(type) !== spec.kind || nullable !== spec.nullable))
      throw wrong(
        `is ${nullable ? 'nullable ' : ''}${type}, not ${spec.nullable ? 'nullable ' : ''}${spec.kind}`,
      );
    if (!nullable && batch.getChild(name)!.nullCount > 0) throw wrong('has a null');
  }
}

/** Rows of a cohort, as far as they are known. */
interface Rows {
  readonly ids: readonly string[];
  /** False where columns after these were pruned or not kept: a prompt may have got its responses there. */
  readonly exact: boolean;
}

/**
 * The rows after an event: each is a row of the stage above, or a response to a prompt that is.
 *
 * @throws RlevError `run/corrupt` for any other.
 */
function checkRows(
  above: Rows | undefined,
  batch: Batch | undefined,
  entry: JournalEntry,
  journal: string,
): Rows | undefined {
  const { step, round } = entry.key;
  const keep = entry.kind === 'select' ? (entry.data?.keep as readonly string[] | undefined) : undefined;
  const rows = keep ?? (batch?.getChild('row_id') ? columnOf(batch, 'row_id') : undefined);
  if (!rows) {
    if (!batch || !above || batch.numRows === above.ids.length) return above;
    if (!above.exact && batch.numRows > above.ids.length) return above;
    throw unlike(entry, journal, `${batch.numRows} rows follow ${above.ids.length}`);
  }
  if (above && rows.length === above.ids.length && rows.every((id, i) => id === above.ids[i]))
    return { ids: rows, exact: true };
  const known = above && new Set(above.ids);
  const mayRespond = !keep || !above?.exact;
  const twice = new Set<string>();
  for (const id of rows) {
    const [, ofStep, ofRound] = /^(\d+)\.(\d+)\.\d+\.\d+$/.exec(id) ?? [];
    if (Number(ofStep) !== step || Number(ofRound) > round)
      throw unlike(entry, journal, `row_id ${id} is not of step ${step}, round ${round} or before`);
    if (twice.has(id)) throw unlike(entry, journal, `two rows are ${id}`);
    twice.add(id);
    if (known && !known.has(id) && !(mayRespond && known.has(promptRowOf(id))))
      throw unlike(entry, journal, `row ${id} comes from no row above`);
  }
  if (above && !keep && rows.length < above.ids.length)
    throw unlike(entry, journal, `${rows.length} rows follow ${above.ids.length}`);
  return { ids: rows, exact: true };
}

function unlike({ seq, key }: JournalEntry, journal: string, what: string): RlevError {
  return new RlevError({
    code: 'run/corrupt',
    message: `Event ${seq} (${key.stage}, step ${key.step} of ${key.scope}): ${what}.`,
    value: seq,
    place: { file: journal, line: seq + 1 },
    help: wayOut(journal, seq + 1),
  });
}

function stackRows(kept: Rows | undefined, brought: Rows | undefined): Rows | undefined {
  return kept && brought && { ids: [...kept.ids, ...brought.ids], exact: kept.exact && brought.exact };
}
