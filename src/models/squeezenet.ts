/** SqueezeNet (Iandola et al. 2016). Imports nn, ops, parts. */
import { kaimingUniform, normalInit } from '../nn/init.ts';
import { conv2d, dropout as dropoutLayer, maxPool2d, relu } from '../nn/layers.ts';
import { type Model, model } from '../nn/model.ts';
import { concat } from '../ops/index.ts';
import { chain, type DropoutOptions, IMAGENET, type ImageModelOptions, type Part, pooled, zeros } from './parts.ts';

export interface SqueezeNetOptions extends ImageModelOptions, DropoutOptions {}

const inits = { weightInit: kaimingUniform(), biasInit: zeros };

/** Fewer channels by 1x1, then as many by 1x1 and by 3x3 side by side. */
const fire =
  (at: string, { squeeze, expand }: { readonly squeeze: number; readonly expand: number }): Part =>
  (x) => {
    const act = (name: string, part: Part): Part => chain(part, relu({ name: `${at}.${name}_activation` }));
    const few = act('squeeze', conv2d(squeeze, 1, { name: `${at}.squeeze`, ...inits }))(x);
    return concat([
      act('expand1x1', conv2d(expand, 1, { name: `${at}.expand1x1`, ...inits }))(few),
      act('expand3x3', conv2d(expand, 3, { name: `${at}.expand3x3`, padding: 1, ...inits }))(few),
    ]);
  };

const halved = (name: string): Part => maxPool2d(3, { name, stride: 2, ceilMode: true });

/** SqueezeNet 1.1; 1,235,496 parameters, names and initialisation of torchvision's squeezenet1_1; dropout 0.5. */
export function squeezenet1_1(options: SqueezeNetOptions = {}): Model {
  const { classes = IMAGENET.classes, inputShape = IMAGENET.inputShape, dropout = 0.5 } = options;
  const last = { weightInit: normalInit({ std: 0.01 }), biasInit: zeros };
  return model(inputShape, (x) =>
    chain(
      ...[
        conv2d(64, 3, { name: 'features.0', stride: 2, ...inits }),
        relu({ name: 'features.1' }),
        halved('features.2'),
      ],
      ...[fire('features.3', { squeeze: 16, expand: 64 }), fire('features.4', { squeeze: 16, expand: 64 })],
      halved('features.5'),
      ...[fire('features.6', { squeeze: 32, expand: 128 }), fire('features.7', { squeeze: 32, expand: 128 })],
      halved('features.8'),
      ...[fire('features.9', { squeeze: 48, expand: 192 }), fire('features.10', { squeeze: 48, expand: 192 })],
      ...[fire('features.11', { squeeze: 64, expand: 256 }), fire('features.12', { squeeze: 64, expand: 256 })],
      dropoutLayer(dropout, { name: 'classifier.0' }),
      ...[
        conv2d(classes, 1, { name: 'classifier.1', ...last }),
        relu({ name: 'classifier.2' }),
        pooled('classifier.3'),
      ],
    )(x),
  );
}
