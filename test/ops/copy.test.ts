/** transpose and change of layout: golden cases, random permutations in every layout, integers, padding, errors. */
import { describe, expect, it, test } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import type { Value } from '../../src/graph/types.ts';
import { relayout, reshape, transpose } from '../../src/ops/index.ts';
import { compile } from '../../src/train/program.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { device } from '../support/device.ts';
import { GOLDENS, type GoldenCase, loadFamily } from '../support/goldens.ts';
import { Random } from '../support/random.ts';
import { referenceOp } from '../support/reference/index.ts';
import { reshaped } from '../support/tensor.ts';
import { afterDirt, asNhwc, checkGolden, expectClose, memoryOf, PROFILES, runOp } from './loss-cases.ts';

const goldens = loadFamily(GOLDENS, 'shape').filter(({ op }) => op === 'transpose');

const permOf = ({ attrs }: GoldenCase): number[] => (Array.isArray(attrs.perm) ? attrs.perm.map(Number) : []);

describe.each(PROFILES)('golden cases, %s limits', (profile) => {
  it.each(goldens.map((golden) => [golden.name, golden] as const))('%s', async (_, golden) => {
    const perm = permOf(golden);
    await checkGolden(golden, {
      op: 'transpose',
      variant: 'strided',
      profile,
      body: ({ x }) => ({ y: transpose(x!, perm) }),
    });
  });
});

it.each([
  [[1], [0]],
  [
    [7, 1],
    [1, 0],
  ],
  [
    [65, 129],
    [1, 0],
  ],
  [
    [3, 5, 7],
    [2, 1, 0],
  ],
  [
    [2, 6, 3, 5],
    [0, 2, 3, 1],
  ],
  [
    [2, 3, 2, 3, 2],
    [4, 0, 3, 1, 2],
  ],
])('transpose of %j by %j', async (shape, perm) => {
  const random = new Random(2);
  const x = random.normal(shape);
  const upstream = random.normal(perm.map((axis) => shape[axis]!));
  const wraps: ((v: Value) => Value)[] = shape.length === 4 ? [(v) => v, asNhwc] : [(v) => v];
  for (const wrap of wraps) {
    const results = await runOp({
      op: 'transpose',
      variant: 'strided',
      inputs: { x: { tensor: x } },
      body: (v) => ({ y: transpose(wrap(v.x!), perm) }),
      wrt: ['x'],
      upstream,
    });
    const reference = referenceOp('transpose');
    expectClose(results.y!, reference.forward({ x }, { perm }).y!, { name: 'y', atol: 0, rtol: 0 });
    expectClose(results.grad_x!, reference.backward!({ x }, { perm }, { y: upstream }).x!, {
      name: 'grad_x',
      atol: 0,
      rtol: 0,
    });
  }
});

test.each([
  ['i32', Int32Array.of(-1, 2, -(2 ** 31), 2 ** 31 - 1, 5, 6)],
  ['u32', Uint32Array.of(1, 2, 2 ** 32 - 1, 2 ** 31, 5, 6)],
] as const)('%s values are copied bit by bit', async (dtype, data) => {
  const program = await compile(await device(), { x: { shape: [2, 3], dtype } }, ({ x }) => ({
    y: transpose(x, [1, 0]),
  }));
  const { y } = await program.run({ x: data });
  program.dispose();
  expect([...y!]).toEqual([0, 3, 1, 4, 2, 5].map((i) => data[i]));
});

describe.each(['strided', 'channels'])('change of layout, variant %s', (variant) => {
  test.each([
    [1, [3, 5]],
    [2, [3, 5]],
    [3, [1, 1]],
    [4, [7, 1]],
    [5, [3, 5]],
    [8, [70, 71]],
    [6, [113, 50]],
  ] as const)(
    'images of %i channels of %j to nhwc and back: the same, with zeros in the padding',
    async (channels, size) => {
      const x = new Random(channels).normal([2, channels, ...size]);
      const inputs = { x: { tensor: x } };
      const run = (body: (v: Value) => Value) =>
        runOp({ op: 'relayout', variant, inputs, body: (v) => ({ y: body(v.x!) }) });
      const there = await run((v) => memoryOf(asNhwc(afterDirt(v))));
      const padded = channels === 1 ? 1 : Math.ceil(channels / 4) * 4;
      expect(there.y).toHaveLength(2 * size[0] * size[1] * padded);
      expect(there.y!.filter((v, i) => i % padded >= channels && v !== 0)).toHaveLength(0);
      expect(there.y!.filter((v, i) => i % padded < channels && v === 0)).toHaveLength(0);
      const back = await run((v) => reshape(asNhwc(v), [x.data.length]));
      expectClose(back.y!, reshaped(x, [x.data.length]), { name: 'y', atol: 0, rtol: 0 });
    },
  );
});

test('relayout makes a node for the layout pass', () => {
  const { op, attrs, impl } = relayout(
    { id: 1, shape: [1, 2, 3, 4], dtype: 'f32', layout: 'plain', source: { kind: 'node' } },
    'nhwc',
  );
  expect([op, attrs, impl.layout([{ shape: [1, 2, 3, 4], dtype: 'f32', layout: 'plain' }])]).toEqual([
    'relayout',
    { layout: 'nhwc' },
    { inputs: ['plain'], outputs: ['nhwc'] },
  ]);
});

test.each([[[0, 0]], [[0]], [[0, 2]], [[0, 1, 2]], [[1, -1]]])('permutation %j of two axes is refused', (perm) => {
  expect(() => transpose(input('x', [2, 3]), perm)).toThrow(
    new ShapeError(
      `transpose: [${perm.join()}] does not name each axis of [2,3] once. Pass a permutation of its axes.`,
    ),
  );
});
