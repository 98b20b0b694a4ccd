/** softmax and logSoftmax: golden cases and random shapes in every variant, axes, layouts and padding, long rows, errors. */
import { describe, expect, it } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import type { Value } from '../../src/graph/types.ts';
import { logSoftmax, softmax } from '../../src/ops/softmax.ts';
import { GOLDENS, loadFamily } from '../support/goldens.ts';
import { Random } from '../support/random.ts';
import { referenceOp } from '../support/reference/index.ts';
import type { Tensor } from '../support/tensor.ts';
import { afterDirt, asNhwc, attr, checkGolden, expectClose, memoryOf, PROFILES, runOp } from './loss-cases.ts';

const VARIANTS = ['thread', 'wide'];
const OPS = [
  { op: 'softmax', golden: 'softmax', apply: softmax },
  { op: 'logSoftmax', golden: 'log_softmax', apply: logSoftmax },
];
const goldens = loadFamily(GOLDENS, 'softmax');

describe.each(PROFILES)('golden cases, %s limits', (profile) => {
  describe.each(VARIANTS)('%s', (variant) => {
    for (const { op, golden: name, apply } of OPS) {
      it.each(goldens.filter((g) => g.op === name).map((golden) => [golden.name, golden] as const))(
        '%s',
        async (_, golden) => {
          const axis = attr.number(golden, 'axis');
          await checkGolden(golden, { op, variant, profile, body: ({ x }) => ({ y: apply(x!, { axis }) }) });
        },
      );
    }
  });
});

interface Check {
  readonly which: (typeof OPS)[number];
  readonly variant: string;
  readonly x: Tensor;
  readonly axis: number;
  readonly wrap?: (x: Value) => Value;
}

async function check({ which, variant, x, axis, wrap = (v) => v }: Check): Promise<void> {
  const upstream = new Random(9).normal(x.shape);
  const results = await runOp({
    op: which.op,
    variant,
    inputs: { x: { tensor: x } },
    body: (v) => ({ y: which.apply(wrap(v.x!), { axis }) }),
    wrt: ['x'],
    upstream,
  });
  const reference = referenceOp(which.golden);
  const attrs = { axis };
  const scale = Math.max(1, Math.sqrt(x.shape[axis]!));
  expectClose(results.y!, reference.forward({ x }, attrs).y!, { name: 'y', atol: 1e-6, rtol: 1e-5 });
  const { x: dx } = reference.backward!({ x }, attrs, { y: upstream });
  expectClose(results.grad_x!, dx!, { name: 'grad_x', atol: 2e-6 * scale, rtol: 1e-5 });
}

describe.each(OPS)('$op', (which) => {
  describe.each(VARIANTS)('%s', (variant) => {
    it.each([
      [[1], 0],
      [[64, 63], 1],
      [[65, 2], 0],
      [[2, 257], 1],
      [[3, 5, 7], 1],
      [[2, 3, 4, 5], 0],
      [[2, 3, 2, 3, 2], 2],
    ])('shape %j, axis %i', async (shape, axis) => {
      const random = new Random(shape.length + axis);
      await check({ which, variant, x: random.normal(shape, { std: 3 }), axis });
      // Ties, at the largest too.
      await check({ which, variant, x: random.integers(shape, { min: 0, max: 1 }), axis });
    });

    it.each([0, 1, 2, 3])('nhwc, axis %i', async (axis) => {
      const x = new Random(axis).normal([3, 6, 2, 5], { std: 2 });
      await check({ which, variant, x, axis, wrap: asNhwc });
      const { y } = await runOp({
        op: which.op,
        variant,
        inputs: { x: { tensor: x } },
        body: (v) => ({ y: memoryOf(which.apply(asNhwc(afterDirt(v.x!)), { axis })) }),
      });
      expect(y).toHaveLength(3 * 2 * 5 * 8);
      y!.forEach((v, i) => {
        expect(v !== 0, `lane ${i}`).toBe(i % 8 < 6);
      });
    });
  });

  it('handles 70,001 rows and rows of 70,001', async () => {
    const random = new Random(4);
    await check({ which, variant: 'thread', x: random.normal([70_001, 2]), axis: 1 });
    await check({ which, variant: 'wide', x: random.normal([70_001, 2]), axis: 1 });
    await check({ which, variant: 'wide', x: random.normal([1, 70_001]), axis: 1 });
  });

  it('names the numbers of a wrong axis', () => {
    expect(() => which.apply(input('x', [2, 3]), { axis: 2 })).toThrow(
      `${which.op}: axis 2 is not an axis of a tensor of rank 2. Use -2..1.`,
    );
    expect(() => which.apply(input('x', [2, 3], 'i32'))).toThrow(`${which.op}: x is i32 [2,3].`);
  });
});
