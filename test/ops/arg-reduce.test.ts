/** Maxima, minima and their places: golden cases, axes in every layout and kernel, ties, extremes, padding, errors. */
import { describe, expect, it, test } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import type { Value } from '../../src/graph/types.ts';
import { amax, amin, argmax, argmin, max, min } from '../../src/ops/index.ts';
import { grad } from '../../src/train/program.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { GOLDENS, type GoldenCase, loadFamily } from '../support/goldens.ts';
import { Random } from '../support/random.ts';
import type { ReferenceOp } from '../support/reference/attrs.ts';
import { referenceOp } from '../support/reference/index.ts';
import { map, need, type Tensor, tensor } from '../support/tensor.ts';
import { asNhwc, attr, checkGolden, expectClose, memoryOf, PROFILES, runOp } from './loss-cases.ts';

const VARIANTS = ['thread', 'tree32', 'tree256'];
const goldens = loadFamily(GOLDENS, 'reductions');
const casesOf = (name: string) =>
  goldens.filter(({ op }) => op === name).map((golden) => [golden.name, golden] as const);
const axesOf = ({ attrs }: GoldenCase): number[] | null => (Array.isArray(attrs.axes) ? attrs.axes.map(Number) : null);

describe.each(PROFILES)('golden cases, %s limits', (profile) => {
  describe.each(VARIANTS)('%s', (variant) => {
    it.each(casesOf('amax'))('%s', async (_, golden) => {
      const options = { axes: axesOf(golden), keepdims: attr.flag(golden, 'keepdims') };
      await checkGolden(golden, { op: 'amax', variant, profile, body: ({ x }) => ({ y: amax(x!, options) }) });
    });

    it.each(casesOf('max'))('%s', async (_, golden) => {
      const options = { axis: attr.number(golden, 'axis'), keepdims: attr.flag(golden, 'keepdims') };
      await checkGolden(golden, { op: 'max', variant, profile, body: ({ x }) => ({ y: max(x!, options).y }) });
    });
  });
});

const negated = (t: Tensor): Tensor => map(t, (v) => -v);

/** The reference of a minimum: the maximum of -x. */
function mirrored({ forward, backward }: ReferenceOp): ReferenceOp {
  const flip = (tensors: { readonly [name: string]: Tensor }) => ({ x: negated(need(tensors, 'x')) });
  return {
    forward(tensors, attrs) {
      const results = forward(flip(tensors), attrs);
      return { ...results, y: negated(results.y!) };
    },
    backward: (tensors, attrs, upstream) => backward!(flip(tensors), attrs, upstream),
  };
}

const OVER_AXES = [
  { op: 'amax', apply: amax, reference: referenceOp('amax') },
  { op: 'amin', apply: amin, reference: mirrored(referenceOp('amax')) },
];

const ALONG = [
  { op: 'max', apply: max, arg: argmax, reference: referenceOp('max') },
  { op: 'min', apply: min, arg: argmin, reference: mirrored(referenceOp('max')) },
];

const exact = (name: string) => ({ name, atol: 0, rtol: 0 });

/** Few distinct values: plenty of ties. */
const tied = (shape: readonly number[]): Tensor => new Random(2).integers(shape, { min: -3, max: 3 });
const untied = (shape: readonly number[]): Tensor => new Random(3).normal(shape);

interface Case {
  readonly variant: string;
  readonly x: Tensor;
  readonly wrap?: (x: Value) => Value;
}

const same = (x: Value): Value => x;

async function checkAxes(
  { op, apply, reference }: (typeof OVER_AXES)[number],
  axes: readonly number[],
  { variant, x, wrap = same }: Case,
): Promise<void> {
  const attrs = { axes: [...axes], keepdims: false };
  const y = reference.forward({ x }, attrs).y!;
  const upstream = new Random(9).normal(y.shape);
  const results = await runOp({
    op,
    variant,
    inputs: { x: { tensor: x } },
    body: (v) => ({ y: apply(wrap(v.x!), { axes }) }),
    wrt: ['x'],
    upstream,
  });
  expectClose(results.y!, y, exact('y'));
  const { x: dx } = reference.backward!({ x }, attrs, { y: upstream });
  expectClose(results.grad_x!, dx!, { name: 'grad_x', atol: 0, rtol: 1e-6 });
}

