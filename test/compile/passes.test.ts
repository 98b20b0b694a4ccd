/** fuse, assignLayouts, schedule, select and lowerKernel, one by one. No GPU. */
import { describe, expect, test } from 'vitest';
import { fuse as fuseFor } from '../../src/compile/fuse.ts';
import { type Ir, readsOf, useCounts } from '../../src/compile/ir.ts';
import { assignLayouts } from '../../src/compile/layout.ts';
import { emptyUniforms, joinUniforms, lowerKernel } from '../../src/compile/lower.ts';
import type { Place } from '../../src/compile/place.ts';
import { schedule } from '../../src/compile/schedule.ts';
import { select } from '../../src/compile/select.ts';
import { constant, defineOp, input, parameter, state } from '../../src/graph/define-op.ts';
import { inScope } from '../../src/graph/trace.ts';
import type { Kernel, Value } from '../../src/graph/types.ts';
import { add, batchNorm2d, conv2d, groupNorm, relayout, relu, reshape, sigmoid } from '../../src/ops/index.ts';
import { DEFAULT_CAPS } from '../../src/util/caps.ts';
import { DeviceError, ShaderError } from '../../src/util/errors.ts';
import { type FreeAttrs, free, irOf, kernelOf, plus, track } from './toy-ops.ts';

const fuse = (ir: Ir): Ir => fuseFor(ir, DEFAULT_CAPS);

const FREE: FreeAttrs = { layout: null, outputs: 1, channels: 3, scratch: 0, view: false };

const names = (ir: Pick<Ir, 'nodes'>): string[] =>
  ir.nodes.map(({ op, epilogue }) => (epilogue ? `${op}+${epilogue.name}` : op));

const image = (channels = 8, name = 'x'): Value => input(name, [2, channels, 6, 6]);

const conv = (x: Value, channels = 8): Value =>
  conv2d(x, parameter('w', [channels, x.shape[1]!, 3, 3], 'hwio'), parameter('b', [channels]), { padding: 1 });

