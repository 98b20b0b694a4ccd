/**
 * convTranspose2d and its gradients: shapes and errors without a GPU; random shapes and fused activations on it, in every
 * variant that a device offers. The golden cases run in test/goldens.test.ts. May import src and test/support.
 */
import { describe, expect, it } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import { inScope } from '../../src/graph/trace.ts';
import { convTranspose2d as layer } from '../../src/nn/conv-layers.ts';
import { modelFrom, sequential } from '../../src/nn/model.ts';
import type { ConvTranspose2dOptions } from '../../src/ops/conv-transpose2d.ts';
import { convTranspose2d, relu } from '../../src/ops/index.ts';
import { ArgumentError, ShapeError } from '../../src/util/errors.ts';
import { device } from '../support/device.ts';
import { Random } from '../support/random.ts';
import { referenceOp } from '../support/reference/index.ts';
import { type Case, everyVariant, expectClose } from './conv2d-run.ts';

const op = (
  x: readonly number[],
  weight: readonly number[],
  options: ConvTranspose2dOptions & { bias?: number } = {},
) => {
  const bias = options.bias === undefined ? null : input('bias', [options.bias]);
  return inScope('up1', () => convTranspose2d(input('x', x), input('weight', weight), bias, options));
};

describe('shape', () => {
  const of = (size: number, kernel: number, options: ConvTranspose2dOptions): readonly number[] =>
    op([2, 4, size, size + 1], [4, 3, kernel, kernel], options).shape;

  it('of the result', () => {
    expect(of(7, 2, { stride: 2 })).toEqual([2, 3, 14, 16]);
    expect(of(7, 3, { stride: 2, padding: 1, outputPadding: 1 })).toEqual([2, 3, 14, 16]);
    expect(of(5, 3, { dilation: [2, 1], padding: [1, 0, 2, 1] })).toEqual([2, 3, 6, 7]);
    expect(op([1, 6, 4, 4], [6, 2, 1, 1], { groups: 3 }).shape).toEqual([1, 6, 4, 4]);
  });
});

describe('errors', () => {
  const x = [2, 4, 7, 7];
  const messages: readonly (readonly [string, () => unknown, string])[] = [
    [
      'rank of the input',
      () => op([4, 7, 7], [4, 3, 2, 2]),
      'input has rank 3, not 4 (input [4,7,7], weight [4,3,2,2])',
    ],
    ['rank of the weight', () => op(x, [4, 3, 2]), 'weight has rank 3, not 4'],
    ['channels', () => op(x, [5, 3, 2, 2]), 'input has 4 channels, the filter takes 5'],
    ['groups', () => op(x, [4, 3, 2, 2], { groups: 3 }), '3 groups do not divide 4 input channels'],
    ['bias', () => op(x, [4, 3, 2, 2], { bias: 4 }), 'bias has shape [4], the filter gives 3 channels'],
    ['stride', () => op(x, [4, 3, 2, 2], { stride: [2, 0] }), 'stride is [2,0]'],
    ['padding', () => op(x, [4, 3, 2, 2], { padding: -1 }), 'padding is [-1,-1,-1,-1]'],
    ['no result', () => op(x, [4, 3, 2, 2], { padding: 4 }), 'padding [4,4,4,4] leaves 0 rows and 0 columns'],
    [
      'output padding',
      () => op(x, [4, 3, 2, 2], { stride: [2, 1], outputPadding: 1 }),
      'output padding [1,1] is not below the stride [2,1]',
    ],
  ];
  it.each(messages)('%s', (_, call, message) => {
    expect(call).toThrow(ShapeError);
    expect(call).toThrow(`convTranspose2d "up1": ${message}`);
  });

  it('of the layer', () => {
    expect(() => layer(0, 3)).toThrow(
      new ArgumentError('convTranspose2d: the number of output channels is 0. Pass a whole number from 1.'),
    );
    expect(() => sequential([3, 8, 8], [layer(4, 3, { groups: 2, name: 'up' })])).toThrow(
      'convTranspose2d "up": input [1,3,8,8] with 2 groups and 4 output channels.',
    );
  });
});

