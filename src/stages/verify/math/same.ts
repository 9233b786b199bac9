import { type Expression, valuesOf } from './expression.ts';
import type { Reading, Side } from './reading.ts';
import { isNear, isPositive, isSame, isZero, ratioOf, type Value } from './value.ts';

/** Largest differences that still count as right, of numbers. */
export interface Tolerance {
  readonly abs: number;
  readonly rel: number;
}

/** Fewest places at which two expressions with symbols must agree. */
const fewest = 3;

/**
 * Whether two readings are one answer. Expressions are the same where their values agree in 35 digits: of numbers
 * their value, of expressions with symbols those at six fixed places, wherever both have one. Equations and
 * inequalities are the same where what is left after moving all to one side differs by a constant factor. `x = 3`
 * answers 3.
 */
export function sameReading(answer: Reading, reference: Reading, tolerance: Tolerance): boolean {
  const same = (a: Reading, b: Reading) => sameReading(a, b, tolerance);
  if (reference.kind === 'relation') {
    if (answer.kind === 'relation') return sameRelation(answer, reference, same);
    const right = solved(reference);
    return right !== null && symbolsOf(right) === 0 && same(answer, right);
  }
  if (answer.kind === 'relation') {
    const right = solved(answer);
    return right !== null && same(right, reference);
  }
  if (answer.kind === 'value' && reference.kind === 'value') {
    return sameValue(answer.expression, reference.expression, tolerance);
  }
  if (answer.kind === 'ordered' && reference.kind === 'ordered') {
    return (
      answer.brackets === reference.brackets &&
      answer.items.length === reference.items.length &&
      answer.items.every((item, i) => same(item, reference.items[i]!))
    );
  }
  if (answer.kind === 'unordered' && reference.kind === 'unordered') {
    const isIntervals = [...answer.items, ...reference.items].every(({ kind }) => kind === 'ordered');
    const isOneKind = answer.name === reference.name || isIntervals;
    return isOneKind && sameItems(answer.items, reference.items, same);
  }
  return false;
}

/** Whether each of either is among the others: as sets, so that saying a thing twice adds nothing. */
function sameItems(
  a: readonly Reading[],
  b: readonly Reading[],
  same: (a: Reading, b: Reading) => boolean,
): boolean {
  return (
    a.every((item) => b.some((other) => same(item, other))) &&
    b.every((item) => a.some((other) => same(other, item)))
  );
}

type Relation = Extract<Reading, { kind: 'relation' }>;

/** What a relation says that its left side, a name, is; null where it says no such thing. */
function solved({ sign, left, right }: Relation): Reading | null {
  if (sign !== '=') return null;
  if (left.name) return right.reading;
  return right.name ? left.reading : null;
}

function symbolsOf(reading: Reading): number {
  switch (reading.kind) {
    case 'value':
      return reading.expression.symbols.length;
    case 'relation':
      return symbolsOf(reading.left.reading) + symbolsOf(reading.right.reading);
    default:
      return reading.items.reduce((sum, item) => sum + symbolsOf(item), 0);
  }
}

function sameRelation(a: Relation, b: Relation, same: (a: Reading, b: Reading) => boolean): boolean {
  if (a.sign !== b.sign) return false;
  const sides = [a.left, a.right, b.left, b.right].map(({ reading }) => reading);
  if (sides.some(({ kind }) => kind !== 'value')) {
    return nameOf(a.left) === nameOf(b.left) && same(a.right.reading, b.right.reading);
  }
  const [left, right, otherLeft, otherRight] = sides.map(
    (side) => (side as { expression: Expression }).expression,
  );
  const symbols = union(left!.symbols, right!.symbols);
  if (symbols.join() !== union(otherLeft!.symbols, otherRight!.symbols).join()) return false;
  const ordered = a.sign === '<' || a.sign === '<=';
  let factor: Value | null = null;
  let agreed = 0;
  const values = [left!, right!, otherLeft!, otherRight!].map((side) => valuesOf(side, symbols));
  for (const place of values[0]!.keys()) {
    const [x, y, u, v] = values.map((one) => one[place]);
    if (!x || !y || !u || !v) continue;
    const [d, e] = [minus(x, y), minus(u, v)];
    if (isZero(d) && isZero(e)) continue;
    const ratio = ratioOf(d, e);
    if (!ratio || (ordered && !isPositive(ratio)) || (factor && !isSame(ratio, factor))) return false;
    factor = ratio;
    agreed++;
  }
  return agreed >= Math.min(fewest, symbols.length === 0 ? 1 : fewest);
}

function nameOf({ name }: Side): string | null {
  return name;
}

function minus(a: Value, b: Value): Value {
  return { re: a.re.minus(b.re), im: a.im.minus(b.im) };
}

function union(a: readonly string[], b: readonly string[]): readonly string[] {
  return [...new Set([...a, ...b])].sort();
}

function sameValue(a: Expression, b: Expression, { abs, rel }: Tolerance): boolean {
  const symbols = union(a.symbols, b.symbols);
  let agreed = 0;
  const [left, right] = [valuesOf(a, symbols), valuesOf(b, symbols)];
  for (const [place, x] of left.entries()) {
    const y = right[place];
    if (!x || !y) continue;
    if (!isSame(x, y) && !(symbols.length === 0 && isNear(x, y, abs, rel))) return false;
    agreed++;
  }
  return agreed >= (symbols.length === 0 ? 1 : fewest);
}