describe('fuse', () => {
  test('relu moves into the convolution', () => {
    const ir = fuse(irOf({ y: relu(conv(image())) }));
    expect(names(ir)).toEqual(['conv2d+relu']);
    expect(ir.outputs[0]!.value).toBe(ir.nodes[0]!.outputs[0]);
  });

  test('several functions, one after another', () => {
    const ir = fuse(irOf({ y: sigmoid(relu(conv(image()))) }));
    expect(names(ir)).toEqual(['conv2d+relu+sigmoid']);
    expect(ir.nodes[0]!.epilogue!.statements).toBe('v = max(v, 0.0);v = sigmoid(v);');
  });

  test('a shortcut and the relu after it; the shortcut is an operand', () => {
    const x = image(8);
    for (const sum of [add(conv(x), x), add(x, conv(x))]) {
      const ir = fuse(irOf({ y: relu(sum) }));
      expect(names(ir)).toEqual(['conv2d+add+relu']);
      expect(ir.nodes[0]!.epilogue!.operand).toBe(x.id);
    }
  });

  test('where both sides of a sum are convolutions, the later one takes the other as its operand', () => {
    const x = image(8);
    const ir = fuse(irOf({ y: relu(add(conv(x), conv(x))) }));
    expect(names(ir)).toEqual(['conv2d', 'conv2d+add+relu']);
    expect(ir.nodes[1]!.epilogue!.operand).toBe(ir.nodes[0]!.outputs[0]);
    expect(ir.nodes[1]!.inputs).not.toContain(ir.nodes[0]!.outputs[0]);
  });

  const normalised = (y: Value, weight: Value = parameter('gamma', [y.shape[1]!])): Value => {
    const [runningMean, runningVar] = [state('mean', [y.shape[1]!]), state('variance', [y.shape[1]!])];
    return batchNorm2d(y, { runningMean, runningVar, weight }).y;
  };

  test('normalisation by running statistics moves into the convolution, which reads them of its channels', () => {
    const ir = fuse(irOf({ y: relu(normalised(conv(image()))) }));
    expect(names(ir)).toEqual(['conv2d+batchNorm2d+relu']);
    const { values } = ir.nodes[0]!.epilogue!.channels!;
    const sources = values.map((id) => ir.values.get(id)!.source);
    expect(sources.map((source) => ('name' in source ? source.name : ''))).toEqual(['mean', 'variance', 'gamma']);
    expect(readsOf(ir.nodes[0]!)).toEqual([...ir.nodes[0]!.inputs, ...values]);
  });

  test('the convolution waits for a weight of the normalisation that is made behind it', () => {
    const y = conv(image());
    const ir = fuse(irOf({ y: normalised(y, sigmoid(parameter('gamma', [8]))) }));
    expect(names(ir)).toEqual(['sigmoid', 'conv2d+batchNorm2d']);
  });

  test.each<[string, () => Value]>([
    ['a second time', () => normalised(normalised(conv(image())))],
    ['through a view, where channels are others', () => normalised(reshape(conv(image()), [2, 32, 3, 3]))],
    ['where the result is read by others', () => ((y) => add(normalised(y), y))(conv(image()))],
    ['by the statistics of the batch', () => batchNorm2d(conv(image()), { training: true }).y],
    ['into a kernel that knows no channels', () => normalised(groupNorm(image(), 2))],
  ])('it stays apart %s', (_, make) => {
    const left = fuse(irOf({ y: make() })).nodes.filter(({ op }) => op === 'batchNorm2d');
    expect(left).toHaveLength(1);
  });

  test('one operand at most, of the very shape of the result', () => {
    const x = image(8);
    expect(names(fuse(irOf({ y: add(add(conv(x), x), sigmoid(x)) })))).toHaveLength(3);
    const row = parameter('row', [8, 1, 1]);
    expect(names(fuse(irOf({ y: add(conv(x), row) })))).toEqual(['conv2d', 'add']);
    const c = conv(x);
    expect(names(fuse(irOf({ y: add(c, c) })))).toEqual(['conv2d', 'add']);
  });

  test('not where something else reads the value before it', () => {
    const c = conv(image());
    expect(names(fuse(irOf({ y: relu(c), c })))).toEqual(['conv2d', 'relu']);
    const d = conv(image());
    expect(names(fuse(irOf({ y: relu(d), z: sigmoid(d) })))).toEqual(['conv2d', 'relu', 'sigmoid']);
  });

  test('over a view: a function of one value alone, and only of what nobody else reads', () => {
    const ir = fuse(irOf({ y: relu(reshape(conv(image()), [2, 288])) }));
    expect(names(ir)).toEqual(['conv2d+relu', 'reshape']);
    expect(ir.outputs[0]!.value).toBe(ir.nodes[1]!.outputs[0]);
    expect(ir.nodes[1]!.inputs[0]).toBe(ir.nodes[0]!.outputs[0]);
    const c = conv(image());
    const seen = reshape(c, [2, 288]);
    expect(names(fuse(irOf({ y: relu(seen), c })))).toEqual(['conv2d', 'reshape', 'relu']);
    expect(names(fuse(irOf({ y: relu(seen), seen })))).toEqual(['conv2d', 'reshape', 'relu']);
    expect(names(fuse(irOf({ y: add(seen, input('z', [2, 288])) })))).toEqual(['conv2d', 'reshape', 'add']);
    // Padding lanes of the convolution's result would not stay zero.
    expect(names(fuse(irOf({ y: sigmoid(reshape(conv(image(), 6), [2, 216])) })))).toEqual([
      'conv2d',
      'reshape',
      'sigmoid',
    ]);
  });

  test('not into an op without a slot', () => {
    expect(names(fuse(irOf({ y: relu(sigmoid(image())) })))).toEqual(['sigmoid', 'relu']);
  });

  test('padding lanes must stay zero: sigmoid only where there are none', () => {
    expect(names(fuse(irOf({ y: sigmoid(conv(image(), 8)) })))).toEqual(['conv2d+sigmoid']);
    expect(names(fuse(irOf({ y: sigmoid(conv(image(), 6)) })))).toEqual(['conv2d', 'sigmoid']);
    expect(names(fuse(irOf({ y: sigmoid(conv(image(), 1)) })))).toEqual(['conv2d+sigmoid']);
    expect(names(fuse(irOf({ y: relu(conv(image(), 6)) })))).toEqual(['conv2d+relu']);
  });

  test('two convolutions each take their own', () => {
    const ir = fuse(irOf({ y: relu(conv(relu(conv(image())))) }));
    expect(names(ir)).toEqual(['conv2d+relu', 'conv2d+relu']);
    expect(ir.nodes[1]!.inputs[0]).toBe(ir.nodes[0]!.outputs[0]);
  });
});

