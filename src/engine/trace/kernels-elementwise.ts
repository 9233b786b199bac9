import type { Dtype, Graph, Value } from './graph.ts';
import type { Kernel } from './kernels.ts';
import { binary, cast, map, reshape, scalar, select, unary, uniform } from './tensors.ts';

const direct =
  (op: string): Kernel =>
  (graph, { x }) =>
    unary(graph, op, x!);

const asFloat =
  (op: string): Kernel =>
  (graph, { x }) =>
    unary(graph, op, cast(graph, x!, 'float32'));

const ofTwo =
  (op: string, dtype?: Dtype): Kernel =>
  (graph, { a, b }) => {
    const [x, y] = alike(graph, a!, b!);
    return binary(graph, op, x, y, dtype ?? x.dtype);
  };

/** ONNX has no arithmetic on booleans: they count as 0 and 1. */
function number(graph: Graph, value: Value): Value {
  return value.dtype === 'bool' ? cast(graph, value, 'int32') : value;
}

function alike(graph: Graph, a: Value, b: Value): [Value, Value] {
  const x = number(graph, a);
  const y = number(graph, b);
  if (x.dtype === y.dtype) return [x, y];
  return [cast(graph, x, 'float32'), cast(graph, y, 'float32')];
}

const compose =
  (build: (ops: Ops, x: Value) => Value): Kernel =>
  (graph, { x }) =>
    map(graph, cast(graph, x!, 'float32'), (small) => build(ops(graph), small));

type Ops = ReturnType<typeof ops>;

/** Float arithmetic in short form. */
function ops(graph: Graph) {
  const wrap = (v: Value | number) => (typeof v === 'number' ? scalar(graph, v, 'float32') : v);
  const two = (op: string, dtype?: Dtype) => (a: Value | number, b: Value | number) =>
    binary(graph, op, wrap(a), wrap(b), dtype ?? 'float32');
  return {
    add: two('Add'),
    sub: two('Sub'),
    mul: two('Mul'),
    div: two('Div'),
    less: two('Less', 'bool'),
    one: (op: string, x: Value, dtype?: Dtype) => unary(graph, op, x, dtype),
    select: (c: Value, a: Value, b: Value) => select(graph, c, a, b),
    node: (op: string, x: Value, attributes: Record<string, { float: number }>) =>
      graph.node(op, [x], { dtype: 'float32', shape: x.shape }, attributes),
  };
}

/** Remainder with the sign of the divisor, as TensorFlow has it. */
const mod: Kernel = (graph, { a, b }) => {
  const [x, y] = alike(graph, a!, b!);
  if (x.dtype === 'int32') return binary(graph, 'Mod', x, y);
  const remainder = (p: Value, q: Value) => {
    const quotient = unary(graph, 'Floor', binary(graph, 'Div', p, q));
    return binary(graph, 'Sub', p, binary(graph, 'Mul', quotient, q));
  };
  return remainder(x, y);
};

/** An integer, as in tfjs. Exact for integers: what is left after taking off the floored remainder divides evenly. */
const floorDiv: Kernel = (graph, { a, b }) => {
  const [x, y] = alike(graph, a!, b!);
  if (x.dtype === 'float32') return cast(graph, unary(graph, 'Floor', binary(graph, 'Div', x, y)), 'int32');
  return binary(graph, 'Div', binary(graph, 'Sub', x, binary(graph, 'Mod', x, y)), y);
};

const pow: Kernel = (graph, { a, b }) => {
  const [x, y] = alike(graph, a!, b!);
  const exponent = uniform(y);
  if (y.shape.length <= x.shape.length && exponent === 2) return binary(graph, 'Mul', x, x);
  return binary(graph, 'Pow', x, y);
};

const clip: Kernel = (graph, { x }, { clipValueMin, clipValueMax }) =>
  map(graph, x!, (small) => {
    const bounds = [clipValueMin, clipValueMax].map((n: number) => scalar(graph, n, small.dtype));
    return graph.node('Clip', [small, ...bounds], { dtype: small.dtype, shape: small.shape });
  });

