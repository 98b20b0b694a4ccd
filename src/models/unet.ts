/** U-Net (Ronneberger et al. 2015): a class for every pixel. Imports nn, ops, util, parts. */

import type { Value } from '../graph/types.ts';
import { convTranspose2d } from '../nn/conv-layers.ts';
import { conv2d, maxPool2d, relu } from '../nn/layers.ts';
import { type Model, model } from '../nn/model.ts';
import { batchNorm2d } from '../nn/norm-layers.ts';
import { concat, pad } from '../ops/index.ts';
import { chain, type ImageModelOptions, type Part } from './parts.ts';

export interface UnetOptions extends ImageModelOptions {
  /** Channels of the first level; each level below has twice as many, five levels in all; default 64. */
  readonly width?: number;
}

/** Two 3x3 convolutions that keep the size, each with batch normalisation and ReLU. */
function double(at: string, channels: number): Part {
  const half = (first: number): Part =>
    chain(
      conv2d(channels, 3, { name: `${at}.double_conv.${first}`, padding: 1, bias: false }),
      batchNorm2d({ name: `${at}.double_conv.${first + 1}` }),
      relu({ name: `${at}.double_conv.${first + 2}` }),
    );
  return chain(half(0), half(3));
}

const down = (at: string, channels: number): Part =>
  chain(maxPool2d(2, { name: `${at}.maxpool_conv.0` }), double(`${at}.maxpool_conv.1`, channels));

/** Zeros around x, so that it is as large as another value: an odd size has lost a row on its way down. */
function grown(x: Value, to: Value): Value {
  const [rows, columns] = [to.shape[2]! - x.shape[2]!, to.shape[3]! - x.shape[3]!];
  if (rows === 0 && columns === 0) return x;
  const [top, left] = [Math.floor(rows / 2), Math.floor(columns / 2)];
  return pad(x, { padding: [top, left, rows - top, columns - left] });
}

/** Twice the size and half of the channels, beside what the same level had on the way down. */
const up =
  (at: string, channels: number, skip: Value): Part =>
  (x) => {
    const larger = convTranspose2d(channels, 2, { name: `${at}.up`, stride: 2 })(x);
    return double(`${at}.conv`, channels)(concat([skip, grown(larger, skip)]));
  };

/**
 * U-Net as it is built today: padded convolutions with batch normalisation, transposed convolutions up. [n, c, h, w] ->
 * [n, classes, h, w], sizes from 16. 31,037,698 parameters for 2 classes, [3, 256, 256]; names of milesial/Pytorch-UNet
 * (torchvision has none), PyTorch's initialisation. Train it with `crossEntropy()` and labels [n, h, w].
 */
export function unet({ classes = 2, inputShape = [3, 256, 256], width = 64 }: UnetOptions = {}): Model {
  return model(inputShape, (x) => {
    const levels = [double('inc', width)(x)];
    for (let i = 1; i <= 4; i++) levels.push(down(`down${i}`, width << i)(levels[i - 1]!));
    const top = [1, 2, 3, 4].reduce((value, i) => up(`up${i}`, width << (4 - i), levels[4 - i]!)(value), levels[4]!);
    return conv2d(classes, 1, { name: 'outc.conv' })(top);
  });
}
