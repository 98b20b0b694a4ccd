/** What batch, group and instance normalisation share: their plans, activations taken in, the same bits in every run. */
import { describe, expect, it } from 'vitest';
import type { Value } from '../../src/graph/types.ts';
import { addScalar, batchNorm2d, groupNorm, instanceNorm2d, relu, sigmoid } from '../../src/ops/index.ts';
import { Random } from '../support/random.ts';
import type { Tensor } from '../support/tensor.ts';
import { type Case, channelInputs, checkCase, dispatches, type Named, runOnce } from './norm-cases.ts';

interface Which {
  readonly op: string;
  readonly reference: string;
  readonly attrs: Case['attrs'];
  readonly apply: (x: Value, affine: { readonly weight?: Value; readonly bias?: Value }) => Value;
  /** Dispatches forward and backward. */
  readonly steps: readonly [number, number];
}

const OPS: readonly Which[] = [
  {
    op: 'batchNorm2d',
    reference: 'batch_norm2d',
    attrs: { training: true },
    apply: (x, affine) => batchNorm2d(x, { ...affine, training: true }).y,
    steps: [2, 2],
  },
  { op: 'instanceNorm2d', reference: 'instance_norm2d', attrs: {}, apply: instanceNorm2d, steps: [2, 3] },
  {
    op: 'groupNorm',
    reference: 'group_norm',
    attrs: { groups: 2 },
    apply: (x, affine) => groupNorm(x, 2, affine),
    steps: [3, 4],
  },
];

function caseOf({ reference, attrs, apply }: Which, x: Tensor, wrap: (y: Value) => Value = (y) => y): Case {
  const { weight, bias } = channelInputs(new Random(3), x);
  const body = ({ x: value, ...affine }: Named) => ({ y: wrap(apply(addScalar(value!, 0), affine)) });
  return { reference, attrs, inputs: { x, weight: weight!, bias: bias! }, body, wrt: ['x', 'weight', 'bias'] };
}

const normal = (shape: readonly number[], options = {}): Tensor => new Random(8).normal(shape, options);

const bitsOf = ({ results }: Awaited<ReturnType<typeof runOnce>>, name: string): string =>
  Buffer.from(Float32Array.from(results[name]!).buffer).toString('hex');

describe.each(OPS)('$op', (which) => {
  it('takes few dispatches', async () => {
    const given = caseOf(which, normal([2, 6, 5, 4]));
    await checkCase(given);
    const labels = dispatches(await runOnce(given));
    const count = (label: string) => labels.filter((l) => l === label).length;
    expect([count(which.op), count(`${which.op}Backward`)]).toEqual(which.steps);
  });

  it.each([
    { activation: relu, channels: 6, name: 'relu', fused: true },
    { activation: sigmoid, channels: 8, name: 'sigmoid', fused: true },
    // Its value at 0 would go into the padding.
    { activation: sigmoid, channels: 6, name: 'sigmoid', fused: false },
  ])('$name after $channels channels: taken in $fused', async ({ activation, channels, name, fused }) => {
    const x = normal([2, channels, 5, 4]);
    const apart = await runOnce({ ...caseOf(which, x), wrt: [] });
    const together = await runOnce(caseOf(which, x, activation));
    expect(dispatches(together)).toContain(fused ? `${which.op}+${name}` : name);
    const f = activation === relu ? (v: number) => Math.max(v, 0) : (v: number) => 1 / (1 + Math.exp(-v));
    Array.from(together.results.y!).forEach((v, i) => {
      expect(v).toBeCloseTo(f(apart.results.y![i]!), 6);
    });
  });

  it('gives the same bits again', async () => {
    const given = caseOf(which, normal([5, 6, 31, 33]));
    const [first, second] = [await runOnce(given), await runOnce(given)];
    expect(Object.keys(first.results)).toEqual(['y', 'grad_x', 'grad_weight', 'grad_bias']);
    for (const name of Object.keys(first.results))
      expect(bitsOf(first, name) === bitsOf(second, name), name).toBe(true);
  });

  // More and smaller parts: hundreds of them to be summed for each channel.
  it.each([
    [2, 6, 61, 63],
    [1, 8, 97, 83],
    [13, 2, 29, 31],
    [70, 4, 9, 11],
    [3, 264, 7, 9],
  ])('shape %i %i %i %i, cut as for a GPU', async (...shape) => {
    await checkCase({ ...caseOf(which, normal(shape, { mean: 2 })), caps: { software: false } });
  });

  it('is accurate far from zero', async () => {
    await checkCase(caseOf(which, normal([3, 8, 19, 23], { mean: 30, std: 1 })));
  });
});
