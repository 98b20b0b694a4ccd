/** The batch of a data set on the GPU: the same samples, in the same order and normalised to the same bits, as on the host. */
import { describe, expect, test } from 'vitest';
import { imageDataset, tensorDataset } from '../../src/data/dataset.ts';
import { input } from '../../src/graph/define-op.ts';
import type { Value } from '../../src/graph/types.ts';
import { gatherImages, gatherImagesAndTargets, gatherRows, gatherRowsAndTargets } from '../../src/ops/index.ts';
import { f32 } from '../../src/train/program.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { shuffled, streamKey } from '../../src/util/shuffle.ts';
import { Random } from '../support/random.ts';
import { memoryOf } from './loss-cases.ts';
import { runSteps } from './step-cases.ts';

function images(samples: number, shape: readonly number[]) {
  const random = new Random(samples);
  const size = shape.reduce((a, b) => a * b, 1);
  const channels = shape[0]!;
  const bytes = Uint8Array.from({ length: Math.ceil((samples * size) / 4) * 4 }, () => random.integer(0, 255));
  return {
    data: imageDataset({
      images: bytes.subarray(0, samples * size),
      labels: Array.from({ length: samples }, () => random.integer(0, 9)),
      shape,
      classes: 10,
      mean: [0.1307, 0.4822, 0.4465, 0.5].slice(0, channels),
      std: [0.3081, 0.2435, 0.2616, 0.25].slice(0, channels),
    }),
    words: new Uint32Array(bytes.buffer),
  };
}

const positions = (first: number, batch: number, { samples, key }: { samples: number; key?: number }): number[] =>
  Array.from({ length: batch }, (_, i) => (key === undefined ? first + i : shuffled(first + i, samples, key)));

// The words of a plane of 5 x 7 bytes hold pixels of several channels or images, those of 8 x 6 four pixels of one.
describe.each(
  [1, 2, 3, 4].flatMap((channels) => [
    [channels, 5, 7],
    [channels, 8, 6],
  ]),
)('images of %i channels, %i x %i', (...shape) => {
  const channels = shape[0]!;
  const samples = 23;
  const { data, words } = images(samples, shape);
  const { mean, std } = data;
  const inputs = { images: { spec: { shape: [words.length], dtype: 'u32' as const }, data: words } };

  test.each([
    [true, true],
    [false, true],
    [true, false],
    [false, false],
  ])('shuffled: %s, on a CPU: %s', async (shuffle, software) => {
    const batch = 6;
    const key = streamKey(3, 1);
    const firsts = [0, 6, 12, 17];
    const results = await runSteps(
      inputs,
      (v) => ({ x: gatherImages(v.images!, { batch, samples, shuffle, shape, mean, std }) }),
      { steps: firsts.map((first) => ({ first, shuffle: key })), caps: { software } },
    );
    for (const [i, first] of firsts.entries()) {
      const at = positions(first, batch, { samples, key: shuffle ? key : undefined });
      expect(results[i]!.x).toEqual(data.gather(at).x);
    }
  });

  test('the padding is zero', async () => {
    const options = { batch: 2, samples, shuffle: false, shape, mean, std };
    const [a] = await runSteps(inputs, (v) => ({ m: memoryOf(gatherImages(v.images!, options)) }), [{}]);
    const padded = channels === 1 ? 1 : 4;
    expect(a!.m).toHaveLength(2 * padded * shape[1]! * shape[2]!);
    expect([...a!.m!].filter((v, i) => i % padded >= channels && v !== 0)).toHaveLength(0);
  });
});

test('every byte is normalised to the same bits as on the host', async () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  const data = imageDataset({
    images: bytes,
    labels: [0],
    shape: [1, 16, 16],
    classes: 1,
    mean: [0.1307],
    std: [0.3081],
  });
  const { mean, std } = data;
  const [a] = await runSteps(
    { images: { spec: { shape: [64], dtype: 'u32' }, data: new Uint32Array(bytes.buffer) } },
    (v) => ({ x: gatherImages(v.images!, { batch: 1, samples: 1, shuffle: false, shape: [1, 16, 16], mean, std }) }),
    [{}],
  );
  expect(a!.x).toEqual(data.gather([0]).x);
});

