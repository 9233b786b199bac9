import { RlevError } from '../../core/errors.ts';
import { randomKey } from '../../core/random.ts';
import { type KeyRange, rangesOf } from '../../report/buckets.ts';
import { allocate, First, priorityOf } from './sample.ts';
import { type Verdicts, wholeCohorts } from './verdicts.ts';

/** All verdicts of one value bucket. */
export interface Bucket extends KeyRange {
  readonly rows: number;
  readonly points: number;
  /** Sum of s(x); null where none is recorded. */
  readonly scale: number | null;
}

/** What is known of all verdicts, before any is looked at. */
export interface Population {
  readonly steps: number;
  readonly rows: number;
  /** Whether they are sorted by points; else by value. */
  readonly byPoints: boolean;
  /** Lowest first. */
  readonly buckets: readonly Bucket[];
}

interface Sums {
  rows: number;
  scale: number;
}

/**
 * Counts the verdicts of a run by value. Memory grows with the number of distinct values.
 *
 * @throws RlevError `run/not-found` where no whole step is there, or nothing says what a question is worth
 */
export async function populationOf(verdicts: Verdicts): Promise<Population> {
  const { recording } = verdicts;
  const byKey = new Map<number, Sums>();
  let [steps, rows, byPoints, scaled] = [0, 0, false, true];
  for await (const recorded of wholeCohorts(verdicts, verdicts.notice)) {
    const { keys, scale, ...worth } = await verdicts.worth(recorded);
    steps++;
    rows += keys.length;
    byPoints = worth.byPoints;
    scaled &&= scale !== undefined;
    keys.forEach((key, i) => {
      const sums = byKey.get(key) ?? { rows: 0, scale: 0 };
      byKey.set(key, sums);
      sums.rows++;
      sums.scale += scale?.[i] ?? 0;
    });
  }
  if (rows === 0) {
    throw new RlevError({
      code: 'run/not-found',
      message: `${recording.log.directory} has no verdict among the steps to audit.`,
      value: verdicts.steps,
      help: 'See what is there: rlev log list RUN.',
    });
  }
  if ([...byKey.keys()].some(Number.isNaN)) {
    throw new RlevError({
      code: 'run/not-found',
      message: `Nothing in ${recording.log.directory} says what a question is worth: it recorded neither points nor value.`,
      help: 'An audit is by value: add a value stage, value: { use: value/points }, and train again, or replay with it: rlev replay RUN --pipeline FILE --run DIR.',
    });
  }
  const ranges = rangesOf(new Map([...byKey].map(([key, sums]) => [key, sums.rows])), byPoints);
  const buckets = ranges.map((range) => {
    const inside = [...byKey].filter(([key]) => key >= range.from && key <= range.to);
    const sum = (term: (key: number, sums: Sums) => number): number =>
      inside.reduce((total, [key, sums]) => total + term(key, sums), 0);
    return {
      ...range,
      rows: sum((_, sums) => sums.rows),
      points: sum((key, sums) => key * sums.rows),
      scale: scaled ? sum((_, sums) => sums.scale) : null,
    };
  });
  return { steps, rows, byPoints, buckets };
}

/** The verdicts that were drawn, by step and row_id. */
export type DrawnRows = ReadonlyMap<number, ReadonlyMap<string, DrawnRow>>;

/** Its bucket, its place in the order of drawing, and what it is worth. */
export interface DrawnRow {
  readonly bucket: number;
  readonly priority: number;
  readonly points: number;
  readonly scale: number | null;
}

/**
 * Draws rows at random, without replacement, as many from each bucket as from any other, and all of one that has
 * fewer. Each row's place in the order of drawing follows from seed, scope and row_id: a larger sample holds a smaller
 * one, and any machine draws the same.
 *
 * @throws RlevError `usage/arguments` for fewer than two rows a bucket
 */
export async function draw(
  verdicts: Verdicts,
  { buckets, rows }: Population,
  { sample, seed }: { sample: number; seed: number },
): Promise<DrawnRows> {
  const sizes = buckets.map((bucket) => bucket.rows);
  const least = allocate(
    sizes.map((size) => Math.min(size, 2)),
    rows,
  ).reduce((sum, n) => sum + n, 0);
  if (sample < least) {
    throw new RlevError({
      code: 'usage/arguments',
      message: `A sample of ${sample} is too small for ${buckets.length} buckets of value.`,
      value: sample,
      help: `Take at least two verdicts of each, ${least} in all; some hundreds tell more.`,
    });
  }
  type Candidate = DrawnRow & { readonly id: string; readonly step: number };
  const first = allocate(sizes, sample).map(
    (n) => new First<Candidate>(n, (a, b) => a.priority - b.priority),
  );
  const key = randomKey(seed, `audit/${verdicts.recording.scope}`);
  for await (const recorded of wholeCohorts(verdicts)) {
    const { ids, keys, scale } = await verdicts.worth(recorded);
    ids.forEach((id, i) => {
      const points = keys[i]!;
      const bucket = buckets.findIndex(({ to }) => points <= to);
      const priority = priorityOf(key, id);
      first[bucket]!.add({ id, step: recorded.step, bucket, priority, points, scale: scale?.[i] ?? null });
    });
  }
  const drawn = new Map<number, Map<string, DrawnRow>>();
  for (const { id, step, ...row } of first.flatMap((candidates) => candidates.items())) {
    const rows = drawn.get(step) ?? new Map<string, DrawnRow>();
    drawn.set(step, rows.set(id, row));
  }
  return drawn;
}
