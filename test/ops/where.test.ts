/** The choice between two tensors: golden cases, both kernels, conditions of every dtype, layouts, padding, errors. */
import { describe, expect, it, test } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import type { Value } from '../../src/graph/types.ts';
import { argmax, globalMaxPool2d, where } from '../../src/ops/index.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { GOLDENS, loadFamily } from '../support/goldens.ts';
import { Random } from '../support/random.ts';
import { referenceOp } from '../support/reference/index.ts';
import { broadcastShape, tensor } from '../support/tensor.ts';
import { afterDirt, asNhwc, checkGolden, expectClose, memoryOf, nhwcResult, PROFILES, runOp } from './loss-cases.ts';

const VARIANTS = ['same', 'broadcast'];
const goldens = loadFamily(GOLDENS, 'elementwise').filter(({ op }) => op === 'where');

describe.each(PROFILES)('golden cases, %s limits', (profile) => {
  it.each(goldens.map((golden) => [golden.name, golden] as const))('%s', async (_, golden) => {
    const body = ({ condition, a, b }: { readonly [name: string]: Value }) => ({ y: where(condition!, a!, b!) });
    await checkGolden(golden, { op: 'where', variant: 'broadcast', profile, body });
  });
});

const same = (x: Value): Value => x;
type Wrap = (x: Value) => Value;

interface Check {
  readonly shapes: readonly [readonly number[], readonly number[], readonly number[]];
  readonly variant: string;
  readonly dtype?: 'i32';
  readonly wraps?: readonly [Wrap, Wrap, Wrap];
  /** The gradient that arrives has its layout. */
  readonly wrapResult?: Wrap;
}

async function check({ shapes, variant, dtype, wraps = [same, same, same], wrapResult = same }: Check): Promise<void> {
  const random = new Random(4);
  const condition = random.integers(shapes[0], { min: -1, max: 1 });
  const [a, b] = [random.normal(shapes[1]), random.normal(shapes[2])];
  const upstream = random.normal(broadcastShape(...shapes));
  const results = await runOp({
    op: 'where',
    variant,
    inputs: { condition: { tensor: condition, dtype }, a: { tensor: a }, b: { tensor: b } },
    body: (v) => ({ y: wrapResult(where(wraps[0](v.condition!), wraps[1](v.a!), wraps[2](v.b!))) }),
    wrt: ['a', 'b'],
    upstream,
  });
  const reference = referenceOp('where');
  expectClose(results.y!, reference.forward({ condition, a, b }, {}).y!, { name: 'y', atol: 0, rtol: 0 });
  const gradients = reference.backward!({ condition, a, b }, {}, { y: upstream });
  for (const name of ['a', 'b'] as const)
    expectClose(results[`grad_${name}`]!, gradients[name]!, { name: `grad_${name}`, atol: 5e-6, rtol: 5e-6 });
}

describe.each([undefined, 'i32'] as const)('condition of dtype %s', (dtype) => {
  it.each([
    [[], [], []],
    [[5], [5], [5]],
    [[257], [257], [257]],
    [[3], [2, 3], [2, 1]],
    [[2, 1], [3], []],
    [
      [4, 1, 1],
      [3, 1],
      [1, 2],
    ],
    [
      [2, 3, 2, 2],
      [1, 3, 1, 1],
      [2, 1, 2, 2],
    ],
    [[2, 1, 3, 1, 2], [2], [3, 1, 1]],
  ] as const)('%j, %j, %j', async (...shapes) => {
    await check({ shapes, variant: 'broadcast', dtype });
  });

  it('nhwc operands', async () => {
    const image = [2, 6, 3, 3];
    await check({ shapes: [image, image, image], variant: 'broadcast', dtype, wraps: [same, asNhwc, asNhwc] });
    await check({ shapes: [image, image, image], variant: 'broadcast', dtype, wraps: [asNhwc, asNhwc, asNhwc] });
    await check({ shapes: [[6, 1, 1], image, []], variant: 'broadcast', dtype, wraps: [same, asNhwc, same] });
    await check({ shapes: [image, [], image], variant: 'broadcast', dtype, wraps: [same, same, asNhwc] });
    await check({ shapes: [image, [1, 6, 1, 1], []], variant: 'broadcast', dtype, wraps: [asNhwc, asNhwc, same] });
  });
});

