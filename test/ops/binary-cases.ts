/** Operands of binary ops, and the check of a kernel, its gradients included, against the float64 reference. Imports the support of tests. */
import type { Value } from '../../src/graph/types.ts';
import { Random } from '../support/random.ts';
import { referenceOp } from '../support/reference/index.ts';
import { broadcastShape, type Tensor, tensor } from '../support/tensor.ts';
import { expectClose, runOp } from './loss-cases.ts';

export interface Check {
  readonly op: string;
  readonly apply: (a: Value, b: Value) => Value;
  readonly variant: string;
  readonly a: Tensor;
  readonly b: Tensor;
  readonly wrapA?: (x: Value) => Value;
  readonly wrapB?: (x: Value) => Value;
  /** What becomes of the result before it is read; default: nothing. */
  readonly result?: (y: Value) => Value;
}

const same = (x: Value): Value => x;

/** Result and gradients of a kernel against the reference. */
export async function checkBinary({
  op,
  apply,
  variant,
  a,
  b,
  wrapA = same,
  wrapB = same,
  result = same,
}: Check): Promise<void> {
  const upstream = new Random(3).normal(broadcastShape(a.shape, b.shape));
  const results = await runOp({
    op,
    variant,
    inputs: { a: { tensor: a }, b: { tensor: b } },
    body: (v) => ({ y: result(apply(wrapA(v.a!), wrapB(v.b!))) }),
    wrt: ['a', 'b'],
    upstream,
  });
  const reference = referenceOp(op);
  expectClose(results.y!, reference.forward({ a, b }, {}).y!, { name: 'y', atol: 1e-6, rtol: 4e-6 });
  const gradients = reference.backward!({ a, b }, {}, { y: upstream });
  for (const name of ['a', 'b'] as const) {
    const terms = Math.sqrt(upstream.data.length / gradients[name]!.data.length);
    expectClose(results[`grad_${name}`]!, gradients[name]!, { name: `grad_${name}`, atol: 4e-6 * terms, rtol: 2e-5 });
  }
}

/** Draws tensors one after another, away from 0, so that quotients are tame. */
export function drawing(random: Random): (shape: readonly number[]) => Tensor {
  return (shape) => {
    const t = random.uniform(shape, { min: 0.5, max: 3 });
    return tensor(
      shape,
      t.data.map((v, i) => (i % 3 === 0 ? -v : v)),
    );
  };
}
