/** Losses of elements: golden cases and random shapes in every variant, weights, layouts and padding, edges, errors. */
import { describe, expect, it } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import type { Value } from '../../src/graph/types.ts';
import {
  bceLoss,
  bceWithLogitsLoss,
  huberLoss,
  klDivLoss,
  l1Loss,
  mseLoss,
  sigmoidFocalLoss,
  smoothL1Loss,
} from '../../src/ops/pointwise-loss.ts';
import { grad } from '../../src/train/program.ts';
import { GOLDENS, type GoldenCase, loadFamily } from '../support/goldens.ts';
import { Random } from '../support/random.ts';
import { type Attrs, referenceOp } from '../support/reference/index.ts';
import { type Tensor, tensor } from '../support/tensor.ts';
import {
  afterDirt,
  asNhwc,
  attr,
  checkGolden,
  expectClose,
  memoryOf,
  PROFILES,
  reductionOf,
  runOp,
} from './loss-cases.ts';

type Reduction = 'none' | 'mean' | 'sum';
type Values = { readonly [name: string]: Value };

interface Loss {
  /** Name in messages and plans. */
  readonly op: string;
  readonly apply: (v: Values, attrs: Attrs, reduction: Reduction) => Value;
}

/** By the name in the golden data. */
const LOSSES: { readonly [golden: string]: Loss } = {
  mse_loss: { op: 'mseLoss', apply: (v, _, reduction) => mseLoss(v.x!, v.target!, { reduction }) },
  l1_loss: { op: 'l1Loss', apply: (v, _, reduction) => l1Loss(v.x!, v.target!, { reduction }) },
  smooth_l1_loss: {
    op: 'smoothL1Loss',
    apply: (v, { beta }, reduction) => smoothL1Loss(v.x!, v.target!, { beta: Number(beta), reduction }),
  },
  huber_loss: {
    op: 'huberLoss',
    apply: (v, { delta }, reduction) => huberLoss(v.x!, v.target!, { delta: Number(delta), reduction }),
  },
  bce: { op: 'bceLoss', apply: (v, _, reduction) => bceLoss(v.x!, v.target!, { reduction }) },
  bce_with_logits: {
    op: 'bceWithLogitsLoss',
    apply: (v, _, reduction) =>
      bceWithLogitsLoss(v.x!, v.target!, { weight: v.weight, posWeight: v.pos_weight, reduction }),
  },
  kl_div: {
    op: 'klDivLoss',
    apply: (v, { log_target, reduction: named }, reduction) =>
      klDivLoss(v.x!, v.target!, {
        logTarget: log_target === true,
        reduction: named === 'batchmean' ? 'batchmean' : reduction,
      }),
  },
};

const goldens = loadFamily(GOLDENS, 'losses').filter((g) => LOSSES[g.op]);
const variantsOf = (reduction: unknown): string[] => (reduction === 'none' ? ['split'] : ['fused', 'split']);
const reductionIn = (golden: GoldenCase): Reduction =>
  attr.text(golden, 'reduction') === 'batchmean' ? 'mean' : reductionOf(golden);

describe.each(PROFILES)('golden cases, %s limits', (profile) => {
  const cases = goldens.flatMap((golden) =>
    variantsOf(golden.attrs.reduction).map((variant) => [golden.name, variant, golden] as const),
  );
  it.each(cases)('%s, %s', async (_, variant, golden) => {
    const { op, apply } = LOSSES[golden.op]!;
    await checkGolden(golden, {
      op,
      variant,
      profile,
      body: (v) => ({ y: apply(v, golden.attrs, reductionIn(golden)) }),
    });
  });
});

const ATTRS: Attrs = { beta: 0.5, delta: 0.7, log_target: false };

/** Values of x and target that the loss is defined for, kinks apart. */
function sample(golden: string, shape: readonly number[], random: Random): { x: Tensor; target: Tensor } {
  const target = random.uniform(shape, { min: 0.05, max: 0.95 });
  return { x: golden === 'bce' ? random.uniform(shape, { min: 0.05, max: 0.95 }) : random.normal(shape), target };
}

