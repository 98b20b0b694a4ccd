/** Arithmetic of two tensors: golden cases, both kernels, broadcasting in every layout, ties, padding, errors. */
import { describe, expect, it, test } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import { inScope } from '../../src/graph/trace.ts';
import type { Value } from '../../src/graph/types.ts';
import {
  add,
  div,
  equal,
  greater,
  greaterEqual,
  less,
  lessEqual,
  maximum,
  minimum,
  mul,
  notEqual,
  pow,
  sub,
} from '../../src/ops/index.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { GOLDENS, loadFamily } from '../support/goldens.ts';
import { Random } from '../support/random.ts';
import { referenceOp } from '../support/reference/index.ts';
import { type Tensor, tensor } from '../support/tensor.ts';
import { checkBinary as check, drawing } from './binary-cases.ts';
import { afterDirt, asNhwc, checkGolden, expectClose, memoryOf, PROFILES, runOp } from './loss-cases.ts';

const OPS = { add, sub, mul, div, maximum, minimum };
const ROWS = Object.entries(OPS).map(([op, apply]) => ({ op, apply }));

const goldens = loadFamily(GOLDENS, 'elementwise');

const WITH_GOLDENS = [...ROWS, { op: 'pow', apply: pow }];

describe.each(PROFILES)('golden cases, %s limits', (profile) => {
  for (const { op, apply } of WITH_GOLDENS) {
    it.each(goldens.filter((g) => g.op === op).map((golden) => [golden.name, golden] as const))(
      '%s',
      async (_, golden) => {
        await checkGolden(golden, { op, variant: 'broadcast', profile, body: ({ a, b }) => ({ y: apply(a!, b!) }) });
      },
    );
  }
});

const random = new Random(11);
const draw = drawing(random);

describe.each(ROWS)('$op', ({ op, apply }) => {
  it.each(['same', 'broadcast'])('equal shapes, %s kernel', async (variant) => {
    for (const shape of [[], [1], [5], [257], [3, 5, 7]])
      await check({ op, apply, variant, a: draw(shape), b: draw(shape) });
    const image = [2, 6, 3, 3];
    await check({ op, apply, variant, a: draw(image), b: draw(image), wrapA: asNhwc, wrapB: asNhwc });
  });

  it('several vec4s a thread, same kernel', async () => {
    const shape = [20_011];
    await check({ op, apply, variant: 'same', a: draw(shape), b: draw(shape) });
  });

  it.each([
    [[2, 3], [3]],
    [[3], [2, 3]],
    [
      [4, 1],
      [1, 5],
    ],
    [
      [2, 1, 3, 1],
      [5, 1, 4],
    ],
    [[1], [7]],
    [[], [2, 2]],
    [
      [2, 3, 2, 1, 3],
      [3, 1, 2, 1],
    ],
  ])('%j with %j', async (left, right) => {
    await check({ op, apply, variant: 'broadcast', a: draw(left), b: draw(right) });
  });

  it('operands in different layouts', async () => {
    const image = [2, 6, 3, 3];
    await check({ op, apply, variant: 'broadcast', a: draw(image), b: draw([6, 1, 1]), wrapA: asNhwc });
    await check({ op, apply, variant: 'broadcast', a: draw([6, 1, 1]), b: draw(image), wrapB: asNhwc });
    await check({
      op,
      apply,
      variant: 'broadcast',
      a: draw(image),
      b: draw([2, 1, 1, 1]),
      wrapA: asNhwc,
      wrapB: asNhwc,
    });
    await check({ op, apply, variant: 'broadcast', a: draw(image), b: draw(image), wrapA: asNhwc });
    await check({
      op,
      apply,
      variant: 'broadcast',
      a: draw([2, 1, 3, 3]),
      b: draw(image),
      wrapA: asNhwc,
      wrapB: asNhwc,
    });
  });

  it.each(['same', 'broadcast'])('the padding of the result is zero, %s kernel', async (variant) => {
    const [a, b] = [draw([2, 6, 3, 3]), draw([2, 6, 3, 3])];
    const { y } = await runOp({
      op,
      variant,
      inputs: { a: { tensor: a }, b: { tensor: b } },
      // afterDirt adds a scalar itself, which the kernel for equal shapes cannot.
      body: (v) => ({ y: memoryOf(apply(asNhwc(op === 'add' ? v.a! : afterDirt(v.a!)), asNhwc(v.b!))) }),
    });
    expect(y).toHaveLength(2 * 3 * 3 * 8);
    expect(y!.filter((v, i) => i % 8 >= 6 && v !== 0)).toHaveLength(0);
  });
});

test('the sum of a value and itself has gradient 2', async () => {
  const x = draw([2, 3]);
  const { grad_x } = await runOp({
    op: 'add',
    variant: 'same',
    inputs: { x: { tensor: x } },
    body: (v) => ({ y: add(v.x!, v.x!) }),
    wrt: ['x'],
    upstream: tensor([2, 3], [1, 2, 3, 4, 5, 6]),
  });
  expect([...grad_x!]).toEqual([2, 4, 6, 8, 10, 12]);
});

test('errors name the layer, the sizes and the axis', () => {
  expect(() => inScope('block1', () => add(input('a', [2, 3]), input('b', [2, 4])))).toThrow(
    new ShapeError(
      'add "block1": sizes 3 and 4 do not broadcast (shapes [2,3] and [2,4], axis -1 from the end). Make them equal or one of them 1.',
    ),
  );
  expect(() => mul(input('a', [2], 'i32'), input('b', [2]))).toThrow(
    new ShapeError('mul: operands are i32 [2] and f32 [2]. Pass f32 values.'),
  );
});

