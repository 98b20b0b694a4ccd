/** VGG (Simonyan and Zisserman 2014). Imports nn, parts. */
import { adaptiveAvgPool2d, conv2d, dropout as dropoutLayer, flatten, maxPool2d, relu } from '../nn/layers.ts';
import { type Model, model } from '../nn/model.ts';
import { chain, type DropoutOptions, fanOut, IMAGENET, type ImageModelOptions, smallLinear, zeros } from './parts.ts';

export interface VggOptions extends ImageModelOptions, DropoutOptions {
  /** Width of the two hidden layers of the classifier; default 4096, that is 120 of the 133 million parameters. */
  readonly hidden?: number;
}

/** Configuration A: channels of the convolutions, 0 for pooling. */
const ELEVEN = [64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0];

/** VGG 11 without batch normalisation; 132,863,336 parameters, names and initialisation of torchvision's vgg11; dropout 0.5. */
export function vgg11(options: VggOptions = {}): Model {
  const { classes = IMAGENET.classes, inputShape = IMAGENET.inputShape, hidden = 4096, dropout: p = 0.5 } = options;
  return model(inputShape, (x) => {
    let index = 0;
    const next = (): string => `features.${index++}`;
    const features = ELEVEN.flatMap((channels) =>
      channels === 0
        ? [maxPool2d(2, { name: next() })]
        : [
            conv2d(channels, 3, { name: next(), padding: 1, weightInit: fanOut, biasInit: zeros }),
            relu({ name: next() }),
          ],
    );
    return chain(
      ...features,
      ...[adaptiveAvgPool2d(7, { name: 'avgpool' }), flatten()],
      ...[
        smallLinear(hidden, 'classifier.0'),
        relu({ name: 'classifier.1' }),
        dropoutLayer(p, { name: 'classifier.2' }),
      ],
      ...[
        smallLinear(hidden, 'classifier.3'),
        relu({ name: 'classifier.4' }),
        dropoutLayer(p, { name: 'classifier.5' }),
      ],
      smallLinear(classes, 'classifier.6'),
    )(x);
  });
}
