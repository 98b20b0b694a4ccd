/** Residual networks (He et al. 2015), those of ImageNet and those of CIFAR. Imports nn, ops, graph types, util, parts. */
import type { Value } from '../graph/types.ts';
import { linear, maxPool2d, relu } from '../nn/layers.ts';
import { type Model, model } from '../nn/model.ts';
import { add, pad, reshape, slice } from '../ops/index.ts';
import { chain, convNorm, IMAGENET, type ImageModelOptions, type Part, pooled } from './parts.ts';

interface BlockOptions {
  /** Name of the block: layer1.0. */
  readonly at: string;
  readonly channels: number;
  readonly stride: number;
}

interface BlockKind {
  /** Output channels for each of the block's channels. */
  readonly expansion: number;
  main(options: BlockOptions, act: Part): Part;
}

/** Two 3x3 convolutions. */
const basic: BlockKind = {
  expansion: 1,
  main: ({ at, channels, stride }, act) =>
    chain(
      ...[convNorm(channels, { names: [`${at}.conv1`, `${at}.bn1`], kernel: 3, stride }), act],
      convNorm(channels, { names: [`${at}.conv2`, `${at}.bn2`], kernel: 3 }),
    ),
};

/** 1x1, 3x3 with the stride (torchvision's "v1.5"), 1x1 to four times the channels. */
const bottleneck: BlockKind = {
  expansion: 4,
  main: ({ at, channels, stride }, act) =>
    chain(
      ...[convNorm(channels, { names: [`${at}.conv1`, `${at}.bn1`], kernel: 1 }), act],
      ...[convNorm(channels, { names: [`${at}.conv2`, `${at}.bn2`], kernel: 3, stride }), act],
      convNorm(4 * channels, { names: [`${at}.conv3`, `${at}.bn3`], kernel: 1 }),
    ),
};

type Shortcut = (options: BlockOptions, outChannels: number) => Part;

/** Option B: a 1x1 convolution. */
const projected: Shortcut = ({ at, stride }, outChannels) =>
  convNorm(outChannels, { names: [`${at}.downsample.0`, `${at}.downsample.1`], kernel: 1, stride });

/** Option A: every stride-th pixel, and channels of zeros on both sides: no parameters. */
const padded: Shortcut =
  ({ stride }, outChannels) =>
  (x) => {
    const [n, c, h, w] = x.shape as [number, number, number, number];
    const picked = slice(x, { axes: [2, 3], starts: [0, 0], ends: [h, w], steps: [stride, stride] });
    const [, , oh, ow] = picked.shape as [number, number, number, number];
    const before = Math.floor((outChannels - c) / 2);
    // Padding goes around the last two axes: the channels become rows for a moment.
    const rows = pad(reshape(picked, [n, 1, c, oh * ow]), { padding: [before, 0, outChannels - c - before, 0] });
    return reshape(rows, [n, outChannels, oh, ow]);
  };

/** Blocks of one stage; the first one has the stride. */
function stage(
  at: string,
  {
    kind,
    shortcut,
    count,
    ...first
  }: Omit<BlockOptions, 'at'> & { kind: BlockKind; shortcut: Shortcut; count: number },
): Part {
  const block = (index: number) => (x: Value) => {
    const options = { at: `${at}.${index}`, channels: first.channels, stride: index === 0 ? first.stride : 1 };
    const outChannels = kind.expansion * options.channels;
    const same = options.stride === 1 && x.shape[1] === outChannels;
    const act = relu({ name: `${options.at}.relu` });
    const y = kind.main(options, act)(x);
    return act(add(y, same ? x : shortcut(options, outChannels)(x)));
  };
  return chain(...Array.from({ length: count }, (_, index) => block(index)));
}

function resnet(kind: BlockKind, counts: readonly number[], options: ImageModelOptions): Model {
  const { classes = IMAGENET.classes, inputShape = IMAGENET.inputShape } = options;
  return model(inputShape, (x) =>
    chain(
      ...[convNorm(64, { names: ['conv1', 'bn1'], kernel: 7, stride: 2 }), relu({ name: 'relu' })],
      maxPool2d(3, { name: 'maxpool', stride: 2, padding: 1 }),
      ...counts.map((count, i) =>
        stage(`layer${i + 1}`, { kind, shortcut: projected, count, channels: 64 << i, stride: i === 0 ? 1 : 2 }),
      ),
      ...[pooled('avgpool'), linear(classes, { name: 'fc' })],
    )(x),
  );
}

/** ResNet of 18 layers; 11,689,512 parameters, names and initialisation of torchvision's resnet18. */
export const resnet18 = (options: ImageModelOptions = {}): Model => resnet(basic, [2, 2, 2, 2], options);

/** ResNet of 34 layers; 21,797,672 parameters, names and initialisation of torchvision's resnet34. */
export const resnet34 = (options: ImageModelOptions = {}): Model => resnet(basic, [3, 4, 6, 3], options);

/** ResNet of 50 layers, bottleneck blocks; 25,557,032 parameters, names and initialisation of torchvision's resnet50. */
export const resnet50 = (options: ImageModelOptions = {}): Model => resnet(bottleneck, [3, 4, 6, 3], options);

/**
 * ResNet of 20 layers for CIFAR (He et al. 2015, section 4.2), shortcuts of option A (no parameters): 269,722 parameters
 * for 10 classes, [3, 32, 32]. torchvision has none; names and initialisation are as of resnet18.
 */
export function resnet20({ classes = 10, inputShape = [3, 32, 32] }: ImageModelOptions = {}): Model {
  return model(inputShape, (x) =>
    chain(
      ...[convNorm(16, { names: ['conv1', 'bn1'], kernel: 3 }), relu({ name: 'relu' })],
      ...[16, 32, 64].map((channels, i) =>
        stage(`layer${i + 1}`, { kind: basic, shortcut: padded, count: 3, channels, stride: i === 0 ? 1 : 2 }),
      ),
      ...[pooled('avgpool'), linear(classes, { name: 'fc' })],
    )(x),
  );
}
