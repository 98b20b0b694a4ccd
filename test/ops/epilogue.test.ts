/**
 * Epilogues with an operand, and with numbers of the channels: every kernel that accepts one gives, fused, the very bits that
 * separate kernels give, in every variant, with padded channels and with sizes that no tile divides.
 */
import { describe, expect, test } from 'vitest';
import { compilePlan, type Plan } from '../../src/compile/plan.ts';
import type { Chooser } from '../../src/compile/select.ts';
import { input as stubInput } from '../../src/graph/define-op.ts';
import { fromMemory, physicalSize, toMemory } from '../../src/graph/layout.ts';
import type { Value } from '../../src/graph/types.ts';
import * as ops from '../../src/ops/index.ts';
import { compile, f32, grad, type Program } from '../../src/train/program.ts';
import { sizeOf } from '../../src/util/shape.ts';
import { device } from '../support/device.ts';
import { compare } from '../support/goldens.ts';
import { Random } from '../support/random.ts';
import { toFloat32 } from '../support/tensor.ts';
import { execute, NO_ARENAS, rounded } from './conv2d-run.ts';

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
      apply: ({ x, w, b }) => ops.conv2d(x!, w!, b ?? null, { padding: 1 }),
    }),
  ),
  {
    name: 'conv2d of one channel',
    op: 'conv2d',
    inputs: { x: [3, 1, 12, 12], w: [6, 1, 5, 5], b: [6] },
    apply: ({ x, w, b }) => ops.conv2d(x!, w!, b ?? null, { padding: 2 }),
  },
  {
    name: 'conv2d of three channels',
    op: 'conv2d',
    inputs: { x: [2, 3, 9, 7], w: [34, 3, 3, 3], b: [34] },
    apply: ({ x, w, b }) => ops.conv2d(x!, w!, b ?? null, { padding: 1 }),
  },
  {
    name: 'conv2d, depthwise',
    op: 'conv2d',
    inputs: { x: [2, 6, 9, 9], w: [6, 1, 3, 3], b: [6] },
    apply: ({ x, w, b }) => ops.conv2d(x!, w!, b ?? null, { groups: 6 }),
  },
  // Channels on the rows of matmul's tiles, on their columns, and padded.
  ...[12, 40, 6].map(
    (c): Case => ({
      name: `conv2d, 1 x 1 to ${c} channels`,
      op: 'conv2d',
      inputs: { x: [2, 8, 5, 5], w: [c, 8, 1, 1], b: [c] },
      apply: ({ x, w, b }) => ops.conv2d(x!, w!, b ?? null),
    }),
  ),
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
    apply: ({ x, w, b }) => ops.convTranspose2d(x!, w!, b ?? null, { stride: 2 }),
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

async function planOf(value: Value, { limits = 'default', choose }: PlanOptions = {}): Promise<Plan> {
  const { caps } = await device({ limits });
  const outputs = [{ value, sink: { kind: 'read', name: 'y' } }] as const;
  return compilePlan({ outputs, arenas: NO_ARENAS, caps, relayout: ops.relayout, choose });
}

interface PlanOptions {
  readonly limits?: 'adapter' | 'default';
  readonly choose?: Chooser;
}

const pick = (program: Pick<Program, 'plan'>, op: string) =>
  program.plan.dispatches.find(({ label }) => label.split('+')[0]!.split('.').at(-1) === op);

interface Finish {
  /** What the label of the kernel says behind its op. */
  readonly label: string;
  /** Inputs besides, for a result of this shape. */
  inputs(shape: readonly number[]): { readonly [name: string]: readonly number[] };
  apply(y: Value, v: { readonly [name: string]: Value }): Value;
}

type Named = { readonly [name: string]: Value };

const stubsOf = (shapes: Case['inputs']): Named =>
  Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, stubInput(name, shape)]));

/** In each of its variants the op gives with the finish inside what it gives with the finish apart. */
async function checkFused({ inputs, op, apply }: Case, finish: Finish, limits: 'adapter' | 'default'): Promise<void> {
  const dev = await device({ limits });
  const random = new Random(7);
  const shapes = { ...inputs, ...finish.inputs(apply(stubsOf(inputs)).shape) };
  const all = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, f32(...shape)]));
  const data = Object.fromEntries(
    Object.entries(all).map(([name, spec]) => {
      const drawn = name === 'variance' ? random.uniform(spec.shape, { min: 0.5, max: 2 }) : random.normal(spec.shape);
      return [name, toFloat32(drawn)];
    }),
  );
  const fused = (choose?: (ids: readonly string[]) => string) =>
    compile(dev, all, (v: Named) => ({ y: finish.apply(apply(v), v), sum: ops.sum(finish.apply(apply(v), v)) }), {
      choose: (node, ids) => (node.op === op && choose ? choose(ids) : ids[0]!),
    });
  const first = await fused();
  const candidates = pick(first, op)!.candidates;
  expect(pick(first, op)!.label.endsWith(`${op}${finish.label}`), pick(first, op)!.label).toBe(true);
  first.dispose();
  for (const id of candidates) {
    const choose = (ids: readonly string[]): string => (ids.includes(id) ? id : ids[0]!);
    const one = await fused(choose);
    // The result itself is wanted too, so that nothing moves into its kernel.
    const apart = await compile(
      dev,
      all,
      (v: Named) => {
        const raw = apply(v);
        return { raw, y: finish.apply(raw, v) };
      },
      { choose: (node, ids) => (node.op === op ? choose(ids) : ids[0]!) },
    );
    expect(pick(apart, op)!.label).not.toContain('+');
    const [a, b] = [await one.run(data), await apart.run(data)];
    expect(pick(one, op)!.variant).toBe(id);
    // Without a bias the compiler sums the last of Winograd's terms and the mean in another order.
    if (id === 'winograd' && finish.label.includes('batchNorm2d')) {
      const { ok, message } = compare(a.y!, b.y!, rounded(b.y!));
      expect(ok, message).toBe(true);
    } else expect(a.y, id).toEqual(b.y);
    expect(a.y!.some((v) => v > 0) && a.y!.some((v) => v === 0)).toBe(true);
    one.dispose();
    apart.dispose();
  }
}