const layouts = (ir: Ir): Ir => assignLayouts(ir, relayout);

describe('assignLayouts', () => {
  test('a conversion is made once for each value and layout', () => {
    const x = image(3);
    const [a] = free([x], { ...FREE, layout: 'nhwc' });
    const [b] = free([x], { ...FREE, layout: 'nhwc' });
    const [c] = free([a, b], { ...FREE, layout: 'plain' });
    const ir = layouts(irOf({ c }));
    expect(names(ir)).toEqual(['relayout', 'free', 'free', 'relayout', 'relayout', 'free']);
    expect(ir.nodes[1]!.inputs).toEqual(ir.nodes[2]!.inputs);
    expect(ir.values.get(a.id)!.layout).toBe('nhwc');
    expect(ir.values.get(c.id)!.layout).toBe('plain');
  });

  test('none where both layouts are the same memory', () => {
    const [a] = free([image(1)], { ...FREE, layout: 'nhwc', channels: 1 });
    const [b] = free([a], { ...FREE, layout: 'plain', channels: 1 });
    expect(names(layouts(irOf({ b })))).toEqual(['free', 'free']);
  });

  test('layouts run through ops that follow', () => {
    const ir = layouts(irOf({ y: relu(sigmoid(conv(image(3), 8))) }));
    expect(names(ir)).toEqual(['relayout', 'conv2d', 'sigmoid', 'relu']);
    expect(ir.values.get(ir.outputs[0]!.value)!.layout).toBe('nhwc');
  });

  test('a parameter keeps the layout it has', () => {
    const w = parameter('w', [4, 4, 3, 3], 'hwio');
    expect(names(layouts(irOf({ y: conv2d(image(4), w, null, { padding: 1 }) })))).toEqual(['relayout', 'conv2d']);
    const plain = parameter('w', [4, 4, 3, 3]);
    expect(names(layouts(irOf({ y: conv2d(image(4), plain, null, { padding: 1 }) })))).toEqual([
      'relayout',
      'relayout',
      'conv2d',
    ]);
  });

  test('the conversion belongs to the layer that wants it', () => {
    const y = inScope('conv1', () => conv(image(3)));
    expect(layouts(irOf({ y })).nodes.map(({ scope }) => scope)).toEqual(['conv1', 'conv1']);
  });
});

