/**
 * Runs a normalisation with its gradients in every variant, from memory full of NaN and with a look at the padding lanes,
 * and compares it with the float64 reference. May import src, test/support and conv2d-run.ts.
 */
import { expect } from 'vitest';
import { gradients } from '../../src/compile/autodiff.ts';
import { compilePlan, type Plan } from '../../src/compile/plan.ts';
import { input } from '../../src/graph/define-op.ts';
import { fromMemory, physicalSize, toMemory } from '../../src/graph/layout.ts';
import type { Value } from '../../src/graph/types.ts';
import { add, relayout } from '../../src/ops/index.ts';
import type { DeviceCaps } from '../../src/util/caps.ts';
import { device } from '../support/device.ts';
import { compare, type Tolerance } from '../support/goldens.ts';
import { Random } from '../support/random.ts';
import { type Attrs, referenceOp } from '../support/reference/index.ts';
import { type Tensor, type Tensors, toFloat32 } from '../support/tensor.ts';
import { execute, NO_ARENAS } from './conv2d-run.ts';

export type Named = { readonly [name: string]: Value };

export interface Case {
  /** Name of the op in the reference, and its attributes there. */
  readonly reference: string;
  readonly attrs: Attrs;
  readonly inputs: Tensors;
  /** Results by their names in the reference; y is differentiated. */
  readonly body: (values: Named) => { readonly [name: string]: Value | null };
  /** Inputs whose gradients are wanted. */
  readonly wrt: readonly string[];
  readonly tolerance?: (name: string) => Tolerance;
  readonly limits?: 'adapter' | 'default';
  /** What kernels are told about the device; default: the truth. */
  readonly caps?: Partial<DeviceCaps>;
}

interface Run {
  readonly plan: Plan;
  readonly results: { readonly [name: string]: ArrayLike<number> };
}

const upstreamOf = (x: Tensor): Tensor => new Random(77).normal(x.shape);

/** The plan of y, other results and gradients, with the variant `pick` of each op that has more than one. */
async function planOf({ inputs, body, wrt, limits, caps }: Case, pick: number): Promise<{ plan: Plan; most: number }> {
  const leaves = Object.fromEntries(Object.entries(inputs).map(([name, { shape }]) => [name, input(name, shape)]));
  const built = Object.entries(body(leaves)).flatMap(([name, value]) => (value ? [{ name, value }] : []));
  const { value: y } = built.find(({ name }) => name === 'y')!;
  const found = gradients(
    [{ value: y, gradient: input('dy', y.shape) }],
    wrt.map((name) => leaves[name]!),
    { add },
  );
  const outputs = [...built, ...wrt.map((name, i) => ({ name: `grad_${name}`, value: found[i]! }))];
  let most = 1;
  const plan = compilePlan({
    outputs: outputs.map(({ name, value }) => ({ value, sink: { kind: 'read', name } })),
    arenas: NO_ARENAS,
    caps: { ...(await device({ limits })).caps, ...caps },
    relayout,
    choose(_, ids) {
      most = Math.max(most, ids.length);
      return ids[Math.min(pick, ids.length - 1)]!;
    },
  });
  return { plan, most };
}

async function run(given: Case, plan: Plan): Promise<Run> {
  const dy = upstreamOf(given.inputs.x!);
  const memories = await execute(await device({ limits: given.limits }), plan, { ...given.inputs, dy });
  const results = plan.outputs.map(({ name, shape, layout }, i) => {
    const memory = memories[i]!.subarray(0, physicalSize(shape, layout));
    const logical = fromMemory(memory, shape, layout);
    const rebuilt = toMemory(logical, shape, layout);
    const dirty = memory.filter((value, at) => value !== rebuilt[at] && !Number.isNaN(rebuilt[at]));
    expect(dirty.length, `${name}: padding lanes that are not zero`).toBe(0);
    return [name, logical] as const;
  });
  return { plan, results: Object.fromEntries(results) };
}

/** What the reference gives for the results and gradients of a case. */
function expectedOf({ reference, attrs, inputs, wrt }: Case): { readonly [name: string]: Tensor } {
  const op = referenceOp(reference);
  const backward = op.backward!(inputs, attrs, { y: upstreamOf(inputs.x!) });
  return {
    ...op.forward(inputs, attrs),
    ...Object.fromEntries(wrt.map((name) => [`grad_${name}`, backward[name]!])),
  };
}

/** Sums over many elements are allowed more. */
const standard =
  ({ inputs }: Case) =>
  (name: string): Tolerance =>
    /grad_(weight|bias)/.test(name)
      ? { atol: 2e-6 * Math.sqrt(inputs.x!.data.length) + 1e-5, rtol: 1e-5 }
      : { atol: 1e-5, rtol: 1e-5 };

/** Every variant gives what the reference does. Returns the last plan and its results. */
export async function checkCase(given: Case): Promise<Run> {
  const expected = expectedOf(given);
  const tolerance = given.tolerance ?? standard(given);
  let last: Run | null = null;
  for (let pick = 0, most = 1; pick < most; pick++) {
    const made = await planOf(given, pick);
    most = made.most;
    last = await run(given, made.plan);
    for (const [name, tensor] of Object.entries(expected)) {
      const actual = last.results[name];
      expect(actual, name).toBeDefined();
      const { ok, message } = compare(actual!, toFloat32(tensor), tolerance(name));
      expect(ok, `${name}, variant ${pick}: ${message}`).toBe(true);
    }
  }
  return last!;
}

/** The results of the device's own choice, not compared with anything. */
export async function runOnce(given: Case): Promise<Run> {
  return run(given, (await planOf(given, 0)).plan);
}

export const dispatches = ({ plan }: Run): string[] => plan.dispatches.map(({ label }) => label);

/** Random weight and bias, and running statistics, for x. */
export function channelInputs(random: Random, x: Tensor): Tensors {
  const c = [x.shape[1]!];
  return {
    x,
    weight: random.normal(c, { mean: 1, std: 0.5 }),
    bias: random.normal(c),
    running_mean: random.normal(c),
    running_var: random.uniform(c, { min: 0.5, max: 2 }),
  };
}
