/** Models, losses, optimizers and augmentation of a configuration. Runs in the worker; imports gabor and config. */
import * as gabor from '../../../src/index.ts';
import { type Config, type LayerChoice, layersOf } from './config.ts';

/** The shape of an MNIST image. */
export const INPUT: gabor.Shape = [1, 28, 28];

const ACTIVATION: { readonly [name in Config['activation']]: () => gabor.Layer } = {
  relu: gabor.relu,
  leakyRelu: gabor.leakyRelu,
  sigmoid: gabor.sigmoid,
  tanh: gabor.tanh,
  silu: gabor.silu,
  gelu: gabor.gelu,
};

const INIT: { readonly [name in Config['init']]: gabor.Initializer | undefined } = {
  default: undefined,
  kaimingNormal: gabor.kaimingNormal(),
  kaimingUniform: gabor.kaimingUniform(),
  xavierNormal: gabor.xavierNormal(),
  xavierUniform: gabor.xavierUniform(),
  normal: gabor.normalInit({ std: 0.01 }),
  zeros: gabor.constantInit(0),
};

/** "All zero" means the biases too: units then differ in nothing at all. */
const BIAS_INIT: { readonly [name in Config['init']]?: gabor.Initializer } = { zeros: INIT.zeros };

function layerOf(choice: LayerChoice, { activation, init }: Config): gabor.Layer {
  const inits = { weightInit: INIT[init], biasInit: BIAS_INIT[init] };
  switch (choice.type) {
    case 'conv':
      return gabor.conv2d(choice.out, choice.kernel, { stride: choice.stride, padding: choice.padding, ...inits });
    case 'pool':
      return (choice.kind === 'max' ? gabor.maxPool2d : gabor.avgPool2d)(choice.size, { stride: choice.stride });
    case 'linear':
      return gabor.linear(choice.out, inits);
    case 'norm':
      return gabor.batchNorm2d();
    case 'activation':
      return ACTIVATION[activation]();
    case 'dropout':
      return gabor.dropout(choice.p);
  }
}

/** The model that a configuration describes. Throws ShapeError where layers do not fit. */
export function modelOf(config: Config): gabor.Model {
  const layers: gabor.Layer[] = [];
  let flat = false;
  for (const choice of layersOf(config)) {
    if (choice.type === 'linear' && !flat) layers.push(gabor.flatten());
    flat ||= choice.type === 'linear';
    layers.push(layerOf(choice, config));
  }
  if (!flat) layers.push(gabor.flatten());
  return gabor.sequential(INPUT, [...layers, layerOf({ type: 'linear', out: 10 }, config)]);
}

export function optimizerOf({ optimizer, lr }: Pick<Config, 'optimizer' | 'lr'>): gabor.Optimizer {
  switch (optimizer) {
    case 'sgd':
      return gabor.sgd({ lr });
    case 'momentum':
      return gabor.sgd({ lr, momentum: 0.9 });
    case 'adagrad':
      return gabor.adagrad({ lr });
    case 'rmsprop':
      return gabor.rmsprop({ lr });
    case 'adam':
      return gabor.adam({ lr });
  }
}

export function augmentOf({ augment }: Config): gabor.Augmentation | undefined {
  switch (augment) {
    case 'none':
      return undefined;
    case 'shift':
      return gabor.randomCrop({ padding: 2 });
    case 'affine':
      return gabor.randomAffine({ degrees: 12, translate: [0.08, 0.08], scale: [0.9, 1.1] });
    case 'erase':
      return gabor.randomErasing();
  }
}