describe('sinks', () => {
  const gradient = (value: Value, parameterName = 'w') =>
    ({ value, sink: { kind: 'gradient', parameter: parameterName, layout: 'plain' } }) as const;
  const assign = (value: Value, name = 's') => ({ value, sink: { kind: 'state', name } }) as const;
  const SHAPE = [2, 3, 3, 3];

  test('a result goes to its arena without a copy', () => {
    const [g] = free([image()], FREE);
    const ir = layouts(irOf({}, [gradient(g)]));
    expect(names(ir)).toEqual(['free']);
    expect(ir.outputs[0]!.value).toBe(g.id);
  });

  test('with a conversion where the arena has another layout', () => {
    const [g] = free([image(3)], { ...FREE, layout: 'nhwc' });
    expect(names(layouts(irOf({}, [gradient(g)])))).toEqual(['relayout', 'free', 'relayout']);
  });

  test.each<[string, () => ReturnType<typeof gradient>[]]>([
    ['an input', () => [gradient(image())]],
    ['a constant', () => [gradient(constant(1, SHAPE))]],
    ['a view', () => [gradient(free([free([image()], FREE)[0]], { ...FREE, view: true })[0])]],
  ])('%s is copied', (_, make) => {
    expect(names(layouts(irOf({}, make()))).at(-1)).toBe('relayout');
  });

  test('what is wanted twice, or read by others too, is copied', () => {
    const [g] = free([image()], FREE);
    expect(names(layouts(irOf({}, [gradient(g, 'v'), gradient(g, 'w')])))).toEqual(['free', 'relayout', 'relayout']);
    const [h] = free([image()], FREE);
    expect(names(layouts(irOf({ h }, [gradient(h)])))).toEqual(['free', 'relayout']);
    const [k] = free([image()], FREE);
    expect(names(layouts(irOf({ r: free([k], FREE)[0] }, [gradient(k)])))).toEqual(['free', 'free', 'relayout']);
  });

  test('a kernel that reads the state does not write it', () => {
    const s = state('s', SHAPE);
    expect(names(layouts(irOf({}, [assign(free([s, image()], FREE)[0])])))).toEqual(['free', 'relayout']);
    const [viewed] = free([s], { ...FREE, view: true });
    expect(names(layouts(irOf({}, [assign(free([viewed, image()], FREE)[0])])))).toEqual([
      'freeView',
      'free',
      'relayout',
    ]);
  });

  test('a new value is written after the last reader of the old one', () => {
    const s = state('s', SHAPE);
    const [fresh] = free([image()], FREE);
    const [later] = free([s], FREE);
    expect(names(layouts(irOf({ later }, [assign(fresh)])))).toEqual(['free', 'free', 'relayout']);
  });

  test('a node writes new states over the old ones where it says it can and nobody else reads them', () => {
    const [mean, spread] = [state('mean', SHAPE), state('spread', SHAPE)];
    const inArena = (extra: { readonly [name: string]: Value } = {}, operand: Value = image(3)): string[] => {
      const [y, newMean, newSpread] = track([image(3), mean, spread], {});
      const sinks = [assign(newMean!, 'mean'), assign(newSpread!, 'spread')];
      return names(layouts(irOf({ y: add(y, operand), ...extra }, sinks)));
    };
    const copies = (all: readonly string[]): number => all.filter((name) => name === 'relayout').length;
    expect(inArena()).toEqual(['track', 'add']);
    expect(copies(inArena({ later: relu(mean) }))).toBe(2);
    expect(copies(inArena({ old: spread }))).toBe(2);
    expect(copies(inArena({ other: relu(state('other', SHAPE)) }))).toBe(0);
  });

  test('new states are copied where they are not all kept, change places, or another state is read beside them', () => {
    const [mean, spread] = [state('mean', SHAPE), state('spread', SHAPE)];
    const copies = (inputs: readonly Value[], sinks: (outputs: readonly Value[]) => ReturnType<typeof assign>[]) =>
      names(layouts(irOf({}, sinks(track(inputs, {}))))).filter((name) => name === 'relayout').length;
    const both = ([, a, b]: readonly Value[]) => [assign(a!, 'mean'), assign(b!, 'spread')];
    expect(copies([image(3), mean, spread], both)).toBe(0);
    expect(copies([image(3), mean, spread], ([, a]) => [assign(a!, 'mean')])).toBe(1);
    expect(copies([image(3), mean, spread], ([, a, b]) => [assign(a!, 'spread'), assign(b!, 'mean')])).toBe(2);
    expect(copies([state('x', SHAPE), mean, spread], both)).toBe(2);
    const [viewed] = free([state('x', SHAPE)], { ...FREE, view: true });
    expect(copies([viewed, mean, spread], both)).toBe(2);
  });

  test('states that change places go through other memory', () => {
    const [s, t] = [state('s', SHAPE), state('t', SHAPE)];
    const ir = layouts(irOf({}, [assign(t, 's'), assign(s, 't')]));
    expect(names(ir)).toEqual(['relayout', 'relayout', 'relayout', 'relayout']);
    const sources = ir.nodes.map(({ inputs: [id] }) => ir.values.get(id!)!.source.kind);
    expect(sources).toEqual(['state', 'state', 'node', 'node']);
  });
});

