/** upsample2d: nearest and bilinear against the float64 reference and PyTorch's golden data, with gradients and errors. */
import { describe, expect, test } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import { upsample2d } from '../../src/ops/index.ts';
import { compile, f32, grad } from '../../src/train/program.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { device } from '../support/device.ts';
import { GOLDENS, loadFamily } from '../support/goldens.ts';
import { Random } from '../support/random.ts';
import { PROFILES } from './loss-cases.ts';
import { checkMove, type MoveCase } from './move-cases.ts';

type Pair = readonly [number, number];

const HOW = ['nearest', 'half', 'corners'] as const;

const caseOf = (shape: readonly number[], size: Pair, how: (typeof HOW)[number]): MoveCase => {
  const alignCorners = how === 'corners';
  const mode = how === 'nearest' ? ('nearest' as const) : ('bilinear' as const);
  return {
    op: `upsample_${mode}2d`,
    attrs: mode === 'nearest' ? { size } : { size, align_corners: alignCorners },
    shapes: [shape],
    apply: ([x]) => upsample2d(x!, { size, mode, alignCorners }),
    tolerance: { atol: 5e-6, rtol: 2e-6 },
  };
};

const sizes: readonly (readonly [readonly number[], Pair])[] = [
  ...[1, 2, 4, 5, 8].map(
    (c) =>
      [
        [2, c, 4, 5],
        [8, 10],
      ] as const,
  ),
  [
    [1, 3, 5, 7],
    [11, 13],
  ],
  [
    [1, 3, 11, 13],
    [5, 7],
  ],
  [
    [1, 3, 16, 9],
    [4, 9],
  ],
  [
    [2, 3, 1, 1],
    [3, 4],
  ],
  [
    [2, 3, 1, 5],
    [4, 1],
  ],
  [
    [2, 3, 6, 5],
    [1, 1],
  ],
  [
    [1, 1, 1, 1],
    [1, 1],
  ],
  [
    [1, 2, 2, 2],
    [1, 2],
  ],
  [
    [1, 2, 2, 3],
    [31, 2],
  ],
  [
    [1, 2, 4, 4],
    [4, 4],
  ],
  [
    [2, 6, 17, 16],
    [33, 31],
  ],
];

describe.each(PROFILES)('%s limits', (profile) => {
  test.each(HOW.flatMap((how) => sizes.map(([shape, size]) => ({ how, shape, size }))))(
    '$how of $shape to $size',
    async ({ how, shape, size }) => {
      expect([...(await checkMove({ ...caseOf(shape, size, how), profile }))]).toEqual(['gather']);
    },
  );

  const goldens = loadFamily(GOLDENS, 'upsample');
  test.each(goldens.map((golden) => [golden.name, golden] as const))('golden shapes %s', async (_, golden) => {
    const { size, align_corners: corners } = golden.attrs as { size: unknown; align_corners?: unknown };
    const how = golden.op === 'upsample_nearest2d' ? 'nearest' : corners ? 'corners' : 'half';
    await checkMove({ ...caseOf(golden.tensors.get('x')!.shape, size as Pair, how), profile });
  });
});

test('random sizes', async () => {
  const random = new Random(29);
  for (let i = 0; i < 15; i++) {
    const shape = [random.integer(1, 2), random.integer(1, 6), random.integer(1, 12), random.integer(1, 12)];
    await checkMove(caseOf(shape, [random.integer(1, 25), random.integer(1, 25)], HOW[i % 3]!));
  }
});

test('long axes: positions are exact', async () => {
  const [from, to] = [30_011, 32_767];
  const data = Float32Array.from({ length: from }, (_, i) => i);
  const program = await compile(await device(), { x: f32(1, 1, 1, from) }, ({ x }) => ({
    near: upsample2d(x, { size: [1, to] }),
    blend: upsample2d(x, { size: [1, to], mode: 'bilinear' }),
    g: grad(upsample2d(x, { size: [1, to] }), [x], { seed: upsample2d(x, { size: [1, to] }) })[0]!,
  }));
  const { near, blend, g } = await program.run({ x: data });
  program.dispose();
  const at = (i: number): number => Math.floor((i * from) / to);
  expect([...near!]).toEqual(Array.from({ length: to }, (_, i) => at(i)));
  const counts = new Array<number>(from).fill(0);
  for (let i = 0; i < to; i++) counts[at(i)]!++;
  expect([...g!]).toEqual(counts.map((count, i) => count * i));
  const exact = (i: number): number => Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
  expect(Math.max(...Array.from(blend!, (v, i) => Math.abs(v - exact(i))))).toBeLessThan(0.005);
});

test('the gradient of the gradient is the resizing', async () => {
  const program = await compile(await device(), { x: f32(1, 1, 1, 2), d: f32(1, 1, 1, 4) }, (v) => {
    const [dx] = grad(upsample2d(v.x, { size: [1, 4] }), [v.x], { seed: v.d });
    return { dd: grad(dx!, [v.d], { seed: v.x })[0]! };
  });
  const { dd } = await program.run({ x: Float32Array.of(3, 5), d: new Float32Array(4) });
  program.dispose();
  expect([...dd!]).toEqual([3, 3, 5, 5]);
});

describe('options and errors', () => {
  const x = input('x', [2, 3, 5, 8]);

  test('sizes and factors', () => {
    expect(upsample2d(x, { scaleFactor: 2 }).shape).toEqual([2, 3, 10, 16]);
    expect(upsample2d(x, { scaleFactor: [1.5, 0.5] }).shape).toEqual([2, 3, 7, 4]);
    expect(upsample2d(x, { size: 7 }).shape).toEqual([2, 3, 7, 7]);
  });

  test.each([
    [{}, /upsample2d: neither size nor scaleFactor .*\[2,3,5,8\]/],
    [{ size: 3, scaleFactor: 2 }, /both size and scaleFactor/],
    [{ size: [0, 3] }, /no whole number from 1 to 32767.*size \[0,3\]/],
    [{ size: 40_000 }, /no whole number from 1 to 32767/],
    [{ scaleFactor: 0.1 }, /size \[0,0\]/],
    [{ size: 3, alignCorners: true }, /alignCorners has no meaning here/],
    [{ size: 3, mode: 'bicubic' }, /there is no mode 'bicubic'/],
  ] as [Parameters<typeof upsample2d>[1], RegExp][])('%j', (options, message) => {
    expect(() => upsample2d(x, options)).toThrow(ShapeError);
    expect(() => upsample2d(x, options)).toThrow(message);
  });

  test('rank and type', () => {
    expect(() => upsample2d(input('x', [3, 5, 5]), { size: 2 })).toThrow(/no image batch \(input f32 \[3,5,5\]/);
  });
});
