/** One training run: from data and settings to files. Imports cli, data, io, nn, train. */
import { dirname } from 'node:path';
import type { Plan } from '../compile/plan.ts';
import type { Dataset } from '../data/dataset.ts';
import type { Device } from '../gpu/device.ts';
import { writeFileAtomic } from '../io/atomic-file.ts';
import { crossEntropy } from '../nn/losses.ts';
import type { Model } from '../nn/model.ts';
import { summarize } from '../nn/summary.ts';
import type { TuneMode } from '../runtime/tuner.ts';
import type { BatchLogs, Callback, EpochLogs } from '../train/callbacks.ts';
import { decodeCheckpoint, modelOf } from '../train/checkpoint.ts';
import { progressBar } from '../train/progress-bar.ts';
import { createTrainer, type Evaluation, type Trainer } from '../train/trainer.ts';
import { StateError } from '../util/errors.ts';
import type { Io } from './command.ts';
import { DATASETS } from './datasets.ts';
import { describeAdapter, warnOfSoftware } from './device.ts';
import { MetricsLog } from './metrics-log.ts';
import { MODELS } from './models.ts';
import { loss as lossText, percent } from './report/format.ts';
import { optimizerOf, type Settings, scheduleOf, settingsCommand } from './settings.ts';
import { layerTable } from './table.ts';
import { type Phases, trainingReport } from './training-report.ts';

const EXIT_INTERRUPTED = 130;

export interface RunFiles {
  readonly model: string;
  readonly metrics: string;
  readonly report: string;
}

/** The run that is gone on with. */
export interface Resumed {
  readonly bytes: Uint8Array;
  readonly metrics: string;
}

export interface TrainingRun {
  readonly settings: Settings;
  readonly files: RunFiles;
  readonly resumed: Resumed | null;
  readonly dataFolder: string | undefined;
  readonly tune: TuneMode;
  readonly trainData: Dataset;
  readonly testData: Dataset;
  readonly json: boolean;
  readonly report: boolean;
  readonly device: Device;
  readonly setupSeconds: number;
}

/** A run under way. */
class Training {
  readonly run: TrainingRun;
  readonly trainer: Trainer;
  readonly log: MetricsLog;
  readonly phases: Phases;
  /** Images trained by this process. */
  images = 0;
  #io: Io;
  #fitStart = 0;

  constructor(run: TrainingRun, parts: { trainer: Trainer; log: MetricsLog; phases: Phases; io: Io }) {
    this.run = run;
    this.trainer = parts.trainer;
    this.log = parts.log;
    this.phases = parts.phases;
    this.#io = parts.io;
  }

  get batches(): number {
    return Math.ceil(this.run.trainData.count / this.run.settings.batch);
  }

  /** Metrics first: lines behind a checkpoint are dropped when it is resumed, lines before it could not be made up for. */
  async save(): Promise<void> {
    const start = performance.now();
    const { settings, files } = this.run;
    const { classes } = DATASETS[settings.dataset];
    const bytes = await this.trainer.save({ extra: { settings, classes, command: settingsCommand(settings) } });
    await this.log.flush();
    await writeFileAtomic(files.model, bytes);
    this.phases.save += (performance.now() - start) / 1000;
  }

  /** Trains; gives whether it was interrupted. */
  async fit(): Promise<boolean> {
    const { settings, trainData, testData, json } = this.run;
    const io = this.#io;
    const own: Callback = {
      onEpochBegin: () => {
        if (this.#fitStart > 0) this.phases.compile += (performance.now() - this.#fitStart) / 1000;
        this.#fitStart = 0;
      },
      onBatchEnd: (logs) => this.#onBatchEnd(logs),
      onEpochEnd: (logs) => this.#onEpochEnd(logs),
    };
    const bar = progressBar({ print: io.error, plain: !io.terminal });
    this.#fitStart = performance.now();
    try {
      const { aborted } = await this.trainer.fit(trainData, {
        epochs: settings.epochs,
        validation: testData,
        callbacks: json ? [own] : [bar, own],
        resume: true,
        signal: io.interruption?.(),
      });
      return aborted;
    } catch (error) {
      await bar.onTrainEnd?.({ aborted: true, stopped: false }); // gives the cursor back
      throw error;
    }
  }

  #onBatchEnd(logs: BatchLogs): void {
    if (!Number.isFinite(logs.loss)) {
      throw new StateError(
        `the loss is ${logs.loss} at step ${logs.step}: training has diverged. Use a smaller --lr (it is ${logs.learningRate}); the files of the last epoch are kept.`,
      );
    }
    this.images += this.samplesAt(logs.step);
    this.log.addStep(logs);
  }

  async #onEpochEnd(logs: EpochLogs): Promise<void> {
    this.phases.train += logs.seconds;
    this.phases.evaluate += logs.valSeconds;
    const { type, ...line } = this.log.addEpoch(logs);
    if (this.run.json) this.#io.print(JSON.stringify({ type, ...line, seconds: logs.seconds }));
    await this.save();
  }

  /** Images of a step, counted from 1. */
  samplesAt(step: number): number {
    return samplesAt(step, this.run);
  }
}

function samplesAt(step: number, { trainData: { count }, settings: { batch } }: TrainingRun): number {
  const index = (step - 1) % Math.ceil(count / batch);
  return Math.min(batch, count - index * batch);
}

/** The command that goes on with the run. */
function resumeCommand({ settings, files, dataFolder, tune }: TrainingRun, io: Io): string {
  const quote = (text: string): string => (/^[\w./:@%+-]+$/.test(text) ? text : JSON.stringify(text));
  const data = dataFolder === undefined ? '' : ` --data ${quote(dataFolder)}`;
  const tuned = tune === 'off' ? '' : ` --tune ${tune}`;
  return `${io.program ?? 'npx gabor'} train ${settings.dataset}${data}${tuned} --resume ${quote(files.model)}`;
}

