/** Activations: what all rows must do, kinks and extremes, accuracy, fusion into the kernel before, errors. */
import { describe, expect, test } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import * as ops from '../../src/ops/index.ts';
import { compile, grad, type Program } from '../../src/train/program.ts';
import { ArgumentError, ShapeError } from '../../src/util/errors.ts';
import { device } from '../support/device.ts';
import { Random } from '../support/random.ts';
import { tensor, toFloat32 } from '../support/tensor.ts';
import { expectClose, runOp } from './loss-cases.ts';
import { checkRow, describeRows, type Row, referenceOf } from './pointwise-rows.ts';

const plain = (op: string, golden: string, apply: Row['apply']): Row => ({ op, golden, attrs: {}, apply });

const leaky = (negativeSlope: number): Row => ({
  op: 'leakyRelu',
  golden: 'leaky_relu',
  attrs: { negative_slope: negativeSlope },
  apply: (x, attrs) => ops.leakyRelu(x, { negativeSlope: Number(attrs.negative_slope) }),
});

const elu = (alpha: number): Row => ({
  op: 'elu',
  golden: 'elu',
  attrs: { alpha },
  apply: (x, attrs) => ops.elu(x, { alpha: Number(attrs.alpha) }),
});

const celu = (alpha: number): Row => ({
  op: 'celu',
  golden: null,
  attrs: { alpha },
  apply: (x, attrs) => ops.celu(x, { alpha: Number(attrs.alpha) }),
  curve: (x) => (x > 0 ? x : alpha * Math.expm1(x / alpha)),
});

const gelu = (approximate: 'none' | 'tanh'): Row => ({
  op: 'gelu',
  golden: 'gelu',
  attrs: { approximate },
  apply: (x, attrs) => ops.gelu(x, { approximate: attrs.approximate === 'tanh' ? 'tanh' : 'none' }),
});

const softplus = (beta: number, threshold: number): Row => ({
  op: 'softplus',
  golden: 'softplus',
  attrs: { beta, threshold },
  apply: (x, attrs) => ops.softplus(x, { beta: Number(attrs.beta), threshold: Number(attrs.threshold) }),
});

const ROWS: readonly Row[] = [
  plain('relu', 'relu', ops.relu),
  leaky(0.2),
  plain('sigmoid', 'sigmoid', ops.sigmoid),
  plain('tanh', 'tanh', ops.tanh),
  elu(0.6),
  plain('selu', 'selu', ops.selu),
  celu(0.7),
  gelu('none'),
  plain('silu', 'silu', ops.silu),
  plain('mish', 'mish', ops.mish),
  plain('hardswish', 'hardswish', ops.hardswish),
  plain('hardsigmoid', 'hardsigmoid', ops.hardsigmoid),
  plain('relu6', 'relu6', ops.relu6),
  softplus(2.5, 20),
  plain('softsign', 'softsign', ops.softsign),
];

describeRows(ROWS);

describe('other attributes', () => {
  const x = new Random(4).normal([301], { std: 3 });
  test.each([
    ...[0, -0.5, 1].map(leaky),
    ...[0, 1, -0.4].map(elu),
    ...[1, 3, -2].map(celu),
    gelu('tanh'),
    softplus(1, 20),
    softplus(1, 2),
    softplus(0.5, 17),
    softplus(-1.5, 20),
    softplus(3, 0),
  ])('$op $attrs', async (row) => {
    await checkRow(row, x);
  });
});

// The exponents of float32 end at 88; squares end at 1e19. WGSL may take what is below 1.18e-38 (subnormal) for zero.
const EXTREMES = [1.2e-38, 1e-20, 1e-6, 1e-3, 0.7, 5, 12, 15.5, 20, 50, 87, 89, 104, 1000, 1e10, 1e20, 1e38];

test.each([...ROWS, gelu('tanh'), elu(1), softplus(1, 20), softplus(1, 2)])(
  'large and small arguments: $op $attrs',
  async (row) => {
    const values = EXTREMES.flatMap((v) => (row.op === 'celu' && v > 1000 ? [] : [v, -v]));
    const x = tensor([values.length], Float32Array.from(values));
    await checkRow(row, x, { atol: 3e-7, rtol: 3e-6 });
  },
);

test.each([
  ['relu', plain('relu', 'relu', ops.relu), [0]],
  ['leakyRelu', leaky(0.2), [0]],
  ['elu', elu(0.6), [0]],
  ['relu6', plain('relu6', 'relu6', ops.relu6), [0, 6]],
  ['hardsigmoid', plain('hardsigmoid', 'hardsigmoid', ops.hardsigmoid), [-3, 3]],
])('the gradient of %s at its kinks', async (_, row, at) => {
  await checkRow(row, tensor([at.length], at), { atol: 1e-7, rtol: 1e-6 });
});

