/**
 * Analytic gradients of the float64 reference against central differences, over random shapes and attributes from fixed
 * seeds; and that the check itself notices a wrong gradient.
 */
import { describe, expect, it } from 'vitest';
import { checkGradients, type GradientReport } from './gradcheck.ts';
import { Random } from './random.ts';
import { type Attrs, referenceOp } from './reference/index.ts';
import { map, sizeOf, type Tensor, type Tensors, tensor } from './tensor.ts';

interface Trial {
  readonly op: string;
  readonly inputs: Tensors;
  readonly attrs: Attrs;
  readonly seed: number;
  /** Points where a derivative jumps: elements within 1e-3 of one are left out. */
  readonly kinks?: readonly number[];
}

function check({ op, inputs, attrs, seed, kinks = [] }: Trial): GradientReport {
  const { forward, backward } = referenceOp(op);
  return checkGradients({
    forward: (given) => forward(given, attrs),
    gradients: (given, upstream) => backward!(given, attrs, upstream),
    inputs,
    outputs: ['y'],
    seed,
    skip: (_, value) => kinks.some((kink) => Math.abs(value - kink) < 1e-3),
  });
}

function expectRight(trial: Trial): void {
  const report = check(trial);
  const where = `${trial.op} ${JSON.stringify(trial.attrs)}, seed ${trial.seed}: ${report.message}`;
  expect(report.checked, where).toBeGreaterThan(0);
  expect(report.checked, where).toBeGreaterThan(report.skipped);
  expect(report.failures, where).toBe(0);
}

const SEEDS = Array.from({ length: 12 }, (_, i) => i + 1);
const padding = (random: Random, most: number): number[] => Array.from({ length: 4 }, () => random.integer(0, most));

function convolution(random: Random): { inputs: Record<string, Tensor>; attrs: Attrs } {
  const groups = random.pick([1, 1, 2, 3]);
  const [inPerGroup, outPerGroup] = [random.integer(1, 2), random.integer(1, 2)];
  const [kh, kw] = [random.integer(1, 3), random.integer(1, 3)];
  const shape = [random.integer(1, 2), groups * inPerGroup, random.integer(5, 7), random.integer(5, 7)];
  const attrs = {
    stride: [random.integer(1, 3), random.integer(1, 2)],
    padding: padding(random, 2),
    dilation: [random.integer(1, 2), random.integer(1, 2)],
    groups,
  };
  const inputs = {
    x: random.normal(shape),
    weight: random.normal([groups * outPerGroup, inPerGroup, kh, kw]),
    bias: random.normal([groups * outPerGroup]),
  };
  return { inputs, attrs };
}

describe('products', () => {
  it.each(SEEDS)('conv2d, seed %i', (seed) => {
    expectRight({ op: 'conv2d', seed, ...convolution(new Random(seed)) });
  });

  it.each(SEEDS)('conv_transpose2d, seed %i', (seed) => {
    const random = new Random(seed);
    const { inputs, attrs } = convolution(random);
    const [, , kh, kw] = inputs.weight!.shape;
    const channels = inputs.x!.shape[1]!;
    const weight = random.normal([channels, random.integer(1, 2), kh!, kw!]);
    const bias = random.normal([weight.shape[1]! * Number(attrs.groups)]);
    const trimmed = { ...attrs, padding: padding(random, 1), output_padding: [0, 0] };
    expectRight({ op: 'conv_transpose2d', seed, attrs: trimmed, inputs: { x: inputs.x!, weight, bias } });
  });

  it.each(SEEDS)('matmul, linear and gemm, seed %i', (seed) => {
    const random = new Random(seed);
    const [m, k, n] = [random.integer(1, 5), random.integer(1, 6), random.integer(1, 5)];
    const [ta, tb] = [random.pick([true, false]), random.pick([true, false])];
    const attrs = { transpose_a: ta, transpose_b: tb, alpha: 0.3, beta: -0.7 };
    const [left, right] = [ta ? [k, m] : [m, k], tb ? [n, k] : [k, n]];
    const [a, b] = [random.normal([2, 1, ...left]), random.normal([3, ...right])];
    expectRight({ op: 'matmul', seed, attrs, inputs: { a, b } });
    const flat = { a: random.normal(left), b: random.normal(right), c: random.normal([n]) };
    expectRight({ op: 'gemm', seed, attrs, inputs: flat });
    const dense = { x: random.normal([2, m, k]), weight: random.normal([n, k]), bias: random.normal([n]) };
    expectRight({ op: 'linear', seed, attrs: {}, inputs: dense });
  });
});

