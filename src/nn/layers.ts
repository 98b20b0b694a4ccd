/** The layers. Names and defaults are PyTorch's; each is the op of the same name with its parameters. Imports layer, init, ops. */
import type { Attrs, Value } from '../graph/types.ts';
import { channelsLast, imagesOf } from '../ops/channels-last.ts';
import * as ops from '../ops/index.ts';
import { ArgumentError, ShapeError } from '../util/errors.ts';
import { type Shape, sameShape, show, sizeOf } from '../util/shape.ts';
import { activationMakers } from './activation-layers.ts';
import { convMakers } from './conv-layers.ts';
import { defaultBias, defaultWeight, type Initializer, initializerFrom } from './init.ts';
import { defineLayer, jsonConfig, type Layer, type LayerMakers } from './layer.ts';
import { normMakers } from './norm-layers.ts';
import { shapeMakers } from './shape-layers.ts';

type Pair = readonly [number, number];
type Padding = number | Pair | readonly [number, number, number, number] | 'same' | 'valid';

interface Named {
  /** Name of the layer in messages, summaries and parameter names; default its type and a number. */
  readonly name?: string;
}

function checkCount(at: string, what: string, value: number): void {
  if (!Number.isInteger(value) || value < 1)
    throw new ArgumentError(`${at}: ${what} is ${value}. Pass a whole number from 1.`);
}

export interface Conv2dOptions extends Named {
  /** Step of the window, one number or [h, w]; default 1. */
  readonly stride?: number | Pair;
  /** Zeros around the input: one number, [h, w], [top, left, bottom, right], 'same' or 'valid'; default 0. */
  readonly padding?: Padding;
  /** Distance between the taps of the filter; default 1. */
  readonly dilation?: number | Pair;
  /** Groups of channels that are convolved separately; default 1. */
  readonly groups?: number;
  /** Default true. */
  readonly bias?: boolean;
  /** Default: kaimingUniform with a = sqrt(5), as in PyTorch. */
  readonly weightInit?: Initializer;
  /** Default: uniform in +-1 / sqrt(fan_in), as in PyTorch. */
  readonly biasInit?: Initializer;
}

/**
 * Convolution: [n, c, h, w] -> [n, outChannels, oh, ow] with oh = floor((h + top + bottom - dilation * (kh - 1) - 1) / stride) + 1.
 * Parameters `weight` [outChannels, c / groups, kh, kw] and `bias` [outChannels]. Source: torch.nn.Conv2d.
 *
 * @throws ArgumentError for a bad argument, ShapeError when the input does not fit.
 */
export function conv2d(outChannels: number, kernel: number | Pair, options: Conv2dOptions = {}): Layer {
  const { name, stride = 1, padding = 0, dilation = 1, groups = 1, bias = true, weightInit, biasInit } = options;
  const at = `conv2d${name ? ` "${name}"` : ''}`;
  checkCount(at, 'the number of output channels', outChannels);
  const [kh, kw] = typeof kernel === 'number' ? [kernel, kernel] : kernel;
  checkCount(at, 'the height of the kernel', kh);
  checkCount(at, 'the width of the kernel', kw);
  checkCount(at, 'the number of groups', groups);
  return defineLayer({
    type: 'conv2d',
    stem: 'conv',
    config: jsonConfig({
      outChannels,
      kernel,
      name,
      stride,
      padding,
      dilation,
      groups,
      bias,
      weightInit: weightInit?.config,
      biasInit: biasInit?.config,
    }),
    apply(x, context) {
      const channels = x.shape[1] ?? 0;
      if (x.shape.length !== 4 || channels % groups !== 0 || outChannels % groups !== 0) {
        throw new ShapeError(
          `conv2d "${context.name}": input ${show(x.shape)} with ${groups} groups and ${outChannels} output channels. ` +
            'Give it [n, c, h, w], with both channel counts divisible by the groups.',
        );
      }
      const shape = [outChannels, channels / groups, kh, kw];
      const weight = context.parameter('weight', shape, { init: weightInit ?? defaultWeight, layout: 'hwio' });
      const b = bias ? context.parameter('bias', [outChannels], { init: biasInit ?? defaultBias(shape) }) : null;
      return ops.conv2d(x, weight, b, { stride, padding, dilation, groups });
    },
  });
}

