/** The training loop of `fit`: replays plans, at most two reads of the metrics ring behind, and tells callbacks. Imports trainer, data, runtime. */
import type { Dataset } from '../data/dataset.ts';
import { LONG_NAP, RING_SLOTS, type RingRead } from '../runtime/ring.ts';
import type { Prepared } from '../runtime/session.ts';
import { ArgumentError } from '../util/errors.ts';
import { shuffled, streamKey } from '../util/shuffle.ts';
import type { Augmentation } from './augment.ts';
import type { BatchLogs, Callback, EpochLogs, Run, RunEnd } from './callbacks.ts';
import { checkCounts } from './checks.ts';
import { reportCompiling } from './compiling.ts';
import { checkAugmentable, checkMix, type Mix, mixWords } from './mix.ts';
import type { ResidentData } from './resident.ts';
import type { Trainer } from './trainer.ts';

export interface FitOptions {
  /** Epochs to train; default 1. With `resume`, epochs in all, the ones before the checkpoint included. */
  readonly epochs?: number;
  /** Evaluated after every epoch. */
  readonly validation?: Dataset;
  readonly callbacks?: readonly Callback[];
  /** New order of the samples in every epoch; default true. */
  readonly shuffle?: boolean;
  /** Go on where the loaded checkpoint was; default false. */
  readonly resume?: boolean;
  /** Done to the images of each batch that is trained on, anew in every epoch; for images on the GPU. */
  readonly augment?: Augmentation;
  /** Mixes the samples of each batch with each other, and their targets. */
  readonly mix?: Mix;
  /** Validate with the averaged weights; default false. */
  readonly useEma?: boolean;
  /** Ends after so many batches at most, also within an epoch (Lightning's max_steps); default: no limit. */
  readonly maxSteps?: number;
  /** Stops after the step that is being made when it is aborted. */
  readonly signal?: AbortSignal;
}

export interface History {
  readonly epochs: readonly EpochLogs[];
  /** True where the signal ended it. */
  readonly aborted: boolean;
  /** True where a callback ended it. */
  readonly stopped: boolean;
}

/** Most steps between two reads: a quarter of the ring, since up to three reads may be on their way. */
const MOST_STEPS = RING_SLOTS / 4;

/** Time that a chunk of steps should take, ms: long enough to hide a read, short enough for a lively progress bar. */
const CHUNK_MS = 60;

/** A batch that was enqueued. */
interface Step {
  readonly step: number;
  readonly batch: number;
  readonly learningRate: number;
  /** Its place in the ring, and whether it changed the weights. */
  readonly slot: number;
  readonly applied: boolean;
}

interface Chunk {
  readonly read: RingRead;
  readonly steps: readonly Step[];
}

/** What the next batch is mixed by. */
function mixOfStep({ options, passes, model }: Trainer, mix: Mix | undefined): [number, number] | undefined {
  if (!mix) return undefined;
  return mixWords(mix, { key: streamKey(options.seed, 2 * (passes + 1)), size: model.inputShape.slice(1) });
}

/** One epoch's loop. */
class Epoch {
  readonly trainer: Trainer;
  readonly options: FitOptions;
  readonly plan: { batches: number; epochs: number; classifies: boolean };
  #chunks: Chunk[] = [];
  #steps: Step[] = [];
  #chunkSize = 2;
  #lastRead = performance.now();
  #rate: (samples: number) => number;

  constructor(
    trainer: Trainer,
    options: FitOptions,
    plan: { batches: number; epochs: number; classifies: boolean; rate: (samples: number) => number },
  ) {
    this.trainer = trainer;
    this.options = options;
    this.plan = plan;
    this.#rate = plan.rate;
  }

  /** Accuracy is null where the loss does not classify. */
  get totals(): { loss: number; accuracy: number | null } {
    const { loss, correct, samples } = this.trainer.totals;
    const count = Math.max(1, samples);
    return { loss: (loss ?? Number.NaN) / count, accuracy: this.plan.classifies ? correct / count : null };
  }

