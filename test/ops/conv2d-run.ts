/**
 * Runs a convolution with its gradients in a chosen variant, from memory full of NaN and with a look at the padding lanes.
 * For the tests of conv2d; may import src and test/support.
 */
import { expect } from 'vitest';
import { gradients } from '../../src/compile/autodiff.ts';
import { compilePlan, type Plan } from '../../src/compile/plan.ts';
import type { Device } from '../../src/gpu/device.ts';
import { readRanges } from '../../src/gpu/readback.ts';
import { input } from '../../src/graph/define-op.ts';
import { fromMemory, physicalSize, toMemory } from '../../src/graph/layout.ts';
import type { Value } from '../../src/graph/types.ts';
import type { Conv2dOptions } from '../../src/ops/conv2d.ts';
import { add, conv2d, convOutputSize, relayout } from '../../src/ops/index.ts';
import { Session } from '../../src/runtime/session.ts';
import type { DeviceCaps } from '../../src/util/caps.ts';
import { compare, type Tolerance } from '../support/goldens.ts';
import type { Random } from '../support/random.ts';
import { referenceOp } from '../support/reference/index.ts';
import { type Tensor, type Tensors, toFloat32 } from '../support/tensor.ts';

export const NO_ARENAS = { parameters: { entries: [], shards: [] }, state: { entries: [], shards: [] } };

/** What a convolution is given: x, weight, maybe bias, the gradient of its output, options. */
export interface Case {
  readonly inputs: Tensors;
  readonly upstream: Tensor;
  readonly options: Conv2dOptions;
  /** What is tested where it is not conv2d. */
  readonly apply?: (x: Value, weight: Value, bias: Value | null) => Value;
  readonly activation?: (x: Value) => Value;
  /** What kernels are told about the device; default: the truth. */
  readonly caps?: Partial<DeviceCaps>;
}

export type Chosen = Readonly<Record<string, string>>;

export interface Run {
  readonly plan: Plan;
  /** Variant by op. */
  readonly chosen: Chosen;
  /** Most variants that an op offered. */
  readonly most: number;
  /** y and the gradient of each input, by name. */
  readonly results: Readonly<Record<string, ArrayLike<number>>>;
}

export function graph({
  inputs,
  upstream,
  options,
  activation,
  apply = (x, weight, bias) => conv2d(x, weight, bias, options),
}: Case): { readonly name: string; readonly value: Value }[] {
  const leaf = (name: string): Value => input(name, inputs[name]!.shape);
  const names = Object.keys(inputs);
  const leaves = names.map(leaf);
  const conv = apply(leaves[0]!, leaves[1]!, leaves[2] ?? null);
  const y = activation?.(conv) ?? conv;
  const found = gradients([{ value: y, gradient: input('dy', upstream.shape) }], leaves, { add });
  return [{ name: 'y', value: y }, ...names.map((name, i) => ({ name, value: found[i]! }))];
}

/** Runs a plan in memory that held NaN everywhere and gives the results as they lie, padding included. */
export async function execute(gpu: Device, plan: Plan, data: Tensors): Promise<Float32Array<ArrayBuffer>[]> {
  const session = new Session(gpu, NO_ARENAS);
  try {
    const prepared = await session.prepare(plan);
    const poison = (buffer: GPUBuffer): void =>
      gpu.gpu.queue.writeBuffer(buffer, 0, new Float32Array(buffer.size / 4).fill(Number.NaN));
    for (const index of plan.slabs.keys()) poison(prepared.bufferOf({ kind: 'slab', index }));
    for (const { name, place } of plan.inputs) {
      poison(prepared.bufferOf(place.buffer));
      session.write(prepared, name, toFloat32(data[name]!));
    }
    session.run([prepared]);
    const places = plan.outputs.map(({ place }) => ({ ...place, buffer: prepared.bufferOf(place.buffer) }));
    return (await readRanges(gpu, places)).map((bytes) => new Float32Array(bytes));
  } finally {
    session.dispose();
  }
}

/** y and all gradients with the variant number `pick` of each conv op, the last one where an op has fewer. */
export async function run(gpu: Device, given: Case, pick: number): Promise<Run> {
  const chosen: Record<string, string> = {};
  let most = 1;
  const plan = compilePlan({
    outputs: graph(given).map(({ name, value }) => ({ value, sink: { kind: 'read', name } })),
    arenas: NO_ARENAS,
    caps: { ...gpu.caps, ...given.caps },
    relayout,
    choose({ op }, ids) {
      const id = ids[op.startsWith('conv') ? Math.min(pick, ids.length - 1) : 0]!;
      if (op.startsWith('conv')) {
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
export async function everyVariant(gpu: Device, given: Case, check: (run: Run) => void): Promise<void> {
  for (let pick = 0, most = 1; pick < most; pick++) {
    const result = await run(gpu, given, pick);
    most = result.most;
    check(result);
  }
}

export type Expected = Readonly<Record<string, ArrayLike<number>>>;

/** Winograd's kernels round where others are exact: a few ulp of the largest value. */
export function rounded(values: ArrayLike<number>): Tolerance {
  const largest = Array.from(values).reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  return { atol: 4e-6 * largest, rtol: 0 };
}

export const rounds = ({ chosen }: Run): boolean => Object.values(chosen).includes('winograd');

export function expectClose(found: Run, expected: Expected, tolerance: (name: string) => Tolerance): void {
  const { chosen, results } = found;
  for (const [name, values] of Object.entries(expected)) {
    const { atol, rtol } = tolerance(name);
    const exact = atol === 0 && rtol === 0;
    const allowed = exact && rounds(found) ? rounded(values) : { atol, rtol };
    const { ok, message } = compare(results[name]!, values, allowed);
    expect(ok, `${name} in ${JSON.stringify(chosen)}: ${message}`).toBe(true);
  }
}

/** Small integers: all sums are exact in float32, so every variant must give the very same numbers. */
export function randomCase(
  random: Random,
  shape: { c: number; o: number; n?: number; size?: number; groups?: number },
): Case {
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

export function referenceOf({ inputs, upstream, options }: Case): Expected {
  const op = referenceOp('conv2d');
  const attrs = { ...options };
  const tensors = { ...op.backward!(inputs, attrs, { y: upstream }), y: op.forward(inputs, attrs).y! };
  return Object.fromEntries(Object.entries(tensors).map(([name, { data }]) => [name, data]));
}
