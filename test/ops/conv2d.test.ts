/**
 * conv2d and its gradients on the GPU: the golden cases and random shapes in every variant that a device offers, and fused
 * activations. May import src and test/support.
 */
import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/compile/autodiff.ts';
import { compilePlan } from '../../src/compile/plan.ts';
import { input } from '../../src/graph/define-op.ts';
import { fromMemory, physicalSize } from '../../src/graph/layout.ts';
import type { Value } from '../../src/graph/types.ts';
import type { Conv2dOptions } from '../../src/ops/conv2d.ts';
import {
  add,
  conv2d,
  convOutputSize,
  leakyRelu,
  mul,
  relayout,
  relu,
  resolvePadding,
  sigmoid,
  sum,
} from '../../src/ops/index.ts';
import { softwareLanes } from '../../src/util/caps.ts';
import { device } from '../support/device.ts';
import { compare, GOLDENS, type GoldenCase, goldenTensor, loadFamily } from '../support/goldens.ts';
import { Random } from '../support/random.ts';
import { referenceOp } from '../support/reference/index.ts';
import { type Tensors, tensor } from '../support/tensor.ts';
import {
  type Case,
  everyVariant,
  execute,
  expectClose,
  NO_ARENAS,
  randomCase,
  referenceOf,
  run,
} from './conv2d-run.ts';

const profiles = ['adapter', 'default'] as const;

const cases = loadFamily(GOLDENS, 'conv2d').map((golden): [string, GoldenCase] => [golden.name, golden]);

const optionsOf = ({ attrs: { stride, padding, dilation, groups } }: GoldenCase) =>
  ({ stride, padding, dilation, groups }) as Conv2dOptions;

describe.each(profiles)('golden cases, limits: %s', (limits) => {
  it.each(cases)('%s', async (_, golden) => {
    const inputs = Object.fromEntries(golden.inputs.map((name) => [name, goldenTensor(golden, name)]));
    const upstream = goldenTensor(golden, golden.upstream.y!);
    const named = { y: 'y', ...golden.gradients } as Readonly<Record<string, string>>;
    const expected = Object.fromEntries(
      Object.entries(named).map(([name, tensor]) => [name, goldenTensor(golden, tensor).data]),
    );
    const given = { inputs, upstream, options: optionsOf(golden) };
    await everyVariant(await device({ limits }), given, (result) =>
      expectClose(result, expected, (name) => golden.tolerance[named[name]!]!),
    );
  });
});

/** Channel counts around the edges of vec4s and tiles. */
const CHANNELS = [
  [1, 1],
  [1, 6],
  [1, 8],
  [1, 33],
  [2, 3],
  [3, 5],
  [4, 4],
  [5, 1],
  [6, 16],
  [7, 17],
  [8, 8],
  [9, 31],
  [12, 32],
  [16, 33],
  [20, 12],
  [31, 24],
  [33, 40],
  [36, 65],
] as const;

describe.each(profiles)('random shapes against the reference, limits: %s', (limits) => {
  it.each(CHANNELS)('%i to %i channels', async (c, o) => {
    for (const seed of [1, 2]) {
      const given = randomCase(new Random(seed * 1000 + c * 37 + o), { c, o });
      const expected = referenceOf(given);
      await everyVariant(await device({ limits }), given, (result) =>
        expectClose(result, expected, () => ({ atol: 0, rtol: 0 })),
      );
    }
  });

  it.each([
    [2, 4, 6],
    [3, 3, 9],
    [4, 8, 8],
    [8, 8, 8],
    [5, 5, 10],
    [6, 6, 18],
    [8, 8, 32],
    [2, 8, 16],
    [3, 36, 24],
    [2, 80, 88],
  ])('%i groups, %i to %i channels', async (groups, c, o) => {
    const given = randomCase(new Random(groups), { c, o, groups });
    const expected = referenceOf(given);
    await everyVariant(await device({ limits }), given, (result) =>
      expectClose(result, expected, () => ({ atol: 0, rtol: 0 })),
    );
  });
});

describe('depthwise', () => {
  it.each([
    { c: 12, o: 12, width: 8, stride: 1, dilation: 1 },
    { c: 5, o: 10, width: 17, stride: 1, dilation: 2 },
    { c: 6, o: 6, width: 9, stride: 2, dilation: 1 },
    { c: 4, o: 12, width: 31, stride: 2, dilation: 3 },
    { c: 8, o: 8, width: 5, stride: 3, dilation: 2 },
  ])('$c to $o channels, $width columns, stride $stride, dilation $dilation', async ({ c, o, width, ...steps }) => {
    const random = new Random(width);
    const kernel = [3, 5] as const;
    const [stride, dilation] = [[1, steps.stride] as const, [2, steps.dilation] as const];
    const padding = [2, 3, 1, 4] as const;
    const image = [7, width] as const;
    const given: Case = {
      inputs: {
        x: random.integers([2, c, ...image]),
        weight: random.integers([o, 1, ...kernel]),
        bias: random.integers([o]),
      },
      upstream: random.integers([2, o, ...convOutputSize(image, { kernel, stride, dilation }, padding)]),
      options: { stride, dilation, padding, groups: c },
    };
    const expected = referenceOf(given);
    const used = new Set<string>();
    await everyVariant(await device(), given, (result) => {
      expectClose(result, expected, () => ({ atol: 0, rtol: 0 }));
      used.add(result.chosen.conv2d!);
    });
    expect([...used].sort()).toEqual(['depthwise1', 'depthwise2', 'depthwise4', 'depthwise8', 'direct']);
  });
});

