/** The logarithm of a sum of exponentials: values and gradients in double precision, any axes, large arguments. */
import { expect, it, test } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import type { Value } from '../../src/graph/types.ts';
import { logSumExp } from '../../src/ops/index.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { checkGradients } from '../support/gradcheck.ts';
import { Random } from '../support/random.ts';
import { referenceOp } from '../support/reference/index.ts';
import { map, type Tensor, tensor } from '../support/tensor.ts';
import { asNhwc, expectClose, runOp } from './loss-cases.ts';

const spread = (t: Tensor, shape: readonly number[]): Tensor =>
  referenceOp('add').forward({ a: t, b: tensor(shape) }, {}).y!;

/** By amax and sum of the reference. */
function forward(x: Tensor, axes: readonly number[] | null): Tensor {
  const attrs = { axes, keepdims: true };
  const top = referenceOp('amax').forward({ x }, attrs).y!;
  const wide = spread(top, x.shape);
  const total = referenceOp('sum').forward({ x: map(x, (v, i) => Math.exp(v - wide.data[i]!)) }, attrs).y!;
  return map(total, (v, i) => Math.log(v) + top.data[i]!);
}

/** The share of each element in its sum. */
function gradient(x: Tensor, axes: readonly number[] | null, upstream: Tensor): Tensor {
  const [y, g] = [spread(forward(x, axes), x.shape), spread(upstream, x.shape)];
  return map(x, (v, i) => g.data[i]! * Math.exp(v - y.data[i]!));
}

async function check(x: Tensor, axes: readonly number[] | null, wrap = (v: Value) => v): Promise<void> {
  const y = forward(x, axes);
  const upstream = new Random(3).normal(y.shape);
  const results = await runOp({
    op: 'amax',
    variant: 'tree32',
    inputs: { x: { tensor: x } },
    body: (v) => ({ y: logSumExp(wrap(v.x!), { axes, keepdims: true }) }),
    wrt: ['x'],
    upstream,
  });
  expectClose(results.y!, y, { name: 'y', atol: 2e-6, rtol: 2e-6 });
  expectClose(results.grad_x!, gradient(x, axes, upstream), { name: 'grad_x', atol: 2e-6, rtol: 2e-5 });
}

it.each([
  [[], null],
  [[1], [0]],
  [[257], null],
  [[3, 1025], [1]],
  [
    [3, 5, 7],
    [0, -1],
  ],
  [[2, 6, 3, 5], [1]],
] as const)('shape %j, axes %j', async (shape, axes) => {
  await check(new Random(1).normal(shape, { std: 3 }), axes);
});

it.each([[1], [2, 3], [0, 1, 2, 3]])('nhwc, axes %j', async (...axes) => {
  await check(new Random(2).normal([2, 6, 3, 5]), axes, asNhwc);
});

test('large arguments stay in range', async () => {
  await check(tensor([3, 3], [1000, 999, -1000, -1000, -1001, -3000, 1e30, 0, -1e30]), [1]);
});

test('the gradient of this test agrees with central differences', () => {
  const x = new Random(4).normal([3, 4]);
  const report = checkGradients({
    forward: (inputs) => ({ y: forward(inputs.x!, [1]) }),
    inputs: { x },
    gradients: (inputs, upstream) => ({ x: gradient(inputs.x!, [1], upstream.y!) }),
  });
  expect(report).toMatchObject({ checked: 12, failures: 0 });
});

test('shapes and errors', () => {
  const x = input('x', [2, 3]);
  expect(logSumExp(x).shape).toEqual([]);
  expect(logSumExp(x, { axes: [-1] }).shape).toEqual([2]);
  expect(() => logSumExp(x, { axes: [2] })).toThrow(
    new ShapeError('logSumExp: axis 2 is not an axis of a tensor of rank 2. Use -2..1.'),
  );
});
