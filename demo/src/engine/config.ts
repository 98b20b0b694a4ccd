/** What a visitor chooses: the network, how it is trained. Pure; used by the page and the worker alike. */

/** A layer as the visitor sees it. Flatten and the last linear layer of 10 are added by themselves. */
export type LayerChoice =
  | {
      readonly type: 'conv';
      readonly out: number;
      readonly kernel: number;
      readonly stride: number;
      readonly padding: number;
    }
  | { readonly type: 'pool'; readonly kind: 'max' | 'avg'; readonly size: number; readonly stride: number }
  | { readonly type: 'linear'; readonly out: number }
  | { readonly type: 'norm' }
  | { readonly type: 'activation' }
  | { readonly type: 'dropout'; readonly p: number };

export const NETWORKS = ['mlp', 'lenet', 'modern', 'custom'] as const;
export const ACTIVATIONS = ['relu', 'leakyRelu', 'sigmoid', 'tanh', 'silu', 'gelu'] as const;
export const INITIALIZERS = [
  'default',
  'kaimingNormal',
  'kaimingUniform',
  'xavierNormal',
  'xavierUniform',
  'normal',
  'zeros',
] as const;
export const OPTIMIZERS = ['sgd', 'momentum', 'adagrad', 'rmsprop', 'adam'] as const;
export const AUGMENTATIONS = ['none', 'shift', 'affine', 'erase'] as const;
export const LOSSES = ['crossEntropy', 'mse'] as const;
export const BATCH_SIZES = [16, 32, 64, 128, 256] as const;

/** A type, not an interface, so that it counts as JSON and goes into a file as it is. */
export type Config = {
  readonly network: (typeof NETWORKS)[number];
  /** Used where the network is 'custom'. */
  readonly layers: readonly LayerChoice[];
  readonly activation: (typeof ACTIVATIONS)[number];
  readonly init: (typeof INITIALIZERS)[number];
  readonly loss: (typeof LOSSES)[number];
  readonly optimizer: (typeof OPTIMIZERS)[number];
  readonly lr: number;
  readonly batchSize: number;
  readonly augment: (typeof AUGMENTATIONS)[number];
  readonly seed: number;
};

const act: LayerChoice = { type: 'activation' };
const conv = (out: number, kernel: number, padding = 0): LayerChoice => ({
  type: 'conv',
  out,
  kernel,
  stride: 1,
  padding,
});
const pool: LayerChoice = { type: 'pool', kind: 'max', size: 2, stride: 2 };
const norm: LayerChoice = { type: 'norm' };

const PRESETS: { readonly [network in Exclude<Config['network'], 'custom'>]: readonly LayerChoice[] } = {
  mlp: [{ type: 'linear', out: 128 }, act],
  lenet: [
    conv(6, 5, 2),
    act,
    pool,
    conv(16, 5),
    act,
    pool,
    { type: 'linear', out: 120 },
    act,
    { type: 'linear', out: 84 },
    act,
  ],
  modern: [
    conv(16, 3, 1),
    norm,
    act,
    pool,
    conv(32, 3, 1),
    norm,
    act,
    pool,
    conv(64, 3, 1),
    norm,
    act,
    { type: 'pool', kind: 'avg', size: 7, stride: 7 },
  ],
};

/** Layers of a configuration, whatever its network. */
export const layersOf = ({ network, layers }: Config): readonly LayerChoice[] =>
  network === 'custom' ? layers : PRESETS[network];

/** Learning rates at which each optimizer works well on these networks. */
export const DEFAULT_RATES: { readonly [optimizer in Config['optimizer']]: number } = {
  sgd: 0.1,
  momentum: 0.02,
  adagrad: 0.02,
  rmsprop: 0.001,
  adam: 0.001,
};

export const DEFAULT_CONFIG: Config = {
  network: 'lenet',
  layers: PRESETS.lenet,
  activation: 'relu',
  init: 'default',
  loss: 'crossEntropy',
  optimizer: 'momentum',
  lr: DEFAULT_RATES.momentum,
  batchSize: 64,
  augment: 'none',
  seed: 1,
};

