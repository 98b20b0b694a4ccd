/** Ops, leaves, scopes and the recorder. No GPU. */
import { expect, test } from 'vitest';
import {
  constant,
  defineOp,
  external,
  followFirst,
  input,
  isOne,
  parameter,
  state,
} from '../../src/graph/define-op.ts';
import { currentScope, inScope, recording } from '../../src/graph/trace.ts';
import { GaborError, ShapeError } from '../../src/util/errors.ts';

const pair = defineOp<{ readonly times: number }>({
  name: 'pair',
  infer([x], { times }, at) {
    if (times < 0) throw new ShapeError(`${at}: times is ${times}.`);
    return [x!, { shape: [times], dtype: 'i32' }];
  },
});

test('an op adds a node and gives its outputs', () => {
  const x = input('x', [2, 3]);
  const [a, b] = pair([x], { times: 4 });
  expect([a.shape, a.dtype, b!.shape, b!.dtype]).toEqual([[2, 3], 'f32', [4], 'i32']);
  if (a.source.kind !== 'node' || b!.source.kind !== 'node') throw new Error('no nodes');
  const { node } = a.source;
  expect(b!.source.node).toBe(node);
  expect([node.op, node.attrs, node.inputs, node.outputs, node.scope]).toEqual(['pair', { times: 4 }, [x], [a, b], '']);
  expect(pair.opName).toBe('pair');
});

test('the defaults: plain, no gradient, no kernels, no epilogue, one operation an element', () => {
  const { source } = pair([input('x', [2, 3])], { times: 4 })[0];
  if (source.kind !== 'node') throw new Error('no node');
  const { impl, inputs, outputs } = source.node;
  expect(impl.layout([{ shape: [2, 3], dtype: 'f32', layout: 'plain' }])).toEqual({
    inputs: ['plain'],
    outputs: ['plain', 'plain'],
  });
  expect([impl.view, impl.grad, impl.epilogue(0), impl.acceptsEpilogue]).toEqual([false, null, null, false]);
  expect(impl.flops(inputs, outputs)).toBe(10);
});

test('the layer is in the message and in the node', () => {
  const x = input('x', [2]);
  expect(() => pair([x], { times: -1 })).toThrow(new ShapeError('pair: times is -1.'));
  expect(() => inScope('conv1', () => pair([x], { times: -1 }))).toThrow(new ShapeError('pair "conv1": times is -1.'));
  expect(currentScope()).toBe('');
  const { source } = inScope('outer', () => inScope('inner', () => pair([x], { times: 1 })))[0];
  expect(source.kind === 'node' && source.node.scope).toBe('inner');
});

test('an op without outputs is refused', () => {
  const none = defineOp<Readonly<Record<string, never>>>({ name: 'none', infer: () => [] });
  expect(() => none([], {})).toThrow(GaborError);
});

test('leaves', () => {
  const leaves = [
    input('x', [1], 'i32'),
    parameter('w', [4, 4, 1, 1], 'hwio'),
    state('s', [2]),
    external('data', [8], 'u32'),
    constant(1, [2, 2]),
  ];
  expect(leaves.map((v) => [v.source.kind, v.dtype, v.layout])).toEqual([
    ['input', 'i32', undefined],
    ['parameter', 'f32', 'hwio'],
    ['state', 'f32', 'plain'],
    ['external', 'u32', 'plain'],
    ['constant', 'f32', undefined],
  ]);
  expect(leaves.map(isOne)).toEqual([false, false, false, false, true]);
  expect(isOne(constant(2, []))).toBe(false);
  expect(new Set(leaves.map(({ id }) => id)).size).toBe(5);
});

test('followFirst gives all the layout of the first input', () => {
  const laid = { shape: [1], dtype: 'f32', layout: 'nhwc' } as const;
  expect(followFirst([laid, { ...laid, layout: 'plain' }], 2)).toEqual({
    inputs: ['nhwc', 'nhwc'],
    outputs: ['nhwc', 'nhwc'],
  });
});

test('the recorder hears ops outside of layers only, and the inner recorder first', () => {
  const heard: string[] = [];
  recording(
    (op) => heard.push(`outer ${op}`),
    () => {
      pair([input('x', [1])], { times: 1 });
      inScope('layer', () => pair([input('x', [1])], { times: 2 }));
      recording(
        (op) => heard.push(`inner ${op}`),
        () => pair([input('x', [1])], { times: 3 }),
      );
    },
  );
  pair([input('x', [1])], { times: 4 });
  expect(heard).toEqual(['outer pair', 'inner pair']);
});
