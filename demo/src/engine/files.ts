/** Which configuration a file's network has: the page's own files say it, others are read from the model's description. Imports gabor, config. */
import { decodeCheckpoint } from '../../../src/index.ts';
import { ACTIVATIONS, type Config, configFrom, DEFAULT_CONFIG, type LayerChoice, MOST_LAYERS } from './config.ts';

type Training = NonNullable<ReturnType<typeof decodeCheckpoint>['training']>;
type Fields = { readonly [name: string]: unknown };

export interface FileFacts {
  readonly config: Config;
  /** Whether training goes on as it was; else only the weights are taken, for the reason given. */
  readonly resumes: boolean;
  readonly reason: string | null;
}

const LOSS_NAMES: { readonly [name: string]: Config['loss'] } = {
  crossEntropy: 'crossEntropy',
  'mse of softmax': 'mse',
};

const square = (value: unknown): number | null =>
  typeof value === 'number'
    ? value
    : Array.isArray(value) && value.every((v) => v === value[0])
      ? Number(value[0])
      : null;

/** A described layer as a choice; null for those that are there by themselves. Throws for what the page cannot express. */
function choiceOf(layer: string, config: Fields): LayerChoice | null {
  const cannot = (what: string): Error =>
    new Error(
      `The file's network has ${what}, which this page cannot show. The command line can: gabor evaluate FILE.`,
    );
  const number = (name: string, otherwise: number): number => {
    const value = square(config[name] ?? otherwise);
    if (value === null) throw cannot(`a ${layer} whose ${name} is ${JSON.stringify(config[name])}`);
    return value;
  };
  if (ACTIVATIONS.some((name) => name === layer)) return { type: 'activation' };
  switch (layer) {
    case 'conv2d':
      if (number('dilation', 1) !== 1 || number('groups', 1) !== 1 || config.bias === false)
        throw cannot('a convolution with dilation, groups or without bias');
      return {
        type: 'conv',
        out: number('outChannels', 0),
        kernel: number('kernel', 0),
        stride: number('stride', 1),
        padding: number('padding', 0),
      };
    case 'maxPool2d':
    case 'avgPool2d': {
      const size = number('kernel', 2);
      if (number('padding', 0) !== 0 || number('dilation', 1) !== 1) throw cannot('pooling with padding or dilation');
      return { type: 'pool', kind: layer === 'maxPool2d' ? 'max' : 'avg', size, stride: number('stride', size) };
    }
    case 'linear':
      if (config.bias === false) throw cannot('a linear layer without bias');
      return { type: 'linear', out: number('outFeatures', 0) };
    case 'batchNorm2d':
      return { type: 'norm' };
    case 'dropout':
      return { type: 'dropout', p: number('p', 0.5) };
    case 'flatten':
      return null;
    default:
      throw cannot(`a layer "${layer}"`);
  }
}

function networkOf({ model }: Training): Pick<Config, 'layers' | 'activation'> {
  if (JSON.stringify(model.inputShape) !== '[1,28,28]')
    throw new Error(`The file's network takes images of ${JSON.stringify(model.inputShape)}, this page has [1,28,28].`);
  const steps = model.steps.map((step, i) => {
    if (!('layer' in step) || typeof step.layer !== 'string' || step.inputs.length !== 1 || step.inputs[0] !== i)
      throw new Error("The file's network is no chain of layers, which this page cannot show.");
    return { layer: step.layer, config: step.config as Fields };
  });
  const choices = steps.map(({ layer, config }) => choiceOf(layer, config)).filter((choice) => choice !== null);
  const last = choices.pop();
  if (last?.type !== 'linear' || last.out !== 10 || choices.length > MOST_LAYERS)
    throw new Error(`The file's network does not end in a linear layer of 10, or has more than ${MOST_LAYERS} layers.`);
  const used = [...new Set(steps.map(({ layer }) => layer))].filter((layer) =>
    ACTIVATIONS.some((name) => name === layer),
  );
  if (used.length > 1)
    throw new Error(`The file's network has several activations (${used.join(', ')}), this page has one for all.`);
  return { layers: choices, activation: ACTIVATIONS.find((name) => name === used[0]) ?? 'relu' };
}

/** The page's name of an optimizer; null where it has none like it. */
function optimizerOf({ optimizer: { name, config } }: Training): Pick<Config, 'optimizer' | 'lr'> | null {
  const fields: Fields = typeof config === 'object' && config !== null ? { ...config } : {};
  const lr = typeof fields.lr === 'number' ? fields.lr : null;
  if (lr === null) return null;
  if (name === 'sgd')
    return fields.momentum === 0.9
      ? { optimizer: 'momentum', lr }
      : fields.momentum === 0
        ? { optimizer: 'sgd', lr }
        : null;
  return name === 'adagrad' || name === 'rmsprop' || name === 'adam' ? { optimizer: name, lr } : null;
}

/** Throws with what is wrong where the bytes are no checkpoint or one that the page cannot show. */
export function factsOf(bytes: Uint8Array<ArrayBuffer>): FileFacts {
  const { training } = decodeCheckpoint(bytes);
  if (!training) throw new Error('The file holds weights, but not which network they belong to.');
  const extra: Fields = typeof training.extra === 'object' && training.extra !== null ? { ...training.extra } : {};
  if ('demo' in extra) return { config: configFrom(extra.demo), resumes: true, reason: null };
  const network = networkOf(training);
  const optimizer = optimizerOf(training);
  const loss = LOSS_NAMES[training.loss.name];
  const { batchSize, seed } = training;
  const config: Config = {
    ...DEFAULT_CONFIG,
    ...network,
    network: 'custom',
    ...optimizer,
    batchSize,
    seed,
    loss: loss ?? 'crossEntropy',
  };
  const schedule = training.update?.schedule?.name;
  const reason = schedule
    ? `its schedule "${schedule}"`
    : !optimizer
      ? `its optimizer "${training.optimizer.name}"`
      : !loss
        ? `its loss "${training.loss.name}"`
        : null;
  return { config, resumes: reason === null, reason };
}
