/**
 * conv2d and its gradients: the golden cases and random shapes in every variant that a device offers, from memory full of
 * NaN and with a look at the padding lanes; fused activations, shapes and errors. May import all of src and test/support.
 */
import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/compile/autodiff.ts';
import { compilePlan, type Plan } from '../../src/compile/plan.ts';
import type { Device } from '../../src/gpu/device.ts';
import { readRanges } from '../../src/gpu/readback.ts';
import { input } from '../../src/graph/define-op.ts';
import { fromMemory, physicalSize, toMemory } from '../../src/graph/layout.ts';
import { inScope } from '../../src/graph/trace.ts';
import type { Value } from '../../src/graph/types.ts';
import type { Conv2dOptions } from '../../src/ops/conv2d.ts';
import {
  add,
  conv2d,
  convOutputSize,
  leakyRelu,
  relayout,
  relu,
  resolvePadding,
  sigmoid,
} from '../../src/ops/index.ts';
import { Session } from '../../src/runtime/session.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { device } from '../support/device.ts';
import { compare, GOLDENS, type GoldenCase, goldenTensor, loadFamily, type Tolerance } from '../support/goldens.ts';
import { Random } from '../support/random.ts';
import { referenceOp } from '../support/reference/index.ts';
import { type Tensor, type Tensors, toFloat32 } from '../support/tensor.ts';

/** What a convolution is given: x, weight, maybe bias, the gradient of its output, options. */
interface Case {
  readonly inputs: Tensors;
  readonly upstream: Tensor;
  readonly options: Conv2dOptions;
  readonly activation?: (x: Value) => Value;
}

type Chosen = Readonly<Record<string, string>>;

interface Run {
  readonly plan: Plan;
  /** Variant by op. */
  readonly chosen: Chosen;
  /** Most variants that an op offered. */
  readonly most: number;
  /** y and the gradient of each input, by name. */
  readonly results: Readonly<Record<string, ArrayLike<number>>>;
}

function graph({ inputs, upstream, options, activation }: Case): { readonly name: string; readonly value: Value }[] {
  const leaf = (name: string): Value => input(name, inputs[name]!.shape);
  const names = Object.keys(inputs);
  const leaves = names.map(leaf);
  const conv = conv2d(leaves[0]!, leaves[1]!, leaves[2] ?? null, options);
  const y = activation?.(conv) ?? conv;
  const found = gradients([{ value: y, gradient: input('dy', upstream.shape) }], leaves, { add });
  return [{ name: 'y', value: y }, ...names.map((name, i) => ({ name, value: found[i]! }))];
}

/** Runs a plan in memory that held NaN everywhere and gives the results as they lie, padding included. */
async function execute(gpu: Device, plan: Plan, data: Tensors): Promise<Float32Array<ArrayBuffer>[]> {
  const session = new Session(gpu, { parameters: { entries: [], shards: [] }, state: { entries: [], shards: [] } });
  try {
    const prepared = await session.prepare(plan);
    for (const [index, bytes] of plan.slabs.entries()) {
      const poison = new Float32Array(bytes / 4).fill(Number.NaN);
      gpu.gpu.queue.writeBuffer(prepared.bufferOf({ kind: 'slab', index }), 0, poison);
    }
    for (const { name } of plan.inputs) session.write(prepared, name, toFloat32(data[name]!));
    session.run([prepared]);
    const places = plan.outputs.map(({ place }) => ({ ...place, buffer: prepared.bufferOf(place.buffer) }));
    return (await readRanges(gpu, places)).map((bytes) => new Float32Array(bytes));
  } finally {
    session.dispose();
  }
}

