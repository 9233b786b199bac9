import { Decimal } from 'decimal.js';

/** Complex numbers of 50 digits, and what expressions are made of. */
const D = Decimal.clone({ precision: 50 });

export interface Value {
  readonly re: Decimal;
  readonly im: Decimal;
}

/** Larger powers, factorials and arguments of functions have no value: they would cost more than a verifier may. */
const largestPower = 10_000;
const largestFactorial = 300;
const largestArgument = 1e6;
const largestExponent = 100_000;

const zero = new D(0);
const real = (re: Decimal): Value => ({ re, im: zero });
const isReal = ({ im }: Value): boolean => im.isZero();

export const constants: Readonly<Record<string, Value>> = {
  Pi: real(D.acos(-1)),
  pi: real(D.acos(-1)),
  e: real(D.exp(1)),
  ExponentialE: real(D.exp(1)),
  i: { re: zero, im: new D(1) },
  ImaginaryUnit: { re: zero, im: new D(1) },
  PositiveInfinity: real(new D(Infinity)),
};

/** The exact value of a literal: `0.25`, `1e3`, `0.(36)`; null where it is none. */
export function literal(text: string): Value | null {
  const match = /^(-?\d{1,400}(?:\.(\d{0,400}))?)(?:\((\d{1,50})\))?(?:e([-+]?\d{1,4}))?$/i.exec(text);
  if (!match) return null;
  const [, digits, fraction = '', repeated, exponent = '0'] = match;
  let value = new D(digits!);
  if (repeated) {
    const tail = new D(repeated).div(D.pow(10, repeated.length).minus(1)).div(D.pow(10, fraction.length));
    value = value.plus(tail);
  }
  return real(value.times(D.pow(10, exponent)));
}

export function add(a: Value, b: Value): Value {
  return { re: a.re.plus(b.re), im: a.im.plus(b.im) };
}

export function negate(a: Value): Value {
  return { re: a.re.neg(), im: a.im.neg() };
}

export function multiply(a: Value, b: Value): Value {
  if (isReal(a) && isReal(b)) return real(a.re.times(b.re));
  return {
    re: a.re.times(b.re).minus(a.im.times(b.im)),
    im: a.re.times(b.im).plus(a.im.times(b.re)),
  };
}

export function divide(a: Value, b: Value): Value | null {
  if (isZero(b)) return null;
  if (isReal(a) && isReal(b)) return real(a.re.div(b.re));
  const size = b.re.times(b.re).plus(b.im.times(b.im));
  const { re, im } = multiply(a, { re: b.re, im: b.im.neg() });
  return { re: re.div(size), im: im.div(size) };
}

/** a^b on the principal branch. */
export function power(a: Value, b: Value): Value | null {
  if (isReal(b) && b.re.isInteger() && b.re.abs().lte(largestPower)) return integerPower(a, b.re.toNumber());
  if (isZero(a)) return isReal(b) && b.re.gt(0) ? real(zero) : null;
  const log = ln(a);
  return log && exp(multiply(b, log));
}

function integerPower(a: Value, n: number): Value | null {
  if (n === 0) return real(new D(1));
  if (n < 0) {
    const inverse = integerPower(a, -n);
    return inverse && divide(real(new D(1)), inverse);
  }
  if (isReal(a)) return real(a.re.pow(n));
  let result = real(new D(1));
  let square = a;
  for (let left = n; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result = multiply(result, square);
    square = multiply(square, square);
  }
  return result;
}

/** The n-th root: the real one of a negative number where n is odd. */
export function root(a: Value, n: Value): Value | null {
  if (isReal(a) && a.re.isNegative() && isReal(n) && n.re.isInteger() && !n.re.mod(2).isZero()) {
    const positive = root(negate(a), n);
    return positive && negate(positive);
  }
  if (isReal(n) && n.re.eq(2)) return squareRoot(a);
  const exponent = divide(real(new D(1)), n);
  return exponent && power(a, exponent);
}

/** The one with a positive real part. */
function squareRoot(a: Value): Value {
  if (isReal(a) && !a.re.isNegative()) return real(a.re.sqrt());
  const size = abs(a).re;
  const im = size.minus(a.re).div(2).sqrt();
  return { re: size.plus(a.re).div(2).sqrt(), im: a.im.isNegative() ? im.neg() : im };
}

export function exp(a: Value): Value | null {
  if (a.re.abs().gt(largestArgument) || a.im.abs().gt(largestArgument)) return null;
  const size = a.re.exp();
  return isReal(a) ? real(size) : { re: size.times(a.im.cos()), im: size.times(a.im.sin()) };
}

