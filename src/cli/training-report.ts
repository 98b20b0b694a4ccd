/** The report of a training run: gathers what it shows. Imports cli/report, data, nn. */
import type { Plan } from '../compile/plan.ts';
import type { Dataset } from '../data/dataset.ts';
import { parameterCount } from '../nn/model.ts';
import { summarize } from '../nn/summary.ts';
import type { Evaluation, Trainer } from '../train/trainer.ts';
import { DATASETS } from './datasets.ts';
import { bytes, integer } from './report/format.ts';
import {
  confusionMatrix,
  type ReportConfusion,
  type ReportFilters,
  type ReportMistake,
  type ReportPair,
  renderReport,
  worstMistakes,
} from './report/index.ts';
import { type Settings, settingsCommand } from './settings.ts';
import type { Training } from './training.ts';

/** Seconds of the parts of a run, in their order. */
export interface Phases {
  setup: number;
  compile: number;
  train: number;
  evaluate: number;
  save: number;
}

const MISTAKES = 12;

/** Index of the largest of `width` values from `start`; the first of equals. */
export function argmax(values: ArrayLike<number>, start: number, width: number): number {
  let best = 0;
  for (let i = 1; i < width; i++) if (values[start + i]! > values[start + best]!) best = i;
  return best;
}

/** An image of a data set of bytes, the channels of a pixel side by side. */
function pixelsOf({ samples, shape }: Dataset, index: number): Uint8Array {
  const [channels = 1, height = 1, width = 1] = shape;
  const plane = height * width;
  return Uint8Array.from({ length: channels * plane }, (_, i) => {
    const [pixel, channel] = [Math.floor(i / channels), i % channels];
    return samples[(index * channels + channel) * plane + pixel]!;
  });
}

function mistakesOf(data: Dataset, probabilities: Float32Array): ReportMistake[] {
  const [channels = 1, height = 1, width = 1] = data.shape;
  if (![1, 3, 4].includes(channels)) return [];
  return worstMistakes(probabilities, data.targets, MISTAKES).map((mistake) => ({
    ...mistake,
    image: pixelsOf(data, mistake.index),
    width,
    height,
    channels,
  }));
}

export function confusionOf(
  data: Dataset,
  probabilities: ArrayLike<number>,
  classes: readonly string[],
): ReportConfusion {
  const width = probabilities.length / data.count;
  const predictions = Array.from({ length: data.count }, (_, i) => argmax(probabilities, i * width, width));
  return confusionMatrix(data.targets, predictions, classes);
}

/** The kernels of the first convolution. */
async function filtersOf(trainer: Trainer): Promise<ReportFilters | null> {
  const first = trainer.model.calls.find(({ layer }) => layer.type === 'conv2d');
  const weight = first && (await trainer.parameters()).get(`${first.name}.weight`);
  if (!weight) return null;
  const [out = 1, input = 1, kh = 1, kw = 1] = weight.shape;
  return { layer: first.name, shape: [out, input, kh, kw], data: weight.data };
}

function settingRows(settings: Settings): ReportPair[] {
  const { model, optimizer, lr, momentum, weightDecay, schedule, batch, epochs, seed } = settings;
  return [
    ['Model', model],
    ['Optimizer', optimizer],
    ['Learning rate', `${lr}`],
    ['Momentum', `${momentum}`],
    ['Weight decay', `${weightDecay}`],
    ['Schedule', schedule === 'step' ? `step: times ${settings.gamma} every ${settings.stepSize} epochs` : schedule],
    ['Batch', `${batch}`],
    ['Epochs', `${epochs}`],
    ['Seed', `${seed}`],
    ['Training images', settings.limit > 0 ? `the first ${integer(settings.limit)}` : 'all'],
  ];
}

/** The HTML page. Classifies the test images once more, for the confusion matrix and the mistakes. */
export async function trainingReport(
  training: Training,
  { evaluation, plan, dispatches }: { evaluation: Evaluation; plan: Plan; dispatches: number },
): Promise<string> {
  const { run, trainer, log, phases, images } = training;
  const { settings, device, testData } = run;
  const { title, classes } = DATASETS[settings.dataset];
  const start = performance.now();
  const probabilities = await trainer.predict(testData);
  phases.evaluate += (performance.now() - start) / 1000;
  return renderReport({
    title: `${settings.model} on ${title}`,
    command: settingsCommand(settings),
    date: new Date().toISOString(),
    adapter: device.adapter,
    headline: {
      accuracy: evaluation.accuracy,
      loss: evaluation.loss,
      trainingSeconds: phases.train > 0 ? phases.train : null,
      imagesPerSecond: phases.train > 0 ? images / phases.train : null,
      parameters: parameterCount(trainer.model),
    },
    settings: settingRows(settings),
    steps: log.steps,
    epochs: log.epochs,
    confusion: confusionOf(testData, probabilities, classes),
    filters: await filtersOf(trainer),
    mistakes: mistakesOf(testData, probabilities),
    phases: Object.entries(phases).map(([name, seconds]) => ({ name, seconds })),
    layers: summarize(trainer.model),
    layersPer: 'forward pass, one image',
    dispatchesPerStep: dispatches,
    plan: [
      ['Kernels compiled', integer(new Set(plan.dispatches.map(({ shader }) => shader)).size)],
      ['Activations and scratch', bytes(plan.memory.slabBytes)],
      ['The same without reuse of memory', bytes(plan.memory.unsharedBytes)],
    ],
  });
}
