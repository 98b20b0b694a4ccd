/**
 * Convolutions that pool their results: in every variant, layout and device profile the very numbers that a convolution and
 * a pool give, and the very gradients. All numbers are small integers, so that each order of a sum is exact and maxima tie.
 */
import { describe, expect, test } from 'vitest';
import type { Chooser } from '../../src/compile/select.ts';
import { input } from '../../src/graph/define-op.ts';
import type { Value } from '../../src/graph/types.ts';
import type { Conv2dOptions } from '../../src/ops/conv2d.ts';
import * as ops from '../../src/ops/index.ts';
import { compile, f32, grad, type Program } from '../../src/train/program.ts';
import { device } from '../support/device.ts';
import { Random } from '../support/random.ts';

interface Case {
  readonly name: string;
  readonly shape: readonly [number, number, number, number];
  readonly weight: readonly [number, number, number, number];
  readonly options?: Conv2dOptions;
  readonly bias?: 'none';
}

const single = (size: readonly [number, number, number], out: number, kernel: readonly [number, number]) => ({
  shape: [size[0], 1, size[1], size[2]] as const,
  weight: [out, 1, kernel[0], kernel[1]] as const,
});

const cases: Case[] = [
  { name: 'a padded channel block', ...single([2, 12, 14], 6, [5, 5]), options: { padding: 2 } },
  { name: 'odd rows and columns', ...single([3, 13, 11], 8, [3, 3]), options: { padding: 1 } },
  { name: 'the smallest', ...single([1, 2, 2], 4, [1, 1]) },
  { name: 'a single row of windows', ...single([2, 3, 9], 4, [2, 2]) },
  { name: 'channels in blocks', ...single([2, 9, 8], 36, [5, 5]), options: { padding: [1, 2, 2, 1] } },
  { name: 'a wide filter', ...single([1, 9, 20], 12, [3, 7]), options: { padding: 'same' } },
  { name: 'stride', ...single([2, 15, 14], 5, [3, 3]), options: { stride: 2, padding: 1 } },
  { name: 'unequal strides', ...single([2, 15, 14], 8, [3, 2]), options: { stride: [1, 3] } },
  { name: 'dilation', ...single([2, 13, 12], 8, [3, 3]), options: { dilation: [2, 3], padding: 2 } },
  { name: 'no bias', ...single([2, 8, 8], 8, [3, 3]), bias: 'none' },
  { name: 'many lanes', ...single([5, 28, 28], 6, [5, 5]), options: { padding: 2 } },
];

const integers = (random: Random, count: number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length: count }, () => random.integer(-2, 2));

type Values = { readonly [name: string]: Value };
type Finish = (y: Value, v: Values) => Value;

const finishes: { readonly [name: string]: Finish } = {
  alone: (y) => y,
  relu: (y) => ops.relu(y),
  'operand and relu': (y, v) => ops.relu(ops.add(y, v.s!)),
  plain: (y) => ops.mulScalar(ops.flatten(ops.relu(y)), 3),
};

const isConv = (label: string): boolean => /^conv2d(\+|$)/.test(label);
const fusedOf = ({ plan }: Program) => plan.dispatches.find(({ label }) => isConv(label))!;

describe.each(['adapter', 'default'] as const)('limits of the %s', (limits) => {
  test.each(cases)('$name', async ({ shape, weight, options = {}, bias }) => {
    const dev = await device({ limits });
    const [n = 1, o = 1, h = 1, w = 1] = ops.conv2d(input('x', shape), input('w', weight), null, options).shape;
    const pooled = [n, o, Math.floor(h / 2), Math.floor(w / 2)];
    const specs = { x: f32(...shape), w: f32(...weight), b: f32(weight[0]), s: f32(...pooled), dy: f32(...pooled) };
    const random = new Random(11);
    const data = Object.fromEntries(
      Object.entries(specs).map(([name, spec]) => [
        name,
        integers(
          random,
          spec.shape.reduce((a, n) => a * n, 1),
        ),
      ]),
    );
    const program = (finish: Finish, how: 'apart' | 'fused' | 'weight', choose?: Chooser) =>
      compile(
        dev,
        specs,
        (v) => {
          const conv = ops.conv2d(v.x, v.w, bias ? null : v.b, options);
          const y = finish(ops.maxPool2d(conv, { kernel: 2 }).y, v);
          const seed = y.shape.length === 2 ? ops.flatten(v.dy) : v.dy;
          // Where only the filter is asked for, its gradient takes what arrives at the pool.
          const parameters = bias ? [v.w] : [v.w, v.b];
          const [dconv, dw, db] = grad(y, [conv, ...parameters], { seed });
          const ofParameters = { dw: dw!, ...(db && { db }) };
          if (how === 'weight') return ofParameters;
          return { y, dconv: dconv!, ...(how === 'apart' && { conv, ...ofParameters }) };
        },
        { choose },
      );
    for (const [name, finish] of Object.entries(finishes)) {
      const apart = await program(finish, 'apart');
      const expected = await apart.run(data);
      apart.dispose();
      const first = await program(finish, 'fused');
      const { label, candidates } = fusedOf(first);
      first.dispose();
      const weight = await program(finish, 'weight');
      expect(weight.plan.dispatches.some(({ label }) => label === 'spread+conv2dBackwardWeight')).toBe(
        label.includes('max'),
      );
      const { dw, db } = await weight.run(data);
      weight.dispose();
      expect(dw, name).toEqual(expected.dw);
      expect(db, name).toEqual(expected.db);
      for (const id of candidates) {
        const one = await program(finish, 'fused', ({ op }, ids) => (op === 'conv2d' ? id : ids[0]!));
        expect(fusedOf(one).variant).toBe(id);
        const found = await one.run(data);
        one.dispose();
        expect(found.y, `${name} ${label} ${id}`).toEqual(expected.y);
        expect(found.dconv, `${name} ${label} ${id}`).toEqual(expected.dconv);
      }
    }
  });
});

test('they are fused where the adapter has kernels for it, without a pass or a conversion of their own', async () => {
  const dev = await device();
  const { software, subgroups, subgroupMinSize, subgroupMaxSize } = dev.caps;
  if (!software || !subgroups || subgroupMinSize !== subgroupMaxSize) return;
  const program = await compile(dev, { x: f32(2, 1, 8, 8), w: f32(6, 1, 3, 3) }, ({ x, w }) => ({
    y: ops.addScalar(ops.flatten(ops.relu(ops.maxPool2d(ops.conv2d(x, w, null), { kernel: 2 }).y)), 1),
  }));
  expect(program.plan.dispatches.map(({ label }) => label)).toEqual(['relayout', 'conv2d+max+relu', 'addScalar']);
  expect(fusedOf(program).candidates.length).toBeGreaterThan(1);
  program.dispose();
});