async function checkAlong(
  { op, apply, arg, reference }: (typeof ALONG)[number],
  axis: number,
  { variant, x, wrap = same }: Case,
): Promise<void> {
  const attrs = { axis, keepdims: false };
  const { y, indices } = reference.forward({ x }, attrs);
  const upstream = new Random(9).normal(y!.shape);
  const results = await runOp({
    op,
    variant,
    inputs: { x: { tensor: x } },
    body(v) {
      const found = apply(wrap(v.x!), { axis });
      return { y: found.y, indices: found.indices, arg: arg(wrap(v.x!), { axis }) };
    },
    wrt: ['x'],
    upstream,
  });
  expectClose(results.y!, y!, exact('y'));
  expectClose(results.indices!, indices!, exact('indices'));
  expectClose(results.arg!, indices!, exact('arg'));
  expectClose(results.grad_x!, reference.backward!({ x }, attrs, { y: upstream }).x!, exact('grad_x'));
}

describe.each(VARIANTS)('%s', (variant) => {
  describe.each(OVER_AXES)('$op', (which) => {
    it.each([
      [[], []],
      [[1], [0]],
      [[31], [0]],
      [[33], [0]],
      [[257], [0]],
      [[3, 1025], [1]],
      [[1025, 3], [0]],
      [
        [2, 3, 5],
        [0, 2],
      ],
      [[2, 3, 5], []],
      [
        [2, 3, 2, 3, 2],
        [1, 4],
      ],
    ])('shape %j, axes %j', async (shape, axes) => {
      await checkAxes(which, axes, { variant, x: tied(shape) });
      await checkAxes(which, axes, { variant, x: untied(shape) });
    });

    // Padding lanes hold zero, which must not win among negative values, nor count among zeros.
    it.each([[[0]], [[1]], [[2]], [[0, 2, 3]], [[2, 3]], [[0, 1, 2, 3]]])('nhwc, axes %j', async (axes) => {
      for (const channels of [1, 6]) {
        const shape = [3, channels, 4, 5];
        await checkAxes(which, axes, { variant, x: tied(shape), wrap: asNhwc });
        const sign = which.op === 'amax' ? -1 : 1;
        const away = map(untied(shape), (v) => sign * (1 + Math.abs(v)));
        await checkAxes(which, axes, { variant, x: map(away, Math.fround), wrap: asNhwc });
      }
    });
  });

  describe.each(ALONG)('$op', (which) => {
    it.each([
      [[1], 0],
      [[33], 0],
      [[257], -1],
      [[3, 1025], 1],
      [[1025, 3], 0],
      [[2, 3, 5], 1],
      [[2, 3, 2, 3, 2], -2],
    ])('shape %j, axis %i', async (shape, axis) => {
      await checkAlong(which, axis, { variant, x: tied(shape) });
      await checkAlong(which, axis, { variant, x: untied(shape) });
    });

    it.each([0, 1, 2, 3])('nhwc, axis %i', async (axis) => {
      for (const channels of [1, 6])
        await checkAlong(which, axis, { variant, x: tied([3, channels, 4, 5]), wrap: asNhwc });
    });
  });
});

test.each(VARIANTS)('values at the ends of float32, and zeros of either sign (%s)', async (variant) => {
  const x = tensor([3, 3], [-3.4e38, -3.3e38, -3.4e38, 3.4e38, 3.3e38, 3.4e38, -0, 0, -0].map(Math.fround));
  await checkAlong(ALONG[0]!, 1, { variant, x });
  await checkAlong(ALONG[1]!, 1, { variant, x });
});

