/** Data sets in memory: batches, order, slices, normalisation, errors. No GPU (its order is in test/ops/gather-batch.test.ts). */
import { describe, expect, test } from 'vitest';
import { type Dataset, imageDataset, normalize, tensorDataset } from '../../src/data/dataset.ts';
import { ArgumentError } from '../../src/util/errors.ts';
import { shuffled, streamKey } from '../../src/util/shuffle.ts';

const images = (count: number): Dataset =>
  imageDataset({
    images: Uint8Array.from({ length: count * 12 }, (_, i) => (7 * i) % 256),
    labels: Array.from({ length: count }, (_, i) => i % 3),
    shape: [2, 2, 3],
    classes: 3,
    mean: [0.1, 0.2],
    std: [0.5, 0.25],
  });

const rows = (count: number): Dataset =>
  tensorDataset({
    x: Float32Array.from({ length: count * 2 }, (_, i) => i),
    shape: [2],
    y: Float32Array.from({ length: count * 3 }, (_, i) => -i),
  });

describe('gather', () => {
  test('takes samples and targets at positions, in that order, again if asked', () => {
    const { x, y, size } = rows(5).gather([3, 0, 3]);
    expect([...x]).toEqual([6, 7, 0, 1, 6, 7]);
    expect([...y].map((v) => v + 0)).toEqual([-9, -10, -11, 0, -1, -2, -9, -10, -11]);
    expect(size).toBe(3);
  });

  test('bytes are normalised by channel', () => {
    const { x, y } = images(4).gather([2]);
    const expected = Array.from({ length: 12 }, (_, i) => {
      const c = Math.floor(i / 6);
      return (((7 * (24 + i)) % 256) / 255 - [0.1, 0.2][c]!) / [0.5, 0.25][c]!;
    });
    for (const [i, v] of expected.entries()) expect(x[i]).toBeCloseTo(v, 5);
    expect([...y]).toEqual([2]);
  });

  test('numbers are taken as they are', () => {
    const data = rows(3);
    expect(data.gather([1]).x).toEqual(Float32Array.of(2, 3));
    expect([data.mean, data.std, data.classes, data.targetShape]).toEqual([[0], [1], null, [3]]);
  });
});

test('normalize without mean and deviation is a division by 255', () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  const x = normalize(bytes, { shape: [1, 16, 16], mean: [0], std: [1] });
  for (const [i, v] of x.entries()) expect(Math.abs(v - i / 255)).toBeLessThan(1.2e-7);
  expect([x[0], x[255]]).toEqual([0, 1]);
});