describe('pow', () => {
  const positive = (shape: readonly number[]): Tensor => random.uniform(shape, { min: 0.3, max: 3 });
  const padded = [2, 6, 3, 3];

  it.each(['same', 'broadcast'])('positive bases, %s kernel', async (variant) => {
    for (const shape of [[], [5], [257]])
      await check({ op: 'pow', apply: pow, variant, a: positive(shape), b: random.normal(shape) });
    await check({
      op: 'pow',
      apply: pow,
      variant,
      a: positive(padded),
      b: random.normal(padded),
      wrapA: asNhwc,
      wrapB: asNhwc,
    });
  });

  it('broadcasts', async () => {
    await check({ op: 'pow', apply: pow, variant: 'broadcast', a: positive([3, 1, 4]), b: random.normal([5, 1]) });
    const bases = positive(padded);
    await check({ op: 'pow', apply: pow, variant: 'broadcast', a: bases, b: random.normal([6, 1, 1]), wrapA: asNhwc });
  });

  it('negative bases with whole exponents, exact where the result is', async () => {
    const bases = [-3, -2, -1.5, -1, -0.5, 0.5, 1, 2, 3];
    const exponents = [-3, -2, -1, 0, 1, 2, 3, 5, 8, 20, 33, 40];
    const a = tensor([bases.length, 1], bases);
    const b = tensor([exponents.length], exponents);
    const { y, grad_a } = await runOp({
      op: 'pow',
      variant: 'broadcast',
      inputs: { a: { tensor: a }, b: { tensor: b } },
      body: (v) => ({ y: pow(v.a!, v.b!) }),
      wrt: ['a'],
      upstream: tensor([bases.length, exponents.length], new Array<number>(bases.length * exponents.length).fill(1)),
    });
    const reference = referenceOp('pow');
    const expected = reference.forward({ a, b }, {}).y!;
    expectClose(y!, expected, { name: 'y', atol: 0, rtol: 1e-5 });
    const exact = (i: number) => Math.abs(exponents[i % exponents.length]!) <= 5 && i % exponents.length > 2;
    expect([...y!].filter((v, i) => exact(i) && v !== Math.fround(expected.data[i]!))).toEqual([]);
    const ones = tensor(expected.shape, new Array<number>(expected.data.length).fill(1));
    expectClose(grad_a!, reference.backward!({ a, b }, {}, { y: ones }).a!, { name: 'grad_a', atol: 1e-6, rtol: 2e-5 });
  });

  it('what has no power in the numbers is 0, gradients too; 0 has powers', async () => {
    const [a, b] = [tensor([5], [-2, -2, 0, 0, 0]), tensor([5], [0.5, 3, 0, 2, 0.5])];
    const r = await runOp({
      op: 'pow',
      variant: 'same',
      inputs: { a: { tensor: a }, b: { tensor: b } },
      body: (v) => ({ y: pow(v.a!, v.b!) }),
      wrt: ['b'],
      upstream: tensor([5], [1, 1, 1, 1, 1]),
    });
    expect([...r.y!]).toEqual([0, -8, 1, 0, 0]);
    expect([...r.grad_b!]).toEqual([0, 0, 0, 0, 0]);
  });
});

describe('comparisons', () => {
  const a = tensor([2, 3], [-1, 0, 2, 5, 0, -1]);
  const b = tensor([3], [0, 0, -1]);
  const holds: readonly [string, (a: Value, b: Value) => Value, (p: number, q: number) => boolean][] = [
    ['greater', greater, (p, q) => p > q],
    ['greaterEqual', greaterEqual, (p, q) => p >= q],
    ['less', less, (p, q) => p < q],
    ['lessEqual', lessEqual, (p, q) => p <= q],
    ['equal', equal, (p, q) => p === q],
    ['notEqual', notEqual, (p, q) => p !== q],
  ];

  it.each(holds)('%s', async (op, apply, wanted) => {
    const expected = [...a.data].map((v, i) => Number(wanted(v, b.data[i % 3]!)));
    const inputs = { a: { tensor: a }, b: { tensor: b } };
    const { y } = await runOp({ op, variant: 'broadcast', inputs, body: (v) => ({ y: apply(v.a!, v.b!) }) });
    expect([...y!]).toEqual(expected);
    const image = draw([1, 6, 1, 3]);
    for (const variant of ['same', 'broadcast']) {
      const { m } = await runOp({
        op,
        variant,
        inputs: { x: { tensor: image } },
        body: (v) => ({ m: memoryOf(apply(asNhwc(v.x!), asNhwc(v.x!))) }),
      });
      expect([...m!]).toEqual(Array.from(m!, (_, i) => Number(i % 8 < 6 && wanted(1, 1))));
    }
  });

  it('no gradient flows through a mask', async () => {
    const { grad_a } = await runOp({
      op: 'mul',
      variant: 'broadcast',
      inputs: { a: { tensor: a }, b: { tensor: b } },
      body: (v) => ({ y: mul(v.a!, greater(v.a!, v.b!)) }),
      wrt: ['a'],
      upstream: tensor([2, 3], [1, 2, 3, 4, 5, 6]),
    });
    expect([...grad_a!]).toEqual([0, 0, 3, 4, 0, 0]);
  });
});
