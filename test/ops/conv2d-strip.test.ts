/**
 * Depthwise convolutions by strips against the float64 reference, forward and both gradients: strips cut across and below each
 * other, every side of the image, strides, filters. Where they are offered. May import src and test/support.
 */
import { describe, expect, it } from 'vitest';
import { convOutputSize } from '../../src/ops/index.ts';
import { device } from '../support/device.ts';
import { Random } from '../support/random.ts';
import { type Case, everyVariant, expectClose, referenceOf } from './conv2d-run.ts';

interface Shape {
  readonly n: number;
  readonly c: number;
  readonly image: readonly [number, number];
  readonly kernel: readonly [number, number];
  readonly stride?: readonly [number, number];
  readonly dilation?: readonly [number, number];
  readonly padding?: readonly [number, number, number, number];
}

/** The first two have strips of several rows, the last of them shorter; then narrow images, wide filters, borders, strides. */
const shapes: readonly Shape[] = [
  { n: 8, c: 64, image: [11, 8], kernel: [3, 3], padding: [1, 1, 1, 1] },
  { n: 8, c: 64, image: [23, 16], kernel: [3, 3], stride: [2, 2], padding: [1, 1, 1, 1] },
  { n: 2, c: 5, image: [6, 3], kernel: [3, 3], padding: [1, 0, 2, 1] },
  { n: 1, c: 4, image: [4, 1], kernel: [2, 1] },
  { n: 2, c: 9, image: [9, 10], kernel: [5, 5], padding: [2, 2, 2, 2] },
  { n: 2, c: 6, image: [9, 12], kernel: [5, 5], stride: [2, 2], padding: [2, 1, 2, 2] },
  { n: 1, c: 8, image: [9, 9], kernel: [7, 7], padding: [3, 3, 3, 3] },
  { n: 2, c: 7, image: [5, 6], kernel: [3, 3], padding: [4, 3, 0, 5] },
  { n: 2, c: 4, image: [10, 11], kernel: [3, 2], stride: [3, 1], padding: [0, 1, 1, 0] },
  { n: 2, c: 4, image: [7, 13], kernel: [2, 3], stride: [1, 3], padding: [1, 2, 0, 0] },
  { n: 2, c: 4, image: [9, 9], kernel: [1, 1], stride: [2, 2] },
  { n: 1, c: 4, image: [8, 9], kernel: [3, 3], dilation: [1, 2], padding: [0, 1, 0, 2] },
];

function caseOf({ n, c, image, kernel, ...options }: Shape, bias: boolean): Case {
  const { stride = [1, 1], dilation = [1, 1], padding = [0, 0, 0, 0] } = options;
  const random = new Random(n * 100 + c);
  return {
    inputs: {
      x: random.integers([n, c, ...image]),
      weight: random.integers([c, 1, ...kernel]),
      ...(bias && { bias: random.integers([c]) }),
    },
    upstream: random.integers([n, c, ...convOutputSize(image, { kernel, stride, dilation }, padding)]),
    options: { stride, dilation, groups: c, padding },
  };
}

const exact = () => ({ atol: 0, rtol: 0 });

const OPS = ['conv2d', 'conv2dBackwardInput', 'conv2dBackwardWeight'] as const;

describe.each(shapes)('$n images $image, $c channels, filter $kernel, stride $stride', (shape) => {
  it.each([true, false])('against the reference, bias: %s', async (bias) => {
    const gpu = await device();
    const given = caseOf(shape, bias);
    const expected = referenceOf(given);
    for (const software of [true, false]) {
      const first: string[] = [];
      const used = new Set<string>();
      await everyVariant(gpu, { ...given, caps: { ...gpu.caps, software } }, (result) => {
        expectClose(result, expected, exact);
        for (const op of OPS) {
          if (first.length < OPS.length) first.push(result.chosen[op]!);
          if (result.chosen[op]!.startsWith('strip')) used.add(op);
        }
      });
      // The gradient of the input has no strips with any dilation.
      const wanted = shape.dilation ? ['conv2d', 'conv2dBackwardWeight'] : OPS;
      if (software) expect(first.filter((id) => id.startsWith('strip'))).toHaveLength(wanted.length);
      expect([...used].sort()).toEqual([...wanted].sort());
    }
  });
});

interface Other {
  readonly o: number;
  readonly dilation: readonly [number, number];
  readonly kernel: readonly [number, number];
}

it.each<[string, Other]>([
  ['several outputs a channel', { o: 8, dilation: [1, 1], kernel: [3, 3] }],
  ['rows apart', { o: 4, dilation: [2, 1], kernel: [3, 3] }],
  ['a filter that is too large', { o: 4, dilation: [1, 1], kernel: [9, 9] }],
])('not with %s', async (_, { o, dilation, kernel }) => {
  const random = new Random(3);
  const window = { kernel, stride: [1, 1], dilation } as const;
  const given: Case = {
    inputs: { x: random.integers([1, 4, 12, 12]), weight: random.integers([o, 1, ...kernel]) },
    upstream: random.integers([1, o, ...convOutputSize([12, 12], window, [0, 0, 0, 0])]),
    options: { stride: 1, dilation, groups: 4, padding: 0 },
  };
  const gpu = await device();
  await everyVariant(gpu, { ...given, caps: { ...gpu.caps, software: true } }, ({ chosen }) => {
    expect(Object.values(chosen).filter((id) => id.startsWith('strip'))).toEqual([]);
  });
});
