/** reshape and flatten: golden cases, views of plain and of nhwc values, no kernel where none is needed, errors. */
import { describe, expect, it, test } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import { flatten, relu, reshape } from '../../src/ops/index.ts';
import { compile, f32, i32 } from '../../src/train/program.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { device } from '../support/device.ts';
import { GOLDENS, type GoldenCase, loadFamily } from '../support/goldens.ts';
import { Random } from '../support/random.ts';
import { asNhwc, attr, checkGolden, expectClose, PROFILES, runOp } from './loss-cases.ts';

const goldens = loadFamily(GOLDENS, 'shape');
const named = (op: string) => goldens.filter((g) => g.op === op).map((golden) => [golden.name, golden] as const);
const shapeOf = ({ attrs }: GoldenCase): number[] => (Array.isArray(attrs.shape) ? attrs.shape.map(Number) : []);

describe.each(PROFILES)('golden cases, %s limits', (profile) => {
  it.each(named('reshape'))('%s', async (_, golden) => {
    const shape = shapeOf(golden);
    await checkGolden(golden, { op: 'reshape', variant: '', profile, body: ({ x }) => ({ y: reshape(x!, shape) }) });
  });

  it.each(named('flatten'))('%s', async (_, golden) => {
    const startAxis = attr.number(golden, 'start_axis');
    await checkGolden(golden, {
      op: 'reshape',
      variant: '',
      profile,
      body: ({ x }) => ({ y: flatten(x!, { startAxis }) }),
    });
  });
});

test('a view of an nhwc value is row-major of its logical shape, forward and backward', async () => {
  const random = new Random(1);
  const x = random.normal([2, 6, 3, 5]);
  const upstream = random.normal([2, 90]);
  const results = await runOp({
    op: 'reshape',
    variant: '',
    inputs: { x: { tensor: x } },
    body: (v) => ({ y: flatten(asNhwc(v.x!)) }),
    wrt: ['x'],
    upstream,
  });
  expectClose(results.y!, { ...x, shape: [2, 90] }, { name: 'y', atol: 0, rtol: 0 });
  expectClose(results.grad_x!, upstream, { name: 'grad_x', atol: 0, rtol: 0 });
});

test('needs no dispatch', async () => {
  const program = await compile(await device(), { x: f32(2, 3, 4), k: i32(6) }, ({ x, k }) => ({
    y: reshape(relu(flatten(x)), [4, 6]),
    k: reshape(k, [2, 3]),
  }));
  expect(program.plan.dispatches.map(({ label }) => label)).toEqual(['relu']);
  const x = Float32Array.from({ length: 24 }, (_, i) => i - 12);
  const k = Int32Array.of(1, -2, 3, -4, 5, -6);
  const results = await program.run({ x, k });
  program.dispose();
  expect([...results.y!]).toEqual([...x].map((v) => Math.max(0, v)));
  expect([...results.k!]).toEqual([...k]);
});

test('shapes', () => {
  const x = input('x', [2, 3, 4]);
  expect(reshape(x, [-1]).shape).toEqual([24]);
  expect(reshape(x, [4, -1]).shape).toEqual([4, 6]);
  expect(reshape(x, [2, 3, 4])).toBe(x);
  expect(flatten(x).shape).toEqual([2, 12]);
  expect(flatten(x, { startAxis: -2 }).shape).toEqual([2, 12]);
  expect(flatten(x, { startAxis: 0 }).shape).toEqual([24]);
  expect(reshape(input('s', []), [1, 1]).shape).toEqual([1, 1]);
  expect(reshape(input('x', [2], 'u32'), [2, 1]).dtype).toBe('u32');
});

test.each([[[5, 5]], [[-1, -1]], [[5, -1]], [[-2, 12]], [[0, -1]], [[2.5, -1]]])('%j is refused', (shape) => {
  expect(() => reshape(input('x', [2, 3, 4]), shape)).toThrow(
    new ShapeError(
      `reshape: [2,3,4] has 24 elements and cannot be seen as [${shape.join()}]. At most one size may be -1.`,
    ),
  );
});

test('an axis that is not there', () => {
  expect(() => flatten(input('x', [2, 3]), { startAxis: 2 })).toThrow(
    'flatten: axis 2 is not an axis of a tensor of rank 2.',
  );
});
