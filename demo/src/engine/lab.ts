/**
 * The lab: one network on one device, in the worker. Trains, pauses, saves, and recovers when the GPU is lost. Panels' services
 * take what they need from it. Imports gabor, config, networks, mnist.
 */
import * as gabor from '../../../src/index.ts';
import { type Config, DEFAULT_CONFIG } from './config.ts';
import { lostSoon, messageOf } from './failures.ts';
import { lossOf } from './losses.ts';
import { loadMnist, type Mnist } from './mnist.ts';
import { augmentOf, modelOf, optimizerOf } from './networks.ts';
import type { LabEvent, ModelInfo, Progress } from './protocol.ts';
import { Reporter } from './reporter.ts';

/** Test images that are evaluated while it trains; all of them at the end of an epoch. */
const QUICK_TEST = 1000;
/** Share of the time that these evaluations may take. */
const TEST_SHARE = 0.15;
const EPOCHS = 1000;

/** Parts of the lab that belong to a network, as a panel's service sees them. */
export interface Experiment {
  readonly device: gabor.Device;
  readonly trainer: gabor.Trainer;
  readonly info: ModelInfo;
}

/** A panel's part in the worker. All are optional. */
export interface Service {
  /** There is a new network (the one before is disposed of already), or none while the device is lost. */
  attach?(experiment: Experiment | null): void | Promise<void>;
  /** Callbacks for every stretch of training of this network. */
  callbacks?(): readonly gabor.Callback[];
}

export class Lab {
  #listeners = new Set<(event: LabEvent) => void>();
  #services: readonly Service[] = [];
  #mnist: Mnist | null = null;
  /** One object, since a data set is uploaded, and plans are made for it, the first time that it is seen. */
  #quickTest: gabor.Dataset | null = null;
  #experiment: Experiment | null = null;
  #device: gabor.Device | null = null;
  #generation = 0;
  #training: { readonly abort: AbortController; readonly done: Promise<void> } | null = null;
  #snapshot: Uint8Array<ArrayBuffer> | null = null;
  /** Changes of the network wait for each other. */
  #queue: Promise<unknown> = Promise.resolve();

  /** Before `open`. */
  use(services: readonly Service[]): void {
    this.#services = services;
  }

  subscribe(listener: (event: LabEvent) => void): void {
    this.#listeners.add(listener);
  }

