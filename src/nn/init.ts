/** Initialisers: seeded by the parameter's name, the same numbers in Node and in a browser. Imports util and graph types. */
import type { Attrs } from '../graph/types.ts';
import { ArgumentError } from '../util/errors.ts';
import { hashText, randomStream } from '../util/philox.ts';
import { type Shape, show, sizeOf } from '../util/shape.ts';

export type Nonlinearity = 'linear' | 'sigmoid' | 'tanh' | 'relu' | 'leaky_relu' | 'selu';

/** A rule for the first values of a parameter. `config` names it in saved models. */
export interface Initializer {
  readonly config: Attrs & { readonly name: string };
  /** Values in row-major order of the shape. */
  fill(shape: Shape, random: ReturnType<typeof randomStream>): Float32Array<ArrayBuffer>;
}

/** Recommended gain for a nonlinearity. Source: torch.nn.init.calculate_gain. */
export function calculateGain(nonlinearity: Nonlinearity, a = 0.01): number {
  switch (nonlinearity) {
    case 'tanh':
      return 5 / 3;
    case 'relu':
      return Math.SQRT2;
    case 'leaky_relu':
      return Math.sqrt(2 / (1 + a * a));
    case 'selu':
      return 3 / 4;
    default:
      return 1;
  }
}

/** Inputs and outputs of one unit: weights are [out, in, ...kernel]. Source: torch.nn.init._calculate_fan_in_and_fan_out. */
export function fans(shape: Shape): { fanIn: number; fanOut: number } {
  if (shape.length < 2)
    throw new ArgumentError(
      `init: a fan needs at least 2 axes, the shape is ${show(shape)}. Use constant or uniform for vectors.`,
    );
  const field = sizeOf(shape.slice(2));
  return { fanIn: shape[1]! * field, fanOut: shape[0]! * field };
}

function draw(shape: Shape, next: () => number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(sizeOf(shape));
  for (let i = 0; i < values.length; i++) values[i] = next();
  return values;
}

/** All elements equal `value`. (torch.nn.init.constant_) */
export const constantInit = (value: number): Initializer => ({
  config: { name: 'constant', value },
  fill: (shape) => new Float32Array(sizeOf(shape)).fill(value),
});

/** Uniform in [low, high); default [0, 1). (torch.nn.init.uniform_) */
export const uniformInit = ({ low = 0, high = 1 } = {}): Initializer => ({
  config: { name: 'uniform', low, high },
  fill: (shape, random) => draw(shape, () => low + (high - low) * random.uniform()),
});

/** Normal; default mean 0, deviation 1. (torch.nn.init.normal_) */
export const normalInit = ({ mean = 0, std = 1 } = {}): Initializer => ({
  config: { name: 'normal', mean, std },
  fill: (shape, random) => draw(shape, () => mean + std * random.normal()),
});

export interface KaimingOptions {
  /** Keep the variance forward (fan_in, default) or backward (fan_out). */
  readonly mode?: 'fan_in' | 'fan_out';
  /** What follows the layer; default leaky_relu, as in PyTorch. */
  readonly nonlinearity?: Nonlinearity;
  /** Negative slope of leaky_relu; default 0. */
  readonly a?: number;
}

const kaimingStd = (shape: Shape, { mode = 'fan_in', nonlinearity = 'leaky_relu', a = 0 }: KaimingOptions): number => {
  const { fanIn, fanOut } = fans(shape);
  return calculateGain(nonlinearity, a) / Math.sqrt(mode === 'fan_in' ? fanIn : fanOut);
};

/** Uniform in +-gain * sqrt(3 / fan) (He et al. 2015). (torch.nn.init.kaiming_uniform_) */
export const kaimingUniform = (options: KaimingOptions = {}): Initializer => ({
  config: { name: 'kaimingUniform', ...options },
  fill(shape, random) {
    const bound = Math.sqrt(3) * kaimingStd(shape, options);
    return draw(shape, () => bound * (2 * random.uniform() - 1));
  },
});

/** Normal with deviation gain / sqrt(fan) (He et al. 2015). (torch.nn.init.kaiming_normal_) */
export const kaimingNormal = (options: KaimingOptions = {}): Initializer => ({
  config: { name: 'kaimingNormal', ...options },
  fill(shape, random) {
    const std = kaimingStd(shape, options);
    return draw(shape, () => std * random.normal());
  },
});

const xavierStd = (shape: Shape, gain: number): number => {
  const { fanIn, fanOut } = fans(shape);
  return gain * Math.sqrt(2 / (fanIn + fanOut));
};

/** Uniform in +-gain * sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010); gain 1. (torch.nn.init.xavier_uniform_) */
export const xavierUniform = ({ gain = 1 } = {}): Initializer => ({
  config: { name: 'xavierUniform', gain },
  fill(shape, random) {
    const bound = Math.sqrt(3) * xavierStd(shape, gain);
    return draw(shape, () => bound * (2 * random.uniform() - 1));
  },
});