it.each(SEEDS)('pools, seed %i', (seed) => {
  const random = new Random(seed);
  const kernel = [random.integer(2, 3), random.integer(2, 3)];
  const window = {
    kernel,
    stride: [random.integer(1, 3), random.integer(1, 3)],
    padding: padding(random, 1),
    ceil_mode: random.pick([true, false]),
  };
  const x = random.distinct([2, 2, random.integer(5, 8), random.integer(5, 8)]);
  const average = { count_include_pad: random.pick([true, false]), divisor_override: random.pick([null, 5]) };
  const output_size = [random.integer(1, 5), random.integer(1, 5)];
  const trial = (op: string, attrs: Attrs) => expectRight({ op, attrs, seed, inputs: { x } });
  trial('max_pool2d', { ...window, dilation: [random.integer(1, 2), 1] });
  trial('avg_pool2d', { ...window, ...average });
  trial('adaptive_avg_pool2d', { output_size });
  trial('adaptive_max_pool2d', { output_size });
  trial('global_avg_pool2d', {});
  trial('global_max_pool2d', {});
});

/** Element-wise functions, their attributes and their kinks. */
const CURVES: readonly (readonly [string, Attrs, readonly number[]])[] = [
  ['relu', {}, [0]],
  ['leaky_relu', { negative_slope: 0.2 }, [0]],
  ['elu', { alpha: 0.6 }, [0]],
  ['selu', {}, [0]],
  ['gelu', { approximate: 'none' }, []],
  ['gelu', { approximate: 'tanh' }, []],
  ['silu', {}, []],
  ['sigmoid', {}, []],
  ['tanh', {}, []],
  ['softplus', { beta: 2.5, threshold: 20 }, [8]],
  ['hardswish', {}, [-3, 3]],
  ['hardsigmoid', {}, [-3, 3]],
  ['relu6', {}, [0, 6]],
  ['mish', {}, []],
  ['softsign', {}, [0]],
  ['exp', {}, []],
  ['neg', {}, []],
  ['abs', {}, [0]],
  ['clamp', { min: -1, max: 2 }, [-1, 2]],
  ['pow_scalar', { exponent: 3 }, []],
  ['add_scalar', { value: 2 }, []],
  ['mul_scalar', { value: -3 }, []],
];

describe('element-wise', () => {
  it.each(CURVES)('%s %j', (op, attrs, kinks) => {
    for (const seed of SEEDS) {
      expectRight({ op, attrs, kinks, seed, inputs: { x: new Random(seed).normal([3, 7], { std: 2.5 }) } });
    }
  });

  it.each(['log', 'sqrt'])('%s', (op) => {
    expectRight({ op, attrs: {}, seed: 1, inputs: { x: new Random(1).uniform([40], { min: 0.1, max: 5 }) } });
  });

  it('prelu', () => {
    const random = new Random(1);
    const inputs = { x: random.normal([2, 3, 4]), weight: random.normal([3], { mean: 1, std: 0.1 }) };
    expectRight({ op: 'prelu', attrs: {}, seed: 1, kinks: [0], inputs });
  });

  const shapes = [
    [
      [2, 3, 4],
      [2, 3, 4],
    ],
    [
      [2, 1, 4],
      [3, 1],
    ],
    [[5], [2, 3, 5]],
    [[2, 3], []],
  ] as const;
  it.each(['add', 'sub', 'mul', 'div', 'pow', 'maximum', 'minimum'])('%s', (op) => {
    for (const [a, b] of shapes) {
      const random = new Random(sizeOf(a));
      const draw = (shape: readonly number[]) => random.uniform(shape, { min: 0.4, max: 2 });
      expectRight({ op, attrs: {}, seed: 1, inputs: { a: draw(a), b: draw(b) } });
    }
  });

  it('where', () => {
    const random = new Random(3);
    const condition = random.integers([2, 3, 4], { min: 0, max: 1 });
    expectRight({
      op: 'where',
      attrs: {},
      seed: 1,
      inputs: { condition, a: random.normal([4]), b: random.normal([3, 1]) },
    });
  });
});

