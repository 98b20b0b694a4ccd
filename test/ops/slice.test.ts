/** slice, split and chunk: every variant against the float64 reference and PyTorch's golden data; integers, errors. */
import { describe, expect, it, test } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import { chunk, slice, split, sum } from '../../src/ops/index.ts';
import { compile, grad } from '../../src/train/program.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { device } from '../support/device.ts';
import { GOLDENS, loadFamily } from '../support/goldens.ts';
import { Random } from '../support/random.ts';
import { toFloat32 } from '../support/tensor.ts';
import { PROFILES } from './loss-cases.ts';
import { checkMove, type MoveCase } from './move-cases.ts';

interface Cut {
  readonly axes: readonly number[];
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly steps: readonly number[];
}

const caseOf = (shape: readonly number[], cut: Cut): MoveCase => ({
  op: 'slice',
  attrs: { ...cut },
  shapes: [shape],
  apply: ([x]) => slice(x!, cut),
});

const cuts: readonly (readonly [string, readonly number[], Cut, readonly string[]])[] = [
  ['one of one', [1], { axes: [0], starts: [0], ends: [1], steps: [1] }, ['strided', 'single']],
  ['a vector', [131], { axes: [0], starts: [1], ends: [130], steps: [2] }, ['strided', 'single']],
  ['a vector in fours', [1032], { axes: [0], starts: [4], ends: [1028], steps: [1] }, ['packed', 'strided', 'single']],
  ['rows of fours', [7, 3, 8], { axes: [0], starts: [-6], ends: [-1], steps: [2] }, ['packed', 'strided', 'single']],
  ['rank 5', [2, 3, 4, 5, 6], { axes: [1, 4], starts: [1, 1], ends: [99, -1], steps: [1, 3] }, ['strided', 'single']],
  ['first channels', [2, 7, 3, 5], { axes: [1], starts: [0], ends: [3], steps: [1] }, ['packed', 'strided', 'single']],
  ['last channels', [2, 10, 3, 5], { axes: [1], starts: [4], ends: [10], steps: [1] }, ['packed', 'strided', 'single']],
  ['odd channels', [2, 10, 3, 5], { axes: [1], starts: [3], ends: [9], steps: [1] }, ['strided', 'single']],
  ['one channel', [2, 6, 3, 5], { axes: [1], starts: [4], ends: [5], steps: [1] }, ['strided', 'single']],
  ['every third channel', [1, 17, 2, 3], { axes: [1], starts: [2], ends: [17], steps: [3] }, ['strided', 'single']],
  [
    'of one channel',
    [2, 1, 5, 7],
    { axes: [2, 3], starts: [1, 0], ends: [4, 7], steps: [1, 2] },
    ['strided', 'single'],
  ],
  [
    'a window',
    [2, 5, 9, 8],
    { axes: [2, 3], starts: [1, -7], ends: [8, -1], steps: [2, 1] },
    ['packed', 'strided', 'single'],
  ],
  [
    'all axes',
    [3, 9, 5, 4],
    { axes: [3, 0, 2, 1], starts: [1, 0, 2, 4], ends: [4, 2, 5, 8], steps: [2, 1, 1, 1] },
    ['packed', 'strided', 'single'],
  ],
];

describe.each(PROFILES)('%s limits', (profile) => {
  test.each(cuts)('%s of %j', async (_, shape, cut, variants) => {
    expect([...(await checkMove({ ...caseOf(shape, cut), profile }))].sort()).toEqual([...variants].sort());
  });

  const goldens = loadFamily(GOLDENS, 'shape').filter(({ op }) => op === 'slice');
  test.each(goldens.map((golden) => [golden.name, golden] as const))('golden shapes %s', async (_, golden) => {
    const cut = golden.attrs as unknown;
    await checkMove({ ...caseOf(golden.tensors.get('x')!.shape, cut as Cut), profile });
  });
});

test('random parts', async () => {
  const random = new Random(11);
  for (let i = 0; i < 8; i++) {
    const shape = [random.integer(1, 3), random.integer(1, 13), random.integer(1, 6), random.integer(1, 9)];
    const starts = shape.map((size) => random.integer(0, size - 1));
    const ends = shape.map((size, axis) => random.integer(starts[axis]! + 1, size));
    const steps = shape.map(() => random.integer(1, 3));
    await checkMove(caseOf(shape, { axes: [0, 1, 2, 3], starts, ends, steps }));
  }
});

