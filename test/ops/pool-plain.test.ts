/** Pools whose result is seen as rows, and gradients that come as rows: kernels store and load plain, without conversions. */
import { describe, expect, test } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import type { Value } from '../../src/graph/types.ts';
import type { AvgPool2dOptions } from '../../src/ops/avg-pool2d.ts';
import * as ops from '../../src/ops/index.ts';
import type { MaxPool2dOptions } from '../../src/ops/max-pool2d.ts';
import { compile, f32, grad } from '../../src/train/program.ts';
import { device } from '../support/device.ts';
import { Random } from '../support/random.ts';
import { toFloat32 } from '../support/tensor.ts';

interface Case {
  readonly name: string;
  readonly shape: readonly number[];
  readonly pool: (x: Value) => Value;
  /** The gradient's kernel loads plain: windows share nothing. */
  readonly loads: 'plain' | 'nhwc';
}

const max = (options: MaxPool2dOptions) => (x: Value) => ops.maxPool2d(x, options).y;
const avg = (options: AvgPool2dOptions) => (x: Value) => ops.avgPool2d(x, options);

const stub = (shape: readonly number[]): Value => input('x', shape);

const cases: Case[] = [1, 3, 4, 6].flatMap((c): Case[] => [
  { name: 'max 2x2', shape: [3, c, 9, 6], pool: max({ kernel: 2 }), loads: 'plain' },
  { name: 'max 3x2 padded', shape: [2, c, 9, 7], pool: max({ kernel: [3, 2], padding: 1 }), loads: 'plain' },
  { name: 'max 3x3/2', shape: [2, c, 9, 7], pool: max({ kernel: 3, stride: 2 }), loads: 'nhwc' },
  { name: 'max 17x17', shape: [2, c, 35, 17], pool: max({ kernel: 17 }), loads: 'plain' },
  { name: 'adaptive max', shape: [2, c, 7, 5], pool: (x) => ops.adaptiveMaxPool2d(x, [3, 2]).y, loads: 'nhwc' },
  { name: 'average 2x3', shape: [2, c, 9, 7], pool: avg({ kernel: [2, 3] }), loads: 'plain' },
  { name: 'average 3x3/1', shape: [2, c, 5, 7], pool: avg({ kernel: 3, stride: 1, padding: 1 }), loads: 'nhwc' },
  { name: 'adaptive average', shape: [2, c, 8, 6], pool: (x) => ops.adaptiveAvgPool2d(x, [4, 2]), loads: 'plain' },
  { name: 'global average', shape: [3, c, 5, 4], pool: (x) => ops.globalAvgPool2d(x), loads: 'plain' },
]);

describe.each(['adapter', 'default'] as const)('limits of the %s', (limits) => {
  test.each(cases)('$name of $shape', async ({ shape, pool, loads }) => {
    const dev = await device({ limits });
    const random = new Random(3);
    const x = toFloat32(random.normal(shape));
    const program = (layout: 'nhwc' | 'plain', take: (ids: readonly string[]) => string) =>
      compile(
        dev,
        { x: f32(...shape), z: f32(...shape), dy: f32(...pool(stub(shape)).shape) },
        (v) => {
          // A sum of two is made by a kernel that takes neither pool nor view.
          const image = ops.mul(v.x, v.z);
          const y = pool(image);
          const rows = ops.flatten(y);
          const seed = layout === 'plain' ? ops.flatten(ops.mulScalar(v.dy, 1)) : v.dy;
          const [dx] = layout === 'plain' ? grad(rows, [image], { seed }) : grad(y, [image], { seed });
          // Read in nhwc too, the result is stored so.
          return { rows, dx: dx!, ...(layout === 'nhwc' && { y }) };
        },
        { choose: ({ op }, ids) => (/Pool2d/.test(op) ? take(ids) : ids[0]!) },
      );
    const data = { x, z: x.map(() => 1), dy: toFloat32(random.normal(pool(stub(shape)).shape)) };
    for (const take of [(ids: readonly string[]) => ids[0]!, (ids: readonly string[]) => ids.at(-1)!]) {
      const [apart, direct] = [await program('nhwc', take), await program('plain', take)];
      const [expected, found] = [await apart.run(data), await direct.run(data)];
      expect(found.rows).toEqual(expected.rows);
      expect(found.dx).toEqual(expected.dx);
      const labels = direct.plan.dispatches.map(({ label }) => label);
      const pooled = labels.findIndex((label) => /Pool2d$/.test(label));
      expect(labels.slice(pooled + 1).filter((label) => label === 'relayout').length).toBe(
        loads === 'plain' || shape[1] === 1 ? 0 : 1,
      );
      for (const one of [apart, direct]) one.dispose();
    }
  });
});

test('a function behind the pool is applied in its kernel, with padding lanes left at zero', async () => {
  const dev = await device();
  for (const c of [1, 6, 8]) {
    const program = await compile(dev, { x: f32(2, c, 5, 6) }, ({ x }) => {
      const y = ops.maxPool2d(x, { kernel: 2 }).y;
      return { y: ops.relu(y), s: ops.sum(ops.relu(ops.maxPool2d(x, { kernel: 2 }).y), { axes: [1] }) };
    });
    expect(program.plan.dispatches.filter(({ label }) => label === 'maxPool2d+relu')).toHaveLength(2);
    const x = toFloat32(new Random(c).normal([2, c, 5, 6]));
    const { y, s } = await program.run({ x });
    const expected = new Float32Array(2 * c * 6);
    const at = (plane: number, row: number, column: number): number => x[(plane * 5 + row) * 6 + column]!;
    expected.forEach((_, i) => {
      const [plane, row, column] = [Math.floor(i / 6), Math.floor((i % 6) / 3) * 2, (i % 3) * 2];
      const window = [0, 1].flatMap((dy) => [0, 1].map((dx) => at(plane, row + dy, column + dx)));
      expected[i] = Math.max(0, ...window);
    });
    expect(y).toEqual(expected);
    for (const [i, found] of s!.entries()) {
      const channels = Array.from({ length: c }, (_, k) => expected[(Math.floor(i / 6) * c + k) * 6 + (i % 6)]!);
      expect(found).toBeCloseTo(
        channels.reduce((a, b) => a + b, 0),
        5,
      );
    }
    program.dispose();
  }
});
