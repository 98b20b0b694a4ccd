/** Leaky ReLU with a trained slope: golden cases, one slope and one a channel in every layout, determinism, errors. */
import { describe, expect, it, test } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import { inScope } from '../../src/graph/trace.ts';
import type { Value } from '../../src/graph/types.ts';
import { prelu } from '../../src/ops/index.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { GOLDENS, loadFamily } from '../support/goldens.ts';
import { Random } from '../support/random.ts';
import { referenceOp } from '../support/reference/index.ts';
import type { Tensor } from '../support/tensor.ts';
import { afterDirt, asNhwc, checkGolden, expectClose, memoryOf, PROFILES, runOp } from './loss-cases.ts';

const goldens = loadFamily(GOLDENS, 'activations').filter(({ op }) => op === 'prelu');

describe.each(PROFILES)('golden cases, %s limits', (profile) => {
  it.each(goldens.map((golden) => [golden.name, golden] as const))('%s', async (_, golden) => {
    const body = ({ x, weight }: { readonly [name: string]: Value }) => ({ y: prelu(x!, weight!) });
    await checkGolden(golden, { op: 'prelu', variant: 'broadcast', profile, body });
  });
});

const same = (x: Value): Value => x;

async function run(x: Tensor, weight: Tensor, wrap: (x: Value) => Value) {
  const upstream = new Random(3).normal(x.shape);
  const results = await runOp({
    op: 'prelu',
    variant: 'broadcast',
    inputs: { x: { tensor: x }, weight: { tensor: weight } },
    body: (v) => ({ y: prelu(wrap(v.x!), v.weight!) }),
    wrt: ['x', 'weight'],
    upstream,
  });
  return { results, upstream };
}

async function check(shape: readonly number[], slopes: number, wrap = same): Promise<void> {
  const random = new Random(2);
  const [x, weight] = [random.normal(shape), random.normal([slopes])];
  const { results, upstream } = await run(x, weight, wrap);
  const reference = referenceOp('prelu');
  expectClose(results.y!, reference.forward({ x, weight }, {}).y!, { name: 'y', atol: 0, rtol: 1e-6 });
  const expected = reference.backward!({ x, weight }, {}, { y: upstream });
  expectClose(results.grad_x!, expected.x!, { name: 'grad_x', atol: 0, rtol: 1e-6 });
  const atol = 2e-6 * Math.sqrt(x.data.length / slopes);
  expectClose(results.grad_weight!, expected.weight!, { name: 'grad_weight', atol, rtol: 1e-5 });
}

it.each([
  [[], 1],
  [[7], 1],
  [[3, 5], 1],
  [[3, 5], 5],
  [[2, 3, 7], 3],
  [[2, 3, 2, 3, 2], 3],
  [[2, 6, 3, 5], 1],
  [[2, 6, 3, 5], 6],
] as const)('shape %j, %i slopes', async (shape, slopes) => {
  await check(shape, slopes);
});

it.each([
  [[2, 6, 3, 5], 1],
  [[2, 6, 3, 5], 6],
  [[3, 1, 5, 5], 1],
  [[4, 8, 17, 19], 8],
] as const)('nhwc, shape %j, %i slopes', async (shape, slopes) => {
  await check(shape, slopes, asNhwc);
});

test('the gradient of the slopes is the same every time', async () => {
  const random = new Random(5);
  const [x, weight] = [random.normal([3, 6, 33, 31]), random.normal([6])];
  const [a, b] = [await run(x, weight, asNhwc), await run(x, weight, asNhwc)];
  expect(a.results.grad_weight).toEqual(b.results.grad_weight);
});

test('the padding of the result is zero', async () => {
  const { y } = await runOp({
    op: 'prelu',
    variant: 'broadcast',
    inputs: { x: { tensor: new Random(1).normal([2, 6, 2, 3]) }, weight: { tensor: new Random(2).normal([6]) } },
    body: (v) => ({ y: memoryOf(prelu(asNhwc(afterDirt(v.x!)), v.weight!)) }),
  });
  expect(y!.filter((v, i) => i % 8 >= 6 && v !== 0)).toHaveLength(0);
});

test('errors', () => {
  const x = input('x', [2, 3, 4, 4]);
  expect(() => inScope('prelu1', () => prelu(x, input('w', [4])))).toThrow(
    new ShapeError('prelu "prelu1": weight is [4] for x [2,3,4,4]. Pass a weight of shape [1] or [3].'),
  );
  expect(() => prelu(input('x', [3]), input('w', [3]))).toThrow(
    new ShapeError('prelu: weight is [3] for x [3]. Pass a weight of shape [1].'),
  );
  expect(() => prelu(x, input('w', [3, 1, 1]))).toThrow(ShapeError);
});
