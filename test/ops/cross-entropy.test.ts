/** crossEntropy and nllLoss: golden cases and random shapes in every variant, counts, ignored rows, layouts, errors. */
import { describe, expect, it } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import type { Value } from '../../src/graph/types.ts';
import { type CrossEntropyOptions, crossEntropy, nllLoss } from '../../src/ops/cross-entropy.ts';
import { compile, f32, i32 } from '../../src/train/program.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { device } from '../support/device.ts';
import { GOLDENS, type GoldenCase, loadFamily } from '../support/goldens.ts';
import { Random } from '../support/random.ts';
import { referenceOp } from '../support/reference/index.ts';
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

const VARIANTS = ['fused', 'rows', 'wide'];
const TOLERANCE = { atol: 2e-6, rtol: 1e-5 };
const goldens = loadFamily(GOLDENS, 'losses');
const named = (op: string) =>
  goldens.filter((g) => g.op === op).map((golden): [string, GoldenCase] => [golden.name, golden]);

const optionsOf = (golden: GoldenCase, weight: Value | undefined): CrossEntropyOptions => ({
  weight: weight ?? null,
  ignoreIndex: attr.number(golden, 'ignore_index'),
  reduction: reductionOf(golden),
});

describe.each(PROFILES)('golden cases, %s limits', (profile) => {
  describe.each(VARIANTS)('crossEntropy %s', (variant) => {
    it.each(named('cross_entropy'))('%s', async (_, golden) => {
      const labelSmoothing = attr.number(golden, 'label_smoothing');
      await checkGolden(golden, {
        op: 'crossEntropy',
        variant,
        profile,
        body: ({ x, target, weight }) => ({
          y: crossEntropy(x!, target!, { ...optionsOf(golden, weight), labelSmoothing }).loss,
        }),
      });
    });
  });
  describe.each(['fused', 'rows'])('nllLoss %s', (variant) => {
    it.each(named('nll_loss'))('%s', async (_, golden) => {
      await checkGolden(golden, {
        op: 'nllLoss',
        variant,
        profile,
        body: ({ x, target, weight }) => ({ y: nllLoss(x!, target!, optionsOf(golden, weight)) }),
      });
    });
  });
});

/** Rows whose first largest logit is at the label. */
function countCorrect(x: Tensor, target: Tensor, ignored: number): number {
  const classes = x.shape[1]!;
  const inner = x.data.length / (x.shape[0]! * classes);
  let correct = 0;
  target.data.forEach((label, row) => {
    const base = Math.floor(row / inner) * classes * inner + (row % inner);
    let best = 0;
    for (let c = 1; c < classes; c++) if (x.data[base + c * inner]! > x.data[base + best * inner]!) best = c;
    if (label !== ignored && label === best) correct++;
  });
  return correct;
}

const SHAPES = [
  [1, 1],
  [1, 7],
  [64, 10],
  [65, 3],
  [131, 67],
  [3, 257],
  [2, 5, 7],
  [2, 3, 3, 5],
  [2, 4, 2, 3, 3],
];

