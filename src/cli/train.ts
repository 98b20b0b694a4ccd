/** `gabor train`. Imports cli, data, io, train. */
import { dirname, join } from 'node:path';
import type { Dataset } from '../data/dataset.ts';
import { ensureWritableFolder } from '../io/atomic-file.ts';
import { readFileBytes } from '../io/files.ts';
import { decodeCheckpoint } from '../train/checkpoint.ts';
import { type Command, type Io, JSON_OPTION, TUNE_MODES, TUNE_OPTION } from './command.ts';
import { DATA_OPTION, DATASET_NAMES, DATASETS } from './datasets.ts';
import { withDevice } from './device.ts';
import { checkName, type Options, UsageError } from './options.ts';
import {
  givenSettings,
  newSettings,
  resumedSettings,
  SETTING_OPTIONS,
  type Settings,
  settingsFrom,
} from './settings.ts';
import { type Resumed, type RunFiles, train } from './training.ts';

const MODEL_FILE = 'model.safetensors';

const filesIn = (folder: string): RunFiles => ({
  model: join(folder, MODEL_FILE),
  metrics: join(folder, 'metrics.jsonl'),
  report: join(folder, 'report.html'),
});

interface Plan {
  readonly settings: Settings;
  readonly folder: string;
  readonly resumed: Resumed | null;
}

/** What is to be done, as the options say and, of a run that goes on, its checkpoint. */
async function planRun(args: readonly string[], options: Options): Promise<Plan> {
  const named = args[0] === undefined ? undefined : checkName('the data set', args[0], DATASET_NAMES);
  const given = givenSettings(options);
  const out = options.text('out');
  const dataset = named ?? 'mnist';
  if (!options.has('resume'))
    return { settings: newSettings(dataset, given), folder: out ?? join('out', dataset), resumed: null };
  const file = options.text('resume') ?? join(out ?? join('out', dataset), MODEL_FILE);
  const bytes = await readFileBytes(file);
  const { training } = decodeCheckpoint(bytes);
  const saved = settingsFrom(training?.extra, file);
  const settings = resumedSettings(saved, { ...(named && { dataset: named }), ...given }, file);
  const { epoch, batch } = training!.position;
  if (settings.epochs < epoch + (batch > 0 ? 1 : 0)) {
    throw new UsageError(
      `--epochs is ${settings.epochs}, but ${JSON.stringify(file)} is in epoch ${epoch + (batch > 0 ? 1 : 0)} already. Use that many at least.`,
    );
  }
  return { settings, folder: out ?? dirname(file), resumed: { bytes, metrics: filesIn(dirname(file)).metrics } };
}

/** The images to train on. */
function trainingSet(data: Dataset, { limit, batch, dataset }: Settings): Dataset {
  if (limit > data.count)
    throw new UsageError(`--limit is ${limit}, but ${dataset} has ${data.count} training images. Use fewer.`);
  const used = limit > 0 ? data.slice(0, limit) : data;
  if (batch > used.count)
    throw new UsageError(`--batch is ${batch}, but there are ${used.count} training images. Use a smaller batch.`);
  return used;
}

async function run(args: readonly string[], options: Options, io: Io): Promise<number> {
  const start = performance.now();
  const { settings, folder, resumed } = await planRun(args, options);
  const data = options.text('data');
  const tune = options.choice('tune', TUNE_MODES) ?? 'off';
  const loaded = await DATASETS[settings.dataset].load({ folder: data });
  const trainData = trainingSet(loaded.train, settings);
  await ensureWritableFolder(folder);
  return withDevice(io, (device) =>
    train(
      {
        settings,
        files: filesIn(folder),
        resumed,
        dataFolder: data,
        tune,
        trainData,
        testData: loaded.test,
        json: options.flag('json'),
        report: !options.denied('report'),
        device,
        setupSeconds: (performance.now() - start) / 1000,
      },
      io,
    ),
  );
}

export const trainCommand: Command = {
  usage: 'train [dataset]',
  text: `train a model; data sets: ${DATASET_NAMES.join(', ')}`,
  options: [
    DATA_OPTION,
    ...SETTING_OPTIONS,
    { flags: '--out <FOLDER>', text: 'where model, metrics and report are written', default: 'out/DATASET' },
    { flags: '--resume [FILE]', text: 'go on with a run', default: `OUT/${MODEL_FILE}` },
    TUNE_OPTION,
    { flags: '--no-report', text: 'write no report.html' },
    JSON_OPTION,
  ],
  examples: [
    'train mnist',
    'train mnist --optimizer sgd --lr 0.02 --epochs 5 --out out/sgd',
    'train mnist --resume --epochs 10',
  ],
  run,
};