describe('schedule', () => {
  test('drops what no output depends on', () => {
    const [a, b] = free([image()], { ...FREE, outputs: 2 });
    free([a], FREE);
    const [c] = free([b!], FREE);
    const ir = irOf({ c });
    const dead = { ...ir.nodes[0]!, inputs: [], outputs: [9_999_999] };
    const order = schedule({ ...ir, nodes: [dead, ...ir.nodes] });
    expect(names(order)).toEqual(['free', 'free']);
    expect(order.used.has(a.id)).toBe(false);
    expect(order.used.has(b!.id)).toBe(true);
  });

  test('a value lives from its node to its last reader; what is read after the run, to the end', () => {
    const x = image();
    const [a] = free([x], FREE);
    const [b] = free([a], FREE);
    const [c] = free([b, a], FREE);
    const [d] = free([c], FREE);
    const { lifetimes } = schedule(irOf({ d, b }));
    expect([x, a, b, c, d].map(({ id }) => lifetimes.get(id))).toEqual([
      { first: -1, last: 0 },
      { first: 0, last: 2 },
      { first: 1, last: 4 },
      { first: 2, last: 3 },
      { first: 3, last: 4 },
    ]);
  });

  test('a view prolongs the life of what it looks at, through other views too', () => {
    const [a] = free([image()], FREE);
    const [v] = free([a], { ...FREE, view: true });
    const [w] = free([v], { ...FREE, view: true });
    const [b] = free([image(8, 'z')], FREE);
    const [c] = free([w, b], FREE);
    const order = schedule(irOf({ c }));
    expect(order.base.get(w.id)).toBe(a.id);
    expect(order.lifetimes.get(a.id)).toEqual({ first: 0, last: 4 });
    expect(order.lifetimes.has(w.id)).toBe(false);
  });
});

test('useCounts counts nodes and outputs', () => {
  const x = image();
  const [a] = free([x, x], FREE);
  const counts = useCounts(irOf({ a, b: a }));
  expect([counts.get(x.id), counts.get(a.id)]).toEqual([2, 2]);
});

const choice = defineOp<Readonly<Record<string, never>>>({
  name: 'choice',
  infer: ([x]) => [x!],
  variants: ({ inputs: [x], outputs: [y], used }, caps) =>
    [...(caps.subgroups ? ['fast'] : []), used[0] ? 'slow' : 'never'].map((id) => ({
      id,
      kernels: [kernelOf({ x: x!, y: y! })],
    })),
});

describe('select', () => {
  const ir = irOf({ y: inScope('layer', () => choice([image()], {})[0]) });

  test('takes the first that the device allows', () => {
    const first = (subgroups: boolean) => select(ir, schedule(ir), { ...DEFAULT_CAPS, subgroups })[0]!;
    expect([first(true).variant.id, first(true).candidates]).toEqual(['fast', ['fast', 'slow']]);
    expect([first(false).variant.id, first(false).candidates]).toEqual(['slow', ['slow']]);
  });

  test('asks the chooser', () => {
    const asked: unknown[] = [];
    const caps = { ...DEFAULT_CAPS, subgroups: true };
    const chosen = select(ir, schedule(ir), caps, ({ op, scope }, ids) => {
      asked.push([op, scope, ids]);
      return 'slow';
    });
    expect(chosen[0]!.variant.id).toBe('slow');
    expect(asked).toEqual([['choice', 'layer', ['fast', 'slow']]]);
  });

  test('says what was offered where nothing fits', () => {
    expect(() => select(ir, schedule(ir), DEFAULT_CAPS, () => 'fastest')).toThrow(
      new DeviceError(
        'choice "layer": no kernel for this device (offered: slow; wanted: fastest). Use a device with larger limits or a smaller shape.',
      ),
    );
    const none = irOf({ y: free([image()], FREE)[0] });
    expect(() => select(none, schedule(none), { ...DEFAULT_CAPS, maxInvocations: 0 })).toThrow(
      'free "": no kernel for this device (offered: none; wanted: any).',
    );
  });

  test('views need no kernel', () => {
    const views = irOf({ y: reshape(image(), [2, 288]) });
    expect(select(views, schedule(views), DEFAULT_CAPS)).toEqual([null]);
  });
});

const TEXT = `struct Params { count: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;
@group(0) @binding(3) var<uniform> step: Step;`;