export const elementwiseKernels: Readonly<Record<string, Kernel>> = {
  Abs: direct('Abs'),
  Ceil: asFloat('Ceil'),
  Cos: asFloat('Cos'),
  Erf: asFloat('Erf'),
  Exp: asFloat('Exp'),
  Floor: asFloat('Floor'),
  Log: asFloat('Log'),
  Neg: direct('Neg'),
  Reciprocal: asFloat('Reciprocal'),
  Relu: direct('Relu'),
  Round: asFloat('Round'),
  Sigmoid: asFloat('Sigmoid'),
  Sign: direct('Sign'),
  Sin: asFloat('Sin'),
  Softplus: asFloat('Softplus'),
  Sqrt: asFloat('Sqrt'),
  Tanh: asFloat('Tanh'),

  Rsqrt: compose((o, x) => o.one('Reciprocal', o.one('Sqrt', x))),
  Square: (graph, { x }) => map(graph, x!, (small) => binary(graph, 'Mul', small, small)),
  // 2 atanh(x / (x + 2)) keeps the digits that log(1 + x) loses near 0.
  Log1p: compose((o, x) => o.mul(2, o.one('Atanh', o.div(x, o.add(x, 2))))),
  // 2 t / (1 - t) with t = tanh(x / 2) keeps the digits that exp(x) - 1 loses near 0, and overflows early.
  Expm1: compose((o, x) => {
    const t = o.one('Tanh', o.mul(x, 0.5));
    const near = o.div(o.mul(2, t), o.sub(1, t));
    return o.select(o.less(o.one('Abs', x), 1), near, o.sub(o.one('Exp', x), 1));
  }),
  Relu6: (graph, { x }) => {
    const bounds = [0, 6].map((n) => scalar(graph, n, x!.dtype));
    return map(graph, x!, (small) =>
      graph.node('Clip', [small, ...bounds], { dtype: x!.dtype, shape: small.shape }),
    );
  },
  Elu: compose((o, x) => o.node('Elu', x, { alpha: { float: 1 } })),
  LeakyRelu: (graph, { x }, { alpha }) =>
    map(graph, cast(graph, x!, 'float32'), (small) =>
      ops(graph).node('LeakyRelu', small, { alpha: { float: alpha } }),
    ),
  Step: (graph, { x }, { alpha }) => {
    const positive = binary(graph, 'Greater', x!, scalar(graph, 0, x!.dtype), 'bool');
    if (!alpha) return cast(graph, positive, 'float32');
    const [one, other] = [1, alpha].map((n: number) => scalar(graph, n, 'float32'));
    return select(graph, positive, one!, other!);
  },
  IsNan: (graph, { x }) => unary(graph, 'IsNaN', x!, 'bool'),
  IsInf: (graph, { x }) => unary(graph, 'IsInf', x!, 'bool'),
  IsFinite: (graph, { x }) => {
    const outside = binary(graph, 'Or', unary(graph, 'IsNaN', x!, 'bool'), unary(graph, 'IsInf', x!, 'bool'));
    return unary(graph, 'Not', outside);
  },

  Add: ofTwo('Add'),
  Sub: ofTwo('Sub'),
  Multiply: ofTwo('Mul'),
  RealDiv: (graph, { a, b }) => binary(graph, 'Div', cast(graph, a!, 'float32'), cast(graph, b!, 'float32')),
  Maximum: ofTwo('Max'),
  Minimum: ofTwo('Min'),
  FloorDiv: floorDiv,
  Mod: mod,
  Pow: pow,
  SquaredDifference: (graph, { a, b }) => {
    const [x, y] = alike(graph, a!, b!);
    const difference = binary(graph, 'Sub', x, y);
    return binary(graph, 'Mul', difference, difference);
  },
  AddN: (graph, inputs) => Object.values(inputs).reduce((sum, value) => binary(graph, 'Add', sum, value)),
  Prelu: (graph, { x, alpha }) => {
    const zero = scalar(graph, 0, x!.dtype);
    const scaled = binary(graph, 'Mul', x!, alpha!);
    return select(graph, binary(graph, 'Greater', x!, zero, 'bool'), x!, scaled);
  },

  Equal: ofTwo('Equal', 'bool'),
  NotEqual: (graph, { a, b }) => unary(graph, 'Not', binary(graph, 'Equal', ...alike(graph, a!, b!), 'bool')),
  Greater: ofTwo('Greater', 'bool'),
  GreaterEqual: ofTwo('GreaterOrEqual', 'bool'),
  Less: ofTwo('Less', 'bool'),
  LessEqual: ofTwo('LessOrEqual', 'bool'),
  LogicalAnd: (graph, { a, b }) => binary(graph, 'And', a!, b!),
  LogicalOr: (graph, { a, b }) => binary(graph, 'Or', a!, b!),
  LogicalNot: (graph, { x }) => unary(graph, 'Not', x!),

  Select: (graph, { condition, t, e }) => {
    // tfjs lets a condition of rank 1 choose whole rows.
    const rows = condition!.shape.length === 1 && t!.shape.length > 1;
    const lifted = rows ? [condition!.shape[0]!, ...t!.shape.slice(1).map(() => 1)] : condition!.shape;
    const chooser = lifted === condition!.shape ? condition! : reshape(graph, condition!, lifted);
    return select(graph, chooser, t!, e!);
  },
  ClipByValue: clip,
  Cast: (graph, { x }, { dtype }) => cast(graph, x!, dtype),
  Identity: (_, { x }) => x!,
};
