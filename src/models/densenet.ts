/** Densely connected networks (Huang et al. 2017). Imports nn, ops, parts. */
import { kaimingNormal } from '../nn/init.ts';
import { avgPool2d, conv2d, linear, maxPool2d, relu } from '../nn/layers.ts';
import { type Model, model } from '../nn/model.ts';
import { batchNorm2d } from '../nn/norm-layers.ts';
import { concat } from '../ops/index.ts';
import { chain, IMAGENET, type ImageModelOptions, type Part, pooled, zeros } from './parts.ts';

/** Channels that every layer adds. */
const GROWTH = 32;

const conv = (channels: number, kernel: number, { name, stride }: { name: string; stride?: number }): Part =>
  conv2d(channels, kernel, { name, stride, padding: (kernel - 1) / 2, bias: false, weightInit: kaimingNormal() });

const normAct = (norm: string, act: string): Part => chain(batchNorm2d({ name: norm }), relu({ name: act }));

/** Adds channels to those it gets: normalisation, ReLU, 1x1; the same with 3x3. */
const dense =
  (at: string): Part =>
  (x) => {
    const added = chain(
      ...[normAct(`${at}.norm1`, `${at}.relu1`), conv(4 * GROWTH, 1, { name: `${at}.conv1` })],
      ...[normAct(`${at}.norm2`, `${at}.relu2`), conv(GROWTH, 3, { name: `${at}.conv2` })],
    )(x);
    return concat([x, added]);
  };

/** Half of the channels at half of the size. */
const transition =
  (at: string): Part =>
  (x) =>
    chain(
      normAct(`${at}.norm`, `${at}.relu`),
      conv(Math.floor(x.shape[1]! / 2), 1, { name: `${at}.conv` }),
      avgPool2d(2, { name: `${at}.pool` }),
    )(x);

/** DenseNet of 121 layers; 7,978,856 parameters, names and initialisation of torchvision's densenet121. */
export function densenet121(options: ImageModelOptions = {}): Model {
  const { classes = IMAGENET.classes, inputShape = IMAGENET.inputShape } = options;
  const blocks = [6, 12, 24, 16].flatMap((count, i, { length }) => [
    ...Array.from({ length: count }, (_, k) => dense(`features.denseblock${i + 1}.denselayer${k + 1}`)),
    ...(i < length - 1 ? [transition(`features.transition${i + 1}`)] : []),
  ]);
  return model(inputShape, (x) =>
    chain(
      ...[conv(64, 7, { name: 'features.conv0', stride: 2 }), normAct('features.norm0', 'features.relu0')],
      maxPool2d(3, { name: 'features.pool0', stride: 2, padding: 1 }),
      ...blocks,
      ...[normAct('features.norm5', 'relu'), pooled('avgpool')],
      linear(classes, { name: 'classifier', biasInit: zeros }),
    )(x),
  );
}
