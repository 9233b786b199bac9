import {
  abs,
  add,
  binomial,
  constants,
  divide,
  exp,
  factorial,
  isUsable,
  largest,
  literal,
  ln,
  multiply,
  negate,
  places,
  power,
  realFunction,
  realFunctions,
  root,
  sample,
  type Value,
} from './value.ts';

/** A tree of MathJSON as the parser gives it: a number, a symbol, or an operator and what it is applied to. */
export type Tree = number | string | { readonly num: string } | readonly [string, ...Tree[]];

/** An expression that has a value once its symbols have. */
export interface Expression {
  /** Names of its free symbols, in order. */
  readonly symbols: readonly string[];
  at(values: ReadonlyMap<string, Value>): Value | null;
}

/** What may still be computed of an answer: nodes, and those of them that take more than a few multiplications. */
export interface Budget {
  nodes: number;
  functions: number;
}

export const wholeBudget = (): Budget => ({ nodes: 200, functions: 10 });

type Operation = (...values: Value[]) => Value | null;

const two = literal('2')!;
const ten = literal('10')!;
const degree = divide(constants.Pi!, literal('180')!)!;
const sum = (values: Value[]) => values.reduce(add);
const product = (values: Value[]) => values.reduce(multiply);

/** Operators by name, with the number of what they are applied to. */
const operations: Readonly<Record<string, { least: number; most: number; costly?: true; value: Operation }>> =
  {
    Add: { least: 1, most: 100, value: (...values) => sum(values) },
    Subtract: { least: 2, most: 2, value: (a, b) => add(a!, negate(b!)) },
    Negate: { least: 1, most: 1, value: (a) => negate(a!) },
    Multiply: { least: 1, most: 100, value: (...values) => product(values) },
    Divide: { least: 2, most: 2, value: (a, b) => divide(a!, b!) },
    Rational: { least: 2, most: 2, value: (a, b) => divide(a!, b!) },
    Power: { least: 2, most: 2, costly: true, value: (a, b) => power(a!, b!) },
    Sqrt: { least: 1, most: 1, value: (a) => root(a!, two) },
    Root: { least: 2, most: 2, costly: true, value: (a, n) => root(a!, n!) },
    Abs: { least: 1, most: 1, value: (a) => abs(a!) },
    Exp: { least: 1, most: 1, costly: true, value: (a) => exp(a!) },
    Ln: { least: 1, most: 1, costly: true, value: (a) => logarithm(a!, constants.e!) },
    Lb: { least: 1, most: 1, costly: true, value: (a) => logarithm(a!, two) },
    Log: { least: 1, most: 2, costly: true, value: (a, base = ten) => logarithm(a!, base) },
    Factorial: { least: 1, most: 1, costly: true, value: (a) => factorial(a!) },
    Binomial: { least: 2, most: 2, costly: true, value: (n, k) => binomial(n!, k!) },
    Degrees: { least: 1, most: 1, value: (a) => multiply(a!, degree) },
    Max: { least: 1, most: 100, value: (...values) => largest(values, 1) },
    Min: { least: 1, most: 100, value: (...values) => largest(values, -1) },
  };

/** As schools define it: of a negative number there is none. */
function logarithm(a: Value, base: Value): Value | null {
  if (a.im.isZero() && a.re.isNegative()) return null;
  const [top, bottom] = [ln(a), ln(base)];
  return top && bottom && divide(top, bottom);
}

/** Marks on a letter, which make it another symbol. */
const marks = new Set(['Prime', 'Mean', 'OverVector', 'OverRightArrow', 'Conjugate', 'OverHat', 'Subscript']);

/** The expression that a tree is; null where it holds what has no value, or more than may be computed. */
export function expressionOf(tree: Tree, budget: Budget = wholeBudget()): Expression | null {
  const symbols = new Set<string>();

  const compile = (node: Tree): Expression['at'] | null => {
    if (--budget.nodes < 0) return null;
    if (typeof node === 'number') return constant(literal(String(node)));
    if (typeof node === 'string') return symbol(node);
    if (!Array.isArray(node)) return 'num' in node ? constant(literal(node.num)) : null;
    const [name, ...operands] = node as readonly [string, ...Tree[]];
    if (name === 'Delimiter')
      return operands.length > 0 && isGrouping(operands) ? compile(operands[0]!) : null;
    if (name === 'InvisibleOperator') return compile(['Multiply', ...beside(operands)]);
    if (name === '__unit__' && typeof operands[0] === 'string') return symbol(operands[0]);
    if (marks.has(name)) return symbol(`${name} ${JSON.stringify(operands)}`);
    if (realFunctions.has(name) && operands.length === 1) {
      return apply((a) => realFunction(name, a!), operands, true);
    }
    const operation = Object.hasOwn(operations, name) ? operations[name]! : null;
    if (!operation || operands.length < operation.least || operands.length > operation.most) return null;
    return apply(operation.value, operands, operation.costly === true);
  };

  const apply = (
    operation: Operation,
    operands: readonly Tree[],
    costly: boolean,
  ): Expression['at'] | null => {
    if (costly && --budget.functions < 0) return null;
    const compiled = operands.map(compile);
    if (compiled.includes(null)) return null;
    return (values) => {
      const found: Value[] = [];
      for (const operand of compiled) {
        const value = operand!(values);
        if (!value) return null;
        found.push(value);
      }
      const result = operation(...found);
      return result && isUsable(result) ? result : null;
    };
  };

  const symbol = (text: string): Expression['at'] | null => {
    if (text.startsWith("'")) return null;
    const name = text.replace(/_(?:upright|italic|bold|blackboard)+/g, '');
    if (Object.hasOwn(constants, name)) return constant(constants[name]!);
    symbols.add(name);
    return (values) => values.get(name) ?? null;
  };

  const at = compile(tree);
  return at && { symbols: [...symbols].sort(), at };
}

function constant(value: Value | null): Expression['at'] | null {
  return value && (() => value);
}

/** Round brackets around one thing. */
function isGrouping(operands: readonly Tree[]): boolean {
  const [only, brackets] = operands;
  if (Array.isArray(only) && only[0] === 'Sequence') return false;
  return brackets === undefined || JSON.stringify(brackets).includes('()');
}

/** What stands side by side is multiplied, but a whole number and a fraction of whole numbers after it are added. */
function beside(operands: readonly Tree[]): readonly Tree[] {
  const [whole, fraction, ...rest] = operands;
  const isMixed =
    Number.isInteger(whole) &&
    Array.isArray(fraction) &&
    (fraction[0] === 'Divide' || fraction[0] === 'Rational') &&
    Number.isInteger(fraction[1]) &&
    Number.isInteger(fraction[2]);
  return isMixed ? [['Add', whole as number, fraction as unknown as Tree], ...rest] : operands;
}

const remembered = new WeakMap<Expression, Map<string, readonly (Value | null)[]>>();

/** The values of an expression at the places where it is compared: one without a symbol, else six. */
export function valuesOf(expression: Expression, symbols: readonly string[]): readonly (Value | null)[] {
  const known = remembered.get(expression) ?? new Map<string, readonly (Value | null)[]>();
  remembered.set(expression, known);
  const key = symbols.join();
  const before = known.get(key);
  if (before) return before;
  const count = symbols.length === 0 ? 1 : places;
  const values = Array.from({ length: count }, (_, place) =>
    expression.at(new Map(symbols.map((name, i) => [name, sample(i, place)]))),
  );
  if (known.size < 8) known.set(key, values);
  return values;
}
