/** layerNorm: random shapes in every variant against float64, accuracy, what is left out, images, fusion, errors. */
import { describe, expect, it } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import { layerNorm, maxPool2d, relu } from '../../src/ops/index.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { Random } from '../support/random.ts';
import type { Tensor, Tensors } from '../support/tensor.ts';
import { type Case, checkCase, dispatches, runOnce } from './norm-cases.ts';

function caseOf(x: Tensor, axes: number, { weight = true, bias = true, eps = 1e-5 } = {}): Case {
  const shape = x.shape.slice(-axes);
  const random = new Random(6);
  const inputs: Tensors = {
    x,
    ...(weight && { weight: random.normal(shape, { mean: 1, std: 0.5 }) }),
    ...(bias && { bias: random.normal(shape) }),
  };
  return {
    reference: 'layer_norm',
    attrs: { normalized_shape: shape, eps },
    inputs,
    body: ({ x: value, ...given }) => ({ y: layerNorm(value!, shape, { ...given, eps }) }),
    wrt: Object.keys(inputs),
  };
}

const normal = (shape: readonly number[], { mean = 1, std = 2 } = {}): Tensor =>
  new Random(shape.length).normal(shape, { mean, std });

// Rows of one element, a vec4, primes, around the threads of a row; rows around a workgroup; many of each.
const SHAPES: readonly (readonly [readonly number[], number])[] = [
  [[5], 1],
  [[3, 1], 1],
  [[64, 4], 1],
  [[65, 7], 1],
  [[3, 5, 32], 1],
  [[2, 3, 36], 2],
  [[2, 3, 4, 5], 3],
  [[9, 257], 1],
  [[2, 1021], 1],
  [[3, 8, 10, 13], 3],
  [[3001, 6], 1],
  [[700, 260], 1],
];

describe('random shapes', () => {
  it.each(SHAPES)('shape %j, last %i axes', async (shape, axes) => {
    await checkCase(caseOf(normal(shape), axes));
  });

  it.each([
    [true, false],
    [false, true],
    [false, false],
  ])('weight %s, bias %s, on default limits', async (weight, bias) => {
    await checkCase({ ...caseOf(normal([6, 10]), 1, { weight, bias }), limits: 'default' });
    await checkCase({ ...caseOf(normal([6, 12]), 1, { weight, bias }), limits: 'default' });
  });

  it.each(['x', 'weight', 'bias'])('gradient of %s alone', async (name) => {
    const labels = dispatches(await checkCase({ ...caseOf(normal([6, 10]), 1), wrt: [name] }));
    expect(labels.filter((label) => label === 'layerNormBackward')).toHaveLength(name === 'x' ? 1 : 2);
  });
});

describe('accuracy', () => {
  it('holds far from zero, also behind an outlier', async () => {
    const x = normal([7, 1000], { mean: 30, std: 1 });
    for (let row = 0; row < 7; row += 2) x.data[row * 1000] = 0;
    await checkCase(caseOf(x, 1));
  });
});

describe('graph', () => {
  it('takes what lies as an image', async () => {
    const given = caseOf(normal([2, 3, 4, 5]), 3);
    await checkCase({
      ...given,
      body: ({ x, ...rest }) => ({ y: layerNorm(maxPool2d(x!, { kernel: 1 }).y, [3, 4, 5], rest) }),
    });
  });

  it('takes relu in', async () => {
    const given = caseOf(normal([6, 12]), 1);
    const apart = await runOnce({ ...given, wrt: [] });
    const fused = await runOnce({ ...given, body: (v) => ({ y: relu(given.body(v).y!) }) });
    expect(dispatches(fused)).toContain('layerNorm+relu');
    expect(Array.from(fused.results.y!)).toEqual(Array.from(apart.results.y!, (v) => Math.max(v, 0)));
  });

  it('takes a number for the last axis', () => {
    expect(layerNorm(input('x', [2, 6]), 6).shape).toEqual([2, 6]);
  });
});

describe('errors', () => {
  const x = input('x', [2, 3, 4]);
  it.each([
    [() => layerNorm(x, 3), "layerNorm: the normalized shape [3] is not the end of x's shape [2,3,4]."],
    [() => layerNorm(x, []), 'the normalized shape [] is not the end'],
    [() => layerNorm(x, [1, 2, 3, 4]), 'the normalized shape [1,2,3,4] is not the end'],
    [() => layerNorm(x, 4, { weight: input('w', [3]) }), 'weight is f32 [3], the normalized shape [4] (x [2,3,4])'],
    [() => layerNorm(x, 4, { bias: input('b', [2, 4]) }), 'bias is f32 [2,4], the normalized shape [4]'],
    [() => layerNorm(x, 4, { eps: -2 }), 'eps is -2'],
    [() => layerNorm(input('x', [2, 4], 'i32'), 4), 'x is i32 [2,4]'],
  ])('%#', (call, message) => {
    expect(call).toThrow(ShapeError);
    expect(call).toThrow(message);
  });
});