describe.each(profiles)('filters of 1 x 1 as products of matrices, limits: %s', (limits) => {
  it.each([
    { c: 8, o: 12, n: 2, size: 40 },
    { c: 6, o: 17, n: 3, size: 13 },
    { c: 40, o: 64, n: 1, size: 9 },
    { c: 65, o: 24, n: 2, size: 7 },
    // More than a uniform buffer holds.
    { c: 132, o: 128, n: 1, size: 6 },
  ])('$n images of $size, $c to $o channels', async ({ c, o, n, size }) => {
    const random = new Random(c);
    const given: Case = {
      inputs: {
        x: random.integers([n, c, size, size]),
        weight: random.integers([o, c, 1, 1]),
        bias: random.integers([o]),
      },
      upstream: random.integers([n, o, size, size]),
      options: {},
    };
    const expected = referenceOf(given);
    const used = new Set<string>();
    await everyVariant(await device({ limits }), given, (result) => {
      expectClose(result, expected, () => ({ atol: 0, rtol: 0 }));
      for (const [op, id] of Object.entries(result.chosen)) if (id.startsWith('pointwise-')) used.add(op);
    });
    // The forward kernel takes no bias where channels are padded; it is not offered where subgroups make conv2d as fast.
    expect([...used]).toEqual(expect.arrayContaining(['conv2dBackwardInput', 'conv2dBackwardWeight']));
    if (limits === 'default') expect(used.has('conv2d')).toBe(o % 4 === 0);
  });
});

describe('subgroups of 4 lanes, as SwiftShader has', () => {
  it.each([
    [1, 6],
    [3, 5],
    [6, 16],
    [33, 40],
  ] as const)('%i to %i channels', async (c, o) => {
    const caps = { subgroupMinSize: 4, subgroupMaxSize: 4 };
    const given = { ...randomCase(new Random(c), { c, o }), caps };
    // Subgroups of 8 with 4 threads: the kernels may rely on nothing but the lanes they have.
    const result = await run(await device(), given, 0);
    expectClose(result, referenceOf(given), () => ({ atol: 0, rtol: 0 }));
  });
});

describe('blocks of pixels', () => {
  const shapes = [
    { n: 1, c: 4, o: 4, image: [1, 1], kernel: [1, 2], padding: [0, 1, 0, 0] },
    { n: 2, c: 3, o: 5, image: [5, 9], kernel: [3, 3], padding: [1, 1, 1, 1] },
    { n: 9, c: 6, o: 16, image: [7, 6], kernel: [5, 5], padding: [0, 0, 0, 0] },
    { n: 8, c: 5, o: 33, image: [4, 11], kernel: [2, 4], padding: [3, 0, 4, 5] },
    { n: 3, c: 33, o: 12, image: [8, 13], kernel: [4, 7], padding: [2, 6, 0, 1] },
    { n: 17, c: 8, o: 8, image: [6, 17], kernel: [1, 9], padding: [0, 4, 2, 4] },
    { n: 1, c: 12, o: 20, image: [16, 21], kernel: [3, 2], padding: [4, 4, 4, 4] },
    { n: 33, c: 4, o: 24, image: [3, 3], kernel: [3, 3], padding: [0, 0, 0, 0] },
    // More than a uniform buffer holds.
    { n: 2, c: 60, o: 72, image: [4, 5], kernel: [2, 3], padding: [1, 0, 0, 1] },
  ] as const;

  it.each(shapes)('$n images $image, $c to $o channels, filter $kernel, padding $padding', async (shape) => {
    const { n, c, o, image, kernel, padding } = shape;
    const random = new Random(n * 100 + c);
    const window = { kernel, stride: [1, 1], dilation: [1, 1] } as const;
    const given: Case = {
      inputs: {
        x: random.integers([n, c, ...image]),
        weight: random.integers([o, c, ...kernel]),
        bias: random.integers([o]),
      },
      upstream: random.integers([n, o, ...convOutputSize(image, window, padding)]),
      options: { padding },
    };
    const gpu = await device();
    const expected = referenceOf({ ...given, options: { stride: [1, 1], padding } });
    // Lanes that the device has, and half of them.
    for (const caps of [gpu.caps, { ...gpu.caps, subgroupMinSize: 4, subgroupMaxSize: 4 }]) {
      const used: string[] = [];
      await everyVariant(gpu, { ...given, caps }, (result) => {
        expectClose(result, expected, () => ({ atol: 0, rtol: 0 }));
        for (const op of ['conv2d', 'conv2dBackwardInput']) if (result.chosen[op]!.startsWith('block')) used.push(op);
      });
      if (softwareLanes(caps) > 0) expect(used).toEqual(expect.arrayContaining(['conv2d', 'conv2dBackwardInput']));
    }
  });
});

