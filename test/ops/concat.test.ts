/** concat: every variant against the float64 reference and PyTorch's golden data; many inputs, layouts, integers, errors. */
import { describe, expect, test } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import { concat, mulScalar } from '../../src/ops/index.ts';
import { compile, f32, grad } from '../../src/train/program.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { device } from '../support/device.ts';
import { GOLDENS, loadFamily } from '../support/goldens.ts';
import { Random } from '../support/random.ts';
import { asNhwc, PROFILES } from './loss-cases.ts';
import { checkMove, type MoveCase } from './move-cases.ts';

const caseOf = (shapes: MoveCase['shapes'], axis: number): MoveCase => ({
  op: 'concat',
  attrs: { axis },
  shapes,
  apply: (values) => concat(values, { axis }),
});

/** Images with so many channels each. */
const channels = (...counts: number[]): number[][] => counts.map((c) => [2, c, 3, 5]);

const cases: readonly (readonly [string, MoveCase['shapes'], number, boolean])[] = [
  ['vectors', [[3], [1], [67]], 0, false],
  ['vectors of fours', [[4], [8], [128]], 0, true],
  [
    'rows',
    [
      [2, 3],
      [1, 3],
      [5, 3],
    ],
    0,
    false,
  ],
  [
    'rows of fours',
    [
      [2, 8],
      [1, 8],
    ],
    -2,
    true,
  ],
  [
    'columns',
    [
      [7, 3],
      [7, 2],
    ],
    1,
    false,
  ],
  [
    'rank 5',
    [
      [2, 1, 3, 2, 2],
      [2, 4, 3, 2, 2],
    ],
    1,
    true,
  ],
  ['channels in fours', channels(4, 8, 12), 1, true],
  ['channels in fours, then a rest', channels(4, 8, 5), 1, true],
  ['odd channels', channels(3, 1, 5), 1, false],
  ['single channels', channels(1, 1, 1, 1, 1), 1, false],
  ['fours, then one channel', channels(4, 1), 1, false],
  [
    'batches',
    [
      [1, 5, 3, 2],
      [2, 5, 3, 2],
    ],
    0,
    true,
  ],
  [
    'batches of single channels',
    [
      [1, 1, 3, 3],
      [2, 1, 3, 3],
    ],
    0,
    false,
  ],
  [
    'heights',
    [
      [2, 3, 1, 2],
      [2, 3, 4, 2],
    ],
    2,
    true,
  ],
  [
    'widths',
    [
      [2, 7, 2, 1],
      [2, 7, 2, 3],
    ],
    -1,
    true,
  ],
  ['7 inputs', channels(4, 4, 8, 4, 4, 4, 2), 1, true],
  ['8 inputs', channels(4, 4, 8, 4, 4, 4, 4, 3), 1, true],
  ['17 odd inputs', channels(...Array.from({ length: 17 }, (_, i) => 1 + (i % 4))), 1, false],
  ['15 rows', Array.from({ length: 15 }, (_, i) => [1 + (i % 2), 4]), 0, true],
];

describe.each(PROFILES)('%s limits', (profile) => {
  test.each(cases)('%s', async (_, shapes, axis, packs) => {
    const seen = await checkMove({ ...caseOf(shapes, axis), profile });
    expect(seen.has('single')).toBe(true);
    if (packs) expect(seen.has('packed')).toBe(true);
  });

  const goldens = loadFamily(GOLDENS, 'shape').filter(({ op }) => op === 'concat');
  test.each(goldens.map((golden) => [golden.name, golden] as const))('golden shapes %s', async (_, golden) => {
    const shapes = golden.inputs.map((name) => golden.tensors.get(name)!.shape);
    await checkMove({ ...caseOf(shapes, Number(golden.attrs.axis)), profile });
  });
});

test('random shapes', async () => {
  const random = new Random(23);
  for (let i = 0; i < 8; i++) {
    const axis = random.integer(0, 3);
    const shape = [random.integer(1, 3), random.integer(1, 9), random.integer(1, 4), random.integer(1, 5)];
    const sizes = Array.from({ length: random.integer(2, 10) }, () => random.integer(1, 9));
    await checkMove(
      caseOf(
        sizes.map((size) => shape.map((s, k) => (k === axis ? size : s))),
        axis,
      ),
    );
  }
});

test('images in nhwc stay there; others come along; a value may come twice', async () => {
  const data = new Random(2).normal([2, 4, 2, 3]);
  const program = await compile(await device(), { x: f32(2, 4, 2, 3) }, ({ x }) => {
    const image = asNhwc(x);
    const y = concat([image, image, x]);
    return { y, dx: grad(mulScalar(y, 2), [x], { seed: concat([x, x, x]) })[0]! };
  });
  const own = program.plan.dispatches.filter(({ label }) => /concat/.test(label)).map(({ variant }) => variant);
  expect(own).toContain('packed');
  expect(program.plan.dispatches.filter(({ label }) => /relayout/.test(label)).length).toBeLessThanOrEqual(4);
  const { y, dx } = await program.run({ x: Float32Array.from(data.data) });
  program.dispose();
  const [first, second] = [data.data.slice(0, 24), data.data.slice(24)];
  expect([...y!]).toEqual([first, first, first, second, second, second].flatMap((part) => [...part]));
  expect([...dx!]).toEqual(Array.from(data.data, (v) => Math.fround(6 * v)));
});

test('integers are copied bit by bit; one value is itself', async () => {
  const x = input('x', [2, 3], 'i32');
  expect(concat([x])).toBe(x);
  const spec = { shape: [2, 2], dtype: 'i32' } as const;
  const program = await compile(await device(), { a: spec, b: spec }, ({ a, b }) => ({ y: concat([b, a]) }));
  const { y } = await program.run({ a: Int32Array.of(1, 2 ** 31 - 1, 3, 4), b: Int32Array.of(-(2 ** 31), 6, 7, -8) });
  program.dispose();
  expect([...y!]).toEqual([-(2 ** 31), 6, 1, 2 ** 31 - 1, 7, -8, 3, 4]);
});

test.each([
  [() => concat([]), /concat: no values\. Pass a list/],
  [() => concat([input('s', [])], { axis: 0 }), /concat: scalars have no axis/],
  [
    () => concat([input('a', [2, 3, 4]), input('b', [2, 3, 4]), input('c', [2, 3, 5])]),
    /concat: input 2 is f32 \[2,3,5\], input 0 is f32 \[2,3,4\]\. Make them equal but for the size of axis 1/,
  ],
  [() => concat([input('a', [2, 3]), input('b', [2, 3, 1])]), /input 1 is f32 \[2,3,1\]/],
  [() => concat([input('a', [2, 3]), input('b', [2, 3], 'i32')]), /input 1 is i32 \[2,3\], input 0 is f32/],
  [() => concat([input('a', [2, 3]), input('b', [2, 3])], { axis: 2 }), /axis 2 is not an axis of a tensor of rank 2/],
])('errors %#', (make, message) => {
  expect(make).toThrow(ShapeError);
  expect(make).toThrow(message);
});