/** y and all gradients with the variant number `pick` of each conv op, the last one where an op has fewer. */
async function run(gpu: Device, given: Case, pick: number): Promise<Run> {
  const chosen: Record<string, string> = {};
  let most = 1;
  const plan = compilePlan({
    outputs: graph(given).map(({ name, value }) => ({ value, sink: { kind: 'read', name } })),
    arenas: { parameters: { entries: [], shards: [] }, state: { entries: [], shards: [] } },
    caps: gpu.caps,
    relayout,
    choose({ op }, ids) {
      const id = ids[op.startsWith('conv2d') ? Math.min(pick, ids.length - 1) : 0]!;
      if (op.startsWith('conv2d')) {
        most = Math.max(most, ids.length);
        chosen[op] = id;
      }
      return id;
    },
  });
  const memories = await execute(gpu, plan, { ...given.inputs, dy: given.upstream });
  const results: Record<string, ArrayLike<number>> = {};
  for (const [i, { name, shape, layout }] of plan.outputs.entries()) {
    const memory = memories[i]!.subarray(0, physicalSize(shape, layout));
    const logical = fromMemory(memory, shape, layout);
    // All that is not an element is padding and must be zero.
    const rebuilt = toMemory(logical, shape, layout);
    const dirty = memory.filter((value, at) => value !== rebuilt[at] && !Number.isNaN(rebuilt[at]));
    expect(dirty.length, `${name} in ${JSON.stringify(chosen)}: padding lanes that are not zero`).toBe(0);
    results[name] = logical;
  }
  return { plan, chosen, most, results };
}

/** Runs every variant of every op and gives each result to `check`. */
async function everyVariant(gpu: Device, given: Case, check: (run: Run) => void): Promise<void> {
  for (let pick = 0, most = 1; pick < most; pick++) {
    const result = await run(gpu, given, pick);
    most = result.most;
    check(result);
  }
}

type Expected = Readonly<Record<string, ArrayLike<number>>>;

function expectClose({ chosen, results }: Run, expected: Expected, tolerance: (name: string) => Tolerance): void {
  for (const [name, values] of Object.entries(expected)) {
    const { ok, message } = compare(results[name]!, values, tolerance(name));
    expect(ok, `${name} in ${JSON.stringify(chosen)}: ${message}`).toBe(true);
  }
}

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

/** Small integers: all sums are exact in float32, so every variant must give the very same numbers. */
function randomCase(random: Random, shape: { c: number; o: number; n?: number; size?: number; groups?: number }): Case {
  const { c, o, groups = 1, n = random.integer(1, 3), size = random.integer(5, 12) } = shape;
  const kernel = [random.integer(1, 4), random.integer(1, 4)] as const;
  const window = {
    kernel,
    stride: [random.integer(1, 3), random.integer(1, 2)] as const,
    dilation: [random.integer(1, 2), 1] as const,
  };
  const sides = [0, 1, 2, 3].map(() => random.integer(0, 2)) as [number, number, number, number];
  sides[0] += 2;
  const { stride, dilation } = window;
  const image = [size, random.integer(5, 9)] as const;
  return {
    inputs: {
      x: random.integers([n, c, ...image]),
      weight: random.integers([o, c / groups, ...kernel]),
      bias: random.integers([o]),
    },
    upstream: random.integers([n, o, ...convOutputSize(image, window, sides)]),
    options: { stride, dilation, padding: sides, groups },
  };
}