describe('sizes', () => {
  it.each([
    { n: 1, size: 1, padding: 1, stride: 1 },
    { n: 1, size: 31, padding: 1, stride: 1 },
    { n: 2, size: 32, padding: 'same', stride: 2 },
    { n: 1, size: 33, padding: [0, 1, 2, 3], stride: 3 },
    { n: 40, size: 4, padding: 'valid', stride: 1 },
  ] as const)('$n images of $size, padding $padding, stride $stride', async ({ n, size, padding, stride }) => {
    const random = new Random(size);
    const window = { kernel: [3, 3], stride: [stride, stride], dilation: [1, 1] } as const;
    const sides = resolvePadding(padding, [size, size], window);
    for (const [c, o] of [
      [1, 6],
      [4, 8],
    ] as const) {
      const given: Case = {
        inputs: { x: random.integers([n, c, size, size]), weight: random.integers([o, c, 3, 3]) },
        upstream: random.integers([n, o, ...convOutputSize([size, size], window, sides)]),
        options: { stride, padding },
      };
      const expected = referenceOf({ ...given, options: { stride: [stride, stride], padding: sides } });
      await everyVariant(await device(), given, (result) =>
        expectClose(result, expected, () => ({ atol: 0, rtol: 0 })),
      );
    }
  });
});

it('gradients of the gradients of weight and bias', async () => {
  const { inputs, upstream, options } = randomCase(new Random(9), { c: 4, o: 8, n: 2 });
  const random = new Random(10);
  const data: Tensors = { ...inputs, dy: upstream, u: random.integers(inputs.weight!.shape), v: random.integers([8]) };
  const leaf = (name: string): Value => input(name, data[name]!.shape);
  const [x, dy, u, v] = ['x', 'dy', 'u', 'v'].map(leaf) as [Value, Value, Value, Value];
  const [weight, bias] = [leaf('weight'), leaf('bias')];
  const y = conv2d(x, weight, bias, options);
  const [dweight, dbias] = gradients([{ value: y, gradient: dy }], [weight, bias], { add });
  // The sum of weight gradient * u and bias gradient * v: its gradient for dy is the convolution of x with u and v, that
  // for x the gradient of the same convolution's input.
  const given: Tensors = { x: data.x!, weight: data.u!, bias: data.v! };
  const reference = referenceOp('conv2d');
  const expected = [
    reference.forward(given, { ...options }).y!,
    reference.backward!(given, { ...options }, { y: data.dy! }).x!,
    reference.forward({ ...given, weight: tensor(data.u!.shape) }, { ...options }).y!,
  ];
  const both = add(sum(mul(dweight!, u)), sum(mul(dbias!, v)));
  const found = [
    ...gradients([{ value: both }], [dy, x], { add }),
    ...gradients([{ value: sum(mul(dbias!, v)) }], [dy], { add }),
  ];
  for (const [i, value] of found.entries()) {
    const plan = compilePlan({
      outputs: [{ value: value!, sink: { kind: 'read', name: 'g' } }],
      arenas: NO_ARENAS,
      caps: (await device()).caps,
      relayout,
    });
    const needed = Object.fromEntries(plan.inputs.map(({ name }) => [name, data[name]!]));
    const [memory] = await execute(await device(), plan, needed);
    const { shape, layout } = plan.outputs[0]!;
    const logical = fromMemory(memory!.subarray(0, physicalSize(shape, layout)), shape, layout);
    expect(compare(logical, expected[i]!).message).toMatch(/^ok/);
  }
});

describe('fused activations', () => {
  const functions: readonly (readonly [string, (x: Value) => Value, string, Readonly<Record<string, number>>])[] = [
    ['relu', relu, 'relu', {}],
    ['leakyRelu', (x) => leakyRelu(x, { negativeSlope: 0.25 }), 'leaky_relu', { negative_slope: 0.25 }],
    ['sigmoid', sigmoid, 'sigmoid', {}],
  ];
  it.each(functions)('%s', async (name, activation, opName, attrs) => {
    for (const [c, o] of [
      [1, 8],
      [3, 6],
      [5, 36],
    ] as const) {
      const given = { ...randomCase(new Random(c), { c, o }), activation };
      const { y } = referenceOp('conv2d').forward(given.inputs, { ...given.options });
      const op = referenceOp(opName);
      const { x: dy } = op.backward!({ x: y! }, attrs, { y: given.upstream });
      const expected = { ...referenceOf({ ...given, upstream: dy! }), y: op.forward({ x: y! }, attrs).y!.data };
      // sigmoid(0) is not 0, so it may move into the convolution only where no channel is padding.
      const fused = name !== 'sigmoid' || o % 4 === 0;
      await everyVariant(await device(), given, (result) => {
        expectClose(result, expected, () => ({ atol: 2e-5, rtol: 1e-5 }));
        const labels = result.plan.dispatches.map((d) => d.label);
        expect(labels.includes(`conv2d+${name}`), labels.join(' ')).toBe(fused);
      });
    }
  });
});
