/** What is told where data, model, loss and options do not fit: numbers and a way out, before any GPU work. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Dataset, imageDataset, tensorDataset } from '../../src/data/dataset.ts';
import { flatten, linear } from '../../src/nn/layers.ts';
import { bceWithLogits, crossEntropy, mse } from '../../src/nn/losses.ts';
import { sequential } from '../../src/nn/model.ts';
import { adam } from '../../src/optim/adam.ts';
import { createTrainer, type Trainer } from '../../src/train/trainer.ts';
import { ArgumentError, GaborError, ShapeError, StateError } from '../../src/util/errors.ts';
import { device } from '../support/device.ts';
import { convNet, quarters, trainerFor, watch } from './cases.ts';

let trainer: Trainer;
let regression: Trainer;

beforeAll(async () => {
  trainer = await trainerFor(convNet());
  regression = await trainerFor(sequential([1, 8, 8], [flatten(), linear(2)]), { loss: mse() });
});

afterAll(() => {
  trainer.dispose();
  regression.dispose();
});

/** The error of a call that does nothing on the GPU. */
async function refused(call: () => unknown): Promise<GaborError> {
  const on = await device();
  const { live } = on.ledger;
  const { counts, stop } = watch(on);
  try {
    await call();
  } catch (error) {
    expect(on.ledger.live).toEqual(live);
    expect([...counts.keys()]).toEqual([]);
    if (error instanceof GaborError) return error;
    throw error;
  } finally {
    stop();
  }
  throw new Error('it was not refused');
}

const values = (count: number, width: number): Dataset =>
  tensorDataset({ x: new Float32Array(count * 64), shape: [1, 8, 8], y: new Float32Array(count * width) });

describe.each(['fit', 'evaluate', 'fit, validation'] as const)('%s', (at) => {
  const call = (on: Trainer, data: Dataset): Promise<unknown> => {
    if (at === 'evaluate') return on.evaluate(data);
    if (at === 'fit') return on.fit(data);
    return on.fit(on === trainer ? quarters(20) : values(20, 2), { validation: data });
  };

  test.each<[string, () => Trainer, () => Dataset, new (message: string) => GaborError, string]>([
    [
      'another shape',
      () => trainer,
      () => quarters(20, { channels: 3 }),
      ShapeError,
      "samples have shape [3,8,8], the model takes [1,8,8]. Use other data or change the model's input shape.",
    ],
    [
      'values where labels are needed',
      () => trainer,
      () => values(20, 4),
      ArgumentError,
      'targets are Float32Array [4] for each sample, crossEntropy needs i32 []. Use another loss or other targets.',
    ],
    [
      'labels where values are needed',
      () => regression,
      () => quarters(20),
      ArgumentError,
      'targets are Int32Array [] for each sample, mse needs f32 [2]. Use another loss or other targets.',
    ],
    [
      'too few values',
      () => regression,
      () => values(20, 1),
      ArgumentError,
      'targets are Float32Array [1] for each sample, mse needs f32 [2]. Use another loss or other targets.',
    ],
    [
      'more classes than outputs',
      () => trainer,
      () =>
        imageDataset({
          images: new Uint8Array(20 * 64),
          labels: new Array<number>(20).fill(0),
          shape: [1, 8, 8],
          classes: 10,
        }),
      ArgumentError,
      'the data has 10 classes, the model 4 outputs. Give the last layer 10 outputs.',
    ],
  ])('%s', async (_, on, data, kind, message) => {
    const error = await refused(() => call(on(), data()));
    expect([error.constructor, error.message]).toEqual([kind, `${at}: ${message}`]);
  });
});

test('a batch larger than the data', async () => {
  const error = await refused(() => trainer.fit(quarters(15)));
  expect(error.message).toBe('fit: the batch size is 16, the data set has 15 samples. Use a batch of 15 at most.');
  expect((await trainer.evaluate(quarters(15))).samples).toBe(15);
});

test.each([-1, 1.5, Number.NaN])('%d epochs', async (epochs) => {
  const error = await refused(() => trainer.fit(quarters(20), { epochs }));
  expect(error.message).toBe(`fit: epochs is ${epochs}. Pass a whole number from 0.`);
});

test.each([0, -1, 2.5, Number.NaN])('fit: maxSteps %s', async (maxSteps) => {
  const error = await refused(() => trainer.fit(quarters(32), { maxSteps }));
  expect(error.message).toBe(`fit: maxSteps is ${maxSteps}. Pass a whole number from 1.`);
});