const shortcut: Finish = {
  label: '+add+relu',
  inputs: (shape) => ({ s: shape }),
  apply: (y, v) => ops.relu(ops.add(y, v.s!)),
};

/** By running statistics; without weight, bias or both. */
const normalised = (affine: readonly ('weight' | 'bias')[]): Finish => ({
  label: '+batchNorm2d+relu',
  inputs: ([, c]) => Object.fromEntries(['mean', 'variance', ...affine].map((name) => [name, [c!]])),
  apply: (y, { mean, variance, weight, bias }) =>
    ops.relu(ops.batchNorm2d(y, { runningMean: mean, runningVar: variance, weight, bias, eps: 1e-3 }).y),
});

/** The normalisation and the shortcut behind it: what a residual block ends with. */
const both: Finish = {
  label: '+batchNorm2d+add+relu',
  inputs: (shape) => ({ ...shortcut.inputs(shape), ...normalised(['weight', 'bias']).inputs(shape) }),
  apply: (y, { mean, variance, weight, bias, s }) =>
    ops.relu(ops.add(s!, ops.batchNorm2d(y, { runningMean: mean, runningVar: variance, weight, bias }).y)),
};

const convolutions = cases.filter(({ op }) => op === 'conv2d' || op === 'convTranspose2d');

describe.each(['adapter', 'default'] as const)('on a device with limits of the %s', (limits) => {
  test.each(cases)('$name', (given) => checkFused(given, shortcut, limits));

  test.each(convolutions)('$name, normalised', (given) => checkFused(given, normalised(['weight', 'bias']), limits));

  test.each(convolutions)(
    '$name without bias, normalised, with a shortcut',
    ({ inputs: { b: _, ...inputs }, ...given }) => checkFused({ ...given, inputs }, both, limits),
  );
});

test.each([[[]], [['weight']], [['bias']]] as const)('normalised with %j alone', (affine) =>
  checkFused(convolutions[0]!, normalised(affine), 'adapter'),
);

/** The op with normalisation inside leaves zeros in padding lanes, in each of its variants. */
async function checkPadding({ inputs, op, apply }: Case, limits: 'adapter' | 'default'): Promise<void> {
  const finish = normalised(['weight', 'bias']);
  const shapes = { ...inputs, ...finish.inputs(apply(stubsOf(inputs)).shape) };
  const stubs = stubsOf(shapes);
  const { mean, variance, weight, bias } = stubs;
  // Nothing behind it: relu would make 0 of the NaN that lies behind the last channel.
  const { y } = ops.batchNorm2d(apply(stubs), { runningMean: mean!, runningVar: variance!, weight, bias });
  const random = new Random(9);
  const data = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, random.uniform(shape, { min: 0.5, max: 1 })]),
  );
  const first = await planOf(y, { limits });
  for (const id of pick({ plan: first }, op)!.candidates) {
    const plan = await planOf(y, { limits, choose: (node, ids) => (node.op === op ? id : ids[0]!) });
    const { shape, layout } = plan.outputs[0]!;
    expect(physicalSize(shape, layout)).toBeGreaterThan(sizeOf(shape));
    const memory = (await execute(await device({ limits }), plan, data))[0]!.subarray(0, physicalSize(shape, layout));
    expect(toMemory(fromMemory(memory, shape, layout), shape, layout), id).toEqual(memory);
  }
}

const paddedResults = convolutions.filter(({ inputs, apply }) => apply(stubsOf(inputs)).shape[1]! % 4 !== 0);

test.each(paddedResults)('$name, normalised: padding lanes stay zero', async (given) => {
  await checkPadding(given, 'adapter');
  await checkPadding(given, 'default');
});

test('a kernel that would bind more than eight buffers leaves the shortcut apart', async () => {
  const x = stubInput('x', [2, 5, 9, 7]);
  const [w, b] = [stubInput('w', [8, 5, 3, 3]), stubInput('b', [8])];
  const channel = Object.fromEntries(
    ['mean', 'variance', 'weight', 'bias'].map((name) => [name, stubInput(name, [8])]),
  );
  const label = async (bias: Value | null): Promise<string> => {
    const s = stubInput('s', [2, 8, 7, 5]);
    const y = both.apply(ops.conv2d(x, w, bias), { ...channel, s });
    const { dispatches } = await planOf(y);
    return dispatches.find((d) => d.label.startsWith('conv2d'))!.label;
  };
  expect(await label(null)).toBe('conv2d+batchNorm2d+add+relu');
  expect(await label(b)).toBe('conv2d+batchNorm2d');
});
