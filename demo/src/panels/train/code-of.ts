/** A configuration as code that does the same with the library. Pure. */
import { type Config, type LayerChoice, layersOf } from '../../engine/config.ts';

const lineOf = (layer: LayerChoice, activation: string): string => {
  switch (layer.type) {
    case 'conv': {
      const options = [
        layer.stride > 1 && `stride: ${layer.stride}`,
        layer.padding > 0 && `padding: ${layer.padding}`,
      ].filter(Boolean);
      return `conv2d(${layer.out}, ${layer.kernel}${options.length > 0 ? `, { ${options.join(', ')} }` : ''})`;
    }
    case 'pool':
      return `${layer.kind}Pool2d(${layer.size}${layer.stride === layer.size ? '' : `, { stride: ${layer.stride} }`})`;
    case 'linear':
      return `linear(${layer.out})`;
    case 'norm':
      return 'batchNorm2d()';
    case 'activation':
      return `${activation}()`;
    case 'dropout':
      return `dropout(${layer.p})`;
  }
};

const OPTIMIZERS: { readonly [name in Config['optimizer']]: (lr: number) => string } = {
  sgd: (lr) => `sgd({ lr: ${lr} })`,
  momentum: (lr) => `sgd({ lr: ${lr}, momentum: 0.9 })`,
  adagrad: (lr) => `adagrad({ lr: ${lr} })`,
  rmsprop: (lr) => `rmsprop({ lr: ${lr} })`,
  adam: (lr) => `adam({ lr: ${lr} })`,
};

export function codeOf(config: Config): string {
  const layers = layersOf(config);
  const lines: string[] = [];
  const first = layers.findIndex(({ type }) => type === 'linear');
  for (const [i, layer] of layers.entries())
    lines.push(...(i === first ? ['flatten()'] : []), lineOf(layer, config.activation));
  if (first < 0) lines.push('flatten()');
  return `
import * as gabor from 'gabor';

const { ${[...new Set([...lines, 'linear(10)'].map((line) => line.split('(')[0]))].join(', ')} } = gabor;
const { train, test } = await gabor.mnist();
const model = gabor.sequential([1, 28, 28], [
  ${[...lines, 'linear(10)'].join(', ')},
]);
const trainer = await gabor.createTrainer(await gabor.requestDevice(), model, {
  loss: gabor.crossEntropy(), optimizer: gabor.${OPTIMIZERS[config.optimizer](config.lr)}, batchSize: ${config.batchSize},
});
await trainer.fit(train, { epochs: 3, validation: test });
`;
}
