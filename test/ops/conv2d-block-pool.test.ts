/** Convolutions whose kernel of blocks pools its results, with gradients. May import src and test/support. */
import { describe, expect, it } from 'vitest';
import type { Value } from '../../src/graph/types.ts';
import { convOutputSize, leakyRelu, maxPool2d } from '../../src/ops/index.ts';
import { softwareLanes } from '../../src/util/caps.ts';
import { device } from '../support/device.ts';
import { Random } from '../support/random.ts';
import { referenceOp } from '../support/reference/index.ts';
import type { Tensor } from '../support/tensor.ts';
import { type Case, everyVariant, expectClose, referenceOf } from './conv2d-run.ts';

const pooled = (x: Value): Value => maxPool2d(x, { kernel: 2 }).y;
const POOL = { kernel: [2, 2], stride: [2, 2], padding: [0, 0, 0, 0], dilation: [1, 1], ceil_mode: false };
const SLOPE = { negative_slope: 0.25 };

/** What conv2d, max pool and, where it is asked for, leakyRelu give, and their gradients. */
function expectedOf(given: Case, { activated }: { activated: boolean }) {
  const pool = referenceOp('max_pool2d');
  const conv = referenceOp('conv2d').forward(given.inputs, { ...given.options }).y!;
  const most = pool.forward({ x: conv }, POOL).y!;
  const relu = referenceOp('leaky_relu');
  const inner: Tensor = activated ? relu.backward!({ x: most }, SLOPE, { y: given.upstream }).x! : given.upstream;
  const dy = pool.backward!({ x: conv }, POOL, { y: inner }).x!;
  const y = activated ? relu.forward({ x: most }, SLOPE).y! : most;
  return { ...referenceOf({ ...given, upstream: dy }), y: y.data };
}

const shapes = [
  { n: 21, c: 3, o: 5, image: [7, 9], kernel: [3, 3], padding: [1, 1, 1, 1] },
  { n: 9, c: 6, o: 16, image: [14, 14], kernel: [5, 5], padding: [0, 0, 0, 0] },
  { n: 8, c: 5, o: 36, image: [6, 11], kernel: [2, 4], padding: [3, 0, 4, 5] },
  { n: 7, c: 17, o: 12, image: [11, 23], kernel: [4, 2], padding: [0, 1, 0, 1] },
] as const;

describe.each(shapes)('$n images $image, $c to $o channels, filter $kernel, padding $padding', (shape) => {
  const { n, c, o, image, kernel, padding } = shape;
  const [oh, ow] = convOutputSize(image, { kernel, stride: [1, 1], dilation: [1, 1] }, padding);

  it.each([false, true])('an activation behind it: %s', async (activated) => {
    const random = new Random(n * 100 + o);
    const given: Case = {
      inputs: {
        x: random.integers([n, c, ...image]),
        weight: random.integers([o, c, ...kernel]),
        bias: random.integers([o]),
      },
      upstream: random.integers([n, o, oh >> 1, ow >> 1]),
      options: { stride: [1, 1], dilation: [1, 1], groups: 1, padding },
      activation: activated ? (x) => leakyRelu(pooled(x), { negativeSlope: 0.25 }) : pooled,
    };
    const gpu = await device();
    const expected = expectedOf(given, { activated });
    for (const caps of [gpu.caps, { ...gpu.caps, subgroupMinSize: 4, subgroupMaxSize: 4 }]) {
      const used: string[] = [];
      await everyVariant(gpu, { ...given, caps }, (result) => {
        // Rounding decides between equal results, so that other pixels take the gradient: conv2d-winograd.test.ts has none.
        const { y } = expected;
        expectClose(result, result.chosen.conv2d === 'winograd' ? { y } : expected, () => ({ atol: 0, rtol: 0 }));
        const pools = result.plan.dispatches.filter(({ label }) => label.startsWith('conv2d+max'));
        used.push(...pools.map(({ variant }) => variant.replace(/[\dx]+$/, '')));
      });
      if (softwareLanes(caps) > 0) expect(used).toEqual(expect.arrayContaining(['block', 'direct']));
    }
  });
});
