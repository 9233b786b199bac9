import type { AnyColumnData } from '../../core/columns.ts';
import { isRagged } from '../../core/columns.ts';
import { didYouMean } from '../../core/did-you-mean.ts';
import { RlevError, show } from '../../core/errors.ts';
import { near, sameCell } from '../../testing/differences.ts';
import { type PlainCell, plainOf } from '../../testing/plain.ts';

/** A row whose cell is not what was expected. */
export interface Mismatch {
  readonly row: number;
  readonly expected: string;
  readonly actual: string;
}

type Predicate = (actual: PlainCell, argument: never) => boolean;

const number =
  (is: (actual: number, argument: number) => boolean) =>
  (actual: PlainCell, argument: number): boolean =>
    typeof actual === 'number' && is(actual, argument);

/** What a map may demand of a cell; all that it names must hold. `within` goes with `near`. */
const predicates: Readonly<Record<string, Predicate>> = {
  above: number((a, b) => a > b),
  below: number((a, b) => a < b),
  atLeast: number((a, b) => a >= b),
  atMost: number((a, b) => a <= b),
  between: (a, [low, high]: [number, number]) => typeof a === 'number' && a >= low && a <= high,
  oneOf: (a, list: readonly unknown[]) => list.some((b) => sameCell(a, b, 0, false)),
  matches: (a, pattern: string) => typeof a === 'string' && new RegExp(pattern, 'u').test(a),
  not: (a, b: unknown) => !sameCell(a, b, 0, false),
};

/** Tolerance of `~0.33`, over max(1, |expected|). */
const closely = 1e-6;

/**
 * The rows in which a column is not as expected: a list has one expectation a row, anything else is expected of every
 * row. An expectation is a value (exactly it, in float32 where the column is), `~0.33` or `~0.33 +- 0.01` (near it),
 * or a map such as `{ above: 0, atMost: 1 }`. What is no list is expected of each token of a row of tokens.
 *
 * @throws RlevError `config/type` or `config/unknown-key` for an expectation that is none
 */
export function mismatches(actual: AnyColumnData, expected: unknown): Mismatch[] {
  const cells = plainOf(actual);
  const single =
    actual instanceof Float32Array || (isRagged(actual) && actual.values instanceof Float32Array);
  if (!Array.isArray(expected)) {
    return cells.flatMap((cell, row) => mismatch(cell, expected, single, row));
  }
  const found: Mismatch[] = [];
  for (let row = 0; row < Math.max(cells.length, expected.length); row++) {
    if (row >= cells.length) found.push({ row, expected: show(expected[row]), actual: 'no such row' });
    else if (row >= expected.length) found.push({ row, expected: 'no such row', actual: show(cells[row]) });
    else found.push(...mismatch(cells[row]!, expected[row], single, row));
  }
  return found;
}

function mismatch(actual: PlainCell, expected: unknown, single: boolean, row: number): Mismatch[] {
  if (meets(actual, expected, single)) return [];
  if (typeof expected === 'string' && typeof actual === 'string')
    return [{ row, ...apart(expected, actual) }];
  return [{ row, expected: typeof expected === 'string' ? expected : show(expected), actual: show(actual) }];
}

/** Two texts as far as a line holds: of long ones, what is about the first character in which they differ. */
function apart(expected: string, actual: string): Pick<Mismatch, 'expected' | 'actual'> {
  const longest = 72;
  let first = 0;
  while (first < expected.length && expected[first] === actual[first]) first++;
  const from = Math.max(expected.length, actual.length) > longest ? Math.max(0, first - 24) : 0;
  const cut = (text: string): string =>
    `${from > 0 ? '…' : ''}${JSON.stringify(text.slice(from, from + longest))}${text.length > from + longest ? '…' : ''}`;
  const where = from > 0 ? `, from character ${from} on` : '';
  return { expected: cut(expected) + where, actual: cut(actual) + where };
}

function meets(actual: PlainCell, expected: unknown, single: boolean): boolean {
  if (Array.isArray(expected)) {
    const cells = actual as readonly PlainCell[];
    return (
      Array.isArray(actual) &&
      actual.length === expected.length &&
      expected.every((e, i) => meets(cells[i]!, e, single))
    );
  }
  if (Array.isArray(actual)) {
    return (actual as readonly PlainCell[]).every((cell) => meets(cell, expected, single));
  }
  if (typeof expected === 'object' && expected !== null) return meetsAll(actual, expected);
  if (typeof expected !== 'string' || !expected.startsWith('~')) return sameCell(actual, expected, 0, single);
  const { value, tolerance } = nearness(expected);
  if (typeof actual !== 'number') return false;
  if (tolerance !== undefined) return Math.abs(actual - value) <= tolerance;
  return near(actual, value, closely);
}

function meetsAll(actual: PlainCell, demands: object): boolean {
  requireDemands(demands);
  return Object.entries(demands).every(([name, argument]) => predicates[name]!(actual, argument as never));
}

/** @throws RlevError `config/type` or `config/unknown-key` for what is no expectation, whatever it would be compared with */
export function requireExpectation(expected: unknown): void {
  if (Array.isArray(expected)) for (const cell of expected) requireExpectation(cell);
  else if (typeof expected === 'object' && expected !== null) requireDemands(expected);
  else if (typeof expected === 'string' && expected.startsWith('~')) nearness(expected);
}

/** `~0.33 +- 0.01` as numbers. */
function nearness(expected: string): { readonly value: number; readonly tolerance: number | undefined } {
  const [, value, within] = /^~\s*(\S+?)(?:\s*(?:\+-|±)\s*(\S+))?$/.exec(expected) ?? [];
  const tolerance = within === undefined ? undefined : Number(within);
  if (value === undefined || !Number.isFinite(Number(value)) || Number.isNaN(tolerance)) {
    throw unfit(expected, 'Write ~0.33, or ~0.33 +- 0.01.');
  }
  return { value: Number(value), tolerance };
}

function requireDemands(demands: object): void {
  const names = Object.keys(demands);
  if (names.length === 0) throw unfit(demands, `Demand one of ${Object.keys(predicates).join(', ')}.`);
  for (const [name, argument] of Object.entries(demands)) {
    if (!Object.hasOwn(predicates, name)) {
      throw new RlevError({
        code: 'config/unknown-key',
        message: `Nothing can be demanded by the name of ${name}.`,
        value: name,
        help: didYouMean(name, Object.keys(predicates)),
      });
    }
    if (!fits(name, argument)) throw unfit({ [name]: argument }, examples);
  }
}

function fits(name: string, argument: unknown): boolean {
  if (name === 'not') return true;
  if (name === 'matches') return typeof argument === 'string' && isPattern(argument);
  if (name === 'between') {
    return Array.isArray(argument) && argument.length === 2 && argument.every((n) => typeof n === 'number');
  }
  return name === 'oneOf' ? Array.isArray(argument) : typeof argument === 'number';
}

function isPattern(text: string): boolean {
  try {
    return Boolean(new RegExp(text, 'u'));
  } catch {
    return false;
  }
}

const examples = 'Such as { above: 0 }, { between: [0, 1] }, { oneOf: [0, 1] }, { matches: "^a" }.';

function unfit(expected: unknown, help: string): RlevError {
  return new RlevError({
    code: 'config/type',
    message: `${show(expected)} is no expectation.`,
    value: expected,
    help,
  });
}