  /** Enqueues a step; at the end of a chunk the ring is copied along, and the loop waits for the chunk before the last. */
  async step(
    prepared: Prepared,
    { batch, first, samples, last }: { batch: number; first: number; samples: number; last: boolean },
  ): Promise<void> {
    const { trainer } = this;
    const learningRate = trainer.learningRate;
    const full = last || this.#steps.length + 1 >= this.#chunkSize;
    if (full && this.#chunks.length >= 2) await this.#collect();
    const target = full ? trainer.ring.take() : null;
    trainer.replay(prepared, { first, samples, last, mix: mixOfStep(trainer, this.options.mix), copyTo: target });
    this.#steps.push({ step: trainer.position.step, batch, learningRate, ...trainer.last! });
    if (!target) return;
    this.#read(target);
  }

  /** The steps since the last chunk become one: the ring has been copied to `target`. */
  #read(target: GPUBuffer): void {
    const { ring } = this.trainer;
    const slots = this.#steps.map(({ slot }) => slot);
    this.#chunks.push({ read: ring.read(target, slots), steps: this.#steps });
    this.#steps = [];
  }

  async finish(): Promise<void> {
    const { ring, engine } = this.trainer;
    if (this.#steps.length > 0) {
      // Aborted within a chunk.
      while (this.#chunks.length >= 2) await this.#collect();
      const target = ring.take()!;
      engine.session.run([{ source: ring.buffer, target }]);
      this.#read(target);
    }
    while (this.#chunks.length > 0) await this.#collect();
  }

  /** Lets go of what is on its way, so that the ring can be used again. */
  async abandon(): Promise<void> {
    for (const { read } of this.#chunks.splice(0)) await read.collect().catch(() => []);
  }

  async #collect(): Promise<void> {
    const { read, steps } = this.#chunks.shift()!;
    const metrics = await read.collect(this.#chunks.length > 0 ? LONG_NAP : undefined);
    this.#adapt(steps.length);
    for (const [i, m] of metrics.entries()) {
      const { loss, correct, samples } = this.trainer.totals;
      this.trainer.totals = {
        loss: (loss ?? Number.NaN) + m.loss * m.samples,
        correct: correct + m.correct,
        samples: samples + m.samples,
      };
      const { step, batch, learningRate, applied } = steps[i]!;
      const logs: BatchLogs = {
        step,
        epoch: this.trainer.position.epoch + 1,
        batch,
        batches: this.plan.batches,
        epochs: this.plan.epochs,
        loss: m.loss,
        accuracy: this.plan.classifies ? m.correct / m.samples : null,
        meanLoss: this.totals.loss,
        meanAccuracy: this.totals.accuracy,
        learningRate,
        gradientNorm: applied && this.trainer.updater.clipsNorm ? m.gradientNorm : null,
        samplesPerSecond: this.#rate(m.samples),
      };
      for (const callback of this.options.callbacks ?? []) await callback.onBatchEnd?.(logs);
    }
  }

  /** As many steps to a chunk as take about CHUNK_MS. Does not change what is computed, only when it is read. */
  #adapt(steps: number): void {
    const now = performance.now();
    const each = (now - this.#lastRead) / steps;
    this.#lastRead = now;
    this.#chunkSize = Math.max(
      1,
      Math.min(MOST_STEPS, Math.round(CHUNK_MS / Math.max(0.1, each)), this.#chunkSize * 2),
    );
  }
}

/** Uploads a batch of a data set that is too large to live on the GPU, in the very order it would have there. */
function writeBatch(
  trainer: Trainer,
  data: Dataset,
  { prepared, first, size, shuffle }: { prepared: Prepared; first: number; size: number; shuffle: boolean },
): void {
  const key = streamKey(trainer.options.seed, 2 * trainer.position.epoch + 1);
  const at = Array.from({ length: size }, (_, i) => (shuffle ? shuffled(first + i, data.count, key) : first + i));
  const { x, y } = data.gather(at);
  trainer.engine.session.write(prepared, 'x', x);
  trainer.engine.session.write(prepared, 'y', y);
}

export async function runFit(trainer: Trainer, data: Dataset, options: FitOptions): Promise<History> {
  const {
    epochs = 1,
    validation,
    callbacks = [],
    shuffle = true,
    resume = false,
    useEma,
    signal,
    augment,
    mix,
    maxSteps = Number.POSITIVE_INFINITY,
  } = options;
  checkCounts({ epochs, maxSteps });
  if (validation) trainer.checkData(validation, 'fit, validation');
  if (useEma) trainer.updater.requireEma();
  const { batchSize, schedule } = trainer.options;
  const monitor = schedule?.feedback?.monitor;
  if (monitor?.startsWith('val') && !validation)
    throw new ArgumentError(
      `fit: ${schedule?.name} follows ${monitor}, but there is no validation. Pass validation data, or monitor "loss".`,
    );
  const batches = Math.ceil(data.count / batchSize);
  const resident: ResidentData | undefined = trainer.engine.resident(data) ?? undefined;
  if (augment) checkAugmentable(data, { resident: resident !== undefined });
  if (mix) checkMix(mix, { model: trainer.model, loss: trainer.options.loss });
  const planOf = (size: number): Promise<Prepared> =>
    trainer.engine.plan({
      mode: 'train',
      batch: size,
      data: resident,
      shuffle: resident ? shuffle : false,
      augment,
      mix: mix?.kind,
    });
  if (!resume) {
    trainer.moveTo({ epoch: trainer.position.epoch, batch: 0 });
    trainer.updater.discard();
  }
  const until = resume ? epochs : trainer.position.epoch + epochs;
  const done: EpochLogs[] = [];
  let [busy, samples] = [0, 0];

  let stopped = false;
  const lastPass = trainer.passes + maxSteps;
  const ended = (): boolean => stopped || trainer.passes >= lastPass || (signal?.aborted ?? false);
  const run: Run = {
    ...{ trainer, validates: validation !== undefined, epochs: until },
    stop: () => {
      stopped = true;
    },
  };
  for (const callback of callbacks) await callback.onTrainBegin?.(trainer, run);
  // All plans are compiled before the clock starts.
  const { plan } = await reportCompiling(trainer, await planOf(Math.min(batchSize, data.count)), callbacks);
  const classifies = plan.outputs.some(({ name }) => name === 'correct');
  if (data.count % batchSize > 0) await planOf(data.count % batchSize);
  while (trainer.position.epoch < until && !ended()) {
    for (const callback of callbacks) await callback.onEpochBegin?.(trainer.position.epoch + 1);
    if (trainer.position.batch === 0) trainer.totals = { loss: 0, correct: 0, samples: 0 };
    const start = performance.now();
    const rate = (count: number): number => {
      samples += count;
      return (samples * 1000) / Math.max(1e-3, busy + performance.now() - start);
    };
    const epoch = new Epoch(trainer, options, { batches, epochs: until, classifies, rate });
    try {
      for (let batch = trainer.position.batch; batch < batches && !ended(); batch++) {
        const first = batch * batchSize;
        const size = Math.min(batchSize, data.count - first);
        const prepared = await planOf(size);
        if (!resident) writeBatch(trainer, data, { prepared, first, size, shuffle });
        const last = batch + 1 === batches;
        await epoch.step(prepared, { batch: batch + 1, first, samples: size, last });
        trainer.moveTo({ epoch: trainer.position.epoch, batch: batch + 1 });
      }
      await epoch.finish();
    } catch (error) {
      await epoch.abandon();
      throw error;
    }
    busy += performance.now() - start;
    if (trainer.position.batch < batches) break; // ended in the middle of the epoch
    trainer.moveTo({ epoch: trainer.position.epoch + 1, batch: 0 });
    const evaluationStart = performance.now();
    const result = validation ? await trainer.evaluate(validation, { useEma }) : null;
    const logs: EpochLogs = {
      epoch: trainer.position.epoch,
      step: trainer.position.step,
      ...epoch.totals,
      valLoss: result?.loss ?? null,
      valAccuracy: classifies && result ? result.accuracy : null,
      seconds: (evaluationStart - start) / 1000,
      valSeconds: (performance.now() - evaluationStart) / 1000,
    };
    done.push(logs);
    if (monitor) trainer.observe(logs[monitor] ?? Number.NaN);
    for (const callback of callbacks) await callback.onEpochEnd?.(logs);
  }
  const end: RunEnd = { aborted: signal?.aborted ?? false, stopped };
  for (const callback of callbacks) await callback.onTrainEnd?.(end);
  return { epochs: done, ...end };
}
