/** localResponseNorm: random shapes and windows against float64, fusion, errors. */
import { describe, expect, it } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import { localResponseNorm, relu } from '../../src/ops/index.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { Random } from '../support/random.ts';
import { type Case, checkCase, dispatches, runOnce } from './norm-cases.ts';

interface Options {
  readonly size: number;
  readonly alpha?: number;
  readonly beta?: number;
  readonly k?: number;
}

function caseOf(shape: readonly number[], { size, ...options }: Options): Case {
  return {
    reference: 'local_response_norm',
    attrs: { size, ...options },
    inputs: { x: new Random(size + shape[1]!).normal(shape, { std: 2 }) },
    body: ({ x }) => ({ y: localResponseNorm(x!, size, options) }),
    wrt: ['x'],
  };
}

describe('random shapes', () => {
  // Even and odd windows, from one channel to more than all, on channels around vec4s.
  it.each([1, 2, 3, 4, 5, 6, 9, 16, 33])('a window of %i', async (size) => {
    for (const channels of [1, 2, 3, 4, 5, 13, 24])
      await checkCase(caseOf([2, channels, 3, 5], { size, alpha: 0.5, beta: 0.75, k: 1 }));
  });

  it.each([
    { size: 5, alpha: 1e-4, beta: 0.75, k: 2 },
    { size: 3, alpha: 2, beta: 0.5, k: 0.5 },
    { size: 3, alpha: 1, beta: 1.5, k: 1 },
    { size: 3, alpha: 0, beta: 0.75, k: 3 },
  ])('%j', async (options) => {
    await checkCase(caseOf([3, 7, 5, 9], options));
    await checkCase({ ...caseOf([3, 7, 5, 9], options), limits: 'default' });
  });

  it('more than a workgroup', async () => {
    await checkCase(caseOf([5, 18, 23, 29], { size: 5 }));
  });
});

describe('graph', () => {
  it('takes relu in', async () => {
    const given = caseOf([2, 6, 3, 4], { size: 5 });
    const apart = await runOnce({ ...given, wrt: [] });
    const fused = await runOnce({ ...given, body: (v) => ({ y: relu(given.body(v).y!) }) });
    expect(dispatches(fused)).toContain('localResponseNorm+relu');
    expect(Array.from(fused.results.y!)).toEqual(Array.from(apart.results.y!, (v) => Math.max(v, 0)));
  });
});

describe('errors', () => {
  const x = input('x', [2, 3, 4, 4]);
  it.each([
    [() => localResponseNorm(x, 0), 'localResponseNorm: the window has 0 channels (x [2,3,4,4]).'],
    [() => localResponseNorm(x, 2.5), 'the window has 2.5 channels'],
    [() => localResponseNorm(x, 5, { k: 0 }), 'k is 0 (x [2,3,4,4])'],
    [() => localResponseNorm(input('x', [2, 3]), 5), 'x is f32 [2,3]. Pass f32 [n,c,h,w].'],
  ])('%#', (call, message) => {
    expect(call).toThrow(ShapeError);
    expect(call).toThrow(message);
  });
});
