/** sum, mean and expand: golden cases, axes in every layout and kernel, long sums, determinism, errors. */
import { describe, expect, it, test } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import type { Value } from '../../src/graph/types.ts';
import { expand, mean, sum } from '../../src/ops/index.ts';
import { sumTo } from '../../src/ops/reduce.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { GOLDENS, type GoldenCase, loadFamily } from '../support/goldens.ts';
import { Random } from '../support/random.ts';
import { referenceOp } from '../support/reference/index.ts';
import { type Tensor, tensor } from '../support/tensor.ts';
import { asNhwc, attr, checkGolden, expectClose, PROFILES, runOp } from './loss-cases.ts';

const TREES = ['tree32', 'tree256'];
const OPS = [
  { golden: 'sum', apply: sum },
  { golden: 'mean', apply: mean },
];

const goldens = loadFamily(GOLDENS, 'reductions');
const axesOf = ({ attrs }: GoldenCase): number[] | null => (Array.isArray(attrs.axes) ? attrs.axes.map(Number) : null);

describe.each(PROFILES)('golden cases, %s limits', (profile) => {
  describe.each(TREES)('%s', (variant) => {
    for (const { golden: name, apply } of OPS) {
      it.each(goldens.filter(({ op }) => op === name).map((golden) => [golden.name, golden] as const))(
        '%s',
        async (_, golden) => {
          const options = { axes: axesOf(golden), keepdims: attr.flag(golden, 'keepdims') };
          await checkGolden(golden, { op: 'sum', variant, profile, body: ({ x }) => ({ y: apply(x!, options) }) });
        },
      );
    }
  });
});

interface Check {
  readonly which: (typeof OPS)[number];
  readonly variant: string;
  readonly x: Tensor;
  readonly axes: readonly number[];
  readonly wrap?: (x: Value) => Value;
}

async function check({ which, variant, x, axes, wrap = (v) => v }: Check): Promise<void> {
  const attrs = { axes: [...axes], keepdims: false };
  const reference = referenceOp(which.golden);
  const y = reference.forward({ x }, attrs).y!;
  const upstream = new Random(9).normal(y.shape);
  const results = await runOp({
    op: 'sum',
    variant,
    inputs: { x: { tensor: x } },
    body: (v) => ({ y: which.apply(wrap(v.x!), { axes }) }),
    wrt: ['x'],
    upstream,
  });
  const terms = x.data.length / y.data.length;
  expectClose(results.y!, y, { name: 'y', atol: 3e-6 * (which.golden === 'sum' ? Math.sqrt(terms) : 1), rtol: 4e-6 });
  const { x: dx } = reference.backward!({ x }, attrs, { y: upstream });
  expectClose(results.grad_x!, dx!, { name: 'grad_x', atol: 1e-7, rtol: 2e-6 });
}

describe.each(OPS)('$golden', (which) => {
  describe.each(TREES)('%s', (variant) => {
    it.each([
      [[1], [0]],
      [[31], [0]],
      [[33], [0]],
      [[257], [0]],
      [[1023], [0]],
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
      await check({ which, variant, x: new Random(1).normal(shape), axes });
    });

    it.each([[[0]], [[1]], [[2]], [[3]], [[0, 2, 3]], [[2, 3]], [[0, 1, 2, 3]], [[1, 2]]])(
      'nhwc, axes %j',
      async (axes) => {
        for (const channels of [1, 6]) {
          const x = new Random(2).normal([3, channels, 4, 5]);
          await check({ which, variant, x, axes, wrap: asNhwc });
        }
      },
    );
  });

  it.each([
    [1, 3, 1, 1],
    [2, 4, 16, 16],
    [3, 6, 13, 17],
    [2, 33, 16, 17],
    [1, 260, 3, 3],
  ])('channels of [%i, %i, %i, %i]', async (...shape) => {
    const x = new Random(3).normal(shape);
    await check({ which, variant: 'channels', x, axes: [0, 2, 3], wrap: asNhwc });
  });
});

test('more groups than an axis of the grid has', async () => {
  await check({ which: OPS[0]!, variant: 'tree32', x: new Random(4).normal([70_001, 2]), axes: [1] });
});

