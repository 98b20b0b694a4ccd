/** `createTrainer`: a model, a loss and an optimizer on a device; `fit`, `step`, `evaluate`, `predict`, `save`. Imports all below. */
import { planTail } from '../compile/plan.ts';
import type { Chooser } from '../compile/select.ts';
import type { Batch, Dataset } from '../data/dataset.ts';
import type { Device } from '../gpu/device.ts';
import { readRanges } from '../gpu/readback.ts';
import type { Json } from '../graph/types.ts';
import type { Loss } from '../nn/losses.ts';
import type { Model } from '../nn/model.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import type { Schedule } from '../optim/schedules.ts';
import { MetricsRing, RING_SLOTS, type StepMetrics } from '../runtime/ring.ts';
import type { Prepared } from '../runtime/session.ts';
import { packStep, type StepWords } from '../runtime/step.ts';
import { ArgumentError, StateError } from '../util/errors.ts';
import { sizeOf } from '../util/shape.ts';
import { streamKey } from '../util/shuffle.ts';
import { decodeCheckpoint, encodeCheckpoint, type Position } from './checkpoint.ts';
import { checkBatch, checkDataset } from './checks.ts';
import { Engine, type NamedTensor } from './engine.ts';
import { type Evaluation, runEvaluate } from './evaluate.ts';
import { type FitOptions, type History, runFit } from './fit.ts';
import { type PredictInput, runPredict } from './predict.ts';
import { updateTails } from './update.ts';
import { checkSlots, checkWeights, loadWeights } from './weights.ts';

export interface TrainerOptions {
  readonly loss: Loss;
  readonly optimizer: Optimizer;
  /** Samples in a step; default 64. */
  readonly batchSize?: number;
  /** First weights, order of samples and dropout follow from it; default 0. */
  readonly seed?: number;
  /** Learning rate over time; default: constant. */
  readonly schedule?: Schedule;
  /** Picks kernels; default: the best for the device. */
  readonly choose?: Chooser;
}

/** A batch of host data for `step`: samples as the model takes them (normalised), targets as the loss takes them. */
export type StepBatch = Pick<Batch, 'x' | 'y'>;

export interface LoadOptions {
  /** Take weights and running statistics, not the optimizer's state and the position; default false. */
  readonly weightsOnly?: boolean;
}

/** Trains one model on one device. Made by `createTrainer`; owns GPU memory until `dispose`. */
export class Trainer {
  readonly device: Device;
  readonly model: Model;
  readonly options: Required<Omit<TrainerOptions, 'schedule' | 'choose'>> & Pick<TrainerOptions, 'schedule' | 'choose'>;
  readonly engine: Engine;
  readonly ring: MetricsRing;
  #update: Prepared;
  #position: Position = { step: 0, epoch: 0, batch: 0 };
  #pending: { plan: Prepared; words: StepWords } | null = null;
  #normalization: { mean: readonly number[]; std: readonly number[] } | null = null;

  /** Use `createTrainer`. */
  constructor(
    options: Trainer['options'],
    parts: { device: Device; model: Model; engine: Engine; ring: MetricsRing; update: Prepared },
  ) {
    this.options = options;
    this.device = parts.device;
    this.model = parts.model;
    this.engine = parts.engine;
    this.ring = parts.ring;
    this.#update = parts.update;
  }

  /** Steps and epochs done so far. */
  get position(): Position {
    return this.#position;
  }