describe.each(['step', 'forwardBackward'] as const)('%s', (at) => {
  const x = new Float32Array(2 * 64);
  const y = Int32Array.of(0, 3);

  test.each<[string, () => Trainer, object, new (message: string) => GaborError, string]>([
    [
      'part of a sample',
      () => trainer,
      { x: new Float32Array(65), y },
      StateError,
      'x is Float32Array of 65, not a whole number of samples of [1,8,8]. Pass whole samples as Float32Array.',
    ],
    [
      'no sample',
      () => trainer,
      { x: new Float32Array(0), y: new Int32Array(0) },
      StateError,
      'x is Float32Array of 0, not a whole number of samples of [1,8,8]. Pass whole samples as Float32Array.',
    ],
    [
      'bytes',
      () => trainer,
      { x: new Uint8Array(128), y },
      StateError,
      'x is Uint8Array of 128, not a whole number of samples of [1,8,8]. Pass whole samples as Float32Array.',
    ],
    [
      'a label too few',
      () => trainer,
      { x, y: Int32Array.of(0) },
      StateError,
      'y is Int32Array of 1, 2 samples need i32 [2]. Pass one target for each sample: labels as Int32Array, values as Float32Array.',
    ],
    [
      'values for labels',
      () => trainer,
      { x, y: new Float32Array(2) },
      StateError,
      'y is Float32Array of 2, 2 samples need i32 [2]. Pass one target for each sample: labels as Int32Array, values as Float32Array.',
    ],
    [
      'labels for values',
      () => regression,
      { x, y: new Int32Array(4) },
      StateError,
      'y is Int32Array of 4, 2 samples need f32 [2,2]. Pass one target for each sample: labels as Int32Array, values as Float32Array.',
    ],
    [
      'a label that is no class',
      () => trainer,
      { x, y: Int32Array.of(0, 4) },
      ArgumentError,
      'label 4 is not one of 0..3. Correct the labels, or give the model more outputs.',
    ],
    [
      'a negative label',
      () => trainer,
      { x, y: Int32Array.of(-1, 0) },
      ArgumentError,
      'label -1 is not one of 0..3. Correct the labels, or give the model more outputs.',
    ],
  ])('%s', async (_, on, batch, kind, message) => {
    // The types forbid it; JavaScript does not.
    const error = await refused(() => Reflect.apply(on()[at], on(), [batch]));
    expect([error.constructor, error.message]).toEqual([kind, `${at}: ${message}`]);
  });

  test('labels that do not count are allowed', () => {
    trainer[at]({ x, y: Int32Array.of(-100, 3) });
  });
});

describe('createTrainer', () => {
  const options = { loss: crossEntropy(), optimizer: adam() };

  test.each([
    [{ ...options, batchSize: 0 }, 'createTrainer: batchSize is 0. Pass a whole number from 1.'],
    [{ ...options, batchSize: 2.5 }, 'createTrainer: batchSize is 2.5. Pass a whole number from 1.'],
    [{ ...options, seed: -1 }, 'createTrainer: seed is -1. Pass a whole number from 0 to 4294967295.'],
    [{ ...options, seed: 0.5 }, 'createTrainer: seed is 0.5. Pass a whole number from 0 to 4294967295.'],
    [{ ...options, seed: 2 ** 32 }, 'createTrainer: seed is 4294967296. Pass a whole number from 0 to 4294967295.'],
  ])('%#', async (wrong, message) => {
    const on = await device();
    const error = await refused(() => createTrainer(on, convNet(), wrong));
    expect(error).toEqual(new ArgumentError(message));
  });

  test('a loss that cannot use the output', async () => {
    const on = await device();
    const flat = sequential([4], [linear(3)]);
    expect(flat.outputShape).toEqual([3]);
    const error = await refused(() =>
      createTrainer(on, { ...flat, outputShape: [] }, { ...options, loss: crossEntropy() }),
    );
    expect(error.message).toBe(
      "crossEntropy: the model's output is [64]. It must be [n, classes]: add flatten() and linear(classes).",
    );
  });
});

test('probabilities and bits are values of the shape of the output', async () => {
  const bits = await trainerFor(convNet(), { loss: bceWithLogits() });
  const data = tensorDataset({ x: new Float32Array(20 * 64), shape: [1, 8, 8], y: new Float32Array(20 * 4) });
  await expect(bits.fit(data)).resolves.toBeDefined();
  bits.dispose();
});