export function ln(a: Value): Value | null {
  if (isZero(a)) return null;
  if (isReal(a)) {
    return a.re.isNegative() ? { re: a.re.neg().ln(), im: D.acos(-1) } : real(a.re.ln());
  }
  return { re: D.hypot(a.re, a.im).ln(), im: D.atan2(a.im, a.re) };
}

export function abs(a: Value): Value {
  return real(isReal(a) ? a.re.abs() : D.hypot(a.re, a.im));
}

const overReals: Readonly<Record<string, (x: Decimal) => Decimal>> = {
  Sin: (x) => x.sin(),
  Cos: (x) => x.cos(),
  Tan: (x) => x.tan(),
  Cot: (x) => x.cos().div(x.sin()),
  Sec: (x) => new D(1).div(x.cos()),
  Csc: (x) => new D(1).div(x.sin()),
  Arcsin: (x) => x.asin(),
  Arccos: (x) => x.acos(),
  Arctan: (x) => x.atan(),
  Sinh: (x) => x.sinh(),
  Cosh: (x) => x.cosh(),
  Tanh: (x) => x.tanh(),
  Floor: (x) => x.floor(),
  Ceil: (x) => x.ceil(),
};

export const realFunctions = new Set(Object.keys(overReals));

/** A function that is only known of real numbers. */
export function realFunction(name: string, a: Value): Value | null {
  return isReal(a) && a.re.abs().lte(largestArgument) ? real(overReals[name]!(a.re)) : null;
}

export function factorial(a: Value): Value | null {
  if (!isReal(a) || !a.re.isInteger() || a.re.isNegative() || a.re.gt(largestFactorial)) return null;
  let product = new D(1);
  for (let k = 2; k <= a.re.toNumber(); k++) product = product.times(k);
  return real(product);
}

export function binomial(n: Value, k: Value): Value | null {
  if (!isReal(k) || !k.re.isInteger() || k.re.isNegative() || k.re.gt(largestFactorial) || !isReal(n))
    return null;
  let product = new D(1);
  for (let j = 0; j < k.re.toNumber(); j++) product = product.times(n.re.minus(j)).div(j + 1);
  return real(product);
}

export function largest(values: readonly Value[], sign: 1 | -1): Value | null {
  if (!values.every(isReal)) return null;
  const numbers = values.map(({ re }) => re);
  return real(sign > 0 ? D.max(...numbers) : D.min(...numbers));
}

export function isZero(a: Value): boolean {
  return a.re.isZero() && a.im.isZero();
}

/** A value that can be compared: neither NaN nor beyond any size that an answer has. */
export function isUsable({ re, im }: Value): boolean {
  return !re.isNaN() && !im.isNaN() && !(re.isFinite() && re.e > largestExponent) && im.e < largestExponent;
}

/** Of 50 digits, the last 15 are left to rounding. */
const rounding = new D('1e-35');

/** Whether two values are one but for rounding, in the size of the larger and, next to 0, in absolute size. */
export function isSame(a: Value, b: Value): boolean {
  return sameReal(a.re, b.re, a, b) && sameReal(a.im, b.im, a, b);
}

function sameReal(x: Decimal, y: Decimal, a: Value, b: Value): boolean {
  if (x.eq(y)) return true;
  if (!x.isFinite() || !y.isFinite()) return false;
  const size = D.max(abs(a).re, abs(b).re, 1e-10);
  return x.minus(y).abs().lte(rounding.times(size));
}

/** |a - b| <= max(abs, rel |b|), of real values. */
export function isNear(a: Value, b: Value, absolute: number, relative: number): boolean {
  if (!isReal(a) || !isReal(b) || !a.re.isFinite() || !b.re.isFinite()) return false;
  return a.re
    .minus(b.re)
    .abs()
    .lte(D.max(absolute, b.re.abs().times(relative)));
}

/** a / b, of what is not 0. */
export function ratioOf(a: Value, b: Value): Value | null {
  return isZero(a) || isZero(b) ? null : divide(a, b);
}

export function isPositive(a: Value): boolean {
  return isReal(a) && a.re.gt(0);
}

/** What a symbol stands for at a place where expressions are compared: counted, so the same in every run. */
export function sample(symbol: number, place: number): Value {
  // Three places of broken numbers, two of them with negative ones, and three of whole numbers.
  if (place >= 3) return real(new D(2 + ((3 * symbol + 5 * place) % 7)));
  const spread = ((symbol + 1) * 0.6180339887498949 + place * 0.4142135623730951) % 1;
  const value = new D((0.1 + 3 * spread).toFixed(12));
  return real(place >= 1 && (symbol + place) % 2 === 1 ? value.neg() : value);
}

export const places = 6;