  emit(event: LabEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** The data and the network; throws before `open` has ended, and while the GPU is lost. */
  get mnist(): Mnist {
    if (!this.#mnist) throw new Error('The images are still being loaded.');
    return this.#mnist;
  }

  get experiment(): Experiment {
    if (!this.#experiment) throw new Error('There is no network yet.');
    return this.#experiment;
  }

  /** Loads the data, opens a device, makes the network: that of a saved file, if given. */
  async open({ config = DEFAULT_CONFIG, data, saved = null }: OpenOptions): Promise<void> {
    await this.#exclusive(async () => {
      await this.#openDevice();
      this.#mnist = await loadMnist(data, (progress) => this.emit({ type: 'download', progress }));
      this.#quickTest = this.#mnist.test.slice(0, QUICK_TEST);
      await this.#build(config, saved, { continues: saved !== null });
    });
  }

  /** Another network, from new weights. Training stops. */
  async configure(config: Config): Promise<void> {
    await this.pause();
    await this.#exclusive(() => this.#build(config, null));
  }

  /** Trains until `pause`; returns at once. */
  start(): void {
    if (this.#training) return;
    const abort = new AbortController();
    this.#training = { abort, done: this.#train(abort.signal) };
    this.emit({ type: 'running', running: true });
  }

  /** Returns when the last step is done. */
  async pause(): Promise<void> {
    this.#training?.abort.abort();
    await this.#training?.done;
  }

  /** One batch. */
  async step(): Promise<void> {
    if (this.#training) return;
    await this.#exclusive(() => this.#fit({ maxSteps: 1 }));
  }

  /** New weights for the same configuration. */
  async reset(): Promise<void> {
    await this.configure(this.experiment.info.config);
  }

  /** Probabilities of the ten digits for images of 28 x 28 bytes, one after another. */
  async predict(images: Uint8Array): Promise<Float32Array<ArrayBuffer>> {
    return this.experiment.trainer.predict(this.dataOf(images));
  }

  /** Images as the network takes them. */
  dataOf(images: Uint8Array): gabor.Dataset {
    const { mean, std } = this.mnist.train;
    return gabor.imageDataset({
      images,
      labels: new Uint8Array(images.length / 784),
      shape: [1, 28, 28],
      classes: 10,
      mean,
      std,
    });
  }

  /** An image of the test set, with its label. */
  testImage(index: number): { pixels: Uint8Array<ArrayBuffer>; label: number } {
    const { samples, targets } = this.mnist.test;
    return { pixels: Uint8Array.from(samples.subarray(784 * index, 784 * (index + 1))), label: targets[index]! };
  }

  /** The bytes of a `.safetensors` file to go on from, here or on the command line; the lab does if the GPU is lost. */
  async save(): Promise<Uint8Array<ArrayBuffer>> {
    const { trainer, info } = this.experiment;
    const bytes = await trainer.save({ extra: { demo: info.config } });
    if (this.#experiment?.trainer === trainer) this.#snapshot = bytes;
    return bytes;
  }

  /** A network from a file, with what could not be taken over of it. A file that does not fit is an error, and changes nothing. */
  async load(bytes: Uint8Array<ArrayBuffer>): Promise<{ readonly config: Config; readonly note: string | null }> {
    const { factsOf } = await import('./files.ts'); // only who opens a file needs it
    const { config, resumes, reason } = factsOf(bytes);
    await this.pause();
    await this.#exclusive(() => this.#build(config, bytes, { weightsOnly: !resumes }));
    return {
      config,
      note: resumes
        ? null
        : `Its weights are here; training starts from step 0, since this page has nothing like ${reason}.`,
    };
  }

  /** For tests and the curious: as if the driver had reset the GPU. */
  loseDevice(): void {
    this.#device?.gpu.destroy();
  }

  async #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work);
    this.#queue = turn.catch(() => {});
    return turn;
  }

  async #openDevice(): Promise<gabor.Device> {
    const device = await gabor.requestDevice();
    this.#device = device;
    // `destroy()` too: the lab itself never destroys a device that it still uses.
    void device.gpu.lost.then(({ message }) => this.#recover(message));
    this.emit({ type: 'device', adapter: device.adapter.name, software: device.adapter.software });
    return device;
  }

  async #build(
    config: Config,
    saved: Uint8Array<ArrayBuffer> | null,
    { continues = false, weightsOnly = false } = {},
  ): Promise<void> {
    const device = this.#device ?? (await this.#openDevice());
    const trainer = await gabor.createTrainer(device, modelOf(config), {
      loss: lossOf(config),
      optimizer: optimizerOf(config),
      batchSize: config.batchSize,
      seed: config.seed,
    });
    try {
      if (saved) trainer.load(saved, { weightsOnly });
    } catch (error) {
      trainer.dispose();
      throw error;
    }
    await this.#attach(null);
    this.#experiment?.trainer.dispose();
    const { layers } = gabor.inspect(trainer);
    const info: ModelInfo = {
      config,
      layers: [...layers].map(([name, { type, shape }]) => ({ name, type, shape })),
      parameters: gabor.parameterCount(trainer.model),
      generation: ++this.#generation,
    };
    this.#snapshot = weightsOnly ? null : saved;
    this.#experiment = { device, trainer, info };
    this.emit({ type: 'model', model: info, continues, progress: this.#progress(trainer) });
    await this.#attach(this.#experiment);
    await this.#test();
  }

  /** Where a trainer stands, which for a saved one is not at the beginning. */
  #progress({ position: { step, epoch, batch }, options }: gabor.Trainer): Progress {
    const batches = Math.ceil(this.mnist.train.count / options.batchSize);
    return { step, epoch: epoch + 1, batch, batches, imagesPerSecond: null };
  }

  async #attach(experiment: Experiment | null): Promise<void> {
    for (const service of this.#services) await service.attach?.(experiment);
  }

  async #train(signal: AbortSignal): Promise<void> {
    const { device } = this.experiment;
    try {
      await this.#exclusive(() => this.#fit({ signal }));
    } catch (error) {
      // With the GPU, all that was under way fails, perhaps before the loss is told: `#recover` goes on from there.
      if (!(await lostSoon(device))) this.emit({ type: 'error', message: messageOf(error) });
    } finally {
      this.#training = null;
      this.emit({ type: 'running', running: false });
    }
  }

  async #fit(options: Pick<gabor.FitOptions, 'signal' | 'maxSteps'>): Promise<void> {
    const { trainer, info } = this.experiment;
    const reporter = new Reporter((event) => this.emit(event));
    let lastTest = performance.now();
    let testCost = 0;
    const quickTests: gabor.Callback = {
      onBatchEnd: async () => {
        const now = performance.now();
        if (now - lastTest < Math.max(500, testCost / TEST_SHARE)) return;
        await this.#test();
        lastTest = performance.now();
        testCost = lastTest - now;
      },
      onEpochEnd: () => this.#test(this.mnist.test),
    };
    const callbacks = [reporter, quickTests, ...this.#services.flatMap((service) => service.callbacks?.() ?? [])];
    try {
      await trainer.fit(this.mnist.train, {
        ...options,
        resume: true,
        epochs: EPOCHS,
        augment: augmentOf(info.config),
        callbacks,
      });
    } finally {
      reporter.flush();
    }
    if (!this.#device?.failure) await this.#test();
  }

  async #test(data = this.#quickTest!): Promise<void> {
    const { trainer } = this.experiment;
    const { step } = trainer.position;
    const { loss, accuracy, samples } = await trainer.evaluate(data);
    this.emit({ type: 'test', point: { step, loss, accuracy, samples } });
  }

  /** Another device, the network as it was last saved on it, and on with the training that was under way. */
  async #recover(message: string): Promise<void> {
    const { config } = this.experiment.info;
    const wasRunning = this.#training !== null;
    this.#device = null;
    this.emit({ type: 'lost', message, recovering: true });
    await this.pause();
    await this.#exclusive(async () => {
      try {
        await this.#build(config, this.#snapshot, { continues: true });
      } catch (error) {
        this.emit({ type: 'lost', message: messageOf(error), recovering: false });
      }
    });
    if (wasRunning && this.#device) this.start();
  }
}

export interface OpenOptions {
  readonly config?: Config;
  /** Address of the folder data/. */
  readonly data: string;
  /** A checkpoint of this configuration. */
  readonly saved?: Uint8Array<ArrayBuffer> | null;
}