describe('rows', () => {
  const samples = 37;
  const random = new Random(5);
  const labels = Int32Array.from({ length: samples }, () => random.integer(0, 9));

  // A CPU takes eight numbers a thread, or eight times four where the row is a multiple of four: here up to two threads a row.
  test.each(
    [3, 11, 8, 44].flatMap((width) => [true, false].map((shuffle) => ({ width, shuffle, software: width !== 8 }))),
  )('rows of $width numbers and labels, shuffled: $shuffle, on a CPU: $software', async (how) => {
    const { width, shuffle, software } = how;
    const values = Float32Array.from({ length: samples * width }, () => random.gaussian());
    const data = tensorDataset({ x: values, shape: [width], y: labels, classes: 10 });
    const key = streamKey(0, 5);
    const options = { batch: 8, samples, shuffle };
    const results = await runSteps(
      {
        x: { spec: f32(samples, width), data: values },
        y: { spec: { shape: [samples], dtype: 'i32' }, data: labels },
      },
      (v) => ({ x: gatherRows(v.x!, options), y: gatherRows(v.y!, options) }),
      { steps: [0, 8, 29].map((first) => ({ first, shuffle: key })), caps: { software } },
    );
    for (const [i, first] of [0, 8, 29].entries()) {
      const { x, y } = data.gather(positions(first, 8, { samples, key: shuffle ? key : undefined }));
      expect(results[i]).toEqual({ x, y });
    }
  });

  test('one epoch meets every sample once', async () => {
    const numbers = Int32Array.from({ length: samples }, (_, i) => i);
    const seen: number[] = [];
    const batch = 5;
    const steps = Array.from({ length: 8 }, (_, i) => ({ first: i * batch, shuffle: streamKey(9, 9) }));
    const results = await runSteps(
      { y: { spec: { shape: [samples], dtype: 'i32' }, data: numbers } },
      (v) => ({ y: gatherRows(v.y!, { batch, samples, shuffle: true }) }),
      steps,
    );
    for (const [i, { y }] of results.entries())
      seen.push(...Array.from(y!).slice(0, Math.min(batch, samples - i * batch)));
    expect(seen.sort((a, b) => a - b)).toEqual([...numbers]);
  });
});

describe('targets come along', () => {
  const samples = 23;
  const { data, words } = images(samples, [3, 3, 4]);
  const { mean, std } = data;
  const random = new Random(8);
  const key = streamKey(2, 4);
  const firsts = [0, 5, 17];
  const steps = firsts.map((first) => ({ first, shuffle: key }));
  const options = { batch: 6, samples, shuffle: true };
  const givenImages = { spec: { shape: [words.length], dtype: 'u32' as const }, data: words };
  const rows = Float32Array.from({ length: samples * 2 }, () => random.gaussian());

  /** What a batch should have of the targets. */
  const wanted = (targets: Int32Array | Float32Array, first: number): number[] => {
    const width = targets.length / samples;
    return positions(first, 6, { samples, key }).flatMap((at) => [...targets.slice(at * width, (at + 1) * width)]);
  };

  // More numbers a target than threads a sample have to be taken in turns.
  test.each([1, 2, 7, 40])('%i numbers a target', async (width) => {
    const targets = Float32Array.from({ length: samples * width }, () => random.gaussian());
    const given = { spec: f32(samples, width), data: targets };
    for (const software of [true, false]) {
      const results = await runSteps(
        { images: givenImages, rows: { spec: f32(samples, 2), data: rows }, targets: given },
        (v) => {
          const a = gatherImagesAndTargets(v.images!, v.targets!, { ...options, shape: [3, 3, 4], mean, std });
          const b = gatherRowsAndTargets(v.rows!, v.targets!, options);
          return { x: a.x, y: a.y, xRows: b.x, yRows: b.y };
        },
        { steps, caps: { software } },
      );
      for (const [i, first] of firsts.entries()) {
        const { x, y, xRows, yRows } = results[i]!;
        expect(x).toEqual(data.gather(positions(first, 6, { samples, key })).x);
        expect([...xRows!]).toEqual(wanted(rows, first));
        expect([...y!]).toEqual(wanted(targets, first));
        expect(yRows).toEqual(y);
      }
    }
  });

  test('labels, and nothing where nobody reads them', async () => {
    const labels = Int32Array.from({ length: samples }, () => random.integer(0, 9));
    const inputs = {
      images: givenImages,
      targets: { spec: { shape: [samples], dtype: 'i32' as const }, data: labels },
    };
    const gathered = (v: { readonly [name: string]: Value }) =>
      gatherImagesAndTargets(v.images!, v.targets!, { ...options, shape: [3, 3, 4], mean, std });
    const results = await runSteps(inputs, (v) => ({ y: gathered(v).y }), steps);
    for (const [i, first] of firsts.entries()) expect([...results[i]!.y!]).toEqual(wanted(labels, first));
    const [alone] = await runSteps(
      { images: givenImages, targets: inputs.targets },
      (v) => ({ x: gathered(v).x }),
      steps,
    );
    expect(alone!.x).toEqual(data.gather(positions(0, 6, { samples, key })).x);
  });
});

test('images that it cannot take', () => {
  const images = input('images', [100], 'u32');
  const options = { batch: 1, samples: 1, shuffle: false };
  expect(() => gatherImages(images, { ...options, shape: [5, 2, 2], mean: [0], std: [1] })).toThrow(
    new ShapeError(
      'gatherImages: images [5,2,2] with 1 means and 1 deviations. Use [c, h, w] with 1 to 4 channels and one mean and deviation each.',
    ),
  );
});
