/** Pointwise functions: golden cases, sizes around vec4 and workgroups, kinks and extremes, padding, fusion's other half, errors. */
import { describe, expect, it, test } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import type { Value } from '../../src/graph/types.ts';
import { abs, addScalar, exp, leakyRelu, log, mulScalar, neg, relu, sigmoid, sqrt, tanh } from '../../src/ops/index.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { GOLDENS, type GoldenCase, loadFamily } from '../support/goldens.ts';
import { Random } from '../support/random.ts';
import { referenceOp } from '../support/reference/index.ts';
import { tensor } from '../support/tensor.ts';
import { afterDirt, asNhwc, attr, checkGolden, expectClose, memoryOf, PROFILES, runOp } from './loss-cases.ts';

interface Row {
  readonly op: string;
  /** In the reference and the golden data. */
  readonly golden: string;
  readonly attrs: { readonly [name: string]: number };
  readonly apply: (x: Value) => Value;
  /** For values of any sign. */
  readonly domain?: 'positive';
}

const ROWS: readonly Row[] = [
  { op: 'relu', golden: 'relu', attrs: {}, apply: relu },
  {
    op: 'leakyRelu',
    golden: 'leaky_relu',
    attrs: { negative_slope: 0.2 },
    apply: (x) => leakyRelu(x, { negativeSlope: 0.2 }),
  },
  { op: 'sigmoid', golden: 'sigmoid', attrs: {}, apply: sigmoid },
  { op: 'tanh', golden: 'tanh', attrs: {}, apply: tanh },
  { op: 'neg', golden: 'neg', attrs: {}, apply: neg },
  { op: 'exp', golden: 'exp', attrs: {}, apply: exp },
  { op: 'log', golden: 'log', attrs: {}, apply: log, domain: 'positive' },
  { op: 'sqrt', golden: 'sqrt', attrs: {}, apply: sqrt, domain: 'positive' },
  { op: 'abs', golden: 'abs', attrs: {}, apply: abs },
  { op: 'addScalar', golden: 'add_scalar', attrs: { value: 1.5 }, apply: (x) => addScalar(x, 1.5) },
  { op: 'mulScalar', golden: 'mul_scalar', attrs: { value: -0.3 }, apply: (x) => mulScalar(x, -0.3) },
];

const goldens = [...loadFamily(GOLDENS, 'activations'), ...loadFamily(GOLDENS, 'elementwise')];

const applyGolden = (row: Row, golden: GoldenCase): ((x: Value) => Value) => {
  if (row.op === 'leakyRelu') return (x) => leakyRelu(x, { negativeSlope: attr.number(golden, 'negative_slope') });
  return row.apply;
};

describe.each(PROFILES)('golden cases, %s limits', (profile) => {
  for (const row of ROWS) {
    it.each(goldens.filter(({ op }) => op === row.golden).map((golden) => [golden.name, golden] as const))(
      '%s',
      async (_, golden) => {
        const apply = applyGolden(row, golden);
        await checkGolden(golden, { op: row.op, variant: 'vec4', profile, body: ({ x }) => ({ y: apply(x!) }) });
      },
    );
  }
});

test('every function has golden cases', () => {
  expect(ROWS.filter(({ golden }) => !goldens.some(({ op }) => op === golden)).map(({ op }) => op)).toEqual([]);
});

