/** Pools in plans: functions change places with them, they move into the kernel before them, and store what is asked for. No GPU. */
import { describe, expect, test } from 'vitest';
import { gradients } from '../../src/compile/autodiff.ts';
import { commute } from '../../src/compile/commute.ts';
import { fuse } from '../../src/compile/fuse.ts';
import { capture, type Ir } from '../../src/compile/ir.ts';
import { assignLayouts } from '../../src/compile/layout.ts';
import { schedule } from '../../src/compile/schedule.ts';
import { select } from '../../src/compile/select.ts';
import { defineOp, input } from '../../src/graph/define-op.ts';
import { inScope } from '../../src/graph/trace.ts';
import type { KernelContext, Value } from '../../src/graph/types.ts';
import * as ops from '../../src/ops/index.ts';
import { DEFAULT_CAPS } from '../../src/util/caps.ts';
import { free, irOf, kernelOf } from './toy-ops.ts';

type None = Readonly<Record<string, never>>;

const SOFTWARE = { ...DEFAULT_CAPS, software: true };

let seen: KernelContext<None> | null = null;

/** Takes windows on software devices, and stores plain with them. */
const source = defineOp<None>({
  name: 'source',
  infer: ([x]) => [x!],
  layout: () => ({ inputs: ['nhwc'], outputs: ['nhwc'] }),
  acceptsEpilogue: 'operand',
  acceptsWindow: (_, { software }) => software,
  stores: (window) => (window ? ['plain'] : []),
  variants(context) {
    seen = context;
    return [{ id: 'only', kernels: [kernelOf({ x: context.inputs[0]!, y: context.outputs[0]! })] }];
  },
});

const image = (channels = 3): Value => input('x', [2, channels, 6, 6]);
const made = (x: Value): Value => source([x], {})[0];
const pool = (x: Value): Value => ops.maxPool2d(x, { kernel: 2 }).y;

const names = (ir: Pick<Ir, 'nodes'>): string[] =>
  ir.nodes.map(({ op, epilogue, window }) => [op, window?.kind, epilogue?.name].filter(Boolean).join('+'));

const commuted = (values: { readonly [name: string]: Value }): string[] =>
  names(
    capture(commute(Object.entries(values).map(([name, value]) => ({ value, sink: { kind: 'read', name } as const })))),
  );

/** What `source` made for a value. */
function sourceOf({ source: from }: Value): Value {
  if (from.kind !== 'node') throw new Error('no source');
  return from.node.op === 'source' ? from.node.outputs[0]! : sourceOf(from.node.inputs[0]!);
}

