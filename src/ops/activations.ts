/** Activations: pointwise functions, a row each. Names, defaults and conventions at the kinks are PyTorch's. Imports pointwise, graph, util. */
import type { Value } from '../graph/types.ts';
import { ArgumentError } from '../util/errors.ts';
import { always, definePointwise, type None, never, wgsl } from './pointwise.ts';

type Alpha = { alpha: number };

const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;

// Where y tells the gradient, y is what is kept: then the activation can move into the kernel before it.
const rows = {
  relu: definePointwise<None>('relu', {
    forward: () => 'max(v, 0.0)',
    grad: () => 'select(0.0, dy, y > 0.0)',
    saves: 'y',
    monotone: always,
  }),
  leakyRelu: definePointwise<{ negativeSlope: number }>('leakyRelu', {
    forward: (a) => `select(v * ${wgsl(a.negativeSlope)}, v, v > 0.0)`,
    grad: (a) => `select(dy * ${wgsl(a.negativeSlope)}, dy, ${a.negativeSlope > 0 ? 'y' : 'x'} > 0.0)`,
    // y has the sign of x.
    saves: (a) => (a.negativeSlope > 0 ? 'y' : 'x'),
    monotone: (a) => a.negativeSlope >= 0,
  }),
  sigmoid: definePointwise<None>('sigmoid', {
    forward: () => 'sigmoid(v)',
    grad: () => 'dy * y * (1.0 - y)',
    saves: 'y',
    zeroPreserving: never,
    monotone: always,
  }),
  tanh: definePointwise<None>('tanh', {
    forward: () => 'tanh_exact(v)',
    grad: () => 'dy * (1.0 - y * y)',
    saves: 'y',
    monotone: always,
  }),
  elu: definePointwise<Alpha>('elu', {
    forward: (a) => `select(expm1_exact(min(v, 0.0)) * ${wgsl(a.alpha)}, v, v > 0.0)`,
    grad: (a) =>
      a.alpha >= 0
        ? `select(dy * (y + ${wgsl(a.alpha)}), dy, y > 0.0)`
        : `select(dy * ${wgsl(a.alpha)} * exp(min(x, 0.0)), dy, x > 0.0)`,
    saves: (a) => (a.alpha >= 0 ? 'y' : 'x'),
    monotone: (a) => a.alpha >= 0,
  }),
  selu: definePointwise<None>('selu', {
    forward: () =>
      `select(expm1_exact(min(v, 0.0)) * ${wgsl(SELU_SCALE * SELU_ALPHA)}, v * ${wgsl(SELU_SCALE)}, v > 0.0)`,
    grad: () => `dy * select(y + ${wgsl(SELU_SCALE * SELU_ALPHA)}, ${wgsl(SELU_SCALE)}, y > 0.0)`,
    saves: 'y',
    monotone: always,
  }),
  celu: definePointwise<Alpha>('celu', {
    forward: (a) => `select(expm1_exact(min(v, 0.0) / ${wgsl(a.alpha)}) * ${wgsl(a.alpha)}, v, v > 0.0)`,
    grad: (a) => `select(dy * (y / ${wgsl(a.alpha)} + 1.0), dy, y > 0.0)`,
    saves: 'y',
    monotone: (a) => a.alpha > 0,
  }),
  gelu: definePointwise<{ approximate: 'none' | 'tanh' }>('gelu', {
    forward: (a) => (a.approximate === 'tanh' ? 'gelu_tanh(v)' : 'gelu(v)'),
    grad: (a) => (a.approximate === 'tanh' ? 'dy * gelu_tanh_slope(x)' : 'dy * gelu_slope(x)'),
    saves: 'x',
  }),
  silu: definePointwise<None>('silu', {
    forward: () => 'v * sigmoid(v)',
    grad: () => 'dy * silu_slope(x)',
    saves: 'x',
  }),
  mish: definePointwise<None>('mish', { forward: () => 'mish(v)', grad: () => 'dy * mish_slope(x)', saves: 'x' }),
  hardswish: definePointwise<None>('hardswish', {
    forward: () => 'v * (clamp(v + 3.0, 0.0, 6.0) / 6.0)',
    grad: () => 'dy * select(select(x / 3.0 + 0.5, 1.0, x >= 3.0), 0.0, x <= -3.0)',
    saves: 'x',
  }),
  hardsigmoid: definePointwise<None>('hardsigmoid', {
    // 1 exactly where it ends, which a quotient need not be: the gradient asks for it.
    forward: () => 'select(max(v + 3.0, 0.0) / 6.0, 1.0, v >= 3.0)',
    grad: () => 'select(0.0, dy / 6.0, y > 0.0 && y < 1.0)',
    saves: 'y',
    zeroPreserving: never,
    monotone: always,
  }),
  relu6: definePointwise<None>('relu6', {
    forward: () => 'clamp(v, 0.0, 6.0)',
    grad: () => 'select(0.0, dy, y > 0.0 && y < 6.0)',
    saves: 'y',
    monotone: always,
  }),
  softplus: definePointwise<{ beta: number; threshold: number }>('softplus', {
    forward: ({ beta, threshold }) =>
      `select(softplus(v * ${wgsl(beta)}) / ${wgsl(beta)}, v, v * ${wgsl(beta)} > ${wgsl(threshold)})`,
    // From a threshold of 17 on y = x is exact there, and so is 1 - exp(-beta y) = sigmoid(beta x).
    grad: ({ beta, threshold }) =>
      threshold >= 17
        ? `dy * -expm1_exact(-max(y * ${wgsl(beta)}, 0.0))`
        : `dy * select(sigmoid(x * ${wgsl(beta)}), 1.0, x * ${wgsl(beta)} > ${wgsl(threshold)})`,
    saves: ({ threshold }) => (threshold >= 17 ? 'y' : 'x'),
    // It steps down at a low threshold.
    monotone: ({ beta, threshold }) => beta > 0 && threshold >= 17,
    zeroPreserving: never,
  }),
  softsign: definePointwise<None>('softsign', {
    forward: () => 'v / (1.0 + abs(v))',
    grad: () => 'dy * (1.0 - abs(y)) * (1.0 - abs(y))',
    saves: 'y',
    monotone: always,
  }),
};

