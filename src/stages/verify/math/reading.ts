import { type Budget, type Expression, expressionOf, type Tree, wholeBudget } from './expression.ts';

/** What an answer is, apart from how it is written. */
export type Reading =
  | { readonly kind: 'value'; readonly expression: Expression }
  /** left = right, or left < right; a larger-than is turned round. */
  | { readonly kind: 'relation'; readonly sign: Sign; readonly left: Side; readonly right: Side }
  /** In order and between brackets: a point, an interval, a matrix. */
  | { readonly kind: 'ordered'; readonly brackets: string; readonly items: readonly Reading[] }
  /** In any order: a set, several solutions, a union. */
  | {
      readonly kind: 'unordered';
      readonly name: 'list' | 'union' | 'and';
      readonly items: readonly Reading[];
    };

export type Sign = '=' | '!=' | '<' | '<=';

export interface Side {
  readonly reading: Reading;
  /** The name, where the side is nothing but a name: x, a_n, f(x). */
  readonly name: string | null;
}

/** Most things in a list, a set or a matrix. */
const mostItems = 16;

/** What a tree is; null where it is nothing that can be compared, or too large. */
export function readingOf(tree: Tree): Reading | null {
  return isSmall(tree) ? readingWithin(tree, wholeBudget()) : null;
}

/** Most nodes of a tree that is looked at: of what it cannot read, the parser makes trees of any size. */
const mostNodes = 500;

function isSmall(tree: Tree): boolean {
  const open: unknown[] = [tree];
  for (let nodes = 0; open.length > 0; nodes++) {
    if (nodes > mostNodes) return false;
    const node = open.pop();
    if (typeof node === 'object' && node !== null) open.push(...Object.values(node));
  }
  return true;
}

function readingWithin(tree: Tree, budget: Budget): Reading | null {
  const twofold = plusMinus(tree);
  if (twofold) return unordered('list', twofold, budget);
  if (!Array.isArray(tree)) return valueReading(tree, budget);
  const [name, ...operands] = tree as readonly [string, ...Tree[]];
  switch (name) {
    case 'Delimiter':
      return delimited(operands, budget);
    case 'List':
      return ordered('[]', operands, budget);
    case 'Tuple':
      return ordered('()', operands, budget);
    case 'Interval':
      return interval(operands, budget);
    case 'Matrix':
      return matrix(operands, budget);
    case 'Set':
      return isCondition(operands[1])
        ? readingWithin(operands[1]![1]!, budget)
        : unordered('list', operands, budget);
    case 'Or':
      return unordered('list', operands, budget);
    case 'And':
      return unordered('and', operands, budget);
    case 'Union':
      return unordered('union', operands, budget);
    case 'SetMinus':
      return ordered('\\', operands, budget);
    case 'Element':
      return operands.length === 2 ? readingWithin(operands[1]!, budget) : null;
    case 'Equal':
    case 'NotEqual':
    case 'Less':
    case 'LessEqual':
    case 'Greater':
    case 'GreaterEqual':
      return relation(name, operands, budget);
    default:
      return valueReading(tree, budget);
  }
}

function valueReading(tree: Tree, budget: Budget): Reading | null {
  const expression = expressionOf(tree, budget);
  return expression && { kind: 'value', expression };
}

const twofoldNames = new Set(['Measurement', 'PlusMinus']);

/** Both trees of one with a plus-minus; null where there is none. */
function plusMinus(tree: Tree): readonly [Tree, Tree] | null {
  return isTwofold(tree) ? [signed(tree, 'Add'), signed(tree, 'Subtract')] : null;
}

function isTwofold(tree: Tree): boolean {
  if (!Array.isArray(tree)) return false;
  const [name, ...operands] = tree as readonly [string, ...Tree[]];
  return (twofoldNames.has(name) && operands.length > 0) || operands.some(isTwofold);
}

function signed(tree: Tree, sign: 'Add' | 'Subtract'): Tree {
  if (!Array.isArray(tree)) return tree;
  const [name, ...operands] = tree as readonly [string, ...Tree[]];
  const inner = operands.map((operand) => signed(operand, sign));
  const [first, second] = inner;
  if (!twofoldNames.has(name) || first === undefined) return [name, ...inner];
  return second === undefined ? [sign, 0, first] : [sign, first, second];
}

function delimited([content, brackets]: readonly Tree[], budget: Budget): Reading | null {
  if (content === undefined) return null;
  const items =
    Array.isArray(content) && content[0] === 'Sequence' ? (content.slice(1) as readonly Tree[]) : [content];
  const text = JSON.stringify(brackets ?? '()');
  if (text.includes('(') && items.length > 1) return ordered('()', items, budget);
  return items.length === 1 ? readingWithin(items[0]!, budget) : unordered('list', items, budget);
}

function interval(ends: readonly Tree[], budget: Budget): Reading | null {
  const isOpen = (end: Tree | undefined): end is readonly ['Open', Tree] =>
    Array.isArray(end) && end[0] === 'Open';
  const [low, high] = ends;
  if (ends.length !== 2) return null;
  return ordered(
    `${isOpen(low) ? '(' : '['}${isOpen(high) ? ')' : ']'}`,
    ends.map((end) => (isOpen(end) ? end[1] : end)),
    budget,
  );
}

