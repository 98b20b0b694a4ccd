/**
 * The float64 reference against the golden data: all operators, optimizers and schedules. With gradcheck.test.ts (central
 * differences over random shapes) it can be trusted independently of the GPU code.
 */
import { describe, expect, it } from 'vitest';
import { compare, families, GOLDENS, type GoldenCase, goldenInputs, goldenUpstream, loadFamily } from './goldens.ts';
import { referenceOp } from './reference/index.ts';
import { need, type Tensors, toFloat32 } from './tensor.ts';

/** Families that are not lists of operators: whole networks, and statistics of initialisers. */
const OTHERS = ['nets', 'init'];
const operatorFamilies = families(GOLDENS).filter((family) => !OTHERS.includes(family));

/** Compares results, rounded once to float32 as the stored values are, with the tensors of a case. */
function expectTensors(golden: GoldenCase, results: Tensors, names: Readonly<Record<string, string>>): void {
  for (const [result, stored] of Object.entries(names)) {
    const want = golden.tensors.get(stored)!;
    const got = need(results, result);
    expect(got.shape, `${golden.name}: shape of ${stored}`).toEqual(want.shape);
    const { ok, message } = compare(toFloat32(got), want, golden.tolerance[stored]!);
    expect(ok, `${golden.name}: ${stored}: ${message}`).toBe(true);
  }
}

const itself = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, name]));

describe.each(operatorFamilies)('reference against golden %s', (family) => {
  it.each(loadFamily(GOLDENS, family).map((golden) => ({ golden, name: golden.name, op: golden.op })))(
    '$op: $name',
    ({ golden }) => {
      const op = referenceOp(golden.op);
      const inputs = goldenInputs(golden);
      expect(golden.outputs.length).toBeGreaterThan(0);
      expectTensors(golden, op.forward(inputs, golden.attrs), itself(golden.outputs));
      if (golden.momentum) {
        const { ok, message } = compare(op.forward(inputs, golden.attrs).momentum!, golden.momentum, { rtol: 1e-12 });
        expect(ok, `${golden.name}: momentum: ${message}`).toBe(true);
      }
      if (Object.keys(golden.gradients).length === 0) return;
      expect(op.backward, `${golden.op} has no backward`).toBeDefined();
      expectTensors(golden, op.backward!(inputs, golden.attrs, goldenUpstream(golden)), golden.gradients);
    },
  );
});

it('covers every family of the golden data but nets and init', () => {
  const cases = operatorFamilies.flatMap((family) => loadFamily(GOLDENS, family));
  expect(operatorFamilies).toHaveLength(13);
  expect(cases.length).toBeGreaterThan(450);
});
