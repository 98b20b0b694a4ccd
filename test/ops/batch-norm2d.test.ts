/** batchNorm2d: random shapes in training and evaluation against float64, statistics, what is left out, errors. */
import { describe, expect, it } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import { batchNorm2d } from '../../src/ops/index.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { Random } from '../support/random.ts';
import { type Tensor, type Tensors, tensor } from '../support/tensor.ts';
import { type Case, channelInputs, checkCase, dispatches, type Named } from './norm-cases.ts';

interface Options {
  readonly training: boolean;
  readonly affine?: boolean;
  readonly tracked?: boolean;
  readonly eps?: number;
  readonly momentum?: number;
}

const build =
  ({ training, eps = 1e-5, momentum = 0.1 }: Options): Case['body'] =>
  ({ x, weight, bias, running_mean: runningMean, running_var: runningVar }: Named) => {
    const found = batchNorm2d(x!, { weight, bias, runningMean, runningVar, training, eps, momentum });
    return { y: found.y, running_mean_new: found.runningMean, running_var_new: found.runningVar };
  };

function caseOf(x: Tensor, options: Options): Case {
  const { training, affine = true, tracked = true, eps = 1e-5, momentum = 0.1 } = options;
  const { weight, bias, running_mean, running_var } = channelInputs(new Random(5), x);
  const inputs: Tensors = {
    x,
    ...(affine && { weight: weight!, bias: bias! }),
    ...(tracked && { running_mean: running_mean!, running_var: running_var! }),
  };
  return {
    reference: 'batch_norm2d',
    attrs: { training, eps, momentum },
    inputs,
    body: build(options),
    wrt: affine ? ['x', 'weight', 'bias'] : ['x'],
  };
}

const normal = (shape: readonly number[], { mean = 0.5, std = 2 } = {}): Tensor =>
  new Random(shape.reduce((a, b) => 31 * a + b, 1)).normal(shape, { mean, std });

// Single channels and pixels, channels around a vec4 and a block of 64 vec4s, primes, one part and many.
const SHAPES = [
  [2, 1, 1, 1],
  [3, 1, 5, 7],
  [1, 3, 3, 3],
  [2, 4, 5, 4],
  [7, 5, 3, 1],
  [5, 6, 11, 13],
  [9, 1, 40, 41],
  [4, 8, 64, 65],
  [2, 255, 3, 3],
  [2, 256, 2, 2],
  [3, 261, 3, 2],
];

describe.each([true, false])('training: %s', (training) => {
  it.each(SHAPES)('shape %i %i %i %i', async (...shape) => {
    await checkCase(caseOf(normal(shape), { training, momentum: 0.3, eps: 1e-3 }));
  });

  it('on default limits', async () => {
    await checkCase({ ...caseOf(normal([6, 10, 17, 9]), { training }), limits: 'default' });
  });

  it.each([
    [13, 1, 29, 31],
    [4, 8, 64, 65],
  ])('shape %i %i %i %i, cut as for a GPU', async (...shape) => {
    await checkCase({ ...caseOf(normal(shape), { training }), caps: { software: false } });
  });

  it('without weight and bias', async () => {
    await checkCase(caseOf(normal([3, 6, 5, 5]), { training, affine: false }));
  });

  it('with weight alone, with bias alone', async () => {
    const { inputs, ...rest } = caseOf(normal([3, 6, 5, 5]), { training });
    const { weight, bias, ...others } = inputs;
    await checkCase({ ...rest, inputs: { ...others, weight: weight! }, wrt: ['x', 'weight'] });
    await checkCase({ ...rest, inputs: { ...others, bias: bias! }, wrt: ['x', 'bias'] });
  });

  it.each([
    { wrt: ['x'] },
    { wrt: ['weight'] },
    { wrt: ['bias'] },
    { wrt: ['weight', 'bias'] },
    { wrt: ['x', 'bias'] },
  ])('gradients of $wrt alone', async ({ wrt }) => {
    const labels = dispatches(await checkCase({ ...caseOf(normal([2, 6, 9, 5]), { training }), wrt }));
    const backward = labels.filter((label) => label === 'batchNorm2dBackward').length;
    const sums = training || wrt.join() !== 'x' ? 2 : 0;
    expect(backward).toBe(sums + Number(wrt.includes('x')));
  });
});

describe('statistics', () => {
  it('are accurate far from zero, also behind an outlier', async () => {
    const x = normal([8, 5, 33, 31], { mean: 30, std: 1 });
    x.data.fill(0, 0, 31);
    x.data.fill(0, 2 * 5 * 33 * 31, 2 * 5 * 33 * 31 + 3);
    await checkCase(caseOf(x, { training: true }));
    const far = normal([8, 5, 33, 31], { mean: 1000, std: 1 });
    // The mean itself is rounded to 6e-5 of a deviation.
    const tolerance = (name: string) => ({ atol: /grad_[wb]/.test(name) ? 2e-2 : 1e-4, rtol: 1e-5 });
    await checkCase({ ...caseOf(far, { training: true }), tolerance });
  });

  it('of the batch without running ones', async () => {
    await checkCase(caseOf(normal([3, 6, 4, 4]), { training: true, tracked: false }));
  });

  it('a channel that is constant gives bias', async () => {
    const x = tensor([4, 3, 5, 5], new Array(300).fill(7));
    const { results } = await checkCase({
      ...caseOf(x, { training: true }),
      tolerance: () => ({ atol: 1e-3, rtol: 1e-5 }),
    });
    const bias = channelInputs(new Random(5), x).bias!.data;
    expect(Array.from(results.y!).every((v, i) => v === Math.fround(bias[Math.floor(i / 25) % 3]!))).toBe(true);
  });

  it('a channel of one value gives bias and keeps the running variance', async () => {
    const { inputs, ...rest } = caseOf(tensor([1, 3, 1, 1], [4, -2, 9]), { training: true, momentum: 0.5 });
    const { body } = rest;
    // The reference has no unbiased variance of one value.
    const { results } = await checkCase({
      ...rest,
      inputs: { ...inputs },
      body: (v) => ({ ...body(v), running_var_new: null, kept: body(v).running_var_new! }),
      tolerance: () => ({ atol: 1e-4, rtol: 0 }),
      reference: 'instance_norm2d',
      attrs: { eps: 1e-5 },
    });
    expect(Array.from(results.kept!)).toEqual(Array.from(inputs.running_var!.data));
  });
});

describe('errors', () => {
  const x = input('x', [2, 6, 4, 4]);
  const c = (count: number) => input('c', [count]);

  it.each([
    ['a vector', () => batchNorm2d(c(6), { training: true }), 'batchNorm2d: x is f32 [6]. Pass f32 [n,c,h,w]'],
    [
      'a weight of another size',
      () => batchNorm2d(x, { training: true, weight: c(5) }),
      'batchNorm2d: weight is f32 [5] for 6 channels (x [2,6,4,4]). Pass f32 [6].',
    ],
    ['evaluation without statistics', () => batchNorm2d(x), 'batchNorm2d: evaluation needs runningMean and runningVar'],
    ['half of the statistics', () => batchNorm2d(x, { training: true, runningMean: c(6) }), 'one of runningMean'],
    ['momentum', () => batchNorm2d(x, { training: true, momentum: 2 }), 'momentum is 2 (x [2,6,4,4])'],
    ['eps', () => batchNorm2d(x, { training: true, eps: -1 }), 'eps is -1 (x [2,6,4,4])'],
  ])('%s', (_, call, message) => {
    expect(call).toThrow(ShapeError);
    expect(call).toThrow(message);
  });
});
