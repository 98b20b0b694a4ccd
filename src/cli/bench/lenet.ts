/** Training and inference of lenet on made-up digits. Imports cli/models, data, gpu, inspect, train. */
import { type Dataset, imageDataset } from '../../data/dataset.ts';
import type { Device } from '../../gpu/device.ts';
import { profile } from '../../inspect/profile.ts';
import { crossEntropy } from '../../nn/losses.ts';
import { adam } from '../../optim/adam.ts';
import { createTrainer, type Trainer } from '../../train/trainer.ts';
import type { TuneOptions } from '../../train/tune-options.ts';
import { StateError } from '../../util/errors.ts';
import { MODELS } from '../models.ts';
import type { Benchmark, Measurement } from './benchmark.ts';

const BATCH = 64;
const IMAGES = 16 * BATCH;
const CLASSES = 10;
const SIDE = 28;

/** A bright bar at the height of the class, on noise: learnt within an epoch or two, with nothing to download. */
function bars(): Dataset {
  const images = new Uint8Array(IMAGES * SIDE * SIDE);
  const labels = new Uint8Array(IMAGES);
  let state = 1;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0; // Numerical Recipes' generator: enough for noise
    return state >>> 24;
  };
  for (let i = 0; i < IMAGES; i++) {
    const label = random() % CLASSES;
    labels[i] = label;
    const image = images.subarray(i * SIDE * SIDE, (i + 1) * SIDE * SIDE);
    for (let at = 0; at < image.length; at++) image[at] = random() >> 2;
    for (const row of [2 * label + 4, 2 * label + 5]) image.fill(230, row * SIDE + 4, row * SIDE + 24);
  }
  return imageDataset({ images, labels, shape: [1, SIDE, SIDE], classes: CLASSES, mean: [0.13], std: [0.31] });
}

const rate = (start: number): number => (IMAGES * 1000) / (performance.now() - start);

async function measureTraining(trainer: Trainer, data: Dataset, rounds: number): Promise<number[]> {
  const losses: number[] = [];
  const rates: number[] = [];
  for (let round = -1; round < rounds; round++) {
    const start = performance.now();
    const { epochs } = await trainer.fit(data, { epochs: 1 });
    if (round >= 0) rates.push(rate(start)); // the first compiles, and warms the caches
    losses.push(epochs[0]!.loss);
  }
  if (!losses.every(Number.isFinite) || losses.at(-1)! >= losses[0]!) {
    throw new StateError(
      `bench lenet: the loss does not fall (${losses.map((loss) => loss.toFixed(4)).join(', ')}), so its speed means nothing. Run "gabor goldens" to find what is wrong.`,
    );
  }
  return rates;
}

async function measureInference(trainer: Trainer, data: Dataset, rounds: number): Promise<number[]> {
  const { x } = data.gather(Array.from({ length: IMAGES }, (_, i) => i));
  const rates: number[] = [];
  for (let round = -1; round < rounds; round++) {
    const start = performance.now();
    const probabilities = await trainer.predict(x);
    if (round >= 0) rates.push(rate(start));
    for (let i = 0; i < IMAGES; i++) {
      const sum = probabilities.subarray(i * CLASSES, (i + 1) * CLASSES).reduce((a, b) => a + b, 0);
      if (!(Math.abs(sum - 1) < 1e-3))
        throw new StateError(
          `bench lenet: the probabilities of image ${i} add up to ${sum}, so the speed means nothing.`,
        );
    }
  }
  return rates;
}

const lenetTrainer = (device: Device, tune?: TuneOptions): Promise<Trainer> =>
  createTrainer(device, MODELS.lenet([1, SIDE, SIDE], CLASSES), {
    loss: crossEntropy(),
    optimizer: adam(),
    batchSize: BATCH,
    seed: 1,
    tune,
  });

export const lenetBench: Benchmark = {
  text: `lenet, batches of ${BATCH}: training with adam, inference with upload and read-back`,
  async run(device: Device, { rounds, tune }): Promise<Measurement[]> {
    const data = bars();
    const trainer = await lenetTrainer(device, tune);
    try {
      const resident = trainer.engine.resident(data) ?? undefined;
      const step = trainer.engine.describePlan({ mode: 'train', batch: BATCH, data: resident, shuffle: true });
      const predict = trainer.engine.describePlan({ mode: 'predict', batch: BATCH });
      const updates = trainer.engine.session.arenas.parameters.shards.length;
      const training = await measureTraining(trainer, data, rounds);
      const inference = await measureInference(trainer, data, rounds);
      return [
        {
          name: 'training',
          unit: 'images/s',
          rounds: training,
          dispatches: step.dispatches.length + updates,
        },
        { name: 'inference', unit: 'images/s', rounds: inference, dispatches: predict.dispatches.length },
      ];
    } finally {
      trainer.dispose();
    }
  },
  async profile(device, { steps, tune }) {
    const trainer = await lenetTrainer(device, tune);
    try {
      return await profile(trainer, { steps, data: bars() });
    } finally {
      trainer.dispose();
    }
  },
};
