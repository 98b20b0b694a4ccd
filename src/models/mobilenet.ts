/** MobileNet v2 (Sandler et al. 2018) and v3 (Howard et al. 2019): inverted residual blocks. Imports nn, ops, graph types, parts. */
import type { Value } from '../graph/types.ts';
import { hardsigmoid, hardswish, relu6 } from '../nn/activation-layers.ts';
import { conv2d, dropout as dropoutLayer, globalAvgPool2d, relu } from '../nn/layers.ts';
import { type Model, model } from '../nn/model.ts';
import { add, mul } from '../ops/index.ts';
import {
  type ConvNormOptions,
  chain,
  convNorm,
  type DropoutOptions,
  fanOut,
  IMAGENET,
  type ImageModelOptions,
  type Part,
  pooled,
  smallLinear,
  zeros,
} from './parts.ts';

export interface MobileNetOptions extends ImageModelOptions, DropoutOptions {}

type Activation = (options: { name: string }) => Part;
type ConvOptions = Omit<ConvNormOptions, 'names'> & { readonly at: string };

/** Convolution, normalisation, activation: torchvision's Conv2dNormActivation. */
const convAct = (channels: number, { at, ...options }: ConvOptions, activation: Activation): Part =>
  chain(convNorm(channels, { names: [`${at}.0`, `${at}.1`], ...options }), activation({ name: `${at}.2` }));

/** x + part(x) where both have the same shape and no stride lies between. */
const residual = (stride: number, channels: number, part: Part): Part => {
  return (x) => (stride === 1 && x.shape[1] === channels ? add(x, part(x)) : part(x));
};

/** A block of v2: wider by 1x1, 3x3 in each channel, narrower by 1x1. */
function blockV2(at: string, { expand, channels, stride }: { expand: number; channels: number; stride: number }): Part {
  return residual(stride, channels, (x) => {
    const inner = x.shape[1]! * expand;
    const wide = expand === 1 ? [] : [convAct(inner, { at: `${at}.0`, kernel: 1 }, relu6)];
    const depthwise = convAct(inner, { at: `${at}.${wide.length}`, kernel: 3, stride, groups: inner }, relu6);
    const names = [`${at}.${wide.length + 1}`, `${at}.${wide.length + 2}`] as const;
    return chain(...wide, depthwise, convNorm(channels, { names, kernel: 1 }))(x);
  });
}

/** Expansion, output channels, blocks, stride of the first one. */
const V2 = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

/** MobileNet v2 of width 1; 3,504,872 parameters, names and initialisation of torchvision's mobilenet_v2; dropout 0.2. */
export function mobilenetV2(options: MobileNetOptions = {}): Model {
  const { classes = IMAGENET.classes, inputShape = IMAGENET.inputShape, dropout = 0.2 } = options;
  const blocks = V2.flatMap(([expand, channels, count, first]) =>
    Array.from({ length: count }, (_, i) => ({ expand, channels, stride: i === 0 ? first : 1 })),
  );
  return model(inputShape, (x) =>
    chain(
      convAct(32, { at: 'features.0', kernel: 3, stride: 2 }, relu6),
      ...blocks.map((block, i) => blockV2(`features.${i + 1}.conv`, block)),
      convAct(1280, { at: `features.${blocks.length + 1}`, kernel: 1 }, relu6),
      ...[pooled('avgpool'), dropoutLayer(dropout, { name: 'classifier.0' }), smallLinear(classes, 'classifier.1')],
    )(x),
  );
}

/** Channels rounded to a multiple of 8, by at most a tenth down. Source: torchvision's _make_divisible. */
function roundTo8(channels: number): number {
  const near = Math.max(8, Math.floor((channels + 4) / 8) * 8);
  return near < 0.9 * channels ? near + 8 : near;
}