it.each(SEEDS)('softmax and reductions, seed %i', (seed) => {
  const random = new Random(seed);
  const inputs = { x: random.distinct([random.integer(1, 3), random.integer(1, 5), random.integer(1, 4)]) };
  const axis = random.integer(-3, 2);
  const keepdims = random.pick([true, false]);
  for (const op of ['softmax', 'log_softmax']) expectRight({ op, seed, inputs, attrs: { axis } });
  expectRight({ op: 'max', seed, inputs, attrs: { axis, keepdims } });
  const axes = random.pick([null, [axis], [0, -1]]);
  for (const op of ['sum', 'mean', 'amax']) expectRight({ op, seed, inputs, attrs: { axes, keepdims } });
});

describe('losses', () => {
  const reductions = ['mean', 'sum', 'none'];

  it.each(reductions)('by class, %s', (reduction) => {
    for (const seed of SEEDS) {
      const random = new Random(seed);
      const [n, c, w] = [random.integer(2, 5), random.integer(2, 6), random.integer(1, 3)];
      const x = random.normal([n, c, w]);
      const weight = random.uniform([c], { min: 0.3, max: 2 });
      const target = random.integers([n, w], { min: 0, max: c - 1 });
      target.data[0] = 0;
      const attrs = { reduction, label_smoothing: random.pick([0, 0.1]), ignore_index: 1 };
      expectRight({ op: 'cross_entropy', seed, attrs, inputs: { x, target, weight } });
      expectRight({ op: 'nll_loss', seed, attrs: { ...attrs, label_smoothing: 0 }, inputs: { x, target, weight } });
      const probabilities = referenceOp('softmax').forward({ x: random.normal([n, c, w]) }, { axis: 1 }).y!;
      expectRight({ op: 'cross_entropy_probs', seed, attrs, inputs: { x, target: probabilities, weight } });
    }
  });

  it.each(reductions)('by element, %s', (reduction) => {
    for (const seed of SEEDS) {
      const random = new Random(seed);
      const shape = [random.integer(1, 4), random.integer(2, 6)];
      const target = random.uniform(shape, { min: 0.05, max: 0.95 });
      const away = random.uniform(shape, { min: 0.01, max: 0.2 });
      const x = map(target, (t, i) => t + away.data[i]! * random.pick([-12, -3, 2, 12]));
      const [weight, pos_weight] = [random.uniform(shape), random.uniform([shape[1]!])];
      const trial = (op: string, inputs: Tensors, extra: Attrs = {}) =>
        expectRight({ op, seed, inputs, attrs: { reduction, ...extra } });
      for (const op of ['mse_loss', 'l1_loss']) trial(op, { x, target });
      trial('smooth_l1_loss', { x, target }, { beta: 0.3 });
      trial('huber_loss', { x, target }, { delta: 0.4 });
      trial('bce_with_logits', { x, target, weight, pos_weight });
      trial('bce', { x: random.uniform(shape, { min: 0.1, max: 0.9 }), target });
      for (const log_target of [true, false]) trial('kl_div', { x, target }, { log_target });
    }
  });
});

