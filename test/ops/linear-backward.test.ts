/**
 * The gradients of a linear layer in one kernel: every variant against the float64 reference, from memory full of NaN, and
 * which dispatches a step has. May import src and test/support.
 */
import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/compile/autodiff.ts';
import { compilePlan, type Plan } from '../../src/compile/plan.ts';
import { input } from '../../src/graph/define-op.ts';
import type { Value } from '../../src/graph/types.ts';
import { add, linear, mul, relayout, sum } from '../../src/ops/index.ts';
import { DEFAULT_CAPS, type DeviceCaps } from '../../src/util/caps.ts';
import { device } from '../support/device.ts';
import { compare } from '../support/goldens.ts';
import { Random } from '../support/random.ts';
import { referenceOp } from '../support/reference/index.ts';
import type { Tensors } from '../support/tensor.ts';
import { execute, NO_ARENAS } from './conv2d-run.ts';

type Wanted = 'x' | 'weight' | 'bias';

/** Gradients of linear(x, weight, bias) with the variant number `pick` of the op that gives them; and how many it has. */
function planOf(given: Tensors, caps: DeviceCaps, { pick = 0, wanted = ['x', 'weight', 'bias'] as readonly Wanted[] }) {
  const leaf = (name: string): Value => input(name, given[name]!.shape);
  const leaves = { x: leaf('x'), weight: leaf('weight'), bias: leaf('bias') };
  const y = linear(leaves.x, leaves.weight, leaves.bias);
  const found = gradients(
    [{ value: y, gradient: leaf('dy') }],
    wanted.map((name) => leaves[name]),
    { add },
  );
  let [offered, chosen] = [0, ''];
  const plan = compilePlan({
    outputs: found.map((value, i) => ({ value: value!, sink: { kind: 'read', name: wanted[i]! } })),
    arenas: NO_ARENAS,
    caps,
    relayout,
    choose({ op }, ids) {
      if (op !== 'linearBackward') return ids[0]!;
      offered = ids.length;
      chosen = ids[pick]!;
      return chosen;
    },
  });
  return { plan, offered, chosen };
}

const labels = (plan: Plan): string[] => plan.dispatches.map(({ label }) => label);

const randomLinear = (random: Random, [rows, features, outputs]: readonly [number, number, number]): Tensors => ({
  x: random.integers([rows, features]),
  weight: random.integers([outputs, features]),
  bias: random.integers([outputs]),
  dy: random.integers([rows, outputs]),
});

/** Rows, inputs, outputs: edges of vec4s and tiles, and sums long enough to be cut. */
const SHAPES = [
  [1, 1, 1],
  [3, 5, 7],
  [64, 84, 10],
  [64, 120, 84],
  [33, 31, 65],
  [63, 64, 36],
  [1031, 12, 10],
  [1031, 13, 10],
  [2048, 40, 33],
  [2048, 40, 36],
] as const;

describe.each(['adapter', 'default'] as const)('every variant, limits: %s', (limits) => {
  it.each(SHAPES)('%i rows, %i to %i', async (...shape) => {
    const gpu = await device({ limits });
    const given = randomLinear(new Random(shape[0]), shape);
    const { dy, ...inputs } = given;
    const expected = referenceOp('linear').backward!(inputs, {}, { y: dy! });
    for (let pick = 0, offered = 1; pick < offered; pick++) {
      const made = planOf(given, gpu.caps, { pick });
      offered = made.offered;
      const memories = await execute(gpu, made.plan, given);
      for (const [i, { name }] of made.plan.outputs.entries()) {
        const { data } = expected[name]!;
        const { ok, message } = compare(memories[i]!.subarray(0, data.length), data);
        expect(ok, `${made.chosen}: ${name}: ${message}`).toBe(true);
      }
    }
  });
});

describe('dispatches', () => {
  const given = randomLinear(new Random(1), [64, 120, 84]);
  const software = { ...DEFAULT_CAPS, software: true, subgroups: true, subgroupMinSize: 8, subgroupMaxSize: 8 };

  it('the bias gradient has none of its own', () => {
    for (const caps of [DEFAULT_CAPS, software])
      expect([...new Set(labels(planOf(given, caps, {}).plan))]).toEqual(['matmul', 'linearBackward']);
  });

  it('one gradient alone is a product or a sum', () => {
    expect(labels(planOf(given, software, { wanted: ['weight'] }).plan)).toEqual(['matmul']);
    expect(labels(planOf(given, software, { wanted: ['bias'] }).plan)).toEqual(['sum']);
  });
});

it('gradients of the gradients', async () => {
  // The sum of weight gradient * u and bias gradient * v has the gradients x u^T + v for dy and dy u for x.
  const given = randomLinear(new Random(5), [6, 5, 7]);
  const random = new Random(6);
  const data: Tensors = { ...given, u: random.integers([7, 5]), v: random.integers([7]) };
  const leaf = (name: string): Value => input(name, data[name]!.shape);
  const [x, dy, u, v] = ['x', 'dy', 'u', 'v'].map(leaf) as [Value, Value, Value, Value];
  const [weight, bias] = [leaf('weight'), leaf('bias')];
  const [dweight, dbias] = gradients([{ value: linear(x, weight, bias), gradient: dy }], [weight, bias], { add });
  const total = add(sum(mul(dweight!, u)), sum(mul(dbias!, v)));
  const found = gradients([{ value: total }], [dy, x], { add });
  const plan = compilePlan({
    outputs: found.map((value, i) => ({ value: value!, sink: { kind: 'read', name: `${i}` } })),
    arenas: NO_ARENAS,
    caps: DEFAULT_CAPS,
    relayout,
  });
  const needed = Object.fromEntries(plan.inputs.map(({ name }) => [name, data[name]!]));
  const [ofDy, ofX] = await execute(await device({ limits: 'default' }), plan, needed);
  const forward = referenceOp('linear');
  const y = forward.forward({ x: data.x!, weight: data.u!, bias: data.v! }, {}).y!;
  const back = forward.backward!({ x: data.x!, weight: data.u!, bias: data.v! }, {}, { y: data.dy! });
  expect(compare(ofDy!.subarray(0, y.data.length), y).message).toMatch(/^ok/);
  expect(compare(ofX!.subarray(0, back.x!.data.length), back.x!).message).toMatch(/^ok/);
});
