/** Pointwise arithmetic: what all rows must do, powers of every kind, bounds, errors. */
import { describe, expect, it, test } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import { abs, add, addScalar, clamp, exp, log, mulScalar, neg, powScalar, relu, sqrt } from '../../src/ops/index.ts';
import { compile, f32, grad } from '../../src/train/program.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { device } from '../support/device.ts';
import { Random } from '../support/random.ts';
import { tensor } from '../support/tensor.ts';
import { checkRow, describeRows, type Row } from './pointwise-rows.ts';

const power = (exponent: number, domain?: 'positive'): Row => ({
  op: 'powScalar',
  golden: 'pow_scalar',
  attrs: { exponent },
  apply: (x, attrs) => powScalar(x, Number(attrs.exponent)),
  domain,
});

const bounded = (min: number | null, max: number | null): Row => ({
  op: 'clamp',
  golden: 'clamp',
  attrs: { min, max },
  apply: (x, attrs) => clamp(x, { min: attrs.min as number | null, max: attrs.max as number | null }),
});

describeRows([
  { op: 'neg', golden: 'neg', attrs: {}, apply: neg },
  { op: 'exp', golden: 'exp', attrs: {}, apply: exp },
  { op: 'log', golden: 'log', attrs: {}, apply: log, domain: 'positive' },
  { op: 'sqrt', golden: 'sqrt', attrs: {}, apply: sqrt, domain: 'positive' },
  { op: 'abs', golden: 'abs', attrs: {}, apply: abs },
  {
    op: 'addScalar',
    golden: 'add_scalar',
    attrs: { value: 1.5 },
    apply: (x, attrs) => addScalar(x, Number(attrs.value)),
  },
  {
    op: 'mulScalar',
    golden: 'mul_scalar',
    attrs: { value: -0.3 },
    apply: (x, attrs) => mulScalar(x, Number(attrs.value)),
  },
  power(2),
  power(-1.5, 'positive'),
  bounded(-0.5, 1.25),
  bounded(0.25, null),
]);

test.each([0, 1, 2, 3, 7, 8, 9, -1, -2, -3, 20, 33])('whole power %d of numbers of any sign', async (exponent) => {
  const x = tensor([8], [-2, -1.5, -1, -0.75, 0.5, 1, 1.25, 2.5]);
  await checkRow(power(exponent), x, { atol: 1e-7, rtol: 1e-5 });
});

test.each([0.5, 1.5, -0.5, 7.5, 0.3, 2.7, -3.3, 12.5])('broken power %d of positive numbers', async (exponent) => {
  await checkRow(power(exponent), new Random(3).uniform([65], { min: 0.2, max: 3 }), { atol: 1e-7, rtol: 2e-5 });
});

test.each([1, 2, 3, 9, 1.5, 2.7, 0])('power %d of 0, and its gradient', async (exponent) => {
  await checkRow(power(exponent), tensor([2], [0, 0]), { atol: 0, rtol: 0 });
});

test.each([
  [-1, 1],
  [null, 1],
  [-1, null],
  [null, null],
  [2, -2],
  [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
])('bounds %d and %d: the gradient passes at both', async (min, max) => {
  const x = tensor([7], [-3e38, -2, -1, 0, 1, 2, 3e38]);
  const row = bounded(min, max);
  // Where the bounds cross, the reference too lets none pass but between them: there is nothing between.
  await checkRow(row, x, { atol: 0, rtol: 0 });
});

test('integers are refused', () => {
  expect(() => neg(input('x', [2, 3], 'i32'))).toThrow(new ShapeError('neg: x is i32 [2,3]. Pass f32 values.'));
});

describe('rows of several vec4s a thread', () => {
  it.each([8_191, 8_192, 150_001, 600_007])('%i elements: every one exactly once', async (count) => {
    const dev = await device();
    const program = await compile(dev, { x: f32(count), u: f32(count) }, ({ x, u }) => {
      const y = relu(x);
      return { y, sum: add(x, u), dx: grad(y, [x], { seed: u })[0]! };
    });
    const x = Float32Array.from({ length: count }, (_, i) => (i % 7) - 3);
    const u = Float32Array.from({ length: count }, (_, i) => (i % 5) + 1);
    const got = await program.run({ x, u });
    expect(got.y!.every((v, i) => v === Math.max(0, x[i]!))).toBe(true);
    expect(got.sum!.every((v, i) => v === x[i]! + u[i]!)).toBe(true);
    expect(got.dx!.every((v, i) => v === (x[i]! > 0 ? u[i]! : 0))).toBe(true);
    program.dispose();
  });
});