/** That a network may have. */
export const MOST_LAYERS = 24;

const oneOf = <T extends string>(value: unknown, options: readonly T[], otherwise: T): T =>
  options.find((option) => option === value) ?? otherwise;

const numberIn = (value: unknown, [low, high]: readonly [number, number], otherwise: number): number =>
  typeof value === 'number' && value >= low && value <= high ? value : otherwise;

const wholeIn = (value: unknown, range: readonly [number, number], otherwise: number): number =>
  Math.round(numberIn(value, range, otherwise));

function layerFrom(value: unknown): LayerChoice[] {
  if (typeof value !== 'object' || value === null) return [];
  const fields: { readonly [key: string]: unknown } = { ...value };
  switch (fields.type) {
    case 'conv':
      return [
        {
          type: 'conv',
          out: wholeIn(fields.out, [1, 256], 16),
          kernel: wholeIn(fields.kernel, [1, 11], 3),
          stride: wholeIn(fields.stride, [1, 4], 1),
          padding: wholeIn(fields.padding, [0, 5], 0),
        },
      ];
    case 'pool':
      return [
        {
          type: 'pool',
          kind: oneOf(fields.kind, ['max', 'avg'], 'max'),
          size: wholeIn(fields.size, [1, 28], 2),
          stride: wholeIn(fields.stride, [1, 28], 2),
        },
      ];
    case 'linear':
      return [{ type: 'linear', out: wholeIn(fields.out, [1, 1024], 64) }];
    case 'dropout':
      return [{ type: 'dropout', p: numberIn(fields.p, [0, 0.9], 0.25) }];
    case 'norm':
      return [norm];
    case 'activation':
      return [act];
    default:
      return [];
  }
}

/** A configuration from anything (a link, a file): what is missing or wrong is the default. */
export function configFrom(value: unknown): Config {
  const fields: { readonly [key: string]: unknown } = typeof value === 'object' && value !== null ? { ...value } : {};
  const { network, layers, activation, init, loss, optimizer, lr, batchSize, augment, seed } = fields;
  const chosen = oneOf(optimizer, OPTIMIZERS, DEFAULT_CONFIG.optimizer);
  return {
    network: oneOf(network, NETWORKS, DEFAULT_CONFIG.network),
    layers: Array.isArray(layers) ? layers.slice(0, MOST_LAYERS).flatMap(layerFrom) : DEFAULT_CONFIG.layers,
    activation: oneOf(activation, ACTIVATIONS, DEFAULT_CONFIG.activation),
    init: oneOf(init, INITIALIZERS, DEFAULT_CONFIG.init),
    loss: oneOf(loss, LOSSES, DEFAULT_CONFIG.loss),
    optimizer: chosen,
    lr: numberIn(lr, [1e-6, 10], DEFAULT_RATES[chosen]),
    batchSize: wholeIn(batchSize, [1, 512], DEFAULT_CONFIG.batchSize),
    augment: oneOf(augment, AUGMENTATIONS, DEFAULT_CONFIG.augment),
    seed: wholeIn(seed, [0, 2 ** 31], DEFAULT_CONFIG.seed),
  };
}

/** For the part of a link behind `#`: only what differs from the default. */
export function configToHash(config: Config): string {
  const entries = Object.entries(config).filter(
    ([key, value]) => JSON.stringify(value) !== JSON.stringify(DEFAULT_CONFIG[key as keyof Config]),
  );
  const kept = entries.filter(([key]) => key !== 'layers' || config.network === 'custom');
  return new URLSearchParams(
    kept.map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]),
  ).toString();
}

/** The configuration of a link; null where it holds none. */
export function configFromHash(hash: string): Config | null {
  const entries = [...new URLSearchParams(hash.replace(/^#/, ''))].filter(([key]) => key in DEFAULT_CONFIG);
  if (entries.length === 0) return null;
  const parse = (text: string): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  };
  return configFrom(Object.fromEntries(entries.map(([key, text]) => [key, parse(text)])));
}
