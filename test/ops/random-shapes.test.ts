/**
 * Every op over random shapes: kernels in every variant against the float64 reference, forward and gradient, with a random
 * upstream. fast-check prints the seed of a failure. GABOR_SEED=n draws other
 * shapes, GABOR_RUNS=n more of them.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runOpCase } from '../../src/cli/goldens/op-case.ts';
import { device } from '../support/device.ts';
import type { GoldenCase, GoldenTensor } from '../support/goldens.ts';
import { Random } from '../support/random.ts';
import { referenceOp } from '../support/reference/index.ts';
import { type Tensor, toFloat32 } from '../support/tensor.ts';

interface Drawn {
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
}

interface OpUnderTest {
  readonly op: string;
  readonly draw: fc.Arbitrary<Drawn>;
  /** Small integers: sums and products are exact, whatever their order. */
  readonly exact?: true;
  readonly range?: readonly [number, number];
}

/** 1, primes, and around the sizes of tiles. */
const size = fc.constantFrom(1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17);
const channels = fc.constantFrom(1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 31, 32, 33);
const batch = fc.constantFrom(1, 2, 3, 5);
const image = fc.record({ n: batch, c: channels, h: size, w: size });
const pad = fc.integer({ min: 0, max: 2 });

const convolution = fc
  .record({
    n: batch,
    groups: fc.constantFrom(1, 1, 1, 2, 3, 4),
    ci: fc.constantFrom(1, 2, 3, 4, 5, 8, 9, 16, 33),
    co: fc.constantFrom(1, 2, 3, 4, 6, 8, 17, 32),
    k: fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 })),
    extra: fc.tuple(size, size),
    stride: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    dilation: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 2 })),
    padding: fc.tuple(pad, pad, pad, pad),
    bias: fc.boolean(),
  })
  .map(({ n, groups, ci, co, k, extra, stride, dilation, padding, bias }): Drawn => {
    const side = (i: 0 | 1): number => (k[i] - 1) * dilation[i] + extra[i];
    return {
      attrs: { kernel: k, stride, padding, dilation, groups },
      shapes: {
        x: [n, ci * groups, side(0), side(1)],
        weight: [co * groups, ci, ...k],
        ...(bias && { bias: [co * groups] }),
      },
    };
  });

const pooling = fc
  .record({ image, k: fc.integer({ min: 1, max: 3 }), stride: fc.integer({ min: 1, max: 3 }), ceil: fc.boolean() })
  .map(({ image: { n, c, h, w }, k, stride, ceil }) => {
    const p = Math.floor(k / 2);
    return {
      attrs: { kernel: [k, k], stride: [stride, stride], padding: [p, p, p, p], dilation: [1, 1], ceil_mode: ceil },
      shapes: { x: [n, c, h + k, w + k] },
    };
  });

const ofImage = (attrs: Drawn['attrs'] = {}): fc.Arbitrary<Drawn> =>
  image.map(({ n, c, h, w }) => ({ attrs, shapes: { x: [n, c, h, w] } }));

const broadcast: fc.Arbitrary<Drawn> = fc
  .record({
    image,
    flat: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean()),
    cut: fc.integer({ min: 0, max: 3 }),
  })
  .map(({ image: { n, c, h, w }, flat, cut }) => {
    const shape = [n, c, h, w];
    return { attrs: {}, shapes: { a: shape, b: shape.map((s, i) => (flat[i] ? 1 : s)).slice(cut) } };
  });

const product: fc.Arbitrary<Drawn> = fc
  .record({ m: channels, k: channels, n: channels, ta: fc.boolean(), tb: fc.boolean() })
  .map(({ m, k, n, ta, tb }) => ({
    attrs: { transpose_a: ta, transpose_b: tb },
    shapes: { a: ta ? [k, m] : [m, k], b: tb ? [n, k] : [k, n] },
  }));