describe('commute', () => {
  test('a monotone function goes behind the pool, in its own layer', () => {
    const x = inScope('relu1', () => ops.relu(made(image())));
    const [{ value }] = commute([{ value: pool(x) }]) as [{ value: Value }];
    if (value.source.kind !== 'node') throw new Error('no node');
    expect([value.source.node.op, value.source.node.scope, value.shape]).toEqual(['relu', 'relu1', [2, 3, 3, 3]]);
    expect(commuted({ y: pool(x) })).toEqual(['source', 'maxPool2d', 'relu']);
  });

  test('several of them, and through several pools', () => {
    const y = pool(pool(ops.tanh(ops.relu(made(image())))));
    expect(commuted({ y })).toEqual(['source', 'maxPool2d', 'maxPool2d', 'relu', 'tanh']);
  });

  test.each<[string, (x: Value) => Value, boolean]>([
    ['sigmoid', (x) => ops.sigmoid(x), true],
    ['leakyRelu', (x) => ops.leakyRelu(x), true],
    ['leakyRelu that falls', (x) => ops.leakyRelu(x, { negativeSlope: -0.1 }), false],
    ['elu', (x) => ops.elu(x), true],
    ['elu that falls', (x) => ops.elu(x, { alpha: -1 }), false],
    ['celu that falls', (x) => ops.celu(x, { alpha: -1 }), false],
    ['softplus', (x) => ops.softplus(x), true],
    ['softplus with a step', (x) => ops.softplus(x, { threshold: 2 }), false],
    ['gelu', (x) => ops.gelu(x), false],
    ['neg', (x) => ops.neg(x), false],
    ['abs', (x) => ops.abs(x), false],
    ['avgPool', (x) => ops.avgPool2d(x, { kernel: 2 }), false],
  ])('%s', (_, apply, expected) => {
    expect(commuted({ y: pool(apply(made(image()))) }).at(-1) !== 'maxPool2d').toBe(expected);
  });

  test('not with averages', () => {
    expect(commuted({ y: ops.avgPool2d(ops.relu(made(image())), { kernel: 2 }) })).toEqual([
      'source',
      'relu',
      'avgPool2d',
    ]);
  });

  test('any function goes behind a view', () => {
    expect(commuted({ y: ops.flatten(ops.gelu(made(image()))) })).toEqual(['source', 'reshape', 'gelu']);
    expect(commuted({ y: ops.flatten(pool(ops.relu(made(image())))) })).toEqual([
      'source',
      'maxPool2d',
      'reshape',
      'relu',
    ]);
  });

  test('not behind views that do not say that they show the elements and no more', () => {
    const attrs = { layout: null, outputs: 1, channels: 3, scratch: 0, view: true };
    const [y] = free([ops.relu(made(image()))], attrs);
    expect(commuted({ y })).toEqual(['source', 'relu', 'freeView']);
    expect(names(fuse(irOf({ y: ops.relu(free([made(image())], attrs)[0]) }), SOFTWARE))).toContain('relu');
  });

  test('what somebody else reads stays', () => {
    const r = ops.relu(made(image()));
    expect(commuted({ y: pool(r), r })).toEqual(['source', 'relu', 'maxPool2d']);
    expect(commuted({ y: ops.add(pool(r), pool(r)) })).toEqual(['source', 'relu', 'maxPool2d', 'maxPool2d', 'add']);
    const p = pool(ops.relu(made(image())));
    expect(commuted({ y: ops.flatten(p), p })).toEqual(['source', 'maxPool2d', 'relu', 'reshape']);
  });

  test('not where the places of the maxima are wanted: relu makes equal what was not', () => {
    const { y, indices } = ops.maxPool2d(ops.relu(made(image())), { kernel: 2 });
    expect(commuted({ y, indices })).toEqual(['source', 'relu', 'maxPool2d']);
  });

  test('what comes behind is applied again, with all its inputs', () => {
    const x = image();
    const y = ops.add(pool(ops.relu(made(x))), pool(x));
    expect(commuted({ y })).toEqual(['source', 'maxPool2d', 'maxPool2d', 'relu', 'add']);
    const untouched = ops.relu(ops.add(x, x));
    expect(commute([{ value: untouched }])[0]!.value).toBe(untouched);
  });

  test('the gradient of the function then works on the pooled values', () => {
    const x = image();
    const [{ value }] = commute([{ value: pool(ops.relu(made(x))) }]) as [{ value: Value }];
    const [dx] = gradients([{ value, gradient: input('seed', value.shape) }], [sourceOf(value)], {
      add: ops.binary.add,
    });
    expect(names(irOf({ dx: dx! })).slice(-2)).toEqual(['pointwiseBackward', 'maxPool2dBackward']);
  });
});