describe('batches', () => {
  const positions = (data: Dataset, size: number, options = {}): number[] =>
    [...data.batches(size, options)].flatMap(({ x, size: n }) => Array.from({ length: n }, (_, i) => x[2 * i]! / 2));

  test('all samples as they are, the last batch smaller', () => {
    expect([...rows(7).batches(3)].map(({ size }) => size)).toEqual([3, 3, 1]);
    expect(positions(rows(7), 3)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect([...rows(6).batches(6)].map(({ size }) => size)).toEqual([6]);
  });

  test('dropLast leaves out what is not full', () => {
    expect(positions(rows(7), 3, { dropLast: true })).toEqual([0, 1, 2, 3, 4, 5]);
    expect(positions(rows(6), 3, { dropLast: true })).toHaveLength(6);
  });

  test.each([1, 2, 3, 16, 17, 100])('a seed is an order: a permutation of %i, the same every time', (count) => {
    for (const shuffleSeed of [0, 1, 2 ** 31]) {
      const order = positions(rows(count), Math.min(4, count), { shuffleSeed });
      expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
      expect(positions(rows(count), Math.min(7, count), { shuffleSeed })).toEqual(order);
      expect(order).toEqual(Array.from({ length: count }, (_, i) => shuffled(i, count, streamKey(shuffleSeed, 0))));
    }
    if (count >= 16)
      expect(positions(rows(count), 4, { shuffleSeed: 1 })).not.toEqual(positions(rows(count), 4, { shuffleSeed: 2 }));
  });

  test.each([0, 8, 1.5, -1, Number.NaN])('a size of %d is refused', (size) => {
    expect(() => [...rows(7).batches(size)]).toThrow(
      new ArgumentError(
        `batches: the batch size is ${size}, the data set has 7 samples. Pass a whole number from 1 to 7.`,
      ),
    );
  });
});

describe('slice', () => {
  test('shares memory', () => {
    const data = images(5);
    const part = data.slice(1, 4);
    expect([part.count, part.shape, part.classes, part.mean]).toEqual([3, [2, 2, 3], 3, [0.1, 0.2]]);
    expect(part.samples.buffer).toBe(data.samples.buffer);
    expect(part.gather([0, 2])).toEqual(data.gather([1, 3]));
    expect(part.slice(1, 2).gather([0])).toEqual(data.gather([2]));
  });

  test.each([
    [-1, 2],
    [2, 2],
    [3, 2],
    [0, 6],
    [0.5, 2],
  ])('%d..%d of 5 is refused', (start, end) => {
    expect(() => images(5).slice(start, end)).toThrow(
      new ArgumentError(`slice: ${start}..${end} of 5 samples. Pass 0 <= start < end <= 5.`),
    );
  });
});

describe('what does not fit is refused', () => {
  const good = { images: new Uint8Array(24), labels: [0, 1], shape: [2, 2, 3], classes: 2 };

  test.each<[object, string]>([
    [{ shape: [4, 3] }, 'imageDataset: the shape is [4,3]. Pass [c, h, w] of one image.'],
    [
      { images: new Uint8Array(25) },
      'imageDataset: 25 values are not a whole number of samples of [2,2,3] (12 each). Pass whole samples.',
    ],
    [
      { images: new Uint8Array(0), labels: [] },
      'imageDataset: 0 values are not a whole number of samples of [2,2,3] (12 each).',
    ],
    [{ labels: [0] }, 'imageDataset: 2 samples'],
    [
      { labels: [0, 2] },
      'imageDataset: label 2 of sample 1 is not one of 0..1. Correct the labels or pass the right number of classes.',
    ],
    [{ labels: [-1, 0] }, 'imageDataset: label -1 of sample 0 is not one of 0..1.'],
    [{ labels: [0, 0.5] }, 'imageDataset: label 0.5 of sample 1 is not one of 0..1.'],
    [
      { mean: [0] },
      'imageDataset: mean [0] and std [1,1] for 2 channels. Pass one mean and one positive deviation for each.',
    ],
    [{ std: [1, 0] }, 'imageDataset: mean [0,0] and std [1,0] for 2 channels.'],
    [
      { images: new Uint8Array(10), shape: [5, 1, 1] },
      'imageDataset: images of 5 channels. Pass 1 to 4 channels, or numbers to tensorDataset.',
    ],
  ])('%j', (changes, message) => {
    expect(() => imageDataset({ ...good, ...changes })).toThrow(ArgumentError);
    expect(() => imageDataset({ ...good, ...changes })).toThrow(message);
  });

  test('tensorDataset', () => {
    const x = new Float32Array(6);
    expect(() => tensorDataset({ x, shape: [4], y: new Int32Array(1) })).toThrow(
      'tensorDataset: 6 values are not a whole number of samples of [4] (4 each).',
    );
    expect(() => tensorDataset({ x, shape: [2], y: new Int32Array(2) })).toThrow(ArgumentError);
    expect(() => tensorDataset({ x, shape: [2], y: new Float32Array(4) })).toThrow(ArgumentError);
    expect(() => tensorDataset({ x, shape: [2], y: new Float32Array(0) })).toThrow(ArgumentError);
    expect(() => tensorDataset({ x, shape: [2], y: Int32Array.of(0, 1, 2), classes: 2 })).toThrow(
      'tensorDataset: label 2 of sample 2 is not one of 0..1.',
    );
    expect(tensorDataset({ x, shape: [2], y: Int32Array.of(0, 4, 2) }).classes).toBe(5);
  });
});