test.each([amax, amin])('the gradient is zero in the padding, where zeros equal the maximum', async (apply) => {
  const x = new Random(6).integers([2, 6, 3, 3], { min: -1, max: 1 });
  const { m } = await runOp({
    op: 'sharedMaximumBackward',
    variant: 'element',
    inputs: {
      x: { tensor: map(x, (v) => (apply === amax ? -1 : 1) * Math.abs(v)) },
      g: { tensor: tensor([6], [1, 2, 3, 4, 5, 6]) },
    },
    body(v) {
      const laid = asNhwc(v.x!);
      const [dx] = grad(apply(laid, { axes: [0, 2, 3] }), [laid], { seed: v.g! });
      return { m: memoryOf(dx!) };
    },
  });
  expect(m!.some((v) => v !== 0)).toBe(true);
  expect(m!.filter((v, i) => i % 8 >= 6 && v !== 0)).toHaveLength(0);
  // A maximum along the channels meets the padding lanes too.
  const { c } = await runOp({
    op: 'sharedMaximumBackward',
    variant: 'element',
    inputs: { x: { tensor: map(x, () => 0) }, g: { tensor: tensor([2, 3, 3], new Array<number>(18).fill(6)) } },
    body(v) {
      const laid = asNhwc(v.x!);
      const [dx] = grad(apply(laid, { axes: [1] }), [laid], { seed: v.g! });
      return { c: memoryOf(dx!) };
    },
  });
  expect([...c!]).toEqual(Array.from(c!, (_, i) => Number(i % 8 < 6)));
});

test('more groups than an axis of the grid has', async () => {
  const x = new Random(4).normal([70_001, 2]);
  for (const variant of VARIANTS) await checkAxes(OVER_AXES[0]!, [1], { variant, x });
});

test('a long axis', async () => {
  const x = new Random(5).uniform([300_007]);
  for (const variant of ['tree32', 'tree256']) await checkAlong(ALONG[0]!, 0, { variant, x });
});

test('over all elements the index is that of the flattened tensor, in every layout', async () => {
  const x = untied([2, 3, 4, 5]);
  const found = await runOp({
    op: 'max',
    variant: 'tree32',
    inputs: { x: { tensor: x } },
    body: (v) => ({ most: argmax(v.x!), least: argmin(asNhwc(v.x!)), kept: argmax(asNhwc(v.x!), { keepdims: true }) }),
  });
  expect(found.most![0]).toBe(x.data.indexOf(Math.max(...x.data)));
  expect(found.least![0]).toBe(x.data.indexOf(Math.min(...x.data)));
  expect(found.kept).toEqual(found.most);
});

test('shapes and dtypes', () => {
  const x = input('x', [2, 3, 4]);
  expect(amax(x).shape).toEqual([]);
  expect(amin(x, { axes: [-1], keepdims: true }).shape).toEqual([2, 3, 1]);
  expect(max(x, { axis: 1 })).toMatchObject({ y: { shape: [2, 4] }, indices: { shape: [2, 4], dtype: 'i32' } });
  expect(argmin(x, { axis: -3, keepdims: true }).shape).toEqual([1, 3, 4]);
  expect(argmax(x)).toMatchObject({ shape: [], dtype: 'i32' });
  expect(argmax(x, { keepdims: true }).shape).toEqual([1, 1, 1]);
  expect(max(input('s', []), { axis: 0 }).y.shape).toEqual([]);
});

test('errors', () => {
  const x = input('x', [2, 3]);
  expect(() => max(x, { axis: 2 })).toThrow(
    new ShapeError('max: axis 2 is not an axis of a tensor of rank 2. Use -2..1.'),
  );
  expect(() => amin(x, { axes: [0, -2] })).toThrow(
    new ShapeError('amin: axes [0,-2] of [2,3] name an axis twice. Name each once.'),
  );
  expect(() => amax(input('x', [2, 0]), { axes: [1] })).toThrow(
    new ShapeError('amax: x [2,0] has no elements along axes [1]. Reduce others.'),
  );
  expect(() => argmax(input('x', [2, 3], 'i32'), { axis: 0 })).toThrow(
    new ShapeError('max: x is i32 [2,3]. Pass f32 values.'),
  );
});