it.each(SEEDS)('normalisation, seed %i', (seed) => {
  const random = new Random(seed);
  const x = random.normal([2, 4, random.integer(2, 3), 2], { mean: 1, std: 2 });
  const affine = (shape: readonly number[]) => ({ weight: random.uniform(shape), bias: random.normal(shape) });
  const running = { running_mean: random.normal([4]), running_var: random.uniform([4], { min: 0.5, max: 2 }) };
  const trial = (op: string, inputs: Tensors, attrs: Attrs) =>
    expectRight({ op, seed, attrs: { eps: 1e-3, ...attrs }, inputs });
  for (const training of [true, false]) trial('batch_norm2d', { x, ...affine([4]), ...running }, { training });
  const normalized_shape = x.shape.slice(random.integer(1, 3));
  trial('layer_norm', { x, ...affine(normalized_shape) }, { normalized_shape });
  trial('group_norm', { x, ...affine([4]) }, { groups: 2 });
  trial('instance_norm2d', { x, ...affine([4]) }, {});
  trial('local_response_norm', { x }, { size: random.integer(1, 5), alpha: 0.3, beta: 0.75, k: 1 });
});

it.each(SEEDS)('moves, seed %i', (seed) => {
  const random = new Random(seed);
  const x = random.normal([2, 3, random.integer(3, 5), random.integer(3, 5)]);
  const trial = (op: string, attrs: Attrs) => expectRight({ op, seed, attrs, inputs: { x } });
  for (const mode of ['constant', 'reflect', 'replicate'])
    trial('pad', { padding: padding(random, 2), mode, value: 1 });
  trial('slice', { axes: [1, -1], starts: [random.integer(0, 2), -2], ends: [3, 5], steps: [1, random.integer(1, 2)] });
  trial('transpose', {
    perm: random.pick([
      [0, 2, 3, 1],
      [3, 1, 0, 2],
      [1, 0, 3, 2],
    ]),
  });
  trial('reshape', { shape: [-1, 3] });
  trial('flatten', { start_axis: 1 });
  const size = [random.integer(1, 9), random.integer(1, 9)];
  trial('upsample_nearest2d', { size });
  for (const align_corners of [true, false]) trial('upsample_bilinear2d', { size, align_corners });
  const more = { x0: x, x1: random.normal(x.shape.map((d, axis) => (axis === 1 ? 2 : d))) };
  expectRight({ op: 'concat', seed, attrs: { axis: 1 }, inputs: more });
});

describe('the check itself', () => {
  const { inputs, attrs } = convolution(new Random(5));
  const conv = referenceOp('conv2d');
  const verify = (change: (gradients: Record<string, Tensor>) => Record<string, Tensor>) =>
    checkGradients({
      forward: (given) => conv.forward(given, attrs),
      gradients: (given, upstream) => change(conv.backward!(given, attrs, upstream)),
      inputs,
    });

  it('counts every element of every gradient', () => {
    const sizes = Object.values(inputs).map((t) => t.data.length);
    expect(verify((g) => g).checked).toBe(sizes.reduce((a, b) => a + b, 0));
  });

  it('notices a gradient that is 1 % off, missing in one element, or routed to a neighbour', () => {
    expect(verify((g) => ({ weight: map(g.weight!, (v) => v * 1.01) })).failures).toBeGreaterThan(0);
    expect(verify((g) => ({ bias: map(g.bias!, (v, i) => (i === 0 ? 0 : v)) })).failures).toBe(1);
    const rotated = (t: Tensor) => tensor(t.shape, [...t.data.slice(1), t.data[0]!]);
    expect(verify((g) => ({ x: rotated(g.x!) })).failures).toBeGreaterThan(0);
    expect(verify((g) => ({ x: map(g.x!, () => Number.NaN) })).worst).toBe(Number.POSITIVE_INFINITY);
  });

  it('leaves out what it is told to skip, and says so', () => {
    const report = checkGradients({
      forward: ({ x }) => ({ y: map(x!, Math.abs) }),
      gradients: ({ x }, { y }) => ({ x: map(x!, (v, i) => Math.sign(v) * y!.data[i]!) }),
      inputs: { x: tensor([3], [-1, 0, 2]) },
      skip: (_, value) => value === 0,
    });
    expect(report).toMatchObject({ checked: 2, skipped: 1, failures: 0 });
  });
});
