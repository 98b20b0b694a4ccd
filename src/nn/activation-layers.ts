/** Layers of activations. Names and defaults are PyTorch's; each is the op of the same name. Imports layer, init, ops. */
import type { Attrs, Value } from '../graph/types.ts';
import * as ops from '../ops/index.ts';
import { ArgumentError } from '../util/errors.ts';
import { constantInit } from './init.ts';
import { defineLayer, jsonConfig, type Layer } from './layer.ts';

interface Named {
  /** Name of the layer in messages and summaries; default its type and a number. */
  readonly name?: string;
}

interface Activation {
  readonly stem: string;
  readonly config: { readonly [key: string]: Attrs[string] | undefined };
  readonly apply: (x: Value) => Value;
}

const activation = (type: string, { stem, config, apply }: Activation): Layer =>
  defineLayer({ type, stem, config: jsonConfig(config), apply });

function checkFinite(at: string, what: string, value: number): void {
  if (!Number.isFinite(value)) throw new ArgumentError(`${at}: ${what} is ${value}. Pass a finite number.`);
}

function checkDivisor(at: string, what: string, value: number): void {
  if (!Number.isFinite(value) || value === 0)
    throw new ArgumentError(`${at}: ${what} is ${value}. Pass a finite number other than 0.`);
}

export interface AlphaOptions extends Named {
  /** Minus the value that is approached for large negative x; default 1. */
  readonly alpha?: number;
}

/** x where positive, else alpha * (exp(x) - 1). Source: torch.nn.ELU. */
export function elu({ name, alpha = 1 }: AlphaOptions = {}): Layer {
  checkFinite('elu', 'alpha', alpha);
  return activation('elu', { stem: 'elu', config: { name, alpha }, apply: (x) => ops.elu(x, { alpha }) });
}

/** elu with the constants that keep mean 0 and variance 1. Source: torch.nn.SELU. */
export const selu = ({ name }: Named = {}): Layer =>
  activation('selu', { stem: 'selu', config: { name }, apply: (x) => ops.selu(x) });

/** x where positive, else alpha * (exp(x / alpha) - 1). Source: torch.nn.CELU. */
export function celu({ name, alpha = 1 }: AlphaOptions = {}): Layer {
  checkDivisor('celu', 'alpha', alpha);
  return activation('celu', { stem: 'celu', config: { name, alpha }, apply: (x) => ops.celu(x, { alpha }) });
}

export interface GeluOptions extends Named {
  /** 'none' (default): x * Phi(x); 'tanh': its approximation. */
  readonly approximate?: 'none' | 'tanh';
}

/** x times the normal distribution function of x. Source: torch.nn.GELU. */
export function gelu({ name, approximate = 'none' }: GeluOptions = {}): Layer {
  if (approximate !== 'none' && approximate !== 'tanh')
    throw new ArgumentError(`gelu: approximate is "${String(approximate)}". Pass 'none' or 'tanh'.`);
  const apply = (x: Value): Value => ops.gelu(x, { approximate });
  return activation('gelu', { stem: 'gelu', config: { name, approximate }, apply });
}

/** x * sigmoid(x), also called swish. Source: torch.nn.SiLU. */
export const silu = ({ name }: Named = {}): Layer =>
  activation('silu', { stem: 'silu', config: { name }, apply: (x) => ops.silu(x) });

/** x * tanh(softplus(x)). Source: torch.nn.Mish. */
export const mish = ({ name }: Named = {}): Layer =>
  activation('mish', { stem: 'mish', config: { name }, apply: (x) => ops.mish(x) });

/** x * relu6(x + 3) / 6. Source: torch.nn.Hardswish. */
export const hardswish = ({ name }: Named = {}): Layer =>
  activation('hardswish', { stem: 'hardswish', config: { name }, apply: (x) => ops.hardswish(x) });

/** relu6(x + 3) / 6. Source: torch.nn.Hardsigmoid. */
export const hardsigmoid = ({ name }: Named = {}): Layer =>
  activation('hardsigmoid', { stem: 'hardsigmoid', config: { name }, apply: (x) => ops.hardsigmoid(x) });

/** min(max(x, 0), 6). Source: torch.nn.ReLU6. */
export const relu6 = ({ name }: Named = {}): Layer =>
  activation('relu6', { stem: 'relu6_', config: { name }, apply: (x) => ops.relu6(x) });

export interface SoftplusOptions extends Named {
  /** Sharpness of the bend; default 1. */
  readonly beta?: number;
  /** Where beta * x exceeds it the result is x itself; default 20. */
  readonly threshold?: number;
}

/** log(1 + exp(beta * x)) / beta. Source: torch.nn.Softplus. */
export function softplus({ name, beta = 1, threshold = 20 }: SoftplusOptions = {}): Layer {
  checkDivisor('softplus', 'beta', beta);
  checkFinite('softplus', 'threshold', threshold);
  const apply = (x: Value): Value => ops.softplus(x, { beta, threshold });
  return activation('softplus', { stem: 'softplus', config: { name, beta, threshold }, apply });
}

/** x / (1 + |x|). Source: torch.nn.Softsign. */
export const softsign = ({ name }: Named = {}): Layer =>
  activation('softsign', { stem: 'softsign', config: { name }, apply: (x) => ops.softsign(x) });

export interface PreluOptions extends Named {
  /** 1 (default): one slope for all; or the number of channels: one for each. */
  readonly numParameters?: number;
  /** First value of the slopes; default 0.25. */
  readonly init?: number;
}

/** x where positive, else weight * x. Parameter `weight` [numParameters]. Source: torch.nn.PReLU. */
export function prelu({ name, numParameters = 1, init = 0.25 }: PreluOptions = {}): Layer {
  if (!Number.isInteger(numParameters) || numParameters < 1)
    throw new ArgumentError(`prelu: numParameters is ${numParameters}. Pass 1 or the number of channels.`);
  checkFinite('prelu', 'init', init);
  return defineLayer({
    type: 'prelu',
    stem: 'prelu',
    config: jsonConfig({ numParameters, init, name }),
    apply: (x, context) => ops.prelu(x, context.parameter('weight', [numParameters], { init: constantInit(init) })),
  });
}

/** How a saved model's layers are made again. */
export const activationMakers: { readonly [type: string]: (config: Attrs) => Layer } = {
  elu: (config) => elu(config as AlphaOptions),
  selu: (config) => selu(config as Named),
  celu: (config) => celu(config as AlphaOptions),
  gelu: (config) => gelu(config as GeluOptions),
  silu: (config) => silu(config as Named),
  mish: (config) => mish(config as Named),
  hardswish: (config) => hardswish(config as Named),
  hardsigmoid: (config) => hardsigmoid(config as Named),
  relu6: (config) => relu6(config as Named),
  softplus: (config) => softplus(config as SoftplusOptions),
  softsign: (config) => softsign(config as Named),
  prelu: (config) => prelu(config as PreluOptions),
};