/** Each channel scaled by what two small layers make of the means of all. */
const squeezeExcitation =
  (at: string): Part =>
  (x: Value) => {
    const channels = x.shape[1]!;
    const inits = { weightInit: fanOut, biasInit: zeros };
    const scale = chain(
      globalAvgPool2d({ name: `${at}.avgpool` }),
      conv2d(roundTo8(Math.floor(channels / 4)), 1, { name: `${at}.fc1`, ...inits }),
      relu({ name: `${at}.activation` }),
      conv2d(channels, 1, { name: `${at}.fc2`, ...inits }),
      hardsigmoid({ name: `${at}.scale_activation` }),
    )(x);
    return mul(scale, x);
  };

interface BlockV3 {
  readonly kernel: number;
  readonly inner: number;
  readonly channels: number;
  readonly squeeze: boolean;
  readonly activation: Activation;
  readonly stride: number;
}

/** Of all normalisations of v3. */
const NORM_V3 = { eps: 1e-3, momentum: 0.01 };

/** A block of v3: as of v2, with squeeze-excitation before the last convolution. */
function blockV3(at: string, { kernel, inner, channels, squeeze, activation, stride }: BlockV3): Part {
  return residual(stride, channels, (x) => {
    let index = 0;
    const next = (): string => `${at}.${index++}`;
    const parts: Part[] = [];
    if (inner !== x.shape[1]) parts.push(convAct(inner, { at: next(), kernel: 1, ...NORM_V3 }, activation));
    parts.push(convAct(inner, { at: next(), kernel, stride, groups: inner, ...NORM_V3 }, activation));
    if (squeeze) parts.push(squeezeExcitation(next()));
    const last = next();
    return chain(...parts, convNorm(channels, { names: [`${last}.0`, `${last}.1`], kernel: 1, ...NORM_V3 }))(x);
  });
}

const block = (
  [kernel, inner, channels, stride]: readonly [number, number, number, number],
  options: { readonly squeeze: boolean; readonly activation: Activation },
): BlockV3 => ({ kernel, inner, channels, stride, ...options });

/** Kernel, inner and output channels, stride. */
const V3_SMALL: readonly BlockV3[] = [
  block([3, 16, 16, 2], { squeeze: true, activation: relu }),
  block([3, 72, 24, 2], { squeeze: false, activation: relu }),
  block([3, 88, 24, 1], { squeeze: false, activation: relu }),
  block([5, 96, 40, 2], { squeeze: true, activation: hardswish }),
  block([5, 240, 40, 1], { squeeze: true, activation: hardswish }),
  block([5, 240, 40, 1], { squeeze: true, activation: hardswish }),
  block([5, 120, 48, 1], { squeeze: true, activation: hardswish }),
  block([5, 144, 48, 1], { squeeze: true, activation: hardswish }),
  block([5, 288, 96, 2], { squeeze: true, activation: hardswish }),
  block([5, 576, 96, 1], { squeeze: true, activation: hardswish }),
  block([5, 576, 96, 1], { squeeze: true, activation: hardswish }),
];

/** MobileNet v3 small; 2,542,856 parameters, names and initialisation of torchvision's mobilenet_v3_small; dropout 0.2. */
export function mobilenetV3Small(options: MobileNetOptions = {}): Model {
  const { classes = IMAGENET.classes, inputShape = IMAGENET.inputShape, dropout = 0.2 } = options;
  return model(inputShape, (x) =>
    chain(
      convAct(16, { at: 'features.0', kernel: 3, stride: 2, ...NORM_V3 }, hardswish),
      ...V3_SMALL.map((options, i) => blockV3(`features.${i + 1}.block`, options)),
      convAct(576, { at: `features.${V3_SMALL.length + 1}`, kernel: 1, ...NORM_V3 }, hardswish),
      ...[pooled('avgpool'), smallLinear(1024, 'classifier.0'), hardswish({ name: 'classifier.1' })],
      ...[dropoutLayer(dropout, { name: 'classifier.2' }), smallLinear(classes, 'classifier.3')],
    )(x),
  );
}
