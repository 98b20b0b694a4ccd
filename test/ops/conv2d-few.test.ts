/** Kernels for images of two to four channels (conv2d-few.ts): blocks of the filter's rows, strides, dilations. May import src and test/support. */
import { describe, expect, it } from 'vitest';
import { convOutputSize } from '../../src/ops/index.ts';
import { softwareLanes } from '../../src/util/caps.ts';
import { device } from '../support/device.ts';
import { Random } from '../support/random.ts';
import { type Case, everyVariant, expectClose, referenceOf } from './conv2d-run.ts';

describe('images of two to four channels', () => {
  const shapes = [
    { c: 3, o: 32, image: [8, 8], kernel: [3, 3], stride: [1, 1], dilation: [1, 1], padding: [1, 1, 1, 1] },
    { c: 2, o: 5, image: [7, 9], kernel: [3, 5], stride: [2, 1], dilation: [1, 1], padding: [0, 2, 1, 3] },
    { c: 4, o: 40, image: [9, 6], kernel: [2, 3], stride: [1, 2], dilation: [2, 1], padding: [1, 0, 0, 1] },
    // More rows of the filter than a workgroup has sums for, in blocks of 2, 2 and 1, and of 1 each.
    { c: 3, o: 36, image: [9, 10], kernel: [5, 5], stride: [1, 1], dilation: [1, 1], padding: [2, 2, 2, 2] },
    { c: 3, o: 16, image: [13, 11], kernel: [4, 7], stride: [2, 2], dilation: [1, 1], padding: [3, 3, 3, 3] },
    { c: 4, o: 8, image: [5, 12], kernel: [2, 4], stride: [1, 3], dilation: [1, 2], padding: [1, 4, 1, 0] },
  ] as const;

  it.each(shapes)('$c to $o channels, $image, filter $kernel, stride $stride, dilation $dilation', async (shape) => {
    const { c, o, image, kernel, stride, dilation, padding } = shape;
    const random = new Random(c * 100 + o);
    const given: Case = {
      inputs: {
        x: random.integers([3, c, ...image]),
        weight: random.integers([o, c, ...kernel]),
        bias: random.integers([o]),
      },
      upstream: random.integers([3, o, ...convOutputSize(image, { kernel, stride, dilation }, padding)]),
      options: { stride, dilation, padding },
    };
    const gpu = await device();
    const expected = referenceOf(given);
    // Lanes that the device has, and half of them.
    for (const caps of [gpu.caps, { ...gpu.caps, subgroupMinSize: 4, subgroupMaxSize: 4 }]) {
      const used = new Set<string>();
      await everyVariant(gpu, { ...given, caps }, (result) => {
        expectClose(result, expected, () => ({ atol: 0, rtol: 0 }));
        for (const [op, id] of Object.entries(result.chosen)) if (id === 'few') used.add(op);
      });
      // The whole filter is in a lane's registers forward, so that it may not be large.
      const ops = kernel[0] * kernel[1] * c <= 40 ? ['conv2d', 'conv2dBackwardWeight'] : ['conv2dBackwardWeight'];
      expect([...used].sort()).toEqual(softwareLanes(caps) > 0 ? ops : []);
    }
  });
});