it('the layer has the parameters of PyTorch and can be saved', () => {
  const made = sequential([6, 5, 5], [layer(4, [2, 3], { stride: 2, outputPadding: [1, 0], groups: 2 })]);
  const again = modelFrom(JSON.parse(JSON.stringify(made.describe())));
  for (const { outputShape, parameters } of [made, again]) {
    expect(outputShape).toEqual([4, 11, 11]);
    expect(parameters.map(({ name, shape }) => [name, shape])).toEqual([
      ['conv_transpose1.weight', [6, 2, 2, 3]],
      ['conv_transpose1.bias', [4]],
    ]);
  }
});

/** Small integers, so that every variant must give the very same numbers. */
function randomCase(random: Random, { c, o, groups = 1 }: { c: number; o: number; groups?: number }) {
  const kernel = [random.integer(2, 4), random.integer(1, 4)] as const;
  const stride = [random.integer(1, 3), random.integer(1, 2)] as const;
  const dilation = [random.integer(1, 2), 1] as const;
  const outputPadding = [random.integer(0, stride[0] - 1), random.integer(0, stride[1] - 1)] as const;
  const padding = [0, 1, 2, 3].map(() => random.integer(0, 1)) as [number, number, number, number];
  const options = { stride, padding, outputPadding, dilation, groups };
  const inputs = {
    x: random.integers([random.integer(1, 3), c, random.integer(3, 8), random.integer(4, 7)]),
    weight: random.integers([c, o / groups, ...kernel]),
    bias: random.integers([o]),
  };
  const attrs = { stride, padding, output_padding: outputPadding, dilation, groups };
  const y = referenceOp('conv_transpose2d').forward(inputs, attrs).y!;
  const given: Case = {
    inputs,
    upstream: random.integers(y.shape),
    options: {},
    apply: (...tensors) => convTranspose2d(...tensors, options),
  };
  return { given, attrs, y };
}

const SHAPES = [
  { c: 1, o: 1 },
  { c: 1, o: 6 },
  { c: 5, o: 1 },
  { c: 3, o: 5 },
  { c: 8, o: 8 },
  { c: 16, o: 33 },
  { c: 36, o: 12 },
  { c: 4, o: 6, groups: 2 },
  { c: 16, o: 8, groups: 2 },
  { c: 5, o: 5, groups: 5 },
  { c: 8, o: 16, groups: 8 },
  { c: 3, o: 6, groups: 3 },
] as const;

describe.each(['adapter', 'default'] as const)('random shapes against the reference, limits: %s', (limits) => {
  it.each(SHAPES)('%o', async (shape) => {
    for (const seed of [1, 2]) {
      const { given, attrs, y } = randomCase(new Random(100 * seed + shape.c), shape);
      const found = referenceOp('conv_transpose2d').backward!(given.inputs, attrs, { y: given.upstream });
      const expected = Object.fromEntries(Object.entries({ ...found, y }).map(([name, { data }]) => [name, data]));
      await everyVariant(await device({ limits }), given, (result) =>
        expectClose(result, expected, () => ({ atol: 0, rtol: 0 })),
      );
    }
  });
});

it.each([
  { c: 1, o: 6 },
  { c: 5, o: 36 },
])('a fused activation, %o', async (shape) => {
  const { given, y } = randomCase(new Random(shape.o), shape);
  await everyVariant(await device(), { ...given, activation: relu }, (result) => {
    expectClose(result, { y: y.data.map((v) => Math.max(v, 0)) }, () => ({ atol: 0, rtol: 0 }));
    expect(result.plan.dispatches[0]!.label).toMatch(/convTranspose2d\+relu|relayout/);
    expect(result.plan.dispatches.map(({ label }) => label)).not.toContain('relu');
  });
});