describe.each(Object.entries(LOSSES))('%s', (golden, { op, apply }) => {
  const reference = referenceOp(golden);

  it.each([[[]], [[1]], [[3, 85]], [[256]], [[257]], [[2, 3, 5, 7]]])('shape %j', async (shape: number[]) => {
    const random = new Random(shape.length);
    const { x, target } = sample(golden, shape, random);
    for (const reduction of ['mean', 'sum', 'none'] as const) {
      const attrs = { ...ATTRS, reduction };
      const upstream = random.normal(reduction === 'none' ? shape : []);
      for (const variant of variantsOf(reduction)) {
        const results = await runOp({
          op,
          variant,
          inputs: { x: { tensor: x }, target: { tensor: target } },
          body: (v) => ({ y: apply({ ...v, x: shape.length === 4 ? asNhwc(v.x!) : v.x! }, attrs, reduction) }),
          wrt: ['x'],
          upstream,
        });
        const { y } = reference.forward({ x, target }, attrs);
        expectClose(results.y!, y!, { name: 'y', atol: 3e-6, rtol: 1e-5 });
        const { x: dx } = reference.backward!({ x, target }, attrs, { y: upstream });
        expectClose(results.grad_x!, dx!, { name: 'grad_x', atol: 3e-6, rtol: 1e-5 });
      }
    }
  });

  it('writes zeros to padding lanes', async () => {
    const { x, target } = sample(golden, [2, 5, 3, 3], new Random(1));
    const results = await runOp({
      op,
      variant: 'split',
      inputs: { x: { tensor: x }, target: { tensor: target } },
      body: (v) => {
        const loss = apply({ x: asNhwc(afterDirt(v.x!)), target: v.target! }, ATTRS, 'none');
        const { source } = loss;
        if (source.kind !== 'node') throw new Error('no node');
        return { loss: memoryOf(loss), slope: memoryOf(source.node.outputs[1]!) };
      },
    });
    for (const lanes of [results.loss!, results.slope!]) {
      expect(lanes).toHaveLength(2 * 3 * 3 * 8);
      lanes.forEach((v, i) => {
        expect(v !== 0, `lane ${i}`).toBe(i % 8 < 5);
      });
    }
  });
});

it('sums 1,100,003 elements accurately, with the gradient of 1 passed as it is', async () => {
  const random = new Random(8);
  const shape = [1_100_003];
  const x = random.uniform(shape);
  const target = random.uniform(shape);
  for (const variant of ['fused', 'split']) {
    const { y } = await runOp({
      op: 'mseLoss',
      variant,
      inputs: { x: { tensor: x }, target: { tensor: target } },
      body: (v) => ({ y: mseLoss(v.x!, v.target!, { reduction: 'sum' }) }),
    });
    const exact = referenceOp('mse_loss').forward({ x, target }, { reduction: 'sum' }).y!;
    expectClose(y!, exact, { name: 'y', atol: 0, rtol: 5e-6 });
  }
});

it('holds the logarithms of bceLoss at -100', async () => {
  const x = tensor([6], [0, 1, 0, 1, 0.5, 1e-30]);
  const target = tensor([6], [1, 0, 0, 1, 0.5, 1]);
  const { y, grad_x } = await runOp({
    op: 'bceLoss',
    variant: 'split',
    inputs: { x: { tensor: x }, target: { tensor: target } },
    body: (v) => ({ y: bceLoss(v.x!, v.target!, { reduction: 'none' }) }),
    wrt: ['x'],
    upstream: tensor([6], [1, 1, 1, 1, 1, 1]),
  });
  const reference = referenceOp('bce');
  const attrs = { reduction: 'none' };
  expectClose(y!, reference.forward({ x, target }, attrs).y!, { name: 'y', atol: 2e-6, rtol: 1e-5 });
  const upstream = tensor([6], [1, 1, 1, 1, 1, 1]);
  const { x: dx } = reference.backward!({ x, target }, attrs, { y: upstream });
  expectClose(grad_x!, dx!, { name: 'grad_x', atol: 2e-6, rtol: 1e-5 });
});