export interface LinearOptions extends Named {
  /** Default true. */
  readonly bias?: boolean;
  /** Default: kaimingUniform with a = sqrt(5), as in PyTorch. */
  readonly weightInit?: Initializer;
  /** Default: uniform in +-1 / sqrt(in), as in PyTorch. */
  readonly biasInit?: Initializer;
}

/** x as the weight's rows lie: the layer may have been applied to rows, or to images of other sizes, first. */
function rowsLike(lies: Shape | undefined, x: Value, images: Value | null): Value {
  if (!lies) return x;
  const shape = [sizeOf(x.shape.slice(0, -1)), ...lies.slice(1)];
  return ops.reshape(channelsLast(images && sameShape(images.shape, shape) ? images : ops.reshape(x, shape)), x.shape);
}

/**
 * Fully connected: [..., in] -> [..., outFeatures], y = x W^T + b. Parameters `weight` [outFeatures, in], `bias` [outFeatures].
 * Source: torch.nn.Linear.
 *
 * @throws ArgumentError for a bad argument, ShapeError when the input does not fit (flatten images first).
 */
export function linear(outFeatures: number, { name, bias = true, weightInit, biasInit }: LinearOptions = {}): Layer {
  checkCount(`linear${name ? ` "${name}"` : ''}`, 'the number of output features', outFeatures);
  return defineLayer({
    type: 'linear',
    stem: 'fc',
    config: jsonConfig({ outFeatures, name, bias, weightInit: weightInit?.config, biasInit: biasInit?.config }),
    apply(x, context) {
      if (x.shape.length === 4) {
        throw new ShapeError(
          `linear "${context.name}": input is an image batch ${show(x.shape)}. Put flatten() before it (after globalAvgPool2d() too).`,
        );
      }
      const shape = [outFeatures, x.shape.at(-1) ?? 1];
      const images = imagesOf(x);
      const weight = context.parameter('weight', shape, {
        init: weightInit ?? defaultWeight,
        images: images ? [outFeatures, ...images.shape.slice(1)] : undefined,
      });
      const b = bias ? context.parameter('bias', [outFeatures], { init: biasInit ?? defaultBias(shape) }) : null;
      return ops.linear(rowsLike(context.specOf('weight')?.images, x, images), weight, b);
    },
  });
}

/** A layer without parameters: one function of the input. */
function simple(
  type: string,
  stem: string,
  { config, apply }: { config: { readonly [key: string]: Attrs[string] | undefined }; apply: (x: Value) => Value },
): Layer {
  return defineLayer({ type, stem, config: jsonConfig(config), apply });
}

export interface MaxPool2dOptions extends Named {
  /** Default: the kernel. */
  readonly stride?: number | Pair;
  /** Default 0; at most half of the kernel. Padding never wins. */
  readonly padding?: number | Pair | readonly [number, number, number, number];
  /** Default 1. */
  readonly dilation?: number | Pair;
  /** Round the output size up; default false. */
  readonly ceilMode?: boolean;
}

/** Largest value of each window. Source: torch.nn.MaxPool2d. */
export function maxPool2d(kernel: number | Pair, { name, ...options }: MaxPool2dOptions = {}): Layer {
  return simple('maxPool2d', 'pool', {
    config: { kernel, name, ...options },
    apply: (x) => ops.maxPool2d(x, { kernel, ...options }).y,
  });
}

