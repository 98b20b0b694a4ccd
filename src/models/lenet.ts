/** LeNet-5 (LeCun et al. 1998). Imports nn, parts. */
import { avgPool2d, conv2d, flatten, linear, tanh } from '../nn/layers.ts';
import { type Model, sequential } from '../nn/model.ts';
import type { ImageModelOptions } from './parts.ts';

/**
 * LeNet-5 in its usual form today: tanh, average pooling, every map connected, plain output. 10 classes, [1, 28, 28]:
 * 61,706 parameters (conv1, conv2, fc1, fc2, fc3). Images below 32 x 32 are padded to that. PyTorch's initialisation.
 */
export function lenet5({ classes = 10, inputShape = [1, 28, 28] }: ImageModelOptions = {}): Model {
  const [, h = 32, w = 32] = inputShape;
  const around = (size: number): number => Math.max(0, Math.ceil((32 - size) / 2));
  return sequential(inputShape, [
    ...[conv2d(6, 5, { name: 'conv1', padding: [around(h), around(w)] }), tanh(), avgPool2d(2)],
    ...[conv2d(16, 5, { name: 'conv2' }), tanh(), avgPool2d(2)],
    ...[flatten(), linear(120, { name: 'fc1' }), tanh(), linear(84, { name: 'fc2' }), tanh()],
    linear(classes, { name: 'fc3' }),
  ]);
}