function referenceOf({ inputs, upstream, options }: Case): Expected {
  const op = referenceOp('conv2d');
  const attrs = { ...options };
  const tensors = { ...op.backward!(inputs, attrs, { y: upstream }), y: op.forward(inputs, attrs).y! };
  return Object.fromEntries(Object.entries(tensors).map(([name, { data }]) => [name, data]));
}

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
  ])('%i groups, %i to %i channels', async (groups, c, o) => {
    const given = randomCase(new Random(groups), { c, o, groups });
    const expected = referenceOf(given);
    await everyVariant(await device({ limits }), given, (result) =>
      expectClose(result, expected, () => ({ atol: 0, rtol: 0 })),
    );
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

describe('padding and output size', () => {
  const window = { kernel: [3, 4], stride: [2, 1], dilation: [1, 2] } as const;

  it('takes every form', () => {
    expect(resolvePadding('valid', [8, 8], window)).toEqual([0, 0, 0, 0]);
    expect(resolvePadding(2, [8, 8], window)).toEqual([2, 2, 2, 2]);
    expect(resolvePadding([1, 2], [8, 8], window)).toEqual([1, 2, 1, 2]);
    expect(resolvePadding([1, 2, 3, 4], [8, 8], window)).toEqual([1, 2, 3, 4]);
  });

  it("'same' gives ceil(input / stride), with the odd one at the bottom and right", () => {
    expect(resolvePadding('same', [8, 8], window)).toEqual([0, 3, 1, 3]);
    expect(resolvePadding('same', [5, 5], { kernel: [2, 2], stride: [1, 1], dilation: [1, 1] })).toEqual([0, 0, 1, 1]);
    expect(resolvePadding('same', [9, 9], { kernel: [1, 1], stride: [3, 3], dilation: [1, 1] })).toEqual([0, 0, 0, 0]);
    for (let size = 1; size < 20; size++) {
      for (const stride of [1, 2, 3, 5]) {
        const w = { kernel: [size % 6 || 1, 3], stride: [stride, stride], dilation: [1, 2] } as const;
        const padding = resolvePadding('same', [size, size], w);
        const want = Math.ceil(size / stride);
        expect(convOutputSize([size, size], w, padding)).toEqual([want, want]);
      }
    }
  });

  it('of the output', () => {
    expect(convOutputSize([28, 28], { kernel: [5, 5], stride: [1, 1], dilation: [1, 1] }, [0, 0, 0, 0])).toEqual([
      24, 24,
    ]);
    expect(convOutputSize([7, 8], window, [0, 1, 2, 3])).toEqual([4, 6]);
  });
});

describe('errors', () => {
  const wrong = (x: readonly number[], weight: readonly number[], options: Conv2dOptions & { bias?: number } = {}) => {
    const bias = options.bias === undefined ? null : input('bias', [options.bias]);
    return () => inScope('conv1', () => conv2d(input('x', x), input('weight', weight), bias, options));
  };
  const x = [128, 3, 28, 28];
  const messages: readonly (readonly [string, () => unknown, string])[] = [
    [
      'channels',
      wrong(x, [32, 1, 3, 3]),
      'input has 3 channels, the filter takes 1 (input [128,3,28,28], weight [32,1,3,3]). Set',
    ],
    [
      'channels of groups',
      wrong([1, 6, 8, 8], [4, 2, 3, 3], { groups: 2 }),
      'input has 6 channels, 2 groups of the filter take 2 each',
    ],
    ['groups and input', wrong([1, 3, 8, 8], [4, 2, 3, 3], { groups: 2 }), '2 groups do not divide 3 input channels'],
    ['groups and output', wrong([1, 4, 8, 8], [3, 2, 3, 3], { groups: 2 }), '2 groups do not divide 3 output channels'],
    ['rank of the input', wrong([3, 28, 28], [32, 3, 3, 3]), 'input has rank 3, not 4'],
    ['rank of the weight', wrong(x, [32, 3, 3]), 'weight has rank 3, not 4'],
    ['filter too large', wrong([1, 3, 4, 4], [8, 3, 5, 3]), 'the filter covers 5x3 pixels, the padded input has 4x4'],
    [
      'dilated too large',
      wrong([1, 3, 4, 6], [8, 3, 3, 3], { dilation: 3, padding: [1, 0] }),
      'the filter covers 7x7 pixels, the padded input has 6x6',
    ],
    ['stride 0', wrong(x, [8, 3, 3, 3], { stride: 0 }), 'stride is [0,0]'],
    ['fractional stride', wrong(x, [8, 3, 3, 3], { stride: [1, 1.5] }), 'stride is [1,1.5]'],
    ['dilation 0', wrong(x, [8, 3, 3, 3], { dilation: 0 }), 'dilation is [0,0]'],
    ['negative padding', wrong(x, [8, 3, 3, 3], { padding: [0, -1] }), 'padding is [0,-1]'],
    ['no groups', wrong(x, [8, 3, 3, 3], { groups: 0 }), 'groups is [0]'],
    ['bias', wrong(x, [8, 3, 3, 3], { bias: 7 }), 'bias has shape [7], the filter gives 8 channels'],
  ];
  it.each(messages)('%s', (_, call, message) => {
    expect(call).toThrow(ShapeError);
    expect(call).toThrow(`conv2d "conv1": `);
    expect(call).toThrow(message);
  });
});
