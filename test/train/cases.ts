/** Small models and data sets for the tests of training, and a count of what is asked of the GPU. May import src and test/support. */
import { type Dataset, imageDataset, tensorDataset } from '../../src/data/dataset.ts';
import type { Device } from '../../src/gpu/device.ts';
import { conv2d, dropout, flatten, linear, maxPool2d, relu } from '../../src/nn/layers.ts';
import { crossEntropy } from '../../src/nn/losses.ts';
import { type Model, sequential } from '../../src/nn/model.ts';
import { adam } from '../../src/optim/adam.ts';
import { createTrainer, type Trainer, type TrainerOptions } from '../../src/train/trainer.ts';
import { device } from '../support/device.ts';
import { Random } from '../support/random.ts';

export const SHAPE = [1, 8, 8] as const;
export const CLASSES = 4;

/** Images whose class is the quarter that is bright. */
export function quarters(count: number, { seed = 1, channels = 1 } = {}): Dataset {
  const random = new Random(seed);
  const labels = Array.from({ length: count }, () => random.integer(0, CLASSES - 1));
  const images = new Uint8Array(count * channels * 64);
  images.forEach((_, i) => {
    const label = labels[Math.floor(i / (64 * channels))]!;
    const [row, column] = [Math.floor((i % 64) / 8), i % 8];
    const bright = Math.floor(row / 4) * 2 + Math.floor(column / 4) === label;
    images[i] = bright ? random.integer(90, 255) : random.integer(0, 140);
  });
  const perChannel = (value: number) => new Array<number>(channels).fill(value);
  return imageDataset({
    images,
    labels,
    shape: [channels, 8, 8],
    classes: CLASSES,
    mean: perChannel(0.35),
    std: perChannel(0.25),
  });
}

/** Convolution, pooling, dropout, linear: a bit of everything. */
export const convNet = ({ p = 0.3, channels = 1 } = {}): Model =>
  sequential(
    [channels, 8, 8],
    [conv2d(6, 3, { padding: 1 }), relu(), maxPool2d(2), flatten(), linear(12), relu(), dropout(p), linear(CLASSES)],
  );

/** The exclusive or, as numbers. */
export const XOR = tensorDataset({
  x: Float32Array.of(0, 0, 0, 1, 1, 0, 1, 1),
  shape: [2],
  y: Float32Array.of(0, 1, 1, 0),
});

export async function trainerFor(model: Model, options: Partial<TrainerOptions> = {}, on?: Device): Promise<Trainer> {
  return createTrainer(on ?? (await device()), model, {
    loss: crossEntropy(),
    optimizer: adam({ lr: 0.01 }),
    batchSize: 16,
    seed: 1,
    ...options,
  });
}

/** The batches of a data set as they are, for `step`. */
export const batchOf = (data: Dataset, first: number, size: number) =>
  data.gather(Array.from({ length: size }, (_, i) => (first + i) % data.count));

/** Counts the calls of methods by name until `stop`. */
export function watch(device: Device): { readonly counts: Map<string, number>; stop(): void } {
  const counts = new Map<string, number>();
  const undo: (() => void)[] = [];
  const wrap = (target: object, name: string, after?: (result: object) => void): void => {
    const original = Reflect.get(target, name);
    if (typeof original !== 'function') throw new Error(`no method ${name}`);
    Reflect.set(target, name, (...args: unknown[]): unknown => {
      counts.set(name, (counts.get(name) ?? 0) + 1);
      const result: unknown = Reflect.apply(original, target, args);
      if (after && typeof result === 'object' && result !== null) after(result);
      return result;
    });
    undo.push(() => Reflect.deleteProperty(target, name));
  };
  const { gpu } = device;
  const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(gpu)).filter((name) =>
    /^(create|import)/.test(name),
  );
  for (const name of methods) {
    if (name === 'createCommandEncoder') wrap(gpu, name, (encoder) => wrap(encoder, 'beginComputePass'));
    else wrap(gpu, name);
  }
  for (const name of ['submit', 'writeBuffer', 'onSubmittedWorkDone']) wrap(gpu.queue, name);
  return {
    counts,
    stop: () => {
      for (const back of undo) back();
    },
  };
}

/** Quicker than Vitest's comparison, which takes seconds for large arrays. */
export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);
