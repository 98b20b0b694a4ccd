/** Measures the loss of any weights on the same training images. Imports gabor, engine, vectors. */
import * as gabor from '../../../../src/index.ts';
import { type Config, type LayerChoice, layersOf } from '../../engine/config.ts';
import { lossOf } from '../../engine/losses.ts';
import { modelOf } from '../../engine/networks.ts';
import { unflatten, type Vector } from './vectors.ts';

/** Images in a batch; with batch norm they share their statistics. */
const BATCH = 128;

/** A network without the chance of dropout. */
const calm = (config: Config): Config => ({
  ...config,
  network: 'custom',
  layers: layersOf(config).map((layer): LayerChoice => (layer.type === 'dropout' ? { ...layer, p: 0 } : layer)),
});

export class Meter {
  readonly trainer: gabor.Trainer;
  /** Parameters in the order of a vector. */
  readonly specs: readonly { readonly name: string; readonly shape: readonly number[] }[];
  /** Running statistics belong to other weights than those that are measured: each batch has its own. */
  readonly batchStatistics: boolean;
  #images: gabor.Dataset;

  private constructor(trainer: gabor.Trainer, images: gabor.Dataset) {
    this.trainer = trainer;
    this.#images = images;
    this.specs = trainer.model.parameters.filter(({ kind }) => kind === 'parameter');
    this.batchStatistics = trainer.model.parameters.some(({ kind }) => kind === 'state');
  }

  static async make(device: gabor.Device, config: Config, images: gabor.Dataset): Promise<Meter> {
    const trainer = await gabor.createTrainer(device, modelOf(calm(config)), {
      loss: lossOf(config),
      optimizer: gabor.sgd({ lr: 0 }),
      batchSize: Math.min(BATCH, images.count),
      seed: config.seed,
    });
    return new Meter(trainer, images);
  }

  get names(): readonly string[] {
    return this.specs.map(({ name }) => name);
  }

  async lossOf(weights: Vector): Promise<number> {
    const { trainer } = this;
    trainer.setParameters(unflatten(weights, this.specs));
    if (!this.batchStatistics) return (await trainer.evaluate(this.#images)).loss;
    let sum = 0;
    for (const batch of this.#images.batches(Math.min(BATCH, this.#images.count), { dropLast: true })) {
      trainer.forwardBackward(batch);
      sum += (await trainer.metrics()).loss * batch.size;
    }
    return sum / (this.#images.count - (this.#images.count % BATCH));
  }

  dispose(): void {
    this.trainer.dispose();
  }
}
