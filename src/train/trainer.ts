/** `createTrainer`: a model, a loss and an optimizer on a device; `fit`, `step`, `evaluate`, `predict`, `save`. Imports all below. */
import type { Dataset } from '../data/dataset.ts';
import type { Device } from '../gpu/device.ts';
import type { Model } from '../nn/model.ts';
import { MetricsRing, RING_SLOTS, type StepMetrics } from '../runtime/ring.ts';
import type { Prepared } from '../runtime/session.ts';
import { packStep, type StepWords } from '../runtime/step.ts';
import { StateError } from '../util/errors.ts';
import { streamKey } from '../util/shuffle.ts';
import { decodeCheckpoint, encodeCheckpoint, type Position, type Totals } from './checkpoint.ts';
import { checkBatch, checkDataset } from './checks.ts';
import { Engine, type NamedTensor } from './engine.ts';
import { type EvaluateOptions, type Evaluation, runEvaluate } from './evaluate.ts';
import { type FitOptions, type History, runFit } from './fit.ts';
import { resolveGroups } from './groups.ts';
import {
  type CheckedOptions,
  checkOptions,
  type LoadOptions,
  type Metrics,
  type ReplayOptions,
  type SaveOptions,
  type StepBatch,
  type TrainerOptions,
  type WeightsOptions,
} from './options.ts';
import { type PredictInput, runPredict } from './predict.ts';
import { recordOf } from './record.ts';
import { Updater } from './updater.ts';
import { loadCheckpoint, setTensors } from './weights.ts';

/** Trains one model on one device. Made by `createTrainer`; owns GPU memory until `dispose`. */
export class Trainer {
  readonly device: Device;
  readonly model: Model;
  readonly options: CheckedOptions;
  readonly engine: Engine;
  readonly ring: MetricsRing;
  readonly updater: Updater;
  /** Of the epoch under way: kept by the loop of `fit`. */
  totals: Totals = { loss: 0, correct: 0, samples: 0 };
  #position: Position = { step: 0, epoch: 0, batch: 0 };
  #last: Trainer['last'] = null;

  /** Use `createTrainer`. */
  constructor(
    options: CheckedOptions,
    parts: { device: Device; model: Model; engine: Engine; ring: MetricsRing; updater: Updater },
  ) {
    this.options = options;
    this.device = parts.device;
    this.model = parts.model;
    this.engine = parts.engine;
    this.ring = parts.ring;
    this.updater = parts.updater;
  }

  /** Steps and epochs done so far. */
  get position(): Position {
    return this.#position;
  }

