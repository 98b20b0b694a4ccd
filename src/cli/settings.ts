/** What a training run depends on: read from options, kept in the checkpoint, checked when it is resumed. Imports optim, graph, util, cli. */
import type { Json } from '../graph/types.ts';
import { adagrad } from '../optim/adagrad.ts';
import { adam, adamw } from '../optim/adam.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import { rmsprop } from '../optim/rmsprop.ts';
import { cosineAnnealingLR, type Schedule, stepLR } from '../optim/schedules.ts';
import { sgd } from '../optim/sgd.ts';
import { MOST_SEED } from '../train/options.ts';
import { FormatError } from '../util/errors.ts';
import type { OptionSpec } from './command.ts';
import { DATASET_NAMES, type DatasetName } from './datasets.ts';
import { MODEL_NAMES, type ModelName } from './models.ts';
import { listOf, type Options, optionName, UsageError } from './options.ts';

/** The same settings on the same adapter give the same bits. Paths are no part of it. */
export type Settings = {
  readonly dataset: DatasetName;
  readonly model: ModelName;
  readonly optimizer: OptimizerName;
  readonly lr: number;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly schedule: ScheduleName;
  readonly stepSize: number;
  readonly gamma: number;
  readonly batch: number;
  readonly epochs: number;
  readonly seed: number;
  /** Training images used, the first ones; 0: all. */
  readonly limit: number;
};

interface OptimizerEntry {
  make(options: Pick<Settings, 'lr' | 'momentum' | 'weightDecay'>): Optimizer;
  readonly lr: number;
  /** Default momentum; null where it has none. */
  readonly momentum: number | null;
  readonly weightDecay: number;
}

const OPTIMIZERS = {
  sgd: { make: sgd, lr: 0.05, momentum: 0.9, weightDecay: 0 },
  adagrad: { make: adagrad, lr: 0.01, momentum: null, weightDecay: 0 },
  rmsprop: { make: rmsprop, lr: 0.001, momentum: 0, weightDecay: 0 },
  adam: { make: adam, lr: 0.003, momentum: null, weightDecay: 0 },
  adamw: { make: adamw, lr: 0.001, momentum: null, weightDecay: 0.01 },
} as const satisfies { readonly [name: string]: OptimizerEntry };

type OptimizerName = keyof typeof OPTIMIZERS;
const OPTIMIZER_NAMES = Object.keys(OPTIMIZERS) as OptimizerName[];
const SCHEDULE_NAMES = ['none', 'step', 'cosine'] as const;
type ScheduleName = (typeof SCHEDULE_NAMES)[number];

const DEFAULTS = {
  model: 'lenet',
  optimizer: 'adam',
  schedule: 'cosine',
  stepSize: 5,
  gamma: 0.1,
  batch: 64,
  epochs: 3,
  seed: 0,
  limit: 0,
} as const satisfies Partial<Settings>;

const perOptimizer = (key: 'lr' | 'momentum' | 'weightDecay'): string =>
  OPTIMIZER_NAMES.flatMap((name) => (OPTIMIZERS[name][key] ? [`${name} ${OPTIMIZERS[name][key]}`] : [])).join(', ');

export const SETTING_OPTIONS: readonly OptionSpec[] = [
  { flags: '--model <NAME>', text: listOf(MODEL_NAMES), default: DEFAULTS.model },
  { flags: '--optimizer <NAME>', text: listOf(OPTIMIZER_NAMES), default: DEFAULTS.optimizer },
  { flags: '--lr <RATE>', text: 'learning rate', default: perOptimizer('lr') },
  { flags: '--momentum <M>', text: 'of sgd and rmsprop, from 0 to below 1', default: perOptimizer('momentum') },
  {
    flags: '--weight-decay <D>',
    text: 'L2 penalty; decoupled with adamw',
    default: `0, ${perOptimizer('weightDecay')}`,
  },
  {
    flags: '--schedule <NAME>',
    text: `learning rate over time: ${listOf(SCHEDULE_NAMES)}`,
    default: DEFAULTS.schedule,
  },
  { flags: '--step-size <EPOCHS>', text: 'epochs between two steps of --schedule step', default: DEFAULTS.stepSize },
  { flags: '--gamma <G>', text: 'factor of each of these steps', default: DEFAULTS.gamma },
  { flags: '--batch <N>', text: 'images in a step', default: DEFAULTS.batch },
  { flags: '--epochs <N>', text: 'epochs in all', default: DEFAULTS.epochs },
  { flags: '--seed <N>', text: 'first weights, order of images and dropout follow from it', default: DEFAULTS.seed },
  { flags: '--limit <N>', text: 'train on the first N images only', default: 'all' },
];

const COUNT = { min: 1, max: 2 ** 31 - 1 };

