/** The models that have a name. Imports nn. */
import { conv2d, dropout, flatten, linear, maxPool2d, relu } from '../nn/layers.ts';
import { type Model, sequential } from '../nn/model.ts';
import type { Shape } from '../util/shape.ts';

type Maker = (inputShape: Shape, classes: number) => Model;

/** After LeNet-5 (LeCun et al. 1998), with ReLU and max pooling and 8 first filters, a multiple of the 4 that are read at once. */
const lenet: Maker = (inputShape, classes) =>
  sequential(inputShape, [
    ...[conv2d(8, 5, { padding: 2 }), relu(), maxPool2d(2)],
    ...[conv2d(16, 5), relu(), maxPool2d(2)],
    ...[flatten(), linear(120), relu(), linear(84), relu(), linear(classes)],
  ]);

/** Two blocks of a 3x3 convolution and pooling, dropout before the last layer. */
const cnn: Maker = (inputShape, classes) =>
  sequential(inputShape, [
    ...[conv2d(32, 3, { padding: 1 }), relu(), maxPool2d(2)],
    ...[conv2d(64, 3, { padding: 1 }), relu(), maxPool2d(2)],
    ...[flatten(), linear(128), relu(), dropout(0.25), linear(classes)],
  ]);

/** Two hidden layers, no convolution. */
const mlp: Maker = (inputShape, classes) =>
  sequential(inputShape, [flatten(), linear(256), relu(), linear(128), relu(), linear(classes)]);

export const MODELS = { lenet, cnn, mlp } as const;
export type ModelName = keyof typeof MODELS;
export const MODEL_NAMES = Object.keys(MODELS) as ModelName[];