function matrix([rows]: readonly Tree[], budget: Budget): Reading | null {
  if (!Array.isArray(rows)) return null;
  const lists = rows.slice(1) as readonly Tree[];
  const read = lists.map((row) =>
    Array.isArray(row) ? ordered('row', row.slice(1) as readonly Tree[], budget) : null,
  );
  return read.includes(null) ? null : { kind: 'ordered', brackets: 'matrix', items: read as Reading[] };
}

function isCondition(tree: Tree | undefined): tree is readonly ['Condition', Tree] {
  return Array.isArray(tree) && tree[0] === 'Condition' && tree.length === 2;
}

function ordered(brackets: string, trees: readonly Tree[], budget: Budget): Reading | null {
  const items = itemsOf(trees, budget);
  return items && { kind: 'ordered', brackets, items };
}

function unordered(name: 'list' | 'union' | 'and', trees: readonly Tree[], budget: Budget): Reading | null {
  const items = itemsOf(trees, budget)?.flatMap((item) =>
    item.kind === 'unordered' && item.name === name ? item.items : [item],
  );
  return items ? { kind: 'unordered', name, items } : null;
}

function itemsOf(trees: readonly Tree[], budget: Budget): readonly Reading[] | null {
  if (trees.length > mostItems) return null;
  const items = trees.map((tree) => readingWithin(tree, budget));
  return items.includes(null) ? null : (items as Reading[]);
}

const signs: Readonly<Record<string, readonly [Sign, turned: boolean]>> = {
  Equal: ['=', false],
  NotEqual: ['!=', false],
  Less: ['<', false],
  LessEqual: ['<=', false],
  Greater: ['<', true],
  GreaterEqual: ['<=', true],
};

function relation(name: string, operands: readonly Tree[], budget: Budget): Reading | null {
  const chain = chainOf([name, ...operands]);
  if (!chain) return null;
  const { terms, names } = chain;
  const sides = terms.map((term) => sideOf(term, budget));
  if (sides.includes(null)) return null;
  const [first, second, third] = sides as Side[];
  const [sign, turned] = signs[names[0]!]!;
  if (terms.length === 2) {
    const [left, right] = turned ? [second!, first!] : [first!, second!];
    return intervalOf(sign, left, right) ?? { kind: 'relation', sign, left, right };
  }
  if (names.every((one) => one === 'Equal')) {
    return { kind: 'relation', sign: '=', left: first!, right: sides.at(-1)! };
  }
  const [nextSign, nextTurned] = signs[names[1]!]!;
  if (terms.length !== 3 || nextTurned !== turned || !second!.name || sign === '=' || nextSign === '=')
    return null;
  const [low, high] = turned ? [third!, first!] : [first!, third!];
  const [lowSign, highSign] = turned ? [nextSign, sign] : [sign, nextSign];
  return {
    kind: 'ordered',
    brackets: `${lowSign === '<' ? '(' : '['}${highSign === '<' ? ')' : ']'}`,
    items: [low.reading, high.reading],
  };
}

/** 0 < x <= 1 as its terms and signs; the parser nests what differs. */
function chainOf(tree: Tree): { terms: readonly Tree[]; names: readonly string[] } | null {
  if (!Array.isArray(tree) || !Object.hasOwn(signs, tree[0] as string)) return null;
  const [name, ...operands] = tree as readonly [string, ...Tree[]];
  if (operands.length < 2 || operands.length > 4) return null;
  const terms: Tree[] = [];
  const names: string[] = [];
  operands.forEach((operand, i) => {
    if (i > 0) names.push(name);
    const inner = chainOf(operand);
    terms.push(...(inner?.terms ?? [operand]));
    if (inner) names.splice(i > 0 ? names.length : 0, 0, ...inner.names);
  });
  return terms.length <= 4 ? { terms, names } : null;
}

function sideOf(tree: Tree, budget: Budget): Side | null {
  const reading = readingWithin(tree, budget);
  return reading && { reading, name: nameOf(tree, reading) };
}

/** x, a_n or f(x): nothing but a name. */
function nameOf(tree: Tree, reading: Reading): string | null {
  if (typeof tree === 'string') {
    return reading.kind === 'value' && reading.expression.symbols.length === 1 ? tree : null;
  }
  if (!Array.isArray(tree) || tree[0] !== 'InvisibleOperator' || tree.length !== 3) return null;
  const [, f, x] = tree;
  const inner = Array.isArray(x) && x[0] === 'Delimiter' && x.length === 2 ? x[1] : null;
  return typeof f === 'string' && typeof inner === 'string' ? `${f}(${inner})` : null;
}

const infinity: Reading = { kind: 'value', expression: expressionOf('PositiveInfinity')! };
const minusInfinity: Reading = { kind: 'value', expression: expressionOf(['Negate', 'PositiveInfinity'])! };

/** x <= 8 is (-oo, 8]: a bound of one name by a number. */
function intervalOf(sign: Sign, left: Side, right: Side): Reading | null {
  if (sign !== '<' && sign !== '<=') return null;
  const isNumber = ({ reading }: Side) => reading.kind === 'value' && reading.expression.symbols.length === 0;
  const closed = sign === '<=';
  if (left.name && isNumber(right)) {
    return { kind: 'ordered', brackets: closed ? '(]' : '()', items: [minusInfinity, right.reading] };
  }
  if (right.name && isNumber(left)) {
    return { kind: 'ordered', brackets: closed ? '[)' : '()', items: [left.reading, infinity] };
  }
  return null;
}