test('integers are copied bit by bit; infinity is the end', async () => {
  const program = await compile(await device(), { x: { shape: [2, 8], dtype: 'i32' } }, ({ x }) => ({
    a: slice(x, { axes: [1], starts: [4], ends: [Number.POSITIVE_INFINITY] }),
    b: slice(x, { starts: [-1], ends: [2] }),
  }));
  const data = Int32Array.from({ length: 16 }, (_, i) => (i % 2 ? -(2 ** 31) + i : 2 ** 31 - i));
  const { a, b } = await program.run({ x: data });
  program.dispose();
  expect([...a!]).toEqual([...data.slice(4, 8), ...data.slice(12)]);
  expect([...b!]).toEqual([...data.slice(8)]);
});

test('the gradient of the gradient is the slice', async () => {
  const x = new Random(3).normal([5, 9]);
  const program = await compile(
    await device(),
    { x: { shape: [5, 9], dtype: 'f32' }, d: { shape: [2, 9], dtype: 'f32' } },
    (v) => {
      const y = slice(v.x, { starts: [1], ends: [5], steps: [2] });
      const [dx] = grad(y, [v.x], { seed: v.d });
      return { dd: grad(dx!, [v.d], { seed: v.x })[0]! };
    },
  );
  const { dd } = await program.run({ x: toFloat32(x), d: new Float32Array(18) });
  program.dispose();
  expect([...dd!]).toEqual([...x.data.slice(9, 18), ...x.data.slice(27, 36)]);
});

describe('split and chunk', () => {
  const x = input('x', [2, 10, 3]);
  it('give the parts of PyTorch', () => {
    expect(split(x, 4, { axis: 1 }).map((v) => v.shape[1])).toEqual([4, 4, 2]);
    expect(split(x, [1, 9], { axis: -2 }).map((v) => v.shape[1])).toEqual([1, 9]);
    expect(split(x, 1).map((v) => v.shape[0])).toEqual([1, 1]);
    expect(chunk(x, 4, { axis: 1 }).map((v) => v.shape[1])).toEqual([3, 3, 3, 1]);
    expect(chunk(x, 6, { axis: 1 }).map((v) => v.shape[1])).toEqual([2, 2, 2, 2, 2]);
  });

  it('compute them, and the gradient of all', async () => {
    const data = new Random(8).normal([2, 5, 3, 2]);
    const program = await compile(await device(), { x: { shape: data.shape, dtype: 'f32' } }, (v) => {
      const [a, b] = split(v.x, [2, 3], { axis: 1 }) as [typeof v.x, typeof v.x];
      return { a: sum(a), b: sum(b), g: grad(sum(a), [v.x])[0]! };
    });
    const { a, b, g } = await program.run({ x: toFloat32(data) });
    program.dispose();
    const inA = (_: number, i: number): boolean => Math.floor(i / 6) % 5 < 2;
    const total = (values: Float64Array): number => values.reduce((s, v) => s + v, 0);
    expect(a![0]).toBeCloseTo(total(data.data.filter(inA)), 4);
    expect(b![0]).toBeCloseTo(total(data.data.filter((v, i) => !inA(v, i))), 4);
    expect([...g!]).toEqual(Array.from(data.data, (v, i) => (inA(v, i) ? 1 : 0)));
  });

  it.each([
    [
      () => split(x, [4, 4], { axis: 1 }),
      /split: parts of \[4,4\] elements, 8 in all, do not make up 10 .*\[2,10,3\], axis 1/,
    ],
    [() => split(x, 0, { axis: 1 }), /split: the size of a part is 0 /],
    [() => split(x, [10, 0], { axis: 1 }), /do not make up 10/],
    [() => chunk(x, 2.5), /chunk: 2.5 parts of \[2,10,3\]/],
    [() => split(x, 1, { axis: 3 }), /split: axis 3 is not an axis of a tensor of rank 3/],
  ])('errors %#', (make, message) => {
    expect(make).toThrow(ShapeError);
    expect(make).toThrow(message);
  });
});

test.each([
  [
    { starts: [2], ends: [2] },
    /slice: nothing is left of axis 0, which has 5 elements \(input \[5,6\].*starts \[2\], ends \[2\]/,
  ],
  [{ axes: [0, -2], starts: [0, 0], ends: [1, 1] }, /an axis is named twice/],
  [{ starts: [0, 0], ends: [1] }, /2 axes do not have a start, an end and a step each/],
  [{ starts: [0], ends: [5], steps: [0] }, /a step is 0 .*steps \[0\]/],
  [{ starts: [0.5], ends: [5] }, /the bound 0.5 is no whole number/],
  [{ axes: [2], starts: [0], ends: [5] }, /slice: axis 2 is not an axis of a tensor of rank 2/],
  [{ starts: [Number.NaN], ends: [5] }, /the bound NaN/],
])('errors %#', (options, message) => {
  const make = () => slice(input('x', [5, 6]), options);
  expect(make).toThrow(ShapeError);
  expect(make).toThrow(message);
});
