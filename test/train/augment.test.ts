/** Training with augmentation and mixing: it repeats and resumes to the bit, changes training alone, and computes what the host does. */
import { describe, expect, test } from 'vitest';
import { imageDataset, tensorDataset } from '../../src/data/dataset.ts';
import { flatten, linear } from '../../src/nn/layers.ts';
import { bceWithLogits, crossEntropy, crossEntropyProbs, mse } from '../../src/nn/losses.ts';
import { sequential } from '../../src/nn/model.ts';
import { sgd } from '../../src/optim/sgd.ts';
import {
  colorJitter,
  compose,
  randomAffine,
  randomCrop,
  randomErasing,
  randomHorizontalFlip,
} from '../../src/train/augment.ts';
import type { BatchLogs } from '../../src/train/callbacks.ts';
import { cutmix, drawMix, mixup } from '../../src/train/mix.ts';
import type { FitOptions, Trainer, TrainerOptions } from '../../src/train/trainer.ts';
import { ArgumentError } from '../../src/util/errors.ts';
import { streamKey } from '../../src/util/shuffle.ts';
import { augmented } from '../ops/augment-reference.ts';
import { Random } from '../support/random.ts';
import { toFloat32 } from '../support/tensor.ts';
import { convNet, quarters, sameBytes, trainerFor } from './cases.ts';

const AUGMENT = compose([
  randomCrop({ padding: 1 }),
  randomHorizontalFlip(),
  randomAffine({ degrees: 10, translate: [0.1, 0.1], scale: [0.9, 1.1], shear: 5 }),
  colorJitter({ brightness: 0.2, contrast: 0.2 }),
  randomErasing({ p: 0.3 }),
]);

async function trained(
  fit: FitOptions,
  options: Partial<TrainerOptions> = {},
  data = quarters(70),
): Promise<Uint8Array> {
  const trainer = await trainerFor(convNet({ channels: data.shape[0] }), options);
  await trainer.fit(data, fit);
  const bytes = await trainer.save();
  trainer.dispose();
  return bytes;
}

/** Stops a run after a step, saves it, goes on in another trainer. */
async function withBreak(fit: FitOptions, stop: number, data = quarters(70)): Promise<Uint8Array> {
  const controller = new AbortController();
  const first = await trainerFor(convNet());
  const { replay } = first;
  first.replay = (...args) => {
    replay.apply(first, args);
    if (first.position.step === stop) controller.abort();
  };
  await first.fit(data, { ...fit, signal: controller.signal });
  expect(first.position.step).toBe(stop);
  const bytes = await first.save();
  first.dispose();
  const second = await trainerFor(convNet());
  second.load(bytes);
  await second.fit(data, { ...fit, resume: true });
  const end = await second.save();
  second.dispose();
  return end;
}

describe('200 steps with dropout, augmentation and mixing', () => {
  test.each([
    ['augmented', { augment: AUGMENT }],
    ['mixup', { augment: AUGMENT, mix: mixup({ alpha: 0.2 }) }],
    ['cutmix', { augment: AUGMENT, mix: cutmix() }],
  ])('%s: twice the same bytes, and the same with a break after step 100', async (_, options) => {
    const fit = { epochs: 40, ...options };
    const whole = await trained(fit);
    expect(sameBytes(await trained(fit), whole)).toBe(true);
    expect(sameBytes(await withBreak(fit, 100), whole)).toBe(true);
    expect(sameBytes(await withBreak(fit, 103), whole)).toBe(true); // within an epoch
    expect(sameBytes(await trained({ epochs: 40 }), whole)).toBe(false);
  });
});

test('an augmentation that does nothing trains to the same bytes as none', async () => {
  const none = compose([randomHorizontalFlip({ p: 0 }), randomAffine({}), randomCrop({ padding: 0 })]);
  const plain = await trained({ epochs: 2 });
  expect(sameBytes(await trained({ epochs: 2, augment: none }), plain)).toBe(true);
  expect(sameBytes(await trained({ epochs: 2, augment: compose([]) }), plain)).toBe(true);
  expect(sameBytes(await trained({ epochs: 2, augment: AUGMENT }), plain)).toBe(false);
});

/** A linear model of images or numbers, one batch, no shuffle: the first loss can be worked out on the host. */
async function firstLoss(
  data: Parameters<Trainer['fit']>[0],
  outputs: number,
  options: Partial<TrainerOptions>,
  fit: FitOptions,
) {
  const model = sequential(data.shape, [flatten(), linear(outputs)]);
  const trainer = await trainerFor(model, { optimizer: sgd({ lr: 0 }), batchSize: data.count, seed: 3, ...options });
  const losses: BatchLogs[] = [];
  const onBatchEnd = (logs: BatchLogs): void => {
    losses.push(logs);
  };
  const { epochs } = await trainer.fit(data, { shuffle: false, validation: data, callbacks: [{ onBatchEnd }], ...fit });
  const weights = await trainer.parameters();
  trainer.dispose();
  return { ...losses[0]!, valLoss: epochs[0]!.valLoss, valAccuracy: epochs[0]!.valAccuracy, weights };
}

