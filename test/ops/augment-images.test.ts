/** Augmented batches: against float64 on the host, exact where nothing is interpolated, the same for the same step and sample. */
import { describe, expect, test } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import {
  type AugmentOptions,
  augmentImages,
  augmentImagesAndTargets,
  type Transform,
} from '../../src/ops/augment-images.ts';
import { gatherImages } from '../../src/ops/index.ts';
import type { StepWords } from '../../src/runtime/step.ts';
import {
  type Augmentation,
  colorJitter,
  compose,
  randomAffine,
  randomCrop,
  randomErasing,
  randomHorizontalFlip,
  randomRotation,
  randomVerticalFlip,
} from '../../src/train/augment.ts';
import { ArgumentError, ShapeError } from '../../src/util/errors.ts';
import { shuffled, streamKey } from '../../src/util/shuffle.ts';
import { Random } from '../support/random.ts';
import { type AugmentCase, augmented, draw } from './augment-reference.ts';
import { memoryOf } from './loss-cases.ts';
import { runSteps, type Steps } from './step-cases.ts';

type Size = readonly [number, number, number];

const MEAN = [0.1307, 0.4822, 0.4465, 0.5];
const STD = [0.3081, 0.2435, 0.2616, 0.25];
const SEED = streamKey(7, 2);
const SAMPLES = 11;

function imagesOf([c, h, w]: Size, seed = 1): Uint8Array<ArrayBuffer> {
  const random = new Random(seed);
  const size = SAMPLES * c * h * w;
  const bytes = Uint8Array.from({ length: Math.ceil(size / 4) * 4 }, () => random.integer(0, 255));
  return bytes.fill(0, size);
}

const optionsOf = ([c, h, w]: Size, augmentation: Augmentation): AugmentOptions => ({
  ...{
    batch: SAMPLES,
    samples: SAMPLES,
    shuffle: false,
    shape: [c, h, w],
    mean: MEAN.slice(0, c),
    std: STD.slice(0, c),
  },
  ...{ transforms: augmentation.transforms, fill: augmentation.fill ?? 0, eraseValue: augmentation.eraseValue },
});

async function onGpu(
  size: Size,
  augmentation: Augmentation,
  given: readonly StepWords[] | Steps = [{ seed: SEED }],
  more = {},
) {
  const data = new Uint32Array(imagesOf(size).buffer);
  const results = await runSteps(
    { images: { spec: { shape: [data.length], dtype: 'u32' }, data } },
    (v) => ({ x: augmentImages(v.images!, { ...optionsOf(size, augmentation), ...more }) }),
    given,
  );
  return results.map(({ x }) => x as Float32Array);
}

const caseOf = ([c, h, w]: Size, { transforms, fill, eraseValue }: Augmentation): AugmentCase => ({
  ...{ images: imagesOf([c, h, w]), shape: [c, h, w], transforms, fill: fill ?? 0, eraseValue, seed: SEED },
  ...{ mean: MEAN.slice(0, c), std: STD.slice(0, c) },
});

function onHost(size: Size, augmentation: Augmentation): Float64Array {
  const one = caseOf(size, augmentation);
  const each = size[0] * size[1] * size[2];
  const out = new Float64Array(SAMPLES * each);
  for (let r = 0; r < SAMPLES; r++) out.set(augmented(r, one), r * each);
  return out;
}

/** The images as they are, on the GPU. */
async function plain(size: Size): Promise<Float32Array> {
  const data = new Uint32Array(imagesOf(size).buffer);
  const [result] = await runSteps(
    { images: { spec: { shape: [data.length], dtype: 'u32' }, data } },
    (v) => ({ x: gatherImages(v.images!, optionsOf(size, compose([]))) }),
    [{ seed: SEED }],
  );
  return result!.x as Float32Array;
}

const worst = (a: Float32Array, b: Float64Array): number =>
  a.reduce((most, v, i) => Math.max(most, Math.abs(v - b[i]!)), 0);

