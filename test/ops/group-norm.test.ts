/** groupNorm and instanceNorm2d: random shapes and groups against float64, other ranks, what is left out, errors. */
import { describe, expect, it } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import { groupNorm, instanceNorm2d } from '../../src/ops/index.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { Random } from '../support/random.ts';
import type { Tensor } from '../support/tensor.ts';
import { type Case, channelInputs, checkCase } from './norm-cases.ts';

function caseOf(x: Tensor, groups: number, { affine = true, eps = 1e-4 } = {}): Case {
  const { weight, bias } = channelInputs(new Random(5), x);
  return {
    reference: 'group_norm',
    attrs: { groups, eps },
    inputs: { x, ...(affine && { weight: weight!, bias: bias! }) },
    body: ({ x: value, ...given }) => ({ y: groupNorm(value!, groups, { ...given, eps }) }),
    wrt: affine ? ['x', 'weight', 'bias'] : ['x'],
  };
}

const normal = (shape: readonly number[]): Tensor => new Random(shape.length).normal(shape, { mean: 1, std: 2 });

describe('groupNorm', () => {
  // Groups within, across and of several vec4s; a single channel; many samples, many parts, more than a block of columns.
  it.each([
    [[3, 1, 5, 3], 1],
    [[2, 6, 3, 5], 2],
    [[2, 6, 3, 5], 1],
    [[3, 12, 4, 4], 3],
    [[1, 10, 7, 2], 5],
    [[70, 6, 2, 2], 3],
    [[2, 4, 67, 71], 2],
    [[2, 520, 2, 3], 4],
    [[2, 264, 2, 3], 264],
    [[129, 2, 1, 3], 1],
  ])('shape %j, %i groups', async (shape, groups) => {
    await checkCase(caseOf(normal(shape), groups));
  });

  it('without weight and bias, on default limits', async () => {
    await checkCase({ ...caseOf(normal([3, 6, 5, 4]), 3, { affine: false }), limits: 'default' });
    await checkCase({ ...caseOf(normal([3, 6, 5, 4]), 3), limits: 'default' });
  });

  it.each([[[5, 6]], [[3, 6, 7]], [[2, 4, 3, 2, 3]]])('shape %j', async (shape) => {
    await checkCase(caseOf(normal(shape), 2));
  });

  it('names the numbers of wrong groups', () => {
    const x = input('x', [2, 6, 4, 4]);
    expect(() => groupNorm(x, 4)).toThrow(ShapeError);
    expect(() => groupNorm(x, 4)).toThrow('groupNorm: 6 channels cannot be parted into 4 groups (x [2,6,4,4]).');
    expect(() => groupNorm(x, 0)).toThrow('into 0 groups');
    expect(() => groupNorm(x, 2, { bias: input('b', [2]) })).toThrow('bias is f32 [2] for 6 channels');
    expect(() => groupNorm(input('x', [6]), 2)).toThrow('groupNorm: x is [6]. Pass [n,c,...]');
  });
});

describe('instanceNorm2d', () => {
  function instance(x: Tensor, affine: boolean): Case {
    const given = caseOf(x, x.shape[1]!, { affine });
    const body: Case['body'] = ({ x: value, ...rest }) => ({ y: instanceNorm2d(value!, { ...rest, eps: 1e-4 }) });
    return { ...given, reference: 'instance_norm2d', body };
  }

  it.each([[[3, 1, 5, 5]], [[2, 7, 5, 3]], [[66, 5, 2, 2]], [[2, 3, 41, 67]]])('shape %j', async (shape) => {
    await checkCase(instance(normal(shape), true));
    await checkCase(instance(normal(shape), false));
  });

  it('wants images', () => {
    expect(() => instanceNorm2d(input('x', [2, 3]))).toThrow('instanceNorm2d: x is f32 [2,3]. Pass f32 [n,c,h,w]');
  });
});