it('broadcasts weights in any layout', async () => {
  const random = new Random(6);
  const x = random.normal([2, 5, 3, 4]);
  const target = random.uniform([2, 5, 3, 4]);
  const weight = random.uniform([2, 1, 3, 1]);
  const pos_weight = random.uniform([5, 1, 1], { min: 0.5, max: 3 });
  for (const variant of ['fused', 'split']) {
    const tensors = { x, target, weight, pos_weight };
    const results = await runOp({
      op: 'bceWithLogitsLoss',
      variant,
      inputs: Object.fromEntries(Object.entries(tensors).map(([name, t]) => [name, { tensor: t }])),
      body: (v) => ({
        y: bceWithLogitsLoss(asNhwc(v.x!), v.target!, { weight: asNhwc(v.weight!), posWeight: v.pos_weight }),
      }),
      wrt: ['x'],
    });
    const reference = referenceOp('bce_with_logits');
    expectClose(results.y!, reference.forward(tensors, {}).y!, { name: 'y', atol: 2e-6, rtol: 1e-5 });
    const { x: dx } = reference.backward!(tensors, {}, { y: tensor([], [1]) });
    expectClose(results.grad_x!, dx!, { name: 'grad_x', atol: 1e-6, rtol: 1e-5 });
  }
});

it('names the numbers of wrong arguments', () => {
  const x = input('x', [4, 3]);
  const t = input('t', [4, 3]);
  expect(() => mseLoss(x, input('t', [4, 1]))).toThrow(
    'mseLoss: input f32 [4,3], target f32 [4,1]. Pass two f32 tensors of the same shape.',
  );
  expect(() => bceWithLogitsLoss(x, t, { posWeight: input('w', [4]) })).toThrow('sizes 4 and 3 do not broadcast');
  expect(() => bceLoss(x, t, { weight: input('w', [2, 4, 3]) })).toThrow('a weight of shape [2,4,3]');
  expect(() => smoothL1Loss(x, t, { beta: -1 })).toThrow('beta is -1');
  expect(() => huberLoss(x, t, { delta: 0 })).toThrow('delta is 0');
  expect(() => grad(bceLoss(x, t), [t])).toThrow('bceLoss: only the input has a gradient, but the target needs one');
});

describe('sigmoidFocalLoss', () => {
  const focal = (x: number, t: number, { alpha = 0.25, gamma = 2 } = {}): number => {
    const p = 1 / (1 + Math.exp(-x));
    const crossEntropy = Math.max(x, 0) - x * t + Math.log1p(Math.exp(-Math.abs(x)));
    const right = p * t + (1 - p) * (1 - t);
    return (alpha * t + (1 - alpha) * (1 - t)) * (1 - right) ** gamma * crossEntropy;
  };

  it.each([{}, { alpha: 0.7, gamma: 0 }, { alpha: 0.4, gamma: 1.5 }, { gamma: 5 }])(
    '%j: value and gradient',
    async (options) => {
      const x = new Random(6).normal([3, 5, 2, 2], { std: 3 });
      const target = tensor(
        [3, 5, 2, 2],
        Array.from({ length: 60 }, (_, i) => [0, 1, 1, 0.3][i % 4]!),
      );
      const upstream = new Random(7).normal([3, 5, 2, 2]);
      for (const variant of ['split'])
        for (const wrap of [(v: Value) => v, asNhwc]) {
          const results = await runOp({
            op: 'sigmoidFocalLoss',
            variant,
            inputs: { x: { tensor: x }, target: { tensor: target } },
            body: (v) => ({ y: sigmoidFocalLoss(wrap(v.x!), wrap(v.target!), { ...options, reduction: 'none' }) }),
            wrt: ['x'],
            upstream,
          });
          const y = tensor(
            x.shape,
            Array.from(x.data, (v, i) => focal(v, target.data[i]!, options)),
          );
          const h = 1e-6;
          const slope = (v: number, t: number): number =>
            (focal(v + h, t, options) - focal(v - h, t, options)) / (2 * h);
          const dx = tensor(
            x.shape,
            Array.from(x.data, (v, i) => upstream.data[i]! * slope(v, target.data[i]!)),
          );
          expectClose(results.y!, y, { name: 'y', atol: 2e-6, rtol: 2e-5 });
          expectClose(results.grad_x!, dx, { name: 'grad_x', atol: 4e-6, rtol: 4e-5 });
        }
    },
  );

  it('refuses what is no share', () => {
    const x = input('x', [2]);
    expect(() => sigmoidFocalLoss(x, x, { alpha: 1 })).toThrow(
      'sigmoidFocalLoss: alpha is 1, gamma 2. Pass 0 < alpha < 1 and gamma of at least 0.',
    );
  });
});
