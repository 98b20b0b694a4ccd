/** What the models share: options, chains of layers, initialisers. Imports nn, graph types, util. */
import type { Value } from '../graph/types.ts';
import { constantInit, kaimingNormal, normalInit } from '../nn/init.ts';
import { conv2d, flatten, globalAvgPool2d, linear } from '../nn/layers.ts';
import { batchNorm2d } from '../nn/norm-layers.ts';
import type { Shape } from '../util/shape.ts';

export interface ImageModelOptions {
  /** Number of classes; default 1000, as of ImageNet. */
  readonly classes?: number;
  /** Shape of one image: [c, h, w]; default [3, 224, 224]. */
  readonly inputShape?: Shape;
}

export interface DropoutOptions {
  /** Share of elements that dropout zeroes while training. */
  readonly dropout?: number;
}

/** A part of a model: a layer, or a function that applies some. */
export type Part = (x: Value) => Value;

export const IMAGENET = { classes: 1000, inputShape: [3, 224, 224] } as const;

/** Parts one after another. */
export const chain =
  (...parts: readonly Part[]): Part =>
  (x) =>
    parts.reduce((value, part) => part(value), x);

export const zeros = constantInit(0);

/** Keeps the variance of gradients through ReLU: most convolutions of torchvision. */
export const fanOut = kaimingNormal({ mode: 'fan_out', nonlinearity: 'relu' });

export interface ConvNormOptions {
  /** Names of the convolution and of the normalisation behind it. */
  readonly names: readonly [string, string];
  readonly kernel: number;
  readonly stride?: number;
  readonly groups?: number;
  /** Of the normalisation. */
  readonly eps?: number;
  readonly momentum?: number;
}

/** A convolution without bias that keeps the size (but for the stride), and batch normalisation. */
export function convNorm(channels: number, { names, kernel, stride, groups, eps, momentum }: ConvNormOptions): Part {
  const padding = (kernel - 1) / 2;
  return chain(
    conv2d(channels, kernel, { name: names[0], stride, groups, padding, bias: false, weightInit: fanOut }),
    batchNorm2d({ name: names[1], eps, momentum }),
  );
}

/** Mean over the image, as a vector. */
export const pooled = (name: string): Part => chain(globalAvgPool2d({ name }), flatten());

/** A fully connected layer that starts small: normal with deviation 0.01, bias 0. */
export const smallLinear = (features: number, name: string): Part =>
  linear(features, { name, weightInit: normalInit({ std: 0.01 }), biasInit: zeros });
