/**
 * Epilogues with an operand: every kernel that accepts one gives, fused, the very bits that separate kernels give, in every
 * variant, with padded channels and with sizes that no tile divides.
 */
import { describe, expect, test } from 'vitest';
import { input as stubInput } from '../../src/graph/define-op.ts';
import type { Value } from '../../src/graph/types.ts';
import * as ops from '../../src/ops/index.ts';
import { compile, f32, grad, type Program } from '../../src/train/program.ts';
import { device } from '../support/device.ts';
import { Random } from '../support/random.ts';
import { toFloat32 } from '../support/tensor.ts';

interface Case {
  readonly name: string;
  readonly inputs: { readonly [name: string]: readonly number[] };
  /** The op whose kernels take the epilogue, as a plan names it. */
  readonly op: string;
  readonly apply: (v: { readonly [name: string]: Value }) => Value;
}

const upstream = (y: Value, x: Value, seed: Value): Value => grad(y, [x], { seed })[0]!;

const cases: readonly Case[] = [
  ...[6, 8, 33].map(
    (c): Case => ({
      name: `conv2d to ${c} channels`,
      op: 'conv2d',
      inputs: { x: [2, 5, 9, 7], w: [c, 5, 3, 3], b: [c] },
      apply: ({ x, w, b }) => ops.conv2d(x!, w!, b!, { padding: 1 }),
    }),
  ),
  {
    name: 'conv2d of one channel',
    op: 'conv2d',
    inputs: { x: [3, 1, 12, 12], w: [6, 1, 5, 5], b: [6] },
    apply: ({ x, w, b }) => ops.conv2d(x!, w!, b!, { padding: 2 }),
  },
  {
    name: 'conv2d, depthwise',
    op: 'conv2d',
    inputs: { x: [2, 6, 9, 9], w: [6, 1, 3, 3], b: [6] },
    apply: ({ x, w, b }) => ops.conv2d(x!, w!, b!, { groups: 6 }),
  },
  {
    name: 'conv2d, 1 x 1',
    op: 'conv2d',
    inputs: { x: [2, 8, 5, 5], w: [12, 8, 1, 1], b: [12] },
    apply: ({ x, w, b }) => ops.conv2d(x!, w!, b!),
  },
  {
    name: 'gradient of a convolution, stride 2',
    op: 'conv2dBackwardInput',
    inputs: { x: [2, 6, 9, 9], w: [8, 6, 3, 3], u: [2, 8, 4, 4] },
    apply: ({ x, w, u }) => upstream(ops.conv2d(x!, w!, null, { stride: 2 }), x!, u!),
  },
  {
    name: 'gradient of a depthwise convolution',
    op: 'conv2dBackwardInput',
    inputs: { x: [2, 6, 9, 9], w: [6, 1, 3, 3], u: [2, 6, 7, 7] },
    apply: ({ x, w, u }) => upstream(ops.conv2d(x!, w!, null, { groups: 6 }), x!, u!),
  },
  {
    name: 'convTranspose2d',
    op: 'convTranspose2d',
    inputs: { x: [2, 6, 5, 5], w: [6, 8, 3, 3], b: [8] },
    apply: ({ x, w, b }) => ops.convTranspose2d(x!, w!, b!, { stride: 2 }),
  },
  ...(
    [
      [7, 5, 9],
      [33, 300, 10],
      [64, 64, 64],
      [65, 31, 67],
    ] as const
  ).map(
    ([m, k, n]): Case => ({
      name: `linear ${m}x${k} to ${n}`,
      op: 'matmul',
      inputs: { x: [m, k], w: [n, k], b: [n] },
      apply: ({ x, w, b }) => ops.linear(x!, w!, b!),
    }),
  ),
  ...[2, 3].map(
    (kernel): Case => ({
      name: `gradient of max pooling, kernel ${kernel}, stride 2`,
      op: 'maxPool2dBackward',
      inputs: { x: [2, 6, 9, 9], u: [2, 6, 4, 4] },
      apply: ({ x, u }) => upstream(ops.maxPool2d(x!, { kernel, stride: 2 }).y, x!, u!),
    }),
  ),
  {
    name: 'groupNorm',
    op: 'groupNorm',
    inputs: { x: [2, 6, 5, 5], w: [6], b: [6] },
    apply: ({ x, w, b }) => ops.groupNorm(x!, 2, { weight: w!, bias: b! }),
  },
];

const pick = (program: Program, op: string) =>
  program.plan.dispatches.find(({ label }) => label.split('+')[0]!.split('.').at(-1) === op);

describe.each(['adapter', 'default'] as const)('on a device with limits of the %s', (limits) => {
  test.each(cases)('$name', async ({ inputs, op, apply }) => {
    const dev = await device({ limits });
    const random = new Random(7);
    const specs = Object.fromEntries(Object.entries(inputs).map(([name, shape]) => [name, f32(...shape)]));
    const shape = apply(
      Object.fromEntries(Object.entries(inputs).map(([name, s]) => [name, stubInput(name, s)])),
    ).shape;
    const all = { ...specs, s: f32(...shape) };
    const data = Object.fromEntries(
      Object.entries(all).map(([name, spec]) => [name, toFloat32(random.normal(spec.shape))]),
    );
    const finish = (v: { readonly [name: string]: Value }, y: Value): Value => ops.relu(ops.add(y, v.s!));
    const fused = (choose?: (ids: readonly string[]) => string) =>
      compile(dev, all, (v) => ({ y: finish(v, apply(v)), sum: ops.sum(finish(v, apply(v))) }), {
        choose: (node, ids) => (node.op === op && choose ? choose(ids) : ids[0]!),
      });
    const first = await fused();
    const candidates = pick(first, op)!.candidates;
    expect(pick(first, op)!.label).toContain('+add+relu');
    first.dispose();
    for (const id of candidates) {
      const choose = (ids: readonly string[]): string => (ids.includes(id) ? id : ids[0]!);
      const one = await fused(choose);
      // The result itself is wanted too, so that nothing moves into its kernel.
      const apart = await compile(
        dev,
        all,
        (v) => {
          const raw = apply(v);
          return { raw, y: finish(v, raw) };
        },
        { choose: (node, ids) => (node.op === op ? choose(ids) : ids[0]!) },
      );
      expect(pick(apart, op)!.label).not.toContain('+');
      const [a, b] = [await one.run(data), await apart.run(data)];
      expect(pick(one, op)!.variant).toBe(id);
      expect(a.y, id).toEqual(b.y);
      expect(a.y!.some((v) => v > 0) && a.y!.some((v) => v === 0)).toBe(true);
      one.dispose();
      apart.dispose();
    }
  });
});