  /** Batches done so far: as many as steps, unless gradients are accumulated. */
  get passes(): number {
    return this.updater.passes(this.#position);
  }

  /** The last batch: its slot of the ring, and whether its gradients have changed the weights. */
  get last(): { readonly slot: number; readonly applied: boolean } | null {
    return this.#last;
  }

  /** Learning rate of the next step. */
  get learningRate(): number {
    return this.updater.rateOf(this.options.optimizer.lr, this.#position);
  }

  /** Shows a schedule that follows a metric (reduceLROnPlateau) its next value. `fit` does so after every epoch. */
  observe(metric: number): void {
    this.updater.observe(metric, this.#position);
  }

  /** Counts a batch; words of its forward and backward pass. */
  #begin(first: number, samples: number): StepWords & { readonly slot: number } {
    const { seed } = this.options;
    const pass = this.passes + 1;
    const slot = pass % RING_SLOTS;
    this.#last = { slot, applied: false };
    return {
      ...this.updater.begin(samples),
      index: this.#position.step + 1,
      slot,
      seed: streamKey(seed, 2 * pass),
      shuffle: streamKey(seed, 2 * this.#position.epoch + 1),
      first,
    };
  }

  #applied(): void {
    this.updater.discard();
    this.#position = { ...this.#position, step: this.#position.step + 1 };
    this.#last = { slot: this.#last?.slot ?? this.passes % RING_SLOTS, applied: true };
  }

  /**
   * Enqueues a batch of a prepared plan, and the update where enough batches have been accumulated or `last` is set: for
   * the loop of `fit`. `trainer.last` tells the batch's slot of the ring and whether the weights change.
   */
  replay(
    plan: Prepared,
    { samples, first = 0, last = false, mix, copyTo }: ReplayOptions & { readonly copyTo?: GPUBuffer | null },
  ): void {
    const { update, accumulate } = this.updater.plans;
    const words = this.#begin(first, samples);
    const applies = last || this.updater.isFull;
    const watched = this.engine.watcher?.begin(plan, { step: this.#position.step + 1, applies });
    const pass = watched?.plan ?? plan;
    const plans = [pass, ...(accumulate ? [accumulate] : []), ...(applies ? [update] : [])];
    const records = this.ring.record(pass, { slot: words.slot, samples });
    const copies = copyTo ? [{ source: this.ring.buffer, target: copyTo }] : [];
    const step = packStep({ ...words, mix, ...(applies && this.updater.words(this.#position)) });
    this.engine.session.run([...plans, ...records, ...copies], { step });
    if (applies) this.#applied();
    watched?.after();
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
    if (samples instanceof Uint8Array) this.engine.normalization = { mean, std };
    return runFit(this, data, options);
  }

  /** The slot of the weights to be used; undefined for the weights themselves. */
  #weights({ useEma = false }: WeightsOptions): number | undefined {
    return useEma ? this.updater.requireEma() : undefined;
  }

  /** Loss, accuracy and further metrics on data, in eval mode. */
  async evaluate(data: Dataset, options: EvaluateOptions = {}): Promise<Evaluation> {
    this.checkData(data, 'evaluate');
    return runEvaluate(this, data, { ...options, weights: this.#weights(options) });
  }

  /**
   * What the loss makes of the model's output (probabilities for cross-entropy), row-major [n, ...outputShape].
   * Bytes are normalised as the training data was; a Float32Array is taken as it is.
   */
  async predict(data: PredictInput, options: WeightsOptions = {}): Promise<Float32Array<ArrayBuffer>> {
    const { batchSize } = this.options;
    const weights = this.#weights(options);
    return runPredict({ engine: this.engine, batchSize, weights }, data);
  }

  /** The plan for a batch with its data uploaded. Throws before any GPU work where the batch does not fit. */
  #upload({ x, y }: StepBatch, at: string): { plan: Prepared; samples: number } {
    const size = checkBatch({ x, y }, { model: this.model, loss: this.options.loss, at });
    const plan = this.engine.planNow({ mode: 'train', batch: size });
    this.engine.session.write(plan, 'x', x);
    this.engine.session.write(plan, 'y', y);
    return { plan, samples: size };
  }

  /** One batch of host data; a training step, unless gradients are accumulated. Returns at once; `metrics` tells the loss. */
  step(batch: StepBatch): void {
    const { plan, samples } = this.#upload(batch, 'step');
    this.replay(plan, { samples });
  }

  /** Loss and gradients of a batch, without changing the weights. With accumulationSteps the gradients add up. */
  forwardBackward(batch: StepBatch): void {
    const { plan, samples } = this.#upload(batch, 'forwardBackward');
    const { accumulate } = this.updater.plans;
    const words = this.#begin(0, samples);
    const records = this.ring.record(plan, { slot: words.slot, samples });
    this.engine.session.run([plan, ...(accumulate ? [accumulate] : []), ...records], { step: packStep(words) });
  }

  /** Changes the weights by the gradients of `forwardBackward`: of the last one or, when accumulating, by their average. */
  applyGradients(): void {
    if (this.updater.waiting === 0 && this.#last?.applied !== false)
      throw new StateError('applyGradients: there are no gradients. Call forwardBackward first.');
    const slot = this.#last?.slot ?? this.passes % RING_SLOTS;
    this.engine.session.run([this.updater.plans.update], {
      step: packStep({ ...this.updater.words(this.#position), slot }),
    });
    this.#applied();
  }

  /** Loss and accuracy of the last batch, once the GPU has done it. */
  async metrics(): Promise<Metrics> {
    if (!this.#last) throw new StateError('metrics: no step was made. Call step first.');
    const { slot, applied } = this.#last;
    this.engine.session.check();
    const { loss, correct, samples, gradientNorm } = await this.ring.readSlot(slot);
    const tellsNorm = applied && this.updater.clipsNorm;
    return { loss, accuracy: correct / samples, gradientNorm: tellsNorm ? gradientNorm : null };
  }

  /** Weights and running statistics by name, row-major. */
  async parameters(options: WeightsOptions = {}): Promise<Map<string, NamedTensor>> {
    const slot = this.#weights(options);
    const values = await this.engine.readTensors('values');
    return slot === undefined ? values : new Map([...values, ...(await this.engine.readTensors({ slot }))]);
  }

  /**
   * Sets weights and running statistics by name, row-major, and leaves all others as they are (torch's `load_state_dict`, not
   * strict). Averaged weights and the optimizer's state stay. Throws StateError for an unknown name or another shape, and changes nothing then.
   */
  setParameters(values: ReadonlyMap<string, NamedTensor>): void {
    setTensors(this.engine, values);
  }

  /** Gradients of the last batch by name, row-major, before clipping; when accumulating, the average of those that wait. */
  gradients(): Promise<Map<string, NamedTensor>> {
    return this.updater.gradients();
  }

  /** Everything needed to go on training exactly, as the bytes of a safetensors file. */
  async save({ extra = null, useEma = false }: SaveOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const { model, options, updater, position, totals } = this;
    const { normalization } = this.engine;
    const record = recordOf({ model, options, updater, position, totals, normalization });
    return encodeCheckpoint({
      tensors: await this.parameters({ useEma }),
      slots: useEma ? new Map() : await updater.saveSlots(),
      training: { ...record, ...(useEma && { weights: 'ema' }), extra },
    });
  }

  /**
   * Takes weights, optimizer state and position from a checkpoint.
   *
   * @throws FormatError where the bytes are damaged, StateError where they belong to another model or optimizer; the trainer is then unchanged.
   */
  load(bytes: Uint8Array, options: LoadOptions = {}): void {
    const training = loadCheckpoint(decodeCheckpoint(bytes), this, options);
    if (!training) return;
    this.#position = training.position;
    this.totals = training.totals ?? { loss: 0, correct: 0, samples: 0 };
    this.#last = null;
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

  /** Frees all GPU memory of the trainer. The device stays. */
  dispose(): void {
    this.engine.dispose();
    this.ring.dispose();
  }
}

export type { EvaluateOptions, Evaluation, FitOptions, History, Metrics, PredictInput, StepMetrics, TrainerOptions };

/**
 * A trainer for a model on a device.
 *
 * @throws ArgumentError for a bad option, ShapeError where model and loss do not fit, ShaderError or DeviceError while compiling.
 */
export async function createTrainer(device: Device, model: Model, options: TrainerOptions): Promise<Trainer> {
  const checked = checkOptions(options);
  const { batchSize, loss, choose, tune } = checked;
  const groups = resolveGroups(model, checked);
  loss.target([batchSize, ...model.outputShape]);
  const ring = new MetricsRing(device);
  const order = groups.flatMap(({ parameters }) => parameters);
  const frozen = new Set(groups.flatMap((group) => (group.frozen ? group.parameters : [])));
  let engine: Engine | undefined;
  try {
    engine = new Engine(device, model, { loss, choose, tune, order, frozen, batchSize });
    const updater = new Updater({ engine, groups, options: checked });
    await updater.prepare(ring);
    return new Trainer(checked, { device, model, engine, ring, updater });
  } catch (error) {
    engine?.dispose();
    ring.dispose();
    throw error;
  }
}