const everything = compose([
  randomCrop({ padding: 2, fill: 0.3 }),
  randomHorizontalFlip(),
  randomVerticalFlip({ p: 0.3 }),
  randomAffine({ degrees: 30, translate: [0.2, 0.1], scale: [0.7, 1.4], shear: [-10, 10, -5, 20] }),
  colorJitter({ brightness: 0.5, contrast: [0.3, 2] }),
  randomErasing({ p: 0.7, value: -0.5 }),
]);

const EACH: readonly (readonly [string, Augmentation])[] = [
  ['rotation', randomRotation(180)],
  ['large angles', randomAffine({ degrees: [100, 350] })],
  ['shift', randomAffine({ translate: [0.5, 0.3], fill: 0.7 })],
  ['scale', randomAffine({ scale: [0.3, 3] })],
  ['shear along x', randomAffine({ shear: 40 })],
  ['shear along x and y', randomAffine({ shear: [-20, 30, 10, 25] })],
  ['affine', randomAffine({ degrees: 10, translate: [0.1, 0.1], scale: [0.9, 1.1], shear: 5, fill: 1 })],
  ['two affine maps', compose([randomAffine({ degrees: 40 }), randomAffine({ scale: [0.5, 1], translate: [0.3, 0] })])],
  ['crop', randomCrop({ padding: [3, 1], fill: 0.5 })],
  ['flips', compose([randomHorizontalFlip(), randomVerticalFlip()])],
  ['brightness', colorJitter({ brightness: 0.8 })],
  ['contrast', colorJitter({ contrast: [0, 3] })],
  ['contrast after a map', compose([randomAffine({ degrees: 45, fill: 0.2 }), colorJitter({ contrast: 0.9 })])],
  ['erasing', randomErasing({ p: 1, value: 2 })],
  ['erasing narrow', randomErasing({ p: 0.5, scale: [0.4, 0.9], ratio: [0.1, 8] })],
  ['everything', everything],
];

describe.each<Size>([
  [1, 9, 12],
  [3, 8, 7],
  [4, 5, 5],
  [2, 16, 11],
])('against float64, images [%i, %i, %i]', (c, h, w) => {
  test.each(EACH)('%s', async (_, augmentation) => {
    const size: Size = [c, h, w];
    const [x] = await onGpu(size, augmentation);
    expect(worst(x!, onHost(size, augmentation))).toBeLessThan(2e-4);
    expect(x).not.toEqual(await plain(size));
  });
});

test.each<Size>([
  [1, 9, 12],
  [3, 8, 7],
])('kernels of a GPU give the bits of those of a CPU, images [%i, %i, %i]', async (c, h, w) => {
  const size: Size = [c, h, w];
  const steps = [{ seed: SEED }];
  expect(await onGpu(size, everything, { steps, caps: { software: false } })).toEqual(await onGpu(size, everything));
});