type Weights = Awaited<ReturnType<typeof firstLoss>>['weights'];

const logitsOf = (x: Float64Array, outputs: number, weights: Weights): number[] => {
  const width = x.length;
  const [w, b] = [...weights.values()].map(({ data }) => data);
  return Array.from({ length: outputs }, (_, k) => x.reduce((sum, v, i) => sum + v * w![k * width + i]!, b![k]!));
};

function crossEntropyOf(logits: readonly number[], share: (k: number) => number, smoothing = 0): number {
  const max = Math.max(...logits);
  const log = max + Math.log(logits.reduce((sum, v) => sum + Math.exp(v - max), 0));
  return logits.reduce((sum, v, k) => sum + ((1 - smoothing) * share(k) + smoothing / logits.length) * (log - v), 0);
}

describe('the loss of a batch', () => {
  const data = quarters(20, { channels: 3 });
  const [, h = 8, w = 8] = data.shape;
  const seed = streamKey(3, 2);

  test('is that of the augmented images; validation sees them as they are', async () => {
    const { loss, valLoss, valAccuracy, weights } = await firstLoss(data, 4, {}, { augment: AUGMENT });
    const one = {
      ...{ images: data.samples as Uint8Array, shape: [3, 8, 8] as const, mean: data.mean, std: data.std, seed },
      ...{ transforms: AUGMENT.transforms },
    };
    const mean = (of: (r: number) => Float64Array): number => {
      let sum = 0;
      for (let r = 0; r < 20; r++)
        sum += crossEntropyOf(logitsOf(of(r), 4, weights), (k) => (k === data.targets[r] ? 1 : 0));
      return sum / 20;
    };
    expect(loss).toBeCloseTo(
      mean((r) => augmented(r, one)),
      4,
    );
    expect(valLoss).toBeCloseTo(
      mean((r) => Float64Array.from(data.gather([r]).x)),
      5,
    );
    expect(valAccuracy).toBeGreaterThanOrEqual(0);
  });

  test.each([
    ['mixup', mixup({ alpha: 1 }), 0],
    ['mixup with smoothed labels', mixup({ alpha: 1 }), 0.2],
    ['cutmix', cutmix(), 0],
  ])('%s: both labels by their shares; validation is not mixed', async (_, mix, labelSmoothing) => {
    const { loss, valLoss, accuracy, weights } = await firstLoss(
      data,
      4,
      { loss: crossEntropy({ labelSmoothing }) },
      { mix },
    );
    const { share, box } = drawMix(mix, { key: seed, size: [h, w] });
    expect(share).toBeGreaterThan(0);
    const x = (r: number) => Float64Array.from(data.gather([r]).x);
    let [sum, own, hits] = [0, 0, 0];
    for (let r = 0; r < 20; r++) {
      const other = (r + 19) % 20;
      const [a, b] = [x(r), x(other)];
      const mixed = a.map((v, i) => {
        const [row, column] = [Math.floor(i / w) % h, i % w];
        const inside = column >= box.x[0] && column < box.x[1] && row >= box.y[0] && row < box.y[1];
        return mix.kind === 'cutmix' ? (inside ? b[i]! : v) : share * v + (1 - share) * b[i]!;
      });
      const shareOf = (k: number): number =>
        (data.targets[r] === k ? share : 0) + (data.targets[other] === k ? 1 - share : 0);
      const logits = logitsOf(mixed, 4, weights);
      sum += crossEntropyOf(logits, shareOf, labelSmoothing) / 20;
      own += crossEntropyOf(logitsOf(a, 4, weights), (k) => (k === data.targets[r] ? 1 : 0), labelSmoothing) / 20;
      hits += logits.indexOf(Math.max(...logits)) === data.targets[share > 0.5 ? r : other] ? 1 : 0;
    }
    expect(loss).toBeCloseTo(sum, 5);
    expect(valLoss).toBeCloseTo(own, 5);
    expect(accuracy).toBeCloseTo(hits / 20, 6);
  });

  test('mixup of numbers with target values', async () => {
    const random = new Random(8);
    const numbers = tensorDataset({
      ...{ x: toFloat32(random.normal([6, 5])), shape: [5] },
      y: toFloat32(random.uniform([6, 3])),
    });
    const mix = mixup({ alpha: 2 });
    const { loss, weights } = await firstLoss(numbers, 3, { loss: mse() }, { mix });
    const { share } = drawMix(mix, { key: seed, size: [] });
    let sum = 0;
    for (let r = 0; r < 6; r++) {
      const [a, b] = [numbers.gather([r]), numbers.gather([(r + 5) % 6])];
      const x = Float64Array.from(a.x, (v, i) => share * v + (1 - share) * b.x[i]!);
      const logits = logitsOf(x, 3, weights);
      for (const [k, v] of logits.entries()) sum += (v - share * a.y[k]! - (1 - share) * b.y[k]!) ** 2 / 18;
    }
    expect(loss).toBeCloseTo(sum, 5);
    for (const other of [bceWithLogits(), crossEntropyProbs()])
      expect(Number.isFinite((await firstLoss(numbers, 3, { loss: other }, { mix })).loss)).toBe(true);
  });
});