export interface AvgPool2dOptions extends Named {
  /** Default: the kernel. */
  readonly stride?: number | Pair;
  /** Default 0; at most half of the kernel. */
  readonly padding?: number | Pair | readonly [number, number, number, number];
  /** Round the output size up; default false. */
  readonly ceilMode?: boolean;
  /** Count padding in the mean; default true. */
  readonly countIncludePad?: boolean;
}

/** Mean of each window. Source: torch.nn.AvgPool2d. */
export function avgPool2d(kernel: number | Pair, { name, ...options }: AvgPool2dOptions = {}): Layer {
  return simple('avgPool2d', 'pool', {
    config: { kernel, name, ...options },
    apply: (x) => ops.avgPool2d(x, { kernel, ...options }),
  });
}

/** Mean over the whole image: [n, c, h, w] -> [n, c, 1, 1]; flatten() gives [n, c]. Source: torch.nn.AdaptiveAvgPool2d(1). */
export const globalAvgPool2d = ({ name }: Named = {}): Layer =>
  simple('globalAvgPool2d', 'gap', { config: { name }, apply: (x) => ops.globalAvgPool2d(x) });

/** Mean of each of oh x ow windows that cover the whole image. Source: torch.nn.AdaptiveAvgPool2d. */
export const adaptiveAvgPool2d = (outputSize: number | Pair, { name }: Named = {}): Layer =>
  simple('adaptiveAvgPool2d', 'pool', {
    config: { outputSize, name },
    apply: (x) => ops.adaptiveAvgPool2d(x, outputSize),
  });

/** All axes but the first as one: [n, c, h, w] -> [n, c*h*w]. Source: torch.nn.Flatten. */
export const flatten = ({ name }: Named = {}): Layer =>
  simple('flatten', 'flatten', { config: { name }, apply: (x) => ops.flatten(x) });

/** max(x, 0). Source: torch.nn.ReLU. */
export const relu = ({ name }: Named = {}): Layer =>
  simple('relu', 'relu', { config: { name }, apply: (x) => ops.relu(x) });

/** x where positive, else negativeSlope * x; default 0.01. Source: torch.nn.LeakyReLU. */
export const leakyRelu = ({ name, negativeSlope = 0.01 }: Named & { readonly negativeSlope?: number } = {}): Layer =>
  simple('leakyRelu', 'leaky_relu', {
    config: { name, negativeSlope },
    apply: (x) => ops.leakyRelu(x, { negativeSlope }),
  });

/** 1 / (1 + exp(-x)). Source: torch.nn.Sigmoid. */
export const sigmoid = ({ name }: Named = {}): Layer =>
  simple('sigmoid', 'sigmoid', { config: { name }, apply: (x) => ops.sigmoid(x) });

/** Hyperbolic tangent. Source: torch.nn.Tanh. */
export const tanh = ({ name }: Named = {}): Layer =>
  simple('tanh', 'tanh', { config: { name }, apply: (x) => ops.tanh(x) });

/** exp(x) / sum exp(x) along an axis; default the last. Source: torch.nn.Softmax. */
export const softmax = ({ name, axis = -1 }: Named & { readonly axis?: number } = {}): Layer =>
  simple('softmax', 'softmax', { config: { name, axis }, apply: (x) => ops.softmax(x, { axis }) });

/** Logarithm of softmax along an axis; default the last. Source: torch.nn.LogSoftmax. */
export const logSoftmax = ({ name, axis = -1 }: Named & { readonly axis?: number } = {}): Layer =>
  simple('logSoftmax', 'log_softmax', { config: { name, axis }, apply: (x) => ops.logSoftmax(x, { axis }) });

/** Zeroes a share p of the elements while training, scales the others by 1 / (1 - p); default 0.5. Source: torch.nn.Dropout. */
export function dropout(p = 0.5, { name }: Named = {}): Layer {
  if (!(p >= 0 && p < 1))
    throw new ArgumentError(`dropout: p is ${p}. Pass the share of elements to drop, from 0 to below 1.`);
  return defineLayer({
    type: 'dropout',
    stem: 'dropout',
    config: jsonConfig({ p, name }),
    apply: (x, { mode, salt }) => (mode === 'train' ? ops.dropout(x, { p, salt }) : x),
  });
}