/** Adapter, layers and plan, before training. */
function introduce(run: TrainingRun, model: Model, { dispatches, io }: { dispatches: number; io: Io }): void {
  const { device, settings, trainData, testData, json } = run;
  warnOfSoftware(device.adapter, io);
  if (json) return;
  io.print(`adapter: ${describeAdapter(device.adapter)}`);
  io.print(`model: ${settings.model}, ${dispatches} dispatches in a training step of ${settings.batch} images\n`);
  io.print(`${layerTable(summarize(model))}\n`);
  io.error(`training on ${trainData.count} images, testing on ${testData.count}`);
}

async function prepare(run: TrainingRun, io: Io): Promise<Training> {
  const { settings, device, resumed, trainData, testData, files } = run;
  const start = performance.now();
  const { classes } = DATASETS[settings.dataset];
  const model = resumed
    ? modelOf(decodeCheckpoint(resumed.bytes))
    : MODELS[settings.model](testData.shape, classes.length);
  const trainer = await createTrainer(device, model, {
    loss: crossEntropy(),
    optimizer: optimizerOf(settings),
    batchSize: settings.batch,
    seed: settings.seed,
    schedule: scheduleOf(settings, Math.ceil(trainData.count / settings.batch)),
    tune: { mode: run.tune, onEvent: ({ text }) => io.error(`tuner: ${text}`) },
  });
  try {
    const log = new MetricsLog(files.metrics, (step) => samplesAt(step, run));
    if (resumed) {
      trainer.load(resumed.bytes);
      await log.resume(resumed.metrics, trainer.position.step);
    }
    const compile = (performance.now() - start) / 1000;
    const phases = { setup: run.setupSeconds, compile, train: 0, evaluate: 0, save: 0 };
    return new Training(run, { trainer, log, phases, io });
  } catch (error) {
    trainer.dispose();
    throw error;
  }
}

/** The plan of a training step as `fit` uses it, without the optimizer. */
export function stepPlan({ trainer, run }: Pick<Training, 'trainer' | 'run'>): Plan {
  const data = trainer.engine.resident(run.trainData) ?? undefined;
  return trainer.engine.describePlan({ mode: 'train', batch: run.settings.batch, data, shuffle: data !== undefined });
}

/** Dispatches of a training step, the optimizer's included. */
export const dispatchesOf = (training: Training): number =>
  stepPlan(training).dispatches.length + training.trainer.engine.session.arenas.parameters.shards.length;

async function interrupted(training: Training, { before, io }: { before: number; io: Io }): Promise<number> {
  const { run, trainer } = training;
  const { step, epoch, batch } = trainer.position;
  if (step === before) io.error('interrupted before the first step: nothing was written');
  else {
    await training.save();
    const where = batch > 0 ? `batch ${batch} of ${training.batches} of epoch ${epoch + 1}` : `epoch ${epoch}`;
    io.error(`interrupted after step ${step} (${where}), saved in ${run.files.model}. To go on:`);
    io.error(`  ${resumeCommand(run, io)}`);
  }
  return EXIT_INTERRUPTED;
}

/** Result on the test images: of the last epoch, or measured now where there was none to train. */
async function finalEvaluation({ log, trainer, run, phases }: Training): Promise<Evaluation> {
  const last = log.epochs.at(-1);
  if (last?.step === trainer.position.step)
    return { loss: last.valLoss, accuracy: last.valAccuracy, samples: run.testData.count };
  const start = performance.now();
  const result = await trainer.evaluate(run.testData);
  phases.evaluate += (performance.now() - start) / 1000;
  return result;
}

async function finish(training: Training, io: Io): Promise<number> {
  const { run, trainer, phases, images } = training;
  const { files, settings } = run;
  if (!training.log.isWritten) await training.save(); // no epoch was left to train
  const evaluation = await finalEvaluation(training);
  if (run.report) {
    const text = await trainingReport(training, {
      evaluation,
      plan: stepPlan(training),
      dispatches: dispatchesOf(training),
    });
    const start = performance.now();
    await writeFileAtomic(files.report, text);
    phases.save += (performance.now() - start) / 1000;
  }
  const imagesPerSecond = phases.train > 0 ? images / phases.train : null;
  if (run.json) {
    const { step, epoch } = trainer.position;
    const written = { model: files.model, metrics: files.metrics, report: run.report ? files.report : null };
    const { accuracy, loss } = evaluation;
    const adapter = run.device.adapter;
    const result = { accuracy, loss, epochs: epoch, steps: step, imagesPerSecond, seconds: phases, files: written };
    io.print(JSON.stringify({ type: 'result', ...result, adapter, settings, command: settingsCommand(settings) }));
    return 0;
  }
  const rate = imagesPerSecond === null ? '' : `, ${Math.round(imagesPerSecond)} images/s in training`;
  io.print(`test accuracy ${percent(evaluation.accuracy)}, loss ${lossText(evaluation.loss)}${rate}`);
  io.print(`written to ${dirname(files.model)}: model.safetensors, metrics.jsonl${run.report ? ', report.html' : ''}`);
  return 0;
}

/** Trains, evaluates and writes the files; gives the exit code. */
export async function train(run: TrainingRun, io: Io): Promise<number> {
  const training = await prepare(run, io);
  try {
    introduce(run, training.trainer.model, { dispatches: dispatchesOf(training), io });
    const before = training.trainer.position.step;
    if (await training.fit()) return await interrupted(training, { before, io });
    return await finish(training, io);
  } finally {
    training.trainer.dispose();
  }
}

export type { Training };