test('batches that are streamed are mixed to the same bits', async () => {
  const streamed = await trainerFor(convNet());
  streamed.engine.resident = () => null;
  const fit = { epochs: 2, mix: mixup({ alpha: 0.5 }) };
  await streamed.fit(quarters(70), fit);
  expect(sameBytes(await streamed.save(), await trained(fit))).toBe(true);
  streamed.dispose();
});

test('accumulated batches are mixed and augmented each in their own way, and repeat', async () => {
  const fit = { epochs: 3, mix: cutmix(), augment: AUGMENT };
  const options = { accumulationSteps: 2 };
  expect(sameBytes(await trained(fit, options), await trained(fit, options))).toBe(true);
});

test('it learns all the same', async () => {
  const trainer = await trainerFor(convNet({ p: 0 }));
  const augment = compose([randomAffine({ degrees: 5, translate: [0.1, 0.1] }), colorJitter({ brightness: 0.2 })]);
  await trainer.fit(quarters(300), { epochs: 8, augment, mix: mixup({ alpha: 0.2 }) });
  expect((await trainer.evaluate(quarters(100, { seed: 5 }))).accuracy).toBeGreaterThan(0.9);
  trainer.dispose();
});

describe('what cannot be', () => {
  test('augmentation of numbers, or of images that are not on the GPU', async () => {
    const numbers = tensorDataset({
      x: new Float32Array(32 * 64),
      shape: [1, 8, 8],
      y: new Int32Array(32),
      classes: 4,
    });
    const trainer = await trainerFor(convNet());
    await expect(trainer.fit(numbers, { augment: AUGMENT })).rejects.toThrow(
      'fit, augment: the samples are Float32Array [1,8,8], not images of bytes.',
    );
    trainer.engine.resident = () => null;
    await expect(trainer.fit(quarters(70), { augment: AUGMENT })).rejects.toThrow(
      'fit, augment: the 4480 bytes of the images are more than this GPU binds.',
    );
    trainer.dispose();
  });

  test('mixed labels of a loss that takes none; cutmix of numbers', async () => {
    const model = sequential([2], [linear(2)]);
    const data = tensorDataset({ x: new Float32Array(64), shape: [2], y: new Int32Array(32), classes: 2 });
    const { applyProbs: _, ...loss } = crossEntropy();
    const trainer = await trainerFor(model, { loss });
    await expect(trainer.fit(data, { mix: mixup() })).rejects.toThrow(ArgumentError);
    await expect(trainer.fit(data, { mix: cutmix() })).rejects.toThrow(
      'fit, cutmix: the model takes samples of [2], not images [c, h, w]. Use mixup.',
    );
    trainer.dispose();
  });
});

test('a new augmentation does not use the plan of another', async () => {
  const black = imageDataset({ images: new Uint8Array(64 * 4), labels: [0, 1, 2, 3], shape: [1, 8, 8], classes: 4 });
  const run = (value: number) =>
    firstLoss(black, 4, {}, { augment: randomErasing({ p: 1, scale: [0.5, 0.5], ratio: [1, 1], value }) });
  const model = sequential([1, 8, 8], [flatten(), linear(4)]);
  const trainer = await trainerFor(model, { optimizer: sgd({ lr: 0 }), batchSize: 4, seed: 3 });
  const losses = [];
  for (const value of [1, 5])
    losses.push(
      (
        await trainer.fit(black, {
          shuffle: false,
          augment: randomErasing({ p: 1, scale: [0.5, 0.5], ratio: [1, 1], value }),
        })
      ).epochs[0]!.loss,
    );
  expect(losses[0]).not.toBe(losses[1]);
  expect(losses[0]).toBeCloseTo((await run(1)).loss, 6);
  trainer.dispose();
});