describe('lowerKernel', () => {
  const shader = { file: 'test/lower.wgsl', text: TEXT, includes: {} };
  const kernel: Kernel = {
    shader,
    bind: { x: { scratch: 'x', elements: 1 }, y: { scratch: 'y', elements: 1 } },
    params: { count: 3 },
    workgroups: [1, 2, 1],
  };
  const place: Place = { buffer: { kind: 'slab', index: 0 }, offset: 0, bytes: 64 };
  const lower = (changes: Partial<Kernel>, caps = DEFAULT_CAPS, uniforms = emptyUniforms()) =>
    lowerKernel(
      { ...kernel, ...changes },
      { label: 'a.b', variant: 'v', candidates: ['v'], flops: 7, caps, uniforms, placeOf: () => place },
    );

  test('binds by name; Params lie at multiples of 256', () => {
    const uniforms = emptyUniforms();
    const first = lower({}, DEFAULT_CAPS, uniforms);
    const second = lower({ params: { count: 4 } }, DEFAULT_CAPS, uniforms);
    expect(first.bindings.map(({ name, index, access }) => [name, index, access])).toEqual([
      ['x', 0, 'read'],
      ['y', 1, 'read_write'],
      ['params', 2, 'uniform'],
      ['step', 3, 'uniform'],
    ]);
    expect(first.bindings[2]!.place).toEqual({ buffer: { kind: 'params' }, offset: 0, bytes: 16 });
    expect(second.bindings[2]!.place.offset).toBe(256);
    expect(first.bindings[3]!.place).toEqual({ buffer: { kind: 'step' }, offset: 0, bytes: 64 });
    const words = joinUniforms(uniforms);
    expect([words.length, words[0], words[64]]).toEqual([128, 3, 4]);
    expect([first.label, first.variant, first.flops, first.workgroups]).toEqual(['a.b', 'v', 7, [1, 2, 1]]);
  });

  test.each<[Partial<Kernel>, string]>([
    [{ bind: { x: kernel.bind.x! } }, "test/lower.wgsl: binding 'y' is not given. Pass it in the kernel's bind."],
    [
      { bind: { ...kernel.bind, z: kernel.bind.x! } },
      "test/lower.wgsl: there is no binding 'z'. Remove it from the kernel's bind.",
    ],
    [{ params: {} }, "test/lower.wgsl: Params.count is not given. Pass it in the kernel's params."],
    [{ params: { count: 1, n: 1 } }, "test/lower.wgsl: there is no Params.n. Remove it from the kernel's params."],
  ])('%j is refused', (changes, message) => {
    expect(() => lower(changes)).toThrow(new ShaderError(message));
  });

  test('limits of the device', () => {
    expect(() => lower({ workgroups: [1, 65536, 1] })).toThrow(
      new DeviceError('a.b: 1 x 65536 x 1 workgroups, this device runs 1 to 65535 along an axis. Use a smaller batch.'),
    );
    expect(() => lower({ workgroups: [0, 1, 1] })).toThrow(DeviceError);
    expect(() => lower({}, { ...DEFAULT_CAPS, maxBindingBytes: 63 })).toThrow(
      new DeviceError('a.b: "x" takes 64 bytes, this device binds 63 at most. Use a smaller batch.'),
    );
  });

  test('different slots and defines are different texts', () => {
    const slotted = { file: 'test/slot.wgsl', text: '//#body', includes: {} };
    const code = (body: string) => lower({ shader: slotted, bind: {}, params: {}, slots: { body } }).shader.code;
    expect([code('a'), code('b'), code('a')]).toEqual(['a', 'b', 'a']);
  });
});

test('two shaders of one file name keep their own text', () => {
  const lower = (text: string) =>
    lowerKernel(
      { shader: { file: 'test/same.wgsl', text, includes: {} }, bind: {}, workgroups: [1, 1, 1] },
      {
        label: '',
        variant: '',
        candidates: [],
        flops: 0,
        caps: DEFAULT_CAPS,
        uniforms: emptyUniforms(),
        placeOf: () => ({ buffer: { kind: 'step' }, offset: 0, bytes: 16 }),
      },
    ).shader.code;
  expect([lower('fn a() {}'), lower('fn b() {}')]).toEqual(['fn a() {}', 'fn b() {}']);
});

test('the toy ops bind what they read and write', () => {
  const ir = irOf({ y: plus(image(), image(8, 'z')) });
  expect(Object.keys(select(ir, schedule(ir), DEFAULT_CAPS)[0]!.variant.kernels[0]!.bind)).toEqual([
    'in0',
    'in1',
    'out0',
  ]);
});
