/** crossEntropyProbs: golden cases and random shapes in every variant, gradient of the target, counts, layouts, errors. */
import { describe, expect, it } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import { crossEntropyProbs } from '../../src/ops/cross-entropy-probs.ts';
import { GOLDENS, loadFamily } from '../support/goldens.ts';
import { checkGradients } from '../support/gradcheck.ts';
import { Random } from '../support/random.ts';
import { referenceOp } from '../support/reference/index.ts';
import { type Tensor, tensor } from '../support/tensor.ts';
import { asNhwc, attr, checkGolden, expectClose, PROFILES, reductionOf, runOp } from './loss-cases.ts';

const VARIANTS = ['fused', 'rows', 'wide'];
const TOLERANCE = { atol: 2e-6, rtol: 1e-5 };
const goldens = loadFamily(GOLDENS, 'losses').filter((g) => g.op === 'cross_entropy_probs');
const reference = referenceOp('cross_entropy_probs');

describe.each(PROFILES)('golden cases, %s limits', (profile) => {
  describe.each(VARIANTS)('%s', (variant) => {
    it.each(goldens.map((golden) => [golden.name, golden] as const))('%s', async (_, golden) => {
      const options = { reduction: reductionOf(golden), labelSmoothing: attr.number(golden, 'label_smoothing') };
      await checkGolden(golden, {
        op: 'crossEntropyProbs',
        variant,
        profile,
        body: ({ x, target, weight }) => ({
          y: crossEntropyProbs(x!, target!, { ...options, weight: weight ?? null }).loss,
        }),
      });
    });
  });
});

/** The first position of the largest of each row's classes. */
function argmaxRows({ shape, data }: Tensor): number[] {
  const classes = shape[1]!;
  const inner = data.length / (shape[0]! * classes);
  return Array.from({ length: shape[0]! * inner }, (_, row) => {
    const base = Math.floor(row / inner) * classes * inner + (row % inner);
    let best = 0;
    for (let c = 1; c < classes; c++) if (data[base + c * inner]! > data[base + best * inner]!) best = c;
    return best;
  });
}

describe.each(VARIANTS)('random shapes, %s', (variant) => {
  it.each([[[1, 1]], [[65, 10]], [[3, 300]], [[2, 5, 3, 3]], [[4500, 4]]])('%j', async (shape) => {
    const random = new Random(shape.length);
    const rows = [shape[0]!, ...shape.slice(2)];
    const x = random.integers(shape, { min: -2, max: 2 });
    const target = random.integers(shape, { min: 0, max: 3 });
    const weight = random.uniform([shape[1]!], { min: 0.5, max: 2 });
    for (const reduction of ['mean', 'none'] as const) {
      const upstream = random.normal(reduction === 'none' ? rows : []);
      const results = await runOp({
        op: 'crossEntropyProbs',
        variant,
        inputs: { x: { tensor: x }, target: { tensor: target }, weight: { tensor: weight } },
        body: (v) => {
          const options = { weight: v.weight, labelSmoothing: 0.1, reduction };
          // Logits in another layout than the target: both are read by their own strides.
          const logits = shape.length === 4 ? asNhwc(v.x!) : v.x!;
          const { loss, correct } = crossEntropyProbs(logits, v.target!, options);
          return { y: loss, correct };
        },
        wrt: ['x'],
        upstream,
      });
      const attrs = { reduction, label_smoothing: 0.1 };
      const atol = 1e-5;
      expectClose(results.y!, reference.forward({ x, target, weight }, attrs).y!, { name: 'y', atol, rtol: 1e-5 });
      const { x: dx } = reference.backward!({ x, target, weight }, attrs, { y: upstream });
      expectClose(results.grad_x!, dx!, { name: 'grad_x', atol, rtol: 1e-5 });
      const wanted = argmaxRows(target);
      expect(results.correct![0]).toBe(argmaxRows(x).filter((best, row) => best === wanted[row]).length);
    }
  });
});

it('has the gradient of the target', async () => {
  const random = new Random(2);
  const x = random.normal([4, 5]);
  const target = random.uniform([4, 5]);
  const weight = random.uniform([5], { min: 0.5, max: 2 });
  const upstream = random.normal([4]);
  for (const reduction of ['none', 'mean'] as const) {
    const dy = reduction === 'none' ? upstream : tensor([], [1.5]);
    const results = await runOp({
      op: 'crossEntropyProbs',
      variant: 'fused',
      inputs: { x: { tensor: x }, target: { tensor: target }, weight: { tensor: weight } },
      body: (v) => ({
        y: crossEntropyProbs(v.x!, v.target!, { weight: v.weight, labelSmoothing: 0.2, reduction }).loss,
      }),
      wrt: ['x', 'target'],
      upstream: dy,
    });
    const attrs = { reduction, label_smoothing: 0.2 };
    const report = checkGradients({
      inputs: { target },
      forward: ({ target: t }) => reference.forward({ x, target: t!, weight }, attrs),
      gradients: () => ({ target: tensor([4, 5], results.grad_target!) }),
      upstream: { y: dy },
    });
    expect(report.failures, report.message).toBe(0);
    const { x: dx } = reference.backward!({ x, target, weight }, attrs, { y: dy });
    expectClose(results.grad_x!, dx!, { name: 'grad_x', ...TOLERANCE });
  }
});

it('names the numbers of wrong shapes', () => {
  const x = input('x', [4, 3]);
  expect(() => crossEntropyProbs(x, input('t', [4, 2]))).toThrow(
    'crossEntropyProbs: target is f32 [4,2] for logits [4,3]. Pass f32 probabilities of the shape of the logits.',
  );
  expect(() => crossEntropyProbs(x, input('t', [4, 3]), { weight: input('w', [2]) })).toThrow('[2] for 3 classes');
  expect(() => crossEntropyProbs(x, input('t', [4, 3]), { labelSmoothing: -1 })).toThrow('labelSmoothing is -1');
});