/** The settings that were given, checked one by one. */
export function givenSettings(options: Options): Partial<Settings> {
  const given = {
    model: options.choice('model', MODEL_NAMES),
    optimizer: options.choice('optimizer', OPTIMIZER_NAMES),
    lr: options.number('lr', { above: 0 }),
    momentum: options.number('momentum', { min: 0, max: 0.999999 }),
    weightDecay: options.number('weightDecay', { min: 0 }),
    schedule: options.choice('schedule', SCHEDULE_NAMES),
    stepSize: options.whole('stepSize', COUNT),
    gamma: options.number('gamma', { min: 0, max: 1 }),
    batch: options.whole('batch', COUNT),
    epochs: options.whole('epochs', COUNT),
    seed: options.whole('seed', { min: 0, max: MOST_SEED }),
    limit: options.whole('limit', COUNT),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** The settings of a new run. */
export function newSettings(dataset: DatasetName, given: Partial<Settings>): Settings {
  const optimizer = given.optimizer ?? DEFAULTS.optimizer;
  const { lr, momentum, weightDecay } = OPTIMIZERS[optimizer];
  if (given.momentum !== undefined && momentum === null) {
    const having = OPTIMIZER_NAMES.filter((name) => OPTIMIZERS[name].momentum !== null);
    throw new UsageError(`--momentum is ${given.momentum}, but ${optimizer} has none. It is for ${listOf(having)}.`);
  }
  for (const key of ['stepSize', 'gamma'] as const) {
    if (given[key] !== undefined && given.schedule !== 'step')
      throw new UsageError(`${optionName(key)} is ${given[key]}, but it is for --schedule step. Add that.`);
  }
  return { dataset, ...DEFAULTS, lr, momentum: momentum ?? 0, weightDecay, ...given };
}

/** The settings of a run that goes on. Only `epochs` may be another than before. */
export function resumedSettings(saved: Settings, given: Partial<Settings>, file: string): Settings {
  for (const key of Object.keys(given) as (keyof Settings)[]) {
    if (key === 'epochs' || given[key] === saved[key]) continue;
    const name = key === 'dataset' ? 'the data set' : optionName(key);
    const before = key === 'limit' && saved.limit === 0 ? 'all images' : saved[key];
    throw new UsageError(
      `${name} is ${given[key]}, but ${JSON.stringify(file)} was trained with ${before}. Leave it out to go on with ${before}, or start anew without --resume.`,
    );
  }
  return { ...saved, ...given };
}

/** Settings from a checkpoint's JSON. Throws FormatError where it was not made by `gabor train`. */
export function settingsFrom(extra: Json | undefined, file: string): Settings {
  const saved = (extra as { readonly settings?: Settings } | null)?.settings;
  const known = (names: readonly string[], name: unknown): boolean => names.includes(name as string);
  const numbers = [saved?.lr, saved?.momentum, saved?.weightDecay, saved?.stepSize, saved?.gamma];
  const counts = [saved?.batch, saved?.epochs, saved?.seed, saved?.limit];
  const ok =
    saved &&
    known(DATASET_NAMES, saved.dataset) &&
    known(MODEL_NAMES, saved.model) &&
    known(OPTIMIZER_NAMES, saved.optimizer) &&
    known(SCHEDULE_NAMES, saved.schedule) &&
    numbers.every((value) => Number.isFinite(value)) &&
    counts.every((value) => Number.isSafeInteger(value) && Number(value) >= 0);
  if (!ok) {
    throw new FormatError(
      `${JSON.stringify(file)} does not say how it was trained, so it cannot be resumed. Use a file that "gabor train" has written.`,
    );
  }
  return saved;
}

export const optimizerOf = (settings: Settings): Optimizer => OPTIMIZERS[settings.optimizer].make(settings);

/** The learning rate over time, for epochs of so many batches. */
export function scheduleOf({ schedule, stepSize, gamma, epochs }: Settings, batches: number): Schedule | undefined {
  if (schedule === 'step') return stepLR({ stepSize, gamma });
  if (schedule === 'cosine') return cosineAnnealingLR({ tMax: epochs * batches, per: 'step' });
  return undefined;
}

/** The options that give these settings. */
export function settingsCommand(settings: Settings): string {
  const { dataset, model, optimizer, lr, weightDecay, schedule, stepSize, gamma, batch, epochs, seed } = settings;
  const words = ['gabor train', dataset, '--model', model, '--optimizer', optimizer, '--lr', lr];
  if (OPTIMIZERS[optimizer].momentum !== null) words.push('--momentum', settings.momentum);
  words.push('--weight-decay', weightDecay, '--schedule', schedule);
  if (schedule === 'step') words.push('--step-size', stepSize, '--gamma', gamma);
  words.push('--batch', batch, '--epochs', epochs, '--seed', seed);
  if (settings.limit > 0) words.push('--limit', settings.limit);
  return words.join(' ');
}
