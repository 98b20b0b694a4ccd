/** channelsLast: the order of its numbers, forward and backward, no kernel behind one that leaves channels last, errors; imagesOf. */
import { expect, test } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import { channelsLast, imagesOf } from '../../src/ops/channels-last.ts';
import { conv2d, flatten, relu, reshape } from '../../src/ops/index.ts';
import { compile, f32 } from '../../src/train/program.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { device } from '../support/device.ts';
import { Random } from '../support/random.ts';
import { asNhwc, expectClose, runOp } from './loss-cases.ts';

/** [n, c, h, w] row-major as rows with channels last. */
function turned(data: ArrayLike<number>, [n, c, h, w]: readonly [number, number, number, number]): Float32Array {
  const rows = Array.from({ length: n * h * w * c }, (_, i) => {
    const [image, pixel, channel] = [Math.floor(i / (h * w * c)), Math.floor(i / c) % (h * w), i % c];
    return data[(image * c + channel) * h * w + pixel]!;
  });
  return Float32Array.from(rows);
}

test.each([
  ['plain', 8, (x: ReturnType<typeof input>) => x],
  ['nhwc', 8, asNhwc],
  ['of one channel', 1, asNhwc],
])('images that lie %s become rows with channels last, and gradients go back', async (_, c, as) => {
  const random = new Random(1);
  const shape = [2, c, 3, 5] as const;
  const x = random.normal([...shape]);
  const upstream = random.normal([2, 15 * c]);
  const results = await runOp({
    op: 'channelsLast',
    variant: '',
    inputs: { x: { tensor: x } },
    body: (v) => ({ y: channelsLast(as(v.x!)) }),
    wrt: ['x'],
    upstream,
  });
  expectClose(
    results.y!,
    { ...x, shape: [2, 15 * c], data: Float64Array.from(turned(x.data, shape)) },
    { name: 'y', atol: 0, rtol: 0 },
  );
  expect([...turned(results.grad_x!, shape)]).toEqual([...upstream.data]);
});

test('behind a convolution it needs no dispatch, and a function of it joins the convolution', async () => {
  const program = await compile(await device(), { x: f32(2, 4, 3, 3), w: { ...f32(8, 4, 3, 3) } }, ({ x, w }) => ({
    y: relu(channelsLast(conv2d(x, w, null, { padding: 1 }))),
  }));
  const labels = program.plan.dispatches.map(({ label }) => label);
  program.dispose();
  expect(labels.filter((label) => !label.endsWith('relayout'))).toEqual(['conv2d+relu']);
  expect(labels.filter((label) => label.endsWith('relayout')).length).toBeLessThanOrEqual(2);
});

test('channels with padding are refused with the shapes', () => {
  expect(() => channelsLast(input('x', [2, 6, 3, 3]))).toThrow(ShapeError);
  expect(() => channelsLast(input('x', [2, 6, 3, 3]))).toThrow('[2,6,3,3] is no image batch');
  expect(() => channelsLast(input('x', [2, 8]))).toThrow('Use flatten');
});

test('imagesOf gives what was flattened, where channels last of it are free and another order', () => {
  const images = relu(input('x', [2, 8, 3, 3]));
  expect(imagesOf(flatten(images))).toBe(images);
  expect(imagesOf(reshape(images, [2, 72]))).toBe(images);
  // Other rows, no images, an input of the model, which lies plain, channels with padding, one pixel.
  expect(imagesOf(reshape(images, [4, 36]))).toBeNull();
  expect(imagesOf(relu(flatten(images)))).toBeNull();
  expect(imagesOf(flatten(input('y', [2, 8, 3, 3])))).toBeNull();
  expect(imagesOf(flatten(relu(input('y', [2, 6, 3, 3]))))).toBeNull();
  expect(imagesOf(flatten(relu(input('y', [2, 8, 1, 1]))))).toBeNull();
});