/** Normal with deviation gain * sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio 2010); gain 1. (torch.nn.init.xavier_normal_) */
export const xavierNormal = ({ gain = 1 } = {}): Initializer => ({
  config: { name: 'xavierNormal', gain },
  fill(shape, random) {
    const std = xavierStd(shape, gain);
    return draw(shape, () => std * random.normal());
  },
});

/** Normal, drawn again until it lies in [a, b]; default mean 0, deviation 1, [-2, 2]. (torch.nn.init.trunc_normal_) */
export function truncNormal({ mean = 0, std = 1, a = -2, b = 2 } = {}): Initializer {
  // Redrawing would never end where hardly anything of the curve lies inside.
  if (!(std > 0) || !(a < b) || b < mean - 3 * std || a > mean + 3 * std)
    throw new ArgumentError(
      `truncNormal: [${a}, ${b}] with mean ${mean} and std ${std}. Pass a range near the mean and a positive std.`,
    );
  return {
    config: { name: 'truncNormal', mean, std, a, b },
    fill(shape, random) {
      const next = (): number => {
        const value = mean + std * random.normal();
        return value >= a && value <= b ? value : next();
      };
      return draw(shape, next);
    },
  };
}

/** Rows (or columns, whichever are fewer) orthonormal times gain (Saxe et al. 2013), seen as [out, in * kernel]. (torch.nn.init.orthogonal_) */
export const orthogonal = ({ gain = 1 } = {}): Initializer => ({
  config: { name: 'orthogonal', gain },
  fill(shape, random) {
    if (shape.length < 2) throw new ArgumentError(`orthogonal: the shape is ${show(shape)}. Pass at least 2 axes.`);
    const [rows, columns] = [shape[0]!, sizeOf(shape.slice(1))];
    const [count, length] = rows < columns ? [rows, columns] : [columns, rows];
    const vectors: Float64Array[] = [];
    while (vectors.length < count) {
      const vector = Float64Array.from({ length }, () => random.normal());
      // Gram and Schmidt, twice: once leaves what rounding left of the others.
      for (const other of [...vectors, ...vectors]) {
        const along = vector.reduce((sum, v, i) => sum + v * other[i]!, 0);
        for (let i = 0; i < length; i++) vector[i]! -= along * other[i]!;
      }
      const norm = Math.hypot(...vector);
      if (norm > 1e-6) vectors.push(vector.map((v) => v / norm));
    }
    return Float32Array.from({ length: rows * columns }, (_, i) => {
      const [r, c] = [Math.floor(i / columns), i % columns];
      return gain * (rows < columns ? vectors[r]![c]! : vectors[c]![r]!);
    });
  },
});

/** PyTorch's default for convolution and linear weights: kaimingUniform with a = sqrt(5), that is +-1 / sqrt(fan_in). */
export const defaultWeight: Initializer = kaimingUniform({ a: Math.sqrt(5) });

/** PyTorch's default for their biases: uniform in +-1 / sqrt(fan_in of the weight). */
export function defaultBias(weightShape: Shape): Initializer {
  const bound = 1 / Math.sqrt(fans(weightShape).fanIn);
  return uniformInit({ low: -bound, high: bound });
}

/** First values of a parameter: they depend on the seed and the name, not on the order in which parameters are made. */
export const initialValues = (
  init: Initializer,
  shape: Shape,
  { seed, name }: { seed: number; name: string },
): Float32Array<ArrayBuffer> => init.fill(shape, randomStream(seed, hashText(name)));

type Options = { readonly [key: string]: number | string | undefined };

/** The initialiser that a saved model names. Throws ArgumentError for an unknown one. */
export function initializerFrom(config: Attrs): Initializer {
  const { name, ...rest } = config;
  const options = rest as Options & KaimingOptions;
  switch (name) {
    case 'constant':
      return constantInit(Number(options.value));
    case 'uniform':
      return uniformInit({ low: Number(options.low), high: Number(options.high) });
    case 'normal':
      return normalInit({ mean: Number(options.mean), std: Number(options.std) });
    case 'kaimingUniform':
      return kaimingUniform(options);
    case 'kaimingNormal':
      return kaimingNormal(options);
    case 'xavierUniform':
      return xavierUniform({ gain: Number(options.gain) });
    case 'xavierNormal':
      return xavierNormal({ gain: Number(options.gain) });
    case 'truncNormal':
      return truncNormal(rest as { mean: number; std: number; a: number; b: number });
    case 'orthogonal':
      return orthogonal({ gain: Number(options.gain) });
    default:
      throw new ArgumentError(
        `init: there is no initialiser "${String(name)}". Use constant, uniform, normal, kaiming or xavier.`,
      );
  }
}