/** max(x, 0). The gradient at 0 is 0. (torch.relu) */
export const relu = (x: Value): Value => rows.relu([x], {})[0];

/** x where x > 0, else negativeSlope * x; default slope 0.01. (torch.nn.functional.leaky_relu) */
export const leakyRelu = (x: Value, { negativeSlope = 0.01 } = {}): Value => rows.leakyRelu([x], { negativeSlope })[0];

/** 1 / (1 + exp(-x)). (torch.sigmoid) */
export const sigmoid = (x: Value): Value => rows.sigmoid([x], {})[0];

/** Hyperbolic tangent. (torch.tanh) */
export const tanh = (x: Value): Value => rows.tanh([x], {})[0];

function checkNonZero(value: number, what: string): void {
  if (value === 0 || !Number.isFinite(value))
    throw new ArgumentError(`${what} is ${value}. Pass a finite number other than 0.`);
}

/** x where x > 0, else alpha * (exp(x) - 1); default alpha 1. (torch.nn.functional.elu) */
export const elu = (x: Value, { alpha = 1 } = {}): Value => rows.elu([x], { alpha })[0];

/** scale * elu(x, alpha) with the constants that keep mean 0 and variance 1 (Klambauer et al. 2017). (torch.nn.functional.selu) */
export const selu = (x: Value): Value => rows.selu([x], {})[0];

/** x where x > 0, else alpha * (exp(x / alpha) - 1); default alpha 1. (torch.nn.functional.celu) */
export function celu(x: Value, { alpha = 1 } = {}): Value {
  checkNonZero(alpha, 'celu: alpha');
  return rows.celu([x], { alpha })[0];
}

export interface GeluOptions {
  /** 'none' (default): x * Phi(x); 'tanh': the approximation of Hendrycks and Gimpel (2016). */
  readonly approximate?: 'none' | 'tanh';
}

/** x times the normal distribution function of x. (torch.nn.functional.gelu) */
export function gelu(x: Value, { approximate = 'none' }: GeluOptions = {}): Value {
  if (approximate !== 'none' && approximate !== 'tanh')
    throw new ArgumentError(`gelu: approximate is "${approximate}". Pass 'none' or 'tanh'.`);
  return rows.gelu([x], { approximate })[0];
}

/** x * sigmoid(x), also called swish. (torch.nn.functional.silu) */
export const silu = (x: Value): Value => rows.silu([x], {})[0];

/** x * tanh(softplus(x)). (torch.nn.functional.mish) */
export const mish = (x: Value): Value => rows.mish([x], {})[0];

/** x * relu6(x + 3) / 6. The gradient is 0 at -3 and 1 at 3. (torch.nn.functional.hardswish) */
export const hardswish = (x: Value): Value => rows.hardswish([x], {})[0];

/** relu6(x + 3) / 6. The gradient is 0 at -3 and at 3. (torch.nn.functional.hardsigmoid) */
export const hardsigmoid = (x: Value): Value => rows.hardsigmoid([x], {})[0];

/** min(max(x, 0), 6). The gradient is 0 at 0 and at 6. (torch.nn.functional.relu6) */
export const relu6 = (x: Value): Value => rows.relu6([x], {})[0];

/** log(1 + exp(beta * x)) / beta; x itself where beta * x > threshold. Defaults 1 and 20. (torch.nn.functional.softplus) */
export function softplus(x: Value, { beta = 1, threshold = 20 } = {}): Value {
  checkNonZero(beta, 'softplus: beta');
  return rows.softplus([x], { beta, threshold })[0];
}

/** x / (1 + |x|). (torch.nn.functional.softsign) */
export const softsign = (x: Value): Value => rows.softsign([x], {})[0];