describe('exact', () => {
  test.each<Size>([
    [1, 9, 12],
    [3, 8, 7],
  ])('what does nothing gives the very bits of no augmentation, images [%i, %i, %i]', async (c, h, w) => {
    const size: Size = [c, h, w];
    const none = compose([
      randomCrop({ padding: 0 }),
      randomHorizontalFlip({ p: 0 }),
      randomAffine({}),
      colorJitter({}),
      randomErasing({ p: 0 }),
    ]);
    expect((await onGpu(size, none))[0]).toEqual(await plain(size));
  });

  const moved = async (size: Size, at: (y: number, x: number) => readonly [number, number]): Promise<Float32Array> => {
    const [, h, w] = size;
    const from = await plain(size);
    return from.map((_, i) => {
      const [plane, y, x] = [Math.floor(i / (h * w)), Math.floor(i / w) % h, i % w];
      const [yy, xx] = at(y, x);
      return from[(plane * h + yy) * w + xx]!;
    });
  };

  test('flips and quarter turns', async () => {
    const size: Size = [3, 8, 8];
    const is = async (augmentation: Augmentation, at: (y: number, x: number) => readonly [number, number]) =>
      expect((await onGpu(size, augmentation))[0]).toEqual(await moved(size, at));
    await is(randomHorizontalFlip({ p: 1 }), (y, x) => [y, 7 - x]);
    await is(randomVerticalFlip({ p: 1 }), (y, x) => [7 - y, x]);
    await is(compose([randomHorizontalFlip({ p: 1 }), randomVerticalFlip({ p: 1 })]), (y, x) => [7 - y, 7 - x]);
    await is(randomAffine({ degrees: [90, 90] }), (y, x) => [7 - x, y]); // clockwise
    await is(randomRotation([90, 90]), (y, x) => [x, 7 - y]); // counter-clockwise
    await is(randomRotation([-180, -180]), (y, x) => [7 - y, 7 - x]);
  });

  test('a crop is a window of the image with its border, all of them occur', async () => {
    const size: Size = [1, 6, 5];
    const steps = Array.from({ length: 20 }, (_, i) => ({ seed: streamKey(i, 0) }));
    const results = await onGpu(size, randomCrop({ padding: 1 }), steps);
    const from = await plain(size);
    const border = Math.fround(Math.fround(-255 * MEAN[0]!) * Math.fround(1 / (255 * STD[0]!)));
    const windows = new Map<string, string>();
    for (let dy = -1; dy <= 1; dy++)
      for (let dx = -1; dx <= 1; dx++)
        for (let r = 0; r < SAMPLES; r++) {
          const window = Array.from({ length: 30 }, (_, i) => {
            const [y, x] = [Math.floor(i / 5) + dy, (i % 5) + dx];
            return y < 0 || x < 0 || y >= 6 || x >= 5 ? border : from[r * 30 + y * 5 + x]!;
          });
          windows.set(window.join(), `${dy} ${dx}`);
        }
    const seen = results.flatMap((x) =>
      Array.from({ length: SAMPLES }, (_, r) => windows.get([...x.subarray(r * 30, r * 30 + 30)].join())),
    );
    expect(new Set(seen).size).toBe(9);
    expect(seen).not.toContain(undefined);
  });

  test('the padding of channels is zero', async () => {
    const data = new Uint32Array(imagesOf([3, 5, 5]).buffer);
    const [result] = await runSteps(
      { images: { spec: { shape: [data.length], dtype: 'u32' }, data } },
      (v) => ({ m: memoryOf(augmentImages(v.images!, optionsOf([3, 5, 5], everything))) }),
      [{ seed: SEED }],
    );
    expect([...result!.m!].filter((v, i) => i % 4 === 3 && v !== 0)).toEqual([]);
  });
});

describe('random numbers', () => {
  const size: Size = [1, 7, 9];

  test('a sample is augmented alike wherever it lies in the batch, and otherwise in another step', async () => {
    const key = streamKey(5, 1);
    const [whole] = await onGpu(size, everything);
    const [part, last, mixed, other] = await onGpu(
      size,
      everything,
      [{ seed: SEED, first: 3 }, { seed: SEED, first: 8 }, { seed: SEED }, { seed: streamKey(7, 4) }],
      { batch: 3 },
    );
    expect(part).toEqual(whole!.subarray(3 * 63, 6 * 63));
    expect(last).toEqual(whole!.subarray(8 * 63, 11 * 63));
    expect(mixed).toEqual(whole!.subarray(0, 3 * 63));
    expect(other).not.toEqual(mixed);
    const [inOrder] = await onGpu(size, everything, [{ seed: SEED, shuffle: key }], { shuffle: true });
    for (let r = 0; r < SAMPLES; r++) {
      const at = shuffled(r, SAMPLES, key);
      expect(inOrder!.subarray(r * 63, r * 63 + 63)).toEqual(whole!.subarray(at * 63, at * 63 + 63));
    }
  });

  test('ranges are kept to and filled', () => {
    const one = caseOf([1, 20, 30], everything);
    const drawn = Array.from({ length: 2000 }, (_, i) => draw(i, one));
    const brightness = drawn.map((d) => d.brightness);
    expect([Math.min(...brightness) >= 0.5, Math.max(...brightness) <= 1.5]).toEqual([true, true]);
    expect(brightness.reduce((a, b) => a + b) / 2000).toBeCloseTo(1, 1);
    const areas = drawn.map(({ erased }) => erased.height * erased.width);
    expect(areas.filter((area) => area === 0).length / 2000).toBeCloseTo(0.3, 1);
    expect(Math.max(...areas)).toBeLessThan(0.4 * 600);
    expect(drawn.filter(({ map }) => map[0]! < 0).length / 2000).toBeGreaterThan(0.3); // flipped and turned
  });
});