/** A layer that drops something while training. */
function dropping(type: string, p: number, { name, per }: Named & { readonly per: 'channel' | 'sample' }): Layer {
  if (!(p >= 0 && p < 1)) throw new ArgumentError(`${type}: p is ${p}. Pass the share to drop, from 0 to below 1.`);
  return defineLayer({
    type,
    stem: type === 'dropout2d' ? 'dropout' : 'depth',
    config: jsonConfig({ p, name }),
    apply: (x, { mode, salt }) => (mode === 'train' ? ops.dropout(x, { p, salt, per }) : x),
  });
}

/** Spatial dropout: zeroes whole channels of a sample while training; default share 0.5. Source: torch.nn.Dropout2d. */
export const dropout2d = (p = 0.5, { name }: Named = {}): Layer => dropping('dropout2d', p, { name, per: 'channel' });

/**
 * Stochastic depth (Huang et al. 2016): zeroes the whole branch of a sample while training, before it is added to its
 * shortcut; default share 0.2. Source: torchvision.ops.StochasticDepth with mode 'row'.
 */
export const stochasticDepth = (p = 0.2, { name }: Named = {}): Layer =>
  dropping('stochasticDepth', p, { name, per: 'sample' });

/** How a saved model's layers are made again: the type and its config. */
const makers: LayerMakers = {
  ...convMakers,
  conv2d: ({ outChannels, kernel, ...rest }) => conv2d(Number(outChannels), kernel as number | Pair, withInits(rest)),
  linear: ({ outFeatures, ...rest }) => linear(Number(outFeatures), withInits(rest)),
  maxPool2d: ({ kernel, ...rest }) => maxPool2d(kernel as number | Pair, rest as MaxPool2dOptions),
  avgPool2d: ({ kernel, ...rest }) => avgPool2d(kernel as number | Pair, rest as AvgPool2dOptions),
  globalAvgPool2d: (config) => globalAvgPool2d(config as Named),
  adaptiveAvgPool2d: ({ outputSize, ...rest }) => adaptiveAvgPool2d(outputSize as number | Pair, rest as Named),
  flatten: (config) => flatten(config as Named),
  relu: (config) => relu(config as Named),
  leakyRelu: (config) => leakyRelu(config as Named & { negativeSlope?: number }),
  sigmoid: (config) => sigmoid(config as Named),
  tanh: (config) => tanh(config as Named),
  softmax: (config) => softmax(config as Named & { axis?: number }),
  logSoftmax: (config) => logSoftmax(config as Named & { axis?: number }),
  dropout: ({ p, ...rest }) => dropout(Number(p), rest as Named),
  dropout2d: ({ p, ...rest }) => dropout2d(Number(p), rest as Named),
  stochasticDepth: ({ p, ...rest }) => stochasticDepth(Number(p), rest as Named),
  ...activationMakers,
  ...normMakers,
  ...shapeMakers,
};

function withInits({ weightInit, biasInit, ...rest }: Attrs): Conv2dOptions {
  return {
    ...(rest as Conv2dOptions),
    weightInit: weightInit ? initializerFrom(weightInit as Attrs) : undefined,
    biasInit: biasInit ? initializerFrom(biasInit as Attrs) : undefined,
  };
}

/** The layer that a saved model describes, made by one of the caller's makers or gabor's. Throws ArgumentError for a type that neither has. */
export function layerFrom(type: string, config: Attrs, own: LayerMakers = {}): Layer {
  const make = Object.hasOwn(own, type) ? own[type] : Object.hasOwn(makers, type) ? makers[type] : undefined;
  if (!make)
    throw new ArgumentError(
      `model: there is no layer "${type}". This version has ${Object.keys(makers).join(', ')}. Pass your own as \`layers\`.`,
    );
  return make(config);
}