describe.each(VARIANTS)('random shapes, %s', (variant) => {
  it.each(SHAPES)('[%i, %i, %s...]', async (...sizes) => {
    const shape = sizes.filter((size) => typeof size === 'number');
    const random = new Random(shape.reduce((a, b) => 31 * a + b, variant.length));
    const classes = shape[1]!;
    const rows = [shape[0]!, ...shape.slice(2)];
    // Few distinct integers: ties are frequent.
    const x = random.integers(shape, { min: -2, max: 2 });
    const target = random.integers(rows, { min: -1, max: classes - 1 });
    const weight = random.uniform([classes], { min: 0.5, max: 2 });
    const reduction = random.pick(['mean', 'sum', 'none'] as const);
    const upstream = random.normal(reduction === 'none' ? rows : []);
    const results = await runOp({
      op: 'crossEntropy',
      variant,
      inputs: { x: { tensor: x }, target: { tensor: target, dtype: 'i32' }, weight: { tensor: weight } },
      body: (v) => {
        const options = { weight: v.weight, ignoreIndex: -1, labelSmoothing: 0.1, reduction };
        const { loss, correct } = crossEntropy(v.x!, v.target!, options);
        return { y: loss, correct };
      },
      wrt: ['x'],
      upstream,
    });
    const attrs = { reduction, ignore_index: -1, label_smoothing: 0.1 };
    const reference = referenceOp('cross_entropy');
    if (target.data.some((label) => label !== -1)) {
      expectClose(results.y!, reference.forward({ x, target, weight }, attrs).y!, { name: 'y', ...TOLERANCE });
      const { x: dx } = reference.backward!({ x, target, weight }, attrs, { y: upstream });
      expectClose(results.grad_x!, dx!, { name: 'grad_x', ...TOLERANCE });
    }
    expect(Array.from(results.correct!)).toEqual([countCorrect(x, target, -1)]);
  });

  it('takes logits in nhwc and leaves the padding of their gradient zero', async () => {
    const random = new Random(5);
    const x = random.normal([2, 6, 3, 5], { std: 2 });
    const target = random.integers([2, 3, 5], { min: 0, max: 5 });
    const results = await runOp({
      op: 'crossEntropy',
      variant,
      inputs: { x: { tensor: x }, target: { tensor: target, dtype: 'i32' } },
      body: (v) => ({ y: crossEntropy(asNhwc(v.x!), v.target!, { labelSmoothing: 0.2 }).loss }),
      wrt: ['x'],
    });
    const attrs = { reduction: 'mean', ignore_index: -100, label_smoothing: 0.2 };
    const reference = referenceOp('cross_entropy');
    expectClose(results.y!, reference.forward({ x, target }, attrs).y!, { name: 'y', ...TOLERANCE });
    const { x: dx } = reference.backward!({ x, target }, attrs, { y: tensor([], [1]) });
    expectClose(results.grad_x!, dx!, { name: 'grad_x', ...TOLERANCE });
  });

  it('counts and sums over 70,001 rows', async () => {
    const random = new Random(7);
    const shape = [70_001, 3];
    const x = random.normal(shape, { std: 3 });
    const target = random.integers([70_001], { min: 0, max: 2 });
    const results = await runOp({
      op: 'crossEntropy',
      variant,
      profile: 'default',
      inputs: { x: { tensor: x }, target: { tensor: target, dtype: 'i32' } },
      body: (v) => {
        const { loss, correct } = crossEntropy(v.x!, v.target!, { ignoreIndex: 1 });
        return { y: loss, correct };
      },
      wrt: ['x'],
      upstream: tensor([], [70_001]),
    });
    const attrs = { reduction: 'mean', ignore_index: 1, label_smoothing: 0 };
    const reference = referenceOp('cross_entropy');
    expectClose(results.y!, reference.forward({ x, target }, attrs).y!, { name: 'y', atol: 0, rtol: 2e-6 });
    const { x: dx } = reference.backward!({ x, target }, attrs, { y: tensor([], [70_001]) });
    expectClose(results.grad_x!, dx!, { name: 'grad_x', ...TOLERANCE });
    expect(Array.from(results.correct!)).toEqual([countCorrect(x, target, 1)]);
  });

  it('is 0 where every row is ignored, and reads nothing outside for labels out of range', async () => {
    const x = new Random(1).normal([3, 4]);
    const run = (labels: number[]) =>
      runOp({
        op: 'crossEntropy',
        variant,
        inputs: { x: { tensor: x }, target: { tensor: tensor([3], labels), dtype: 'i32' } },
        body: (v) => ({ y: crossEntropy(v.x!, v.target!).loss }),
        wrt: ['x'],
      });
    const ignored = await run([-100, -100, -100]);
    expect(Array.from(ignored.y!)).toEqual([0]);
    expect(Array.from(ignored.grad_x!)).toEqual(new Array(12).fill(0));
    const outside = await run([-7, 4, 2 ** 31 - 1]);
    const nearest = await run([0, 3, 3]);
    expect(outside).toEqual(nearest);
  });
});

it('writes zeros to the padding lanes of the gradient', async () => {
  const x = new Random(3).normal([2, 5, 2, 3]);
  const target = tensor([2, 2, 3], new Array(12).fill(1));
  for (const variant of VARIANTS) {
    const program = await compile(
      await device(),
      { x: f32(2, 5, 2, 3), target: i32(2, 2, 3) },
      (v) => {
        const { loss } = crossEntropy(asNhwc(afterDirt(v.x)), v.target);
        const { source } = loss;
        if (source.kind !== 'node') throw new Error('no node');
        return { lanes: memoryOf(source.node.outputs[1]!) };
      },
      { choose: ({ op }, ids) => (op === 'crossEntropy' ? variant : ids[0]!) },
    );
    const { lanes } = await program.run({ x: Float32Array.from(x.data), target: Int32Array.from(target.data) });
    program.dispose();
    expect(lanes).toHaveLength(2 * 2 * 3 * 8);
    lanes!.forEach((v, i) => {
      expect(v !== 0, `lane ${i}`).toBe(i % 8 < 5);
    });
  }
});

it('is one dispatch for loss, count and gradient of a usual batch, without the gradient where it is not used', async () => {
  const plan = async (train: boolean) => {
    const program = await compile(await device(), { x: f32(128, 10), t: i32(128) }, (v) => {
      const { loss, correct } = crossEntropy(v.x, v.t);
      const { source } = loss;
      if (source.kind !== 'node') throw new Error('no node');
      return { loss, correct, ...(train && { dx: source.node.outputs[1]! }) };
    });
    program.dispose();
    return program.plan.dispatches.map((d) => d.bindings.map((b) => b.name));
  };
  expect(await plan(true)).toEqual([['params', 'labels', 'logits', 'd_logits', 'correct', 'loss']]);
  expect(await plan(false)).toEqual([['params', 'labels', 'logits', 'correct', 'loss']]);
});

it('names the numbers of wrong shapes', () => {
  const x = input('x', [4, 3]);
  const labels = (shape: number[], dtype: 'i32' | 'f32' = 'i32') => input('t', shape, dtype);
  expect(() => crossEntropy(x, labels([5]))).toThrow(
    'crossEntropy: target is i32 [5] for logits [4,3]. Pass i32 labels of shape [4].',
  );
  expect(() => crossEntropy(x, labels([4], 'f32'))).toThrow('target is f32 [4]');
  expect(() => crossEntropy(x, labels([4]), { weight: input('w', [4]) })).toThrow(
    'weight of shape [4] for 3 classes (logits [4,3]). Pass [3].',
  );
  expect(() => crossEntropy(input('x', [4]), labels([4]))).toThrow('logits of shape [4]');
  expect(() => crossEntropy(x, labels([4]), { labelSmoothing: 1.5 })).toThrow('labelSmoothing is 1.5');
  expect(() => nllLoss(x, labels([2]))).toThrow(ShapeError);
});