describe.each(['columns', 'broadcast'])('numbers of channels and samples, %s kernel', (variant) => {
  const image = [2, 6, 5, 7];
  it.each<[string, Check['shapes'], Check['wraps']]>([
    ['condition', [[6, 1, 1], image, image], [same, asNhwc, asNhwc]],
    ['condition of samples', [[2, 1, 1, 1], image, image], [same, asNhwc, asNhwc]],
    ['one choice', [image, image, [1, 6, 1, 1]], [asNhwc, asNhwc, same]],
    ['the other, both at once', [image, [2, 6, 1, 1], image], [asNhwc, asNhwc, asNhwc]],
    ['numbers', [image, image, []], [asNhwc, asNhwc, same]],
    ['all but one', [[1], image, [2, 6, 1, 1]], [same, asNhwc, same]],
    [
      'many rows',
      [
        [3, 1, 1, 1],
        [3, 12, 40, 41],
        [12, 1, 1],
      ],
      [same, asNhwc, same],
    ],
  ])('%s', async (_, shapes, wraps) => {
    await check({ shapes, variant, wraps, wrapResult: nhwcResult });
    if (wraps![0] === same) await check({ shapes, variant, wraps, dtype: 'i32', wrapResult: nhwcResult });
  });

  test('zero in the padding', async () => {
    const { m } = await runOp({
      op: 'where',
      variant,
      inputs: {
        x: { tensor: new Random(9).normal([2, 6, 3, 3]) },
        one: { tensor: tensor([6, 1, 1], [1, 1, 1, 1, 1, 1]) },
      },
      body: (v) => ({ m: memoryOf(where(v.one!, v.one!, asNhwc(v.x!))) }),
    });
    expect([...m!]).toEqual(Array.from(m!, (_, i) => Number(i % 8 < 6)));
  });
});

it.each(VARIANTS)('equal shapes, %s kernel: values, and zero in the padding', async (variant) => {
  for (const shape of [[1], [4], [5], [2, 6, 3, 3]]) {
    const random = new Random(8);
    const condition = random.integers(shape, { min: 0, max: 1 });
    const [a, b] = [random.normal(shape), random.normal(shape)];
    const wrap = shape.length === 4 ? asNhwc : same;
    const { y } = await runOp({
      op: 'where',
      variant,
      inputs: { condition: { tensor: condition, dtype: 'i32' }, a: { tensor: a }, b: { tensor: b } },
      body: (v) => ({ y: where(wrap(v.condition!), wrap(v.a!), wrap(v.b!)) }),
    });
    expectClose(y!, referenceOp('where').forward({ condition, a, b }, {}).y!, { name: 'y', atol: 0, rtol: 0 });
  }
  const x = new Random(9).normal([2, 6, 3, 3]);
  const { m } = await runOp({
    op: 'where',
    variant,
    inputs: { x: { tensor: x } },
    body: (v) => {
      const laid = asNhwc(afterDirt(v.x!));
      return { m: memoryOf(where(laid, laid, laid)) };
    },
  });
  expect(m!.filter((v, i) => i % 8 >= 6 && v !== 0)).toHaveLength(0);
});

test('a scalar where nothing is chosen does not leak into padding', async () => {
  const { m } = await runOp({
    op: 'where',
    variant: 'broadcast',
    inputs: { x: { tensor: new Random(9).normal([2, 6, 3, 3]) }, one: { tensor: tensor([], [1]) } },
    body: (v) => ({ m: memoryOf(where(v.one!, v.one!, asNhwc(v.x!))) }),
  });
  expect([...m!]).toEqual(Array.from(m!, (_, i) => Number(i % 8 < 6)));
});

test('conditions that other ops make', async () => {
  const { y } = await runOp({
    op: 'where',
    variant: 'broadcast',
    inputs: {
      x: { tensor: tensor([2, 2], [3, 1, 0, 4]) },
      a: { tensor: tensor([], [7]) },
      b: { tensor: tensor([2], [1, 2]) },
    },
    body: (v) => ({ y: where(argmax(v.x!, { axis: 1 }), v.a!, v.b!) }),
  });
  expect([...y!]).toEqual([1, 7]);
  const pooled = await runOp({
    op: 'where',
    variant: 'broadcast',
    inputs: { x: { tensor: tensor([1, 2, 1, 2], [3, 1, 0, 4]) }, one: { tensor: tensor([], [1]) } },
    // u32: position 0 in the first plane, 1 in the second.
    body: (v) => ({ y: where(globalMaxPool2d(v.x!).indices, v.one!, v.x!) }),
  });
  expect([...pooled.y!]).toEqual([3, 1, 1, 1]);
});

test('errors', () => {
  const [c, x] = [input('c', [2, 3], 'i32'), input('x', [2, 3])];
  expect(() => where(c, x, input('y', [4]))).toThrow(/^where: sizes 3 and 4 do not broadcast/);
  expect(() => where(input('c', [5], 'u32'), x, x)).toThrow(/^where: sizes 5 and 3 do not broadcast/);
  expect(() => where(c, c, x)).toThrow(new ShapeError('where: choices are i32 [2,3] and f32 [2,3]. Pass f32 values.'));
});