describe('windows', () => {
  const plan = (values: { readonly [name: string]: Value }, caps = SOFTWARE): Ir => fuse(irOf(values), caps);

  test('move into the kernel before them, and take what comes behind', () => {
    const ir = plan({ y: ops.relu(pool(made(image()))) });
    expect(names(ir)).toEqual(['source+max+relu']);
    expect(ir.outputs[0]!.value).toBe(ir.nodes[0]!.outputs[0]);
    select(assignLayouts(ir, ops.relayout), schedule(ir), SOFTWARE);
    expect(seen!.window).toEqual({ kind: 'max', kernel: [2, 2], stride: [2, 2], codes: 2 });
    expect(seen!.outputs.map(({ shape }) => shape)).toEqual([
      [2, 3, 3, 3],
      [2, 3, 3, 1],
    ]);
    expect(seen!.used).toEqual([true, false]);
  });

  test('with the codes for the gradient', () => {
    const x = made(image());
    const y = pool(x);
    const [dx] = gradients([{ value: y, gradient: input('seed', y.shape) }], [x], { add: ops.binary.add });
    const ir = assignLayouts(plan({ y, dx: dx! }), ops.relayout);
    expect(names(ir).filter((name) => name !== 'relayout')).toEqual(['source+max', 'maxPool2dBackward']);
    const [merged, backward] = ir.nodes.filter(({ op }) => op !== 'relayout');
    expect(backward!.inputs[1]).toBe(merged!.outputs[1]);
    expect(merged!.outputs.map((id) => ir.values.get(id)!.layout)).toEqual(['nhwc', 'plain']);
  });

  test.each<[string, (x: Value) => { [name: string]: Value }]>([
    ['that overlap', (x) => ({ y: ops.maxPool2d(x, { kernel: 3, stride: 2 }).y })],
    ['with padding', (x) => ({ y: ops.maxPool2d(x, { kernel: 2, padding: 1 }).y })],
    ['with other steps', (x) => ({ y: ops.maxPool2d(x, { kernel: 2, stride: 3 }).y })],
    ['with dilation', (x) => ({ y: ops.maxPool2d(x, { kernel: 2, dilation: 2 }).y })],
    ['of other shapes', (x) => ({ y: ops.maxPool2d(x, { kernel: [2, 3] }).y })],
    ['whose indices are wanted', (x) => ({ ...ops.maxPool2d(x, { kernel: 2 }) })],
    ['over what is read besides', (x) => ({ y: pool(x), x })],
    ['over a function that stays', (x) => ({ y: pool(ops.gelu(x)) })],
    ['over the sum of two', (x) => ({ y: pool(ops.add(x, image())) })],
  ])('not those %s', (_, apply) => {
    expect(names(plan(apply(made(image())))).some((name) => name.includes('+max'))).toBe(false);
  });

  test('not on devices whose kernels do not take them, and one only', () => {
    expect(names(plan({ y: pool(made(image())) }, DEFAULT_CAPS))).toEqual(['source', 'maxPool2d']);
    expect(names(plan({ y: pool(ops.maxPool2d(made(image()), { kernel: 2 }).y) }))).toEqual([
      'source+max',
      'maxPool2d',
    ]);
  });

  test('windows that hang over in ceil mode stay outside; rows and columns left over do not matter', () => {
    const odd = made(input('x', [2, 3, 7, 5]));
    expect(names(plan({ y: pool(odd) }))).toEqual(['source+max']);
    expect(names(plan({ y: ops.maxPool2d(odd, { kernel: 2, ceilMode: true }).y }))).toEqual(['source', 'maxPool2d']);
  });
});

/** Loads its second input spread on software devices. */
const reader = defineOp<None>({
  name: 'reader',
  infer: ([x]) => [x!],
  layout: () => ({ inputs: ['nhwc', 'nhwc'], outputs: ['nhwc'] }),
  acceptsSpread: ({ input }, { software }) => software && input === 1,
});