test.each(TREES)(
  'a long sum of numbers that do not cancel is accurate, and the same every time (%s)',
  async (variant) => {
    const x = new Random(5).uniform([1_000_003], { min: 1, max: 2 });
    const run = () => runOp({ op: 'sum', variant, inputs: { x: { tensor: x } }, body: (v) => ({ y: sum(v.x!) }) });
    const [a, b] = [await run(), await run()];
    expectClose(a.y!, referenceOp('sum').forward({ x }, { axes: null, keepdims: false }).y!, {
      name: 'y',
      atol: 0,
      rtol: 3e-6,
    });
    expect(b.y).toEqual(a.y);
  },
);

test('negative axes, keepdims, and shapes', () => {
  const x = input('x', [2, 3, 4]);
  expect(sum(x).shape).toEqual([]);
  expect(sum(x, { keepdims: true }).shape).toEqual([1, 1, 1]);
  expect(mean(x, { axes: [-1, 0] }).shape).toEqual([3]);
  expect(mean(x, { axes: [-2], keepdims: true }).shape).toEqual([2, 1, 4]);
  expect(sumTo(x, [3, 1]).shape).toEqual([3, 1]);
  expect(sumTo(x, [2, 3, 4])).toBe(x);
});

describe('expand', () => {
  it.each([
    [[1], [5]],
    [
      [3, 1],
      [3, 4],
    ],
    [[2], [3, 2]],
    [[], [2, 2]],
    [
      [2, 1, 3, 1],
      [4, 2, 5, 3, 2],
    ],
  ])('%j to %j', async (from, to) => {
    const random = new Random(6);
    const x = random.normal(from);
    const upstream = random.normal(to);
    const results = await runOp({
      op: 'expand',
      variant: 'strided',
      inputs: { x: { tensor: x } },
      body: (v) => ({ y: expand(v.x!, to) }),
      wrt: ['x'],
      upstream,
    });
    // Adding zeros of the shape is the same in the reference.
    const zeros = tensor(to);
    const reference = referenceOp('add');
    expectClose(results.y!, reference.forward({ a: x, b: zeros }, {}).y!, { name: 'y', atol: 0, rtol: 0 });
    const { a: dx } = reference.backward!({ a: x, b: zeros }, {}, { y: upstream });
    expectClose(results.grad_x!, dx!, { name: 'grad_x', atol: 1e-5, rtol: 1e-5 });
  });

  it('of an nhwc value', async () => {
    const x = new Random(7).normal([2, 6, 1, 3]);
    const { y } = await runOp({
      op: 'expand',
      variant: 'strided',
      inputs: { x: { tensor: x } },
      body: (v) => ({ y: expand(asNhwc(v.x!), [2, 6, 4, 3]) }),
    });
    expectClose(y!, referenceOp('add').forward({ a: x, b: tensor([2, 6, 4, 3]) }, {}).y!, {
      name: 'y',
      atol: 0,
      rtol: 0,
    });
  });

  it('an equal shape is the value itself; sizes above 1 cannot grow', () => {
    const x = input('x', [2, 3]);
    expect(expand(x, [2, 3])).toBe(x);
    for (const shape of [[2, 6], [3], [2, 3, 1]])
      expect(() => expand(x, shape)).toThrow(
        new ShapeError(`expand: [2,3] cannot be expanded to [${shape.join()}]. Only axes of size 1 can grow.`),
      );
  });
});

test('errors', () => {
  const x = input('x', [2, 3]);
  expect(() => sum(x, { axes: [2] })).toThrow(
    new ShapeError('sum: axis 2 is not an axis of a tensor of rank 2. Use -2..1.'),
  );
  expect(() => mean(x, { axes: [0, -2] })).toThrow(
    new ShapeError('mean: axes [0,-2] of [2,3] name an axis twice. Name each once.'),
  );
  expect(() => sum(input('x', [2, 3], 'i32'))).toThrow(new ShapeError('sum: x is i32 [2,3]. Pass f32 values.'));
});