test('the gradient of hardswish at its kinks is 0 and 1', async () => {
  const { grad_x } = await runOp({
    op: 'hardswish',
    variant: 'vec4',
    inputs: { x: { tensor: tensor([2], [-3, 3]) } },
    body: (v) => ({ y: ops.hardswish(v.x!) }),
    wrt: ['x'],
    upstream: tensor([2], [1, 1]),
  });
  expect([...grad_x!]).toEqual([0, 1]);
});

// WGSL has no erf: where x is negative the result is small, and must be right relative to its size.
test.each([
  ['gelu', gelu('none'), 5, 2e-6],
  ['gelu with tanh', gelu('tanh'), 5, 6e-6],
  ['silu', plain('silu', 'silu', ops.silu), 30, 4e-6],
  ['mish', plain('mish', 'mish', ops.mish), 30, 4e-6],
  ['elu', elu(1), 10, 1e-6],
  ['softplus', softplus(1, 20), 15, 4e-6],
] as const)('%s is accurate relative to its size', async (_, row, range, rtol) => {
  const count = 4001;
  const values = Float32Array.from({ length: count }, (_, i) => -range + (2 * range * i) / (count - 1));
  const x = tensor([count], values);
  const { y } = await runOp({
    op: row.op,
    variant: 'vec4',
    inputs: { x: { tensor: x } },
    body: (v) => ({ y: row.apply(v.x!, row.attrs) }),
  });
  expectClose(y!, referenceOf(row).forward({ x }, row.attrs).y!, { name: 'y', atol: 1e-30, rtol });
});

describe('fusion', () => {
  const shapes = { x: [2, 3, 5, 5], w: [8, 3, 3, 3] };
  const random = new Random(6);
  const given = { x: random.normal(shapes.x), w: random.normal(shapes.w) };
  const specs = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, { shape, dtype: 'f32' as const }]),
  );
  const data = Object.fromEntries(Object.entries(given).map(([name, t]) => [name, toFloat32(t)]));

  const filesOf = ({ plan }: Program) => plan.dispatches.map(({ file }) => file);

  test.each(ROWS)('$op moves into a convolution, and computes the same there', async (row) => {
    const on = await device();
    const fused = await compile(on, specs, ({ x, w }) => ({ y: row.apply(ops.conv2d(x!, w!, null), row.attrs) }));
    expect(filesOf(fused)).not.toContain('pointwise/forward.wgsl');
    expect(filesOf(fused)).toEqual(expect.arrayContaining([expect.stringMatching(/^conv2d/)]));
    const apart = await compile(on, specs, ({ x, w }) => ({ y: ops.conv2d(x!, w!, null) }));
    const [{ y }, { y: v }] = [await fused.run(data), await apart.run(data)];
    const x = tensor([2, 8, 3, 3], Float32Array.from(v!));
    expectClose(Float32Array.from(y!), referenceOf(row).forward({ x }, row.attrs).y!, {
      name: 'y',
      atol: 3e-6,
      rtol: 1e-5,
    });
    fused.dispose();
    apart.dispose();
  });

  const KEEPS_Y = [
    'relu',
    'leakyRelu',
    'sigmoid',
    'tanh',
    'elu',
    'selu',
    'celu',
    'hardsigmoid',
    'relu6',
    'softplus',
    'softsign',
  ];
  test.each(ROWS.filter(({ op }) => KEEPS_Y.includes(op)))('$op does so in training too', async (row) => {
    const program = await compile(await device(), specs, ({ x, w }) => {
      const y = ops.sum(row.apply(ops.conv2d(x!, w!, null), row.attrs));
      return { y, dw: grad(y, [w!])[0]! };
    });
    expect(filesOf(program)).toContain('pointwise/backward.wgsl');
    expect(filesOf(program)).not.toContain('pointwise/forward.wgsl');
    program.dispose();
  });
});

test('errors', () => {
  const x = input('x', [2, 3]);
  expect(() => ops.relu(input('x', [2, 3], 'i32'))).toThrow(new ShapeError('relu: x is i32 [2,3]. Pass f32 values.'));
  expect(() => ops.celu(x, { alpha: 0 })).toThrow(
    new ArgumentError('celu: alpha is 0. Pass a finite number other than 0.'),
  );
  expect(() => ops.softplus(x, { beta: 0 })).toThrow(
    new ArgumentError('softplus: beta is 0. Pass a finite number other than 0.'),
  );
});