const opsUnderTest: readonly OpUnderTest[] = [
  { op: 'conv2d', draw: convolution, exact: true },
  // Where Winograd's kernels are offered, which round.
  {
    op: 'conv2d',
    draw: convolution.map(({ attrs, shapes: { x, weight, ...bias } }) => {
      const [n, , h, w] = x!;
      const [o] = weight!;
      const c = x![1]!;
      return {
        attrs: { ...attrs, kernel: [3, 3], stride: [1, 1], dilation: [1, 1], groups: 1 },
        shapes: { x: [n!, c, h! + 2, w! + 2], weight: [o!, c, 3, 3], ...bias },
      };
    }),
  },
  { op: 'max_pool2d', draw: pooling },
  {
    op: 'avg_pool2d',
    draw: pooling.map(({ attrs: { dilation: _, ...attrs }, shapes }) => ({
      attrs: { ...attrs, count_include_pad: true, divisor_override: null },
      shapes,
    })),
  },
  { op: 'matmul', draw: product, exact: true },
  {
    op: 'linear',
    draw: fc
      .tuple(channels, channels, channels)
      .map(([m, k, n]) => ({ attrs: {}, shapes: { x: [m, k], weight: [n, k], bias: [n] } })),
    exact: true,
  },
  { op: 'add', draw: broadcast, exact: true },
  { op: 'mul', draw: broadcast, exact: true },
  { op: 'relu', draw: ofImage() },
  { op: 'sigmoid', draw: ofImage() },
  { op: 'silu', draw: ofImage() },
  { op: 'softmax', draw: ofImage({ axis: 1 }) },
  { op: 'log_softmax', draw: ofImage({ axis: 1 }) },
  { op: 'sum', draw: ofImage({ axes: [0, 2, 3], keepdims: false }), exact: true },
  { op: 'mean', draw: ofImage({ axes: [2, 3], keepdims: true }) },
  { op: 'global_avg_pool2d', draw: ofImage() },
  { op: 'upsample_nearest2d', draw: ofImage({ size: [11, 6] }) },
  { op: 'upsample_bilinear2d', draw: ofImage({ size: [11, 6], align_corners: false }) },
  { op: 'pad', draw: ofImage({ padding: [1, 0, 2, 3], mode: 'constant', value: 0.5 }) },
  { op: 'transpose', draw: ofImage({ perm: [0, 2, 3, 1] }) },
  {
    op: 'concat',
    draw: image.chain(({ n, c, h, w }) =>
      channels.map((d) => ({ attrs: { axis: 1 }, shapes: { x0: [n, c, h, w], x1: [n, d, h, w] } })),
    ),
  },
];

const golden = (tensor: Tensor): GoldenTensor => ({ dtype: 'F32', shape: tensor.shape, data: toFloat32(tensor) });

/** A case in the form of the golden data, its answers worked out by the reference. */
function caseOf({ op, exact }: OpUnderTest, { attrs, shapes }: Drawn, seed: number): GoldenCase {
  const random = new Random(seed);
  const draw = (shape: readonly number[]): Tensor =>
    exact ? random.integers(shape, { min: -2, max: 2 }) : random.distinct(shape, { gap: 0.01 });
  const inputs = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, draw(shape)]));
  const reference = referenceOp(op);
  const { y } = reference.forward(inputs, attrs);
  const upstream = exact ? random.integers(y!.shape, { min: -2, max: 2 }) : random.normal(y!.shape);
  const gradients = reference.backward!(inputs, attrs, { y: upstream });
  const tensors = new Map<string, GoldenTensor>();
  for (const [name, tensor] of Object.entries(inputs)) tensors.set(name, golden(tensor));
  tensors.set('y', golden(y!)).set('grad_y', golden(upstream));
  const tolerance: Record<string, { atol: number; rtol: number }> = {};
  const allow = (name: string, tensor: Tensor): void => {
    // Beyond exact data: a few ulp of the largest value, and what WGSL allows its functions.
    const largest = tensor.data.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    tolerance[name] = exact ? { atol: 0, rtol: 0 } : { atol: 4e-6 * (1 + largest), rtol: 1e-5 };
  };
  allow('y', y!);
  for (const [name, tensor] of Object.entries(gradients)) {
    tensors.set(`grad_${name}`, golden(tensor));
    allow(`grad_${name}`, tensor);
  }
  return {
    name: JSON.stringify({ op, attrs, shapes, seed }),
    op,
    attrs,
    inputs: Object.keys(inputs),
    outputs: ['y'],
    upstream: { y: 'grad_y' },
    gradients: Object.fromEntries(Object.keys(gradients).map((name) => [name, `grad_${name}`])),
    tolerance,
    notes: '',
    tensors,
  };
}

/** Always the same where nobody asks for another: what fails here must fail again. */
const seed = Number(process.env.GABOR_SEED ?? 20261124);

test.each(opsUnderTest)(`$op over random shapes (seed ${seed})`, async (under) => {
  const dev = await device();
  await fc.assert(
    fc.asyncProperty(under.draw, fc.nat(2 ** 20), async (drawn, inner) => {
      const result = await runOpCase(caseOf(under, drawn, inner), { device: dev, variants: true });
      expect(result).toEqual({ status: 'passed' });
    }),
    { numRuns: Number(process.env.GABOR_RUNS ?? 5), seed, endOnFailure: true },
  );
});

test('more than 65,535 workgroups', async () => {
  const dev = await device();
  const under: OpUnderTest = { op: 'add', draw: broadcast, exact: true };
  // A column and a row: the general kernel with 64 elements a workgroup, 68,359 of them.
  const drawn = { attrs: {}, shapes: { a: [2187, 1], b: [2000] } };
  const wide = caseOf(under, drawn, 1);
  expect((2187 * 2000) / 64).toBeGreaterThan(65_535);
  expect(await runOpCase(wide, { device: dev, variants: true })).toEqual({ status: 'passed' });
});