describe('what cannot be', () => {
  test.each([
    [
      () => randomAffine({ degrees: [20, 10] }),
      'randomAffine: degrees is 20..10. Pass numbers from -360 to 360, the smaller one first.',
    ],
    [() => randomAffine({ scale: [0, 1] }), 'randomAffine: scale is 0..1.'],
    [() => randomAffine({ translate: [2, 0] }), 'randomAffine: translate along x is 2..2.'],
    [() => randomAffine({ shear: 90 }), 'randomAffine: shear along x is -90..90.'],
    [() => randomHorizontalFlip({ p: 2 }), 'randomHorizontalFlip: p is 2..2.'],
    [() => randomVerticalFlip({ p: Number.NaN }), 'randomVerticalFlip: p is NaN..NaN.'],
    [() => randomCrop({ padding: 1.5 }), 'randomCrop: padding is 1.5. Pass whole pixels from 0 to 4096.'],
    [() => colorJitter({ contrast: [-1, 1] }), 'colorJitter: contrast is -1..1.'],
    [() => randomErasing({ value: Number.NaN }), 'randomErasing: value is NaN.'],
    [() => compose([randomErasing(), randomHorizontalFlip()]), 'compose: the order is'],
    [() => compose([colorJitter({}), colorJitter({})]), 'compose: the order is'],
    [
      () => compose([randomCrop({ padding: 1, fill: 1 }), randomRotation(5, { fill: 0 })]),
      'compose: the fills are 1 and 0.',
    ],
    [() => compose(new Array(17).fill(randomHorizontalFlip())), 'compose: 17 transforms. Use 16 at most.'],
  ])('%o', (make, message) => {
    expect(make).toThrow(ArgumentError);
    expect(make).toThrow(message);
  });

  test('images of 5 channels', () => {
    const transforms: Transform[] = [];
    const options = { batch: 1, samples: 1, shuffle: false, transforms, fill: 0, eraseValue: 0 };
    expect(() =>
      augmentImages(input('images', [100], 'u32'), { ...options, shape: [5, 2, 2], mean: [0], std: [1] }),
    ).toThrow(ShapeError);
  });
});

test('the targets of the samples come along, with and without a shuffle', async () => {
  const size = [3, 6, 5] as const;
  const data = new Uint32Array(imagesOf(size).buffer);
  const targets = Float32Array.from({ length: SAMPLES * 37 }, (_, i) => i);
  const inputs = {
    images: { spec: { shape: [data.length], dtype: 'u32' as const }, data },
    targets: { spec: { shape: [SAMPLES, 37], dtype: 'f32' as const }, data: targets },
  };
  for (const shuffle of [true, false]) {
    const options = { ...optionsOf(size, everything), batch: 4, shuffle };
    const step = { seed: SEED, shuffle: 77, first: 3 };
    const [both] = await runSteps(
      inputs,
      (v) => ({ ...augmentImagesAndTargets(v.images!, v.targets!, options), alone: augmentImages(v.images!, options) }),
      [step],
    );
    expect(both!.x).toEqual(both!.alone);
    const at = [3, 4, 5, 6].map((position) => (shuffle ? shuffled(position, SAMPLES, 77) : position));
    expect([...both!.y!]).toEqual(at.flatMap((sample) => [...targets.slice(37 * sample, 37 * (sample + 1))]));
  }
});