describe('spreads', () => {
  const x = image();
  const { y, dy, dx } = (() => {
    const pooled = pool(x);
    const seed = input('dy', pooled.shape);
    return {
      y: pooled,
      dy: seed,
      dx: gradients([{ value: pooled, gradient: seed }], [x], { add: ops.binary.add })[0]!,
    };
  })();
  const plan = (values: { readonly [name: string]: Value }, caps = SOFTWARE): Ir => fuse(irOf(values), caps);
  const read = (a: Value, b: Value): Value => reader([a, b], {})[0];

  test('the gradient of a pool is worked out by all that read it', () => {
    const ir = plan({ a: read(x, dx), b: read(x, dx) });
    expect(names(ir)).toEqual(['maxPool2d', 'reader', 'reader']);
    expect(ir.nodes[1]!.spread).toBe(1);
    expect(ir.nodes[1]!.inputs).toEqual([x.id, dy.id, ir.nodes[0]!.outputs[2]]);
    const laidOut = assignLayouts(ir, ops.relayout);
    const [, , codes] = laidOut.nodes.find(({ op }) => op === 'reader')!.inputs.map((id) => laidOut.values.get(id)!);
    expect(codes!.layout).toBe('plain');
  });

  test.each<[string, () => Ir]>([
    ['where one of them cannot', () => plan({ a: read(x, dx), b: ops.neg(dx) })],
    ['where one reads it elsewhere', () => plan({ a: read(dx, x) })],
    ['where one reads it twice', () => plan({ a: read(dx, dx) })],
    ['where it is read after the run', () => plan({ a: read(x, dx), dx })],
    ['where something is done to it', () => plan({ a: read(x, ops.add(dx, x)) })],
    ['on other devices', () => plan({ a: read(x, dx) }, DEFAULT_CAPS)],
  ])('not %s', (_, make) => {
    expect(names(make()).some((name) => name.startsWith('maxPool2dBackward'))).toBe(true);
  });

  test('not of windows of other shapes', () => {
    const wide = ops.maxPool2d(x, { kernel: 3 }).y;
    const [d] = gradients([{ value: wide, gradient: input('d', wide.shape) }], [x], { add: ops.binary.add });
    expect(names(plan({ a: read(x, d!) }))).toContain('maxPool2dBackward');
    expect(y.shape).toEqual([2, 3, 3, 3]);
  });
});

describe('layouts', () => {
  const layouts = (values: { readonly [name: string]: Value }, caps = DEFAULT_CAPS): Ir =>
    assignLayouts(fuse(irOf(values), caps), ops.relayout);

  test('a pool stores plain what is flattened, a fused one too', () => {
    const y = ops.relu(ops.flatten(pool(made(image()))));
    expect(names(layouts({ y }))).toEqual(['relayout', 'source', 'maxPool2d+relu', 'reshape']);
    expect(names(layouts({ y }, SOFTWARE))).toEqual(['relayout', 'source+max+relu', 'reshape']);
    expect(names(layouts({ y: ops.flatten(ops.avgPool2d(made(image()), { kernel: 2 })) }))).toEqual([
      'relayout',
      'source',
      'avgPool2d',
      'reshape',
    ]);
  });

  test('not where it is read as it was too, or where the kernel cannot', () => {
    const p = pool(made(image()));
    expect(names(layouts({ y: ops.flatten(p), p }))).toEqual([
      'relayout',
      'source',
      'maxPool2d',
      'relayout',
      'reshape',
    ]);
    expect(names(layouts({ y: ops.flatten(made(image())) }))).toEqual(['relayout', 'source', 'relayout', 'reshape']);
  });

  test('not where an operand lies in the old layout', () => {
    const x = made(image());
    const y = ops.flatten(ops.add(pool(x), input('z', [2, 3, 3, 3])));
    expect(names(layouts({ y }, SOFTWARE))).toEqual(['relayout', 'relayout', 'source+max+add', 'relayout', 'reshape']);
  });

  test('gradients of pools without overlap load what comes from behind a view', () => {
    const gradientOf = (kernel: number, stride: number): string[] => {
      const x = made(image());
      const y = ops.flatten(ops.maxPool2d(x, { kernel, stride }).y);
      const [dx] = gradients([{ value: y, gradient: input('seed', y.shape) }], [x], { add: ops.binary.add });
      return names(layouts({ dx: dx! })).slice(-2);
    };
    expect(gradientOf(2, 2)).toEqual(['reshape', 'maxPool2dBackward']);
    expect(gradientOf(3, 1)).toEqual(['relayout', 'maxPool2dBackward']);
  });
});
