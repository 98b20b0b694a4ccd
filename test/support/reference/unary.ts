/**
 * Element-wise functions of one tensor: activations and arithmetic, with their derivatives (PyTorch's values at kinks).
 * May import test/support/tensor.ts, attrs.ts and special.ts.
 */
import { map, need, type Tensor, tensor } from '../tensor.ts';
import { type Attrs, numberAttr, optionalNumber, type ReferenceOp, textAttr } from './attrs.ts';
import { erfc, sigmoid, softplus } from './special.ts';

/** A function of one number and its derivative. */
interface Curve {
  value(x: number): number;
  slope(x: number): number;
}

const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;

const relu: Curve = { value: (x) => (x > 0 ? x : x <= 0 ? 0 : x), slope: (x) => (x > 0 ? 1 : 0) };

function elu({ alpha, scale }: { alpha: number; scale: number }): Curve {
  return {
    value: (x) => scale * (x > 0 ? x : alpha * Math.expm1(x)),
    slope: (x) => scale * (x > 0 ? 1 : alpha * Math.exp(x)),
  };
}

function leakyRelu(attrs: Attrs): Curve {
  const negative = numberAttr(attrs, 'negative_slope', 0.01);
  return { value: (x) => (x > 0 ? x : negative * x), slope: (x) => (x > 0 ? 1 : negative) };
}

const geluExact: Curve = {
  value: (x) => (x * erfc(-x / Math.SQRT2)) / 2,
  slope: (x) => erfc(-x / Math.SQRT2) / 2 + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI),
};

const geluTanh: Curve = (() => {
  const inner = (x: number) => Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);
  return {
    value: (x) => (x * (1 + Math.tanh(inner(x)))) / 2,
    slope: (x) => {
      const t = Math.tanh(inner(x));
      const innerSlope = Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
      return (1 + t) / 2 + (x * (1 - t * t) * innerSlope) / 2;
    },
  };
})();

const silu: Curve = {
  value: (x) => x * sigmoid(x),
  slope: (x) => sigmoid(x) * (1 + x * sigmoid(-x)),
};

const mish: Curve = {
  value: (x) => x * Math.tanh(softplus(x)),
  slope: (x) => {
    const t = Math.tanh(softplus(x));
    return t + x * (1 - t * t) * sigmoid(x);
  },
};

/** ln(1 + e^(beta x)) / beta, and x itself where beta x exceeds the threshold. */
function softplusCurve(attrs: Attrs): Curve {
  const beta = numberAttr(attrs, 'beta', 1);
  const threshold = numberAttr(attrs, 'threshold', 20);
  return {
    value: (x) => (beta * x > threshold ? x : softplus(beta * x) / beta),
    slope: (x) => (beta * x > threshold ? 1 : sigmoid(beta * x)),
  };
}

const clip = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);

const hardsigmoid: Curve = {
  value: (x) => clip(x + 3, 0, 6) / 6,
  slope: (x) => (x > -3 && x < 3 ? 1 / 6 : 0),
};

const hardswish: Curve = {
  value: (x) => (x * clip(x + 3, 0, 6)) / 6,
  slope: (x) => (x < -3 ? 0 : x <= 3 ? x / 3 + 0.5 : 1),
};

/** The gradient passes at both bounds. */
function clamp(attrs: Attrs): Curve {
  const low = optionalNumber(attrs, 'min') ?? Number.NEGATIVE_INFINITY;
  const high = optionalNumber(attrs, 'max') ?? Number.POSITIVE_INFINITY;
  return { value: (x) => clip(x, low, high), slope: (x) => (x >= low && x <= high ? 1 : 0) };
}

function powScalar(attrs: Attrs): Curve {
  const exponent = numberAttr(attrs, 'exponent');
  return { value: (x) => x ** exponent, slope: (x) => (exponent === 0 ? 0 : exponent * x ** (exponent - 1)) };
}

const curves: Record<string, (attrs: Attrs) => Curve> = {
  relu: () => relu,
  leaky_relu: leakyRelu,
  elu: (attrs) => elu({ alpha: numberAttr(attrs, 'alpha', 1), scale: 1 }),
  selu: () => elu({ alpha: SELU_ALPHA, scale: SELU_SCALE }),
  gelu: (attrs) => (textAttr(attrs, 'approximate', 'none') === 'tanh' ? geluTanh : geluExact),
  silu: () => silu,
  sigmoid: () => ({ value: sigmoid, slope: (x) => sigmoid(x) * sigmoid(-x) }),
  tanh: () => ({ value: Math.tanh, slope: (x) => 1 - Math.tanh(x) ** 2 }),
  softplus: softplusCurve,
  hardswish: () => hardswish,
  hardsigmoid: () => hardsigmoid,
  relu6: () => ({ value: (x) => clip(x, 0, 6), slope: (x) => (x > 0 && x < 6 ? 1 : 0) }),
  mish: () => mish,
  softsign: () => ({ value: (x) => x / (1 + Math.abs(x)), slope: (x) => 1 / (1 + Math.abs(x)) ** 2 }),
  exp: () => ({ value: Math.exp, slope: Math.exp }),
  log: () => ({ value: Math.log, slope: (x) => 1 / x }),
  sqrt: () => ({ value: Math.sqrt, slope: (x) => 0.5 / Math.sqrt(x) }),
  neg: () => ({ value: (x) => -x, slope: () => -1 }),
  abs: () => ({ value: Math.abs, slope: (x) => Math.sign(x) }),
  pow_scalar: powScalar,
  add_scalar: (attrs) => ({ value: (x) => x + numberAttr(attrs, 'value'), slope: () => 1 }),
  mul_scalar: (attrs) => ({ value: (x) => x * numberAttr(attrs, 'value'), slope: () => numberAttr(attrs, 'value') }),
  clamp,
};

function unary(curveOf: (attrs: Attrs) => Curve): Required<ReferenceOp> {
  return {
    forward: (tensors, attrs) => ({ y: map(need(tensors, 'x'), curveOf(attrs).value) }),
    backward(tensors, attrs, upstream) {
      const g = need(upstream, 'y');
      const curve = curveOf(attrs);
      return { x: map(need(tensors, 'x'), (x, i) => g.data[i]! * curve.slope(x)) };
    },
  };
}

/** The slope of every element of x: one for all, or one per channel (axis 1). */
function preluSlopes(x: Tensor, weight: Tensor): Int32Array {
  const inner = x.shape.slice(2).reduce((product, d) => product * d, 1);
  return Int32Array.from(x.data, (_, i) => Math.floor(i / inner) % weight.data.length);
}

const prelu: Required<ReferenceOp> = {
  forward(tensors) {
    const x = need(tensors, 'x');
    const weight = need(tensors, 'weight');
    const at = preluSlopes(x, weight);
    return { y: map(x, (v, i) => (v > 0 ? v : weight.data[at[i]!]! * v)) };
  },
  backward(tensors, _attrs, upstream) {
    const x = need(tensors, 'x');
    const weight = need(tensors, 'weight');
    const g = need(upstream, 'y');
    const at = preluSlopes(x, weight);
    const gw = tensor(weight.shape);
    x.data.forEach((v, i) => {
      if (v <= 0) gw.data[at[i]!] = gw.data[at[i]!]! + g.data[i]! * v;
    });
    return { x: map(x, (v, i) => g.data[i]! * (v > 0 ? 1 : weight.data[at[i]!]!)), weight: gw };
  },
};

export const unaries: Record<string, ReferenceOp> = {
  ...Object.fromEntries(Object.entries(curves).map(([name, curveOf]) => [name, unary(curveOf)])),
  prelu,
};