  /** Learning rate of the next step. */
  get learningRate(): number {
    const { optimizer, schedule } = this.options;
    return schedule
      ? schedule.at(schedule.per === 'step' ? this.#position.step : this.#position.epoch, optimizer.lr)
      : optimizer.lr;
  }

  /** Words of the step after `position`. */
  stepWords(first: number): StepWords {
    const { optimizer, seed } = this.options;
    const index = this.#position.step + 1;
    const learningRate = this.learningRate;
    return {
      index,
      slot: index % RING_SLOTS,
      seed: streamKey(seed, 2 * index),
      shuffle: streamKey(seed, 2 * this.#position.epoch + 1),
      first,
      learningRate,
      scalars: optimizer.scalars?.(index, learningRate),
    };
  }

  /** Enqueues one whole step of a prepared plan: for the loop of `fit`. */
  replay(
    plan: Prepared,
    { first = 0, copyTo }: { readonly first?: number; readonly copyTo?: GPUBuffer | null } = {},
  ): void {
    const copy = copyTo ? { source: this.ring.buffer, target: copyTo } : undefined;
    this.engine.session.run([plan, this.#update], { step: packStep(this.stepWords(first)), copy });
    this.#position = { ...this.#position, step: this.#position.step + 1 };
  }

  /** Moves on in the data; for the loop of `fit`. */
  moveTo(position: Omit<Position, 'step'>): void {
    this.#position = { ...this.#position, ...position };
  }

  /**
   * Trains for `epochs` epochs; returns the history. The last batch of an epoch may be smaller.
   *
   * @throws ShapeError, ArgumentError or StateError before any GPU work where data and model do not fit.
   */
  async fit(data: Dataset, options: FitOptions = {}): Promise<History> {
    this.checkData(data, 'fit');
    const { mean, std, samples } = data;
    if (samples instanceof Uint8Array) this.#normalization = { mean, std };
    return runFit(this, data, options);
  }

  /** Loss and accuracy on data, in eval mode. */
  async evaluate(data: Dataset): Promise<Evaluation> {
    this.checkData(data, 'evaluate');
    return runEvaluate(this, data);
  }

  /**
   * What the loss makes of the model's output (probabilities for cross-entropy), row-major [n, ...outputShape].
   * Bytes are normalised as the training data was; a Float32Array is taken as it is.
   */
  predict(data: PredictInput): Promise<Float32Array<ArrayBuffer>> {
    return runPredict(
      { engine: this.engine, batchSize: this.options.batchSize, normalization: this.#normalization },
      data,
    );
  }

  /** The plan for a batch with its data uploaded. Throws before any GPU work where the batch does not fit. */
  #upload({ x, y }: StepBatch, at: string): Prepared {
    const size = checkBatch({ x, y }, { model: this.model, loss: this.options.loss, at });
    const plan = this.engine.planNow({ mode: 'train', batch: size });
    this.engine.session.write(plan, 'x', x);
    this.engine.session.write(plan, 'y', y);
    return plan;
  }

  /** One training step on a batch of host data. Returns at once; `metrics` tells the loss. */
  step(batch: StepBatch): void {
    this.replay(this.#upload(batch, 'step'));
  }

  /** Loss and gradients of a batch, without changing the weights. */
  forwardBackward(batch: StepBatch): void {
    const plan = this.#upload(batch, 'forwardBackward');
    const words = this.stepWords(0);
    this.engine.session.run([plan], { step: packStep(words) });
    this.#pending = { plan, words };
  }

  /** Changes the weights by the gradients of `forwardBackward`. */
  applyGradients(): void {
    if (!this.#pending) throw new StateError('applyGradients: there are no gradients. Call forwardBackward first.');
    this.engine.session.run([this.#update], { step: packStep(this.#pending.words) });
    this.#position = { ...this.#position, step: this.#position.step + 1 };
    this.#pending = null;
  }

  /** Loss and accuracy of the last step (or of forwardBackward), once the GPU has done it. */
  async metrics(): Promise<{ loss: number; accuracy: number }> {
    const index = this.#pending ? this.#pending.words.index! : this.#position.step;
    if (index === 0) throw new StateError('metrics: no step was made. Call step first.');
    this.engine.session.check();
    const [bytes] = await readRanges(this.device, [
      { buffer: this.ring.buffer, offset: (index % RING_SLOTS) * 16, bytes: 16 },
    ]);
    const [loss = 0, correct = 0, samples = 1] = new Float32Array(bytes!);
    return { loss, accuracy: correct / samples };
  }

  /** Weights and running statistics by name, row-major. */
  parameters(): Promise<Map<string, NamedTensor>> {
    return this.engine.readTensors('values');
  }

  /** Gradients of the last step by name, row-major. */
  gradients(): Promise<Map<string, NamedTensor>> {
    return this.engine.readTensors('gradients');
  }

  /** Everything needed to go on training exactly, as the bytes of a safetensors file. `extra` is kept with it. */
  async save({ extra = null }: { readonly extra?: Json } = {}): Promise<Uint8Array<ArrayBuffer>> {
    const { optimizer, loss, seed, batchSize } = this.options;
    const slots = new Map<string, Map<string, NamedTensor>>();
    for (const [slot, name] of optimizer.slots.entries()) slots.set(name, await this.engine.readTensors({ slot }));
    return encodeCheckpoint({
      tensors: await this.parameters(),
      slots,
      training: {
        model: this.model.describe(),
        position: { ...this.#position },
        seed,
        batchSize,
        optimizer: { name: optimizer.name, config: optimizer.config },
        loss: { name: loss.name, config: loss.config },
        normalization: this.#normalization,
        extra,
      },
    });
  }

  /**
   * Takes weights, optimizer state and position from a checkpoint.
   *
   * @throws FormatError where the bytes are damaged, StateError where they belong to another model or optimizer; the trainer is then unchanged.
   */
  load(bytes: Uint8Array, { weightsOnly = false }: LoadOptions = {}): void {
    const checkpoint = decodeCheckpoint(bytes);
    checkWeights(this.engine, checkpoint);
    const { training, slots } = checkpoint;
    const { optimizer } = this.options;
    const resume = !weightsOnly && training !== null;
    if (resume) checkSlots(this.engine, checkpoint, optimizer);
    loadWeights(this.engine, checkpoint);
    this.#normalization = training?.normalization ?? this.#normalization;
    if (!resume) return;
    for (const [slot, name] of optimizer.slots.entries())
      for (const [parameter, { data }] of slots.get(name)!) this.engine.writeSlot(slot, parameter, data);
    this.#position = training.position;
  }

  /** Throws unless the data fits the model and the loss. */
  checkData(data: Dataset, at: string): void {
    checkDataset(data, {
      model: this.model,
      loss: this.options.loss,
      batchSize: at === 'fit' ? this.options.batchSize : 1,
      at,
    });
  }

  /** Metrics of these steps from a read of the ring: for the loops. */
  slotOf(step: number): number {
    return step % RING_SLOTS;
  }

  /** Frees all GPU memory of the trainer. The device stays. */
  dispose(): void {
    this.engine.dispose();
    this.ring.dispose();
  }
}

export type { Evaluation, FitOptions, History, PredictInput, StepMetrics };

/**
 * A trainer for a model on a device.
 *
 * @throws ArgumentError for a bad option, ShapeError where model and loss do not fit, ShaderError or DeviceError while compiling.
 */
export async function createTrainer(device: Device, model: Model, options: TrainerOptions): Promise<Trainer> {
  const { batchSize = 64, seed = 0, optimizer, loss } = options;
  if (!Number.isInteger(batchSize) || batchSize < 1)
    throw new ArgumentError(`createTrainer: batchSize is ${batchSize}. Pass a whole number from 1.`);
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new ArgumentError(`createTrainer: seed is ${seed}. Pass a whole number from 0.`);
  loss.target([batchSize, ...model.outputShape]);
  const ring = new MetricsRing(device);
  let engine: Engine | undefined;
  try {
    engine = new Engine(device, model, { loss, seed, choose: options.choose, ring: ring.buffer });
    engine.session.allocateTraining(optimizer.slots.length);
    for (const [slot, value] of (optimizer.initial ?? []).entries()) {
      if (value === 0) continue;
      for (const { name, shape } of engine.parameters)
        engine.writeSlot(slot, name, new Float32Array(sizeOf(shape)).fill(value));
    }
    const update = await engine.session.prepare(planTail(updateTails(engine, optimizer), device.caps));
    // Pipelines do not depend on the batch size: with these ready, a step with any batch starts at once.
    await engine.compilePipelines({ mode: 'train', batch: batchSize });
    return new Trainer({ ...options, batchSize, seed }, { device, model, engine, ring, update });
  } catch (error) {
    engine?.dispose();
    ring.dispose();
    throw error;
  }
}