describe.each(ROWS)('$op', ({ op, golden, attrs, apply, domain }) => {
  const random = new Random(5);
  const draw = (shape: readonly number[]) =>
    domain ? random.uniform(shape, { min: 0.1, max: 4 }) : random.normal(shape, { std: 2 });
  const reference = referenceOp(golden);

  it.each([[[]], [[1]], [[3]], [[4]], [[5]], [[255]], [[257]], [[13, 1009]]])('shape %j', async (shape) => {
    const x = draw(shape);
    const upstream = random.normal(shape);
    const results = await runOp({
      op,
      variant: 'vec4',
      inputs: { x: { tensor: x } },
      body: (v) => ({ y: apply(v.x!) }),
      wrt: ['x'],
      upstream,
    });
    expectClose(results.y!, reference.forward({ x }, attrs).y!, { name: 'y', atol: 2e-6, rtol: 1e-5 });
    const { x: dx } = reference.backward!({ x }, attrs, { y: upstream });
    expectClose(results.grad_x!, dx!, { name: 'grad_x', atol: 5e-6, rtol: 2e-5 });
  });

  it('nhwc with padded channels: right values, and zero in the padding', async () => {
    const x = draw([2, 6, 3, 5]);
    const upstream = random.normal(x.shape);
    const results = await runOp({
      op,
      variant: 'vec4',
      inputs: { x: { tensor: x } },
      body: (v) => ({ y: apply(asNhwc(v.x!)) }),
      wrt: ['x'],
      upstream,
    });
    expectClose(results.y!, reference.forward({ x }, attrs).y!, { name: 'y', atol: 2e-6, rtol: 1e-5 });
    const { x: dx } = reference.backward!({ x }, attrs, { y: upstream });
    expectClose(results.grad_x!, dx!, { name: 'grad_x', atol: 5e-6, rtol: 2e-5 });
    const { y } = await runOp({
      op,
      variant: 'vec4',
      inputs: { x: { tensor: x } },
      body: (v) => ({ y: memoryOf(apply(asNhwc(afterDirt(v.x!)))) }),
    });
    expect(y!.filter((v, i) => i % 8 >= 6 && v !== 0)).toHaveLength(0);
  });

  it('the gradient leaves the padding zero', async () => {
    const x = draw([2, 6, 1, 3]);
    const results = await runOp({
      op,
      variant: 'vec4',
      inputs: { x: { tensor: x } },
      body(v) {
        const from = asNhwc(afterDirt(v.x!));
        return { y: apply(from) };
      },
      wrt: ['x'],
      upstream: tensor(
        x.shape,
        x.data.map(() => 1),
      ),
    });
    expect(results.grad_x!.every(Number.isFinite)).toBe(true);
  });
});

test('large arguments stay finite, and accurate', async () => {
  const x = tensor([9], [-1000, -100, -88, -20, 0, 20, 88, 100, 1000]);
  const upstream = tensor([9], new Array<number>(9).fill(1));
  for (const [name, apply] of [
    ['sigmoid', sigmoid],
    ['tanh', tanh],
  ] as const) {
    const r = await runOp({
      op: name,
      variant: 'vec4',
      inputs: { x: { tensor: x } },
      body: (v) => ({ y: apply(v.x!) }),
      wrt: ['x'],
      upstream,
    });
    expectClose(r.y!, referenceOp(name).forward({ x }, {}).y!, { name, atol: 1e-7, rtol: 1e-5 });
    expectClose(r.grad_x!, referenceOp(name).backward!({ x }, {}, { y: upstream }).x!, {
      name: `${name}, gradient`,
      atol: 2e-7,
      rtol: 1e-5,
    });
  }
});

test('slopes of leakyRelu that are zero or negative', async () => {
  const x = tensor([5], [-2, -0.5, 0, 0.5, 2]);
  const upstream = tensor([5], [1, 2, 3, 4, 5]);
  for (const negativeSlope of [0, -0.5, 1]) {
    const attrs = { negative_slope: negativeSlope };
    const r = await runOp({
      op: 'leakyRelu',
      variant: 'vec4',
      inputs: { x: { tensor: x } },
      body: (v) => ({ y: leakyRelu(v.x!, { negativeSlope }) }),
      wrt: ['x'],
      upstream,
    });
    const reference = referenceOp('leaky_relu');
    expectClose(r.y!, reference.forward({ x }, attrs).y!, { name: 'y', atol: 0, rtol: 1e-6 });
    expectClose(r.grad_x!, reference.backward!({ x }, attrs, { y: upstream }).x!, {
      name: 'grad_x',
      atol: 0,
      rtol: 1e-6,
    });
  }
});

test('integers are refused', () => {
  expect(() => relu(input('x', [2, 3], 'i32'))).toThrow(new ShapeError('relu: x is i32 [2,3]. Pass f32 values.'));
});
