/**
 * Runs a graph of one op, forward and gradients, in a forced variant on a device profile, for the tests of softmax and losses.
 * May import src and test/support.
 */
import { expect } from 'vitest';
import { constant, defineOp } from '../../src/graph/define-op.ts';
import { physicalSize } from '../../src/graph/layout.ts';
import type { Value } from '../../src/graph/types.ts';
import { add, addScalar, mulScalar, sum } from '../../src/ops/index.ts';
import { compile, grad } from '../../src/train/program.ts';
import { device } from '../support/device.ts';
import { compare, type GoldenCase, type GoldenTensor, goldenTensor, type Tolerance } from '../support/goldens.ts';
import { type Tensor, toFloat32 } from '../support/tensor.ts';

export const PROFILES = ['adapter', 'default'] as const;
export type Profile = (typeof PROFILES)[number];

type Unit = Readonly<Record<string, never>>;

const nhwcView = defineOp<Unit>({
  name: 'testNhwc',
  view: true,
  infer: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
  layout: () => ({ inputs: ['nhwc'], outputs: ['nhwc'] }),
  grad: ({ dOutputs }) => dOutputs,
});

/** The value in nhwc: a conversion before, none for what reads it. */
export const asNhwc = (x: Value): Value => nhwcView([x], {})[0];

const nhwcResultView = defineOp<Unit>({
  name: 'testNhwcResult',
  view: true,
  infer: ([y]) => [{ shape: y!.shape, dtype: y!.dtype }],
  layout: () => ({ inputs: ['nhwc'], outputs: ['nhwc'] }),
  grad: ({ dOutputs: [dy] }) => [asNhwc(dy!)],
});

/** The value in nhwc, and so the gradient that arrives at it. */
export const nhwcResult = (y: Value): Value => nhwcResultView([y], {})[0];

const memoryView = defineOp<Unit>({
  name: 'testMemory',
  view: true,
  infer: ([x]) => [{ shape: [physicalSize(x!.shape, 'nhwc')], dtype: x!.dtype }],
  layout: () => ({ inputs: ['nhwc'], outputs: ['plain'] }),
});

/** All elements of an nhwc value as they lie in memory, padding lanes too. */
export const memoryOf = (x: Value): Value => memoryView([x], {})[0];

/** x, after the memory that later nodes reuse was filled with numbers: what a kernel leaves out shows. */
export function afterDirt(x: Value): Value {
  const ones = constant(1, [4096]);
  const dirt = [1, 2, 3, 4, 5, 6].map((value) => addScalar(ones, value));
  return add(x, mulScalar(sum(dirt.reduce(add)), 0));
}

export interface OpRun {
  readonly op: string;
  readonly variant: string;
  readonly profile?: Profile;
  readonly inputs: { readonly [name: string]: { readonly tensor: Tensor; readonly dtype?: 'i32' } };
  /** Results by name; `y` is what is differentiated. */
  readonly body: (values: { readonly [name: string]: Value }) => { readonly [name: string]: Value };
  readonly wrt?: readonly string[];
  /** Gradient of y; without one, y is a scalar and it is 1. */
  readonly upstream?: Tensor;
}

type Results = Record<string, Float32Array>;

const asFloats = (data: Float32Array | Int32Array | Uint32Array): Float32Array => Float32Array.from(data);

/** Results, and gradients as `grad_<input>`. The variant must be offered. */
export async function runOp({
  op,
  variant,
  profile = 'adapter',
  inputs,
  body,
  wrt = [],
  upstream,
}: OpRun): Promise<Results> {
  const given = Object.entries(inputs).map(([name, { tensor, dtype }]) => ({
    name,
    shape: tensor.shape,
    dtype: dtype ?? ('f32' as const),
    data: dtype ? Int32Array.from(tensor.data) : toFloat32(tensor),
  }));
  if (upstream) given.push({ name: 'upstream', shape: upstream.shape, dtype: 'f32', data: toFloat32(upstream) });
  const program = await compile(
    await device({ limits: profile }),
    Object.fromEntries(given.map(({ name, shape, dtype }) => [name, { shape, dtype }])),
    (values) => {
      const results = body(values);
      if (wrt.length === 0) return { ...results };
      const leaves = wrt.map((name) => values[name]!);
      const gradients = grad(results.y!, leaves, { seed: values.upstream });
      return { ...results, ...Object.fromEntries(wrt.map((name, i) => [`grad_${name}`, gradients[i]!])) };
    },
    {
      choose(node, ids) {
        const own = node.op === op || node.op === `${op}Backward`;
        return own || ids.includes(variant) ? variant : ids[0]!;
      },
    },
  );
  const read = await program.run(Object.fromEntries(given.map(({ name, data }) => [name, data])));
  program.dispose();
  return Object.fromEntries(Object.entries(read).map(([name, data]) => [name, asFloats(data)]));
}

const dtypeOf = (tensor: GoldenTensor): 'i32' | undefined => (tensor.dtype === 'I32' ? 'i32' : undefined);

export interface GoldenRun {
  readonly op: string;
  readonly variant: string;
  readonly profile: Profile;
  readonly body: OpRun['body'];
}

/** A golden case, forward and gradients, within its tolerances. */
export async function checkGolden(golden: GoldenCase, run: GoldenRun): Promise<void> {
  const inputs = Object.fromEntries(
    golden.inputs.map((name) => [
      name,
      { tensor: goldenTensor(golden, name), dtype: dtypeOf(golden.tensors.get(name)!) },
    ]),
  );
  const results = await runOp({
    ...run,
    inputs,
    wrt: Object.keys(golden.gradients),
    upstream: goldenTensor(golden, golden.upstream.y!),
  });
  expectClose(results.y!, goldenTensor(golden, 'y'), { name: 'y', ...golden.tolerance.y! });
  for (const [input, stored] of Object.entries(golden.gradients))
    expectClose(results[`grad_${input}`]!, goldenTensor(golden, stored), {
      name: stored,
      ...golden.tolerance[stored]!,
    });
}

export function expectClose(
  actual: Float32Array,
  expected: Tensor,
  tolerance: Tolerance & { readonly name: string },
): void {
  const { ok, message } = compare(actual, toFloat32(expected), tolerance);
  expect(ok, `${tolerance.name}: ${message}`).toBe(true);
}

/** Text, number and flag attributes of a case. */
export const attr = {
  text: (golden: GoldenCase, name: string): string => String(golden.attrs[name]),
  number: (golden: GoldenCase, name: string): number => Number(golden.attrs[name]),
  flag: (golden: GoldenCase, name: string): boolean => golden.attrs[name] === true,
};

export function reductionOf(golden: GoldenCase): 'none' | 'mean' | 'sum' {
  const reduction = golden.attrs.reduction;
  if (reduction === 'none' || reduction === 'mean' || reduction === 'sum') return reduction;
  throw new Error(`${golden.name}: reduction ${String(reduction)}`);
}
