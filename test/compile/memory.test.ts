/** Memory of plans: random graphs are run on a model of the memory, where every buffer knows what was written last. No GPU. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deferSums } from '../../src/compile/defer.ts';
import { fuse as fuseFor } from '../../src/compile/fuse.ts';
import type { Ir, Sink } from '../../src/compile/ir.ts';
import { assignLayouts } from '../../src/compile/layout.ts';
import { assignSlabs, type Memory, planMemory } from '../../src/compile/memory.ts';
import { ALIGNMENT, bytesFor, type Place, planArena, refName } from '../../src/compile/place.ts';
import { schedule } from '../../src/compile/schedule.ts';
import { type Selection, select } from '../../src/compile/select.ts';
import { defineOp, external, input, parameter, state } from '../../src/graph/define-op.ts';
import { physicalSize } from '../../src/graph/layout.ts';
import type { Value } from '../../src/graph/types.ts';
import { relayout } from '../../src/ops/index.ts';
import { DEFAULT_CAPS } from '../../src/util/caps.ts';
import { DeviceError } from '../../src/util/errors.ts';
import { free, irOf, kernelOf } from './toy-ops.ts';

const fuse = (ir: Ir): Ir => fuseFor(ir, DEFAULT_CAPS);

describe('assignSlabs', () => {
  const request = fc
    .record({ bytes: fc.integer({ min: 1, max: 1000 }), first: fc.integer({ min: 0, max: 40 }), life: fc.nat(12) })
    .map(({ bytes, first, life }) => ({ bytes, first, last: first + life }));

  test('values alive together never share; slabs are as large as what they hold', () => {
    fc.assert(
      fc.property(fc.array(request, { maxLength: 40 }), (list) => {
        const requests = list.map((r, key) => ({ ...r, key }));
        const { slabs, slabOf } = assignSlabs(requests);
        for (const a of requests) {
          expect(slabs[slabOf.get(a.key)!]!).toBeGreaterThanOrEqual(a.bytes);
          for (const b of requests) {
            const together = a.first <= b.last && b.first <= a.last;
            if (a.key < b.key && together) expect(slabOf.get(a.key)).not.toBe(slabOf.get(b.key));
          }
        }
        slabs.forEach((bytes, i) => {
          expect(bytes).toBe(Math.max(...requests.filter((r) => slabOf.get(r.key) === i).map((r) => r.bytes)));
        });
        // Never more than without sharing.
        expect(slabs.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(requests.reduce((sum, r) => sum + r.bytes, 0));
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  test('a chain of values takes two slabs', () => {
    const { slabs } = assignSlabs(Array.from({ length: 20 }, (_, i) => ({ key: i, bytes: 64, first: i, last: i + 1 })));
    expect(slabs).toEqual([64, 64]);
  });

  test('the smallest slab that fits is taken, else the largest grows', () => {
    const old = [100, 300, 200].map((bytes, key) => ({ key, bytes, first: 0, last: 0 }));
    const { slabs, slabOf } = assignSlabs([...old, { key: 'fits', bytes: 150, first: 1, last: 1 }]);
    expect(slabOf.get('fits')).toBe(slabOf.get(2));
    expect(slabs).toEqual([300, 200, 100]);
    expect(assignSlabs([...old, { key: 'large', bytes: 400, first: 1, last: 1 }]).slabs).toEqual([400, 200, 100]);
  });
});

type Scratching = { readonly scratch: number; readonly channels: number };

/** Two kernels with memory of their own between them. */
const scratching = defineOp<Scratching>({
  name: 'scratching',
  infer: (_, { channels }) => [{ shape: [2, channels, 3, 3], dtype: 'f32' }],
  variants({ inputs: [x], outputs: [y], attrs: { scratch } }) {
    const between = { scratch: 'between', elements: scratch };
    const other = { scratch: 'other', elements: 3 };
    return [
      {
        id: 'two',
        kernels: [kernelOf({ x: x!, between }), kernelOf({ between, x: x!, other }), kernelOf({ other, y: y! })],
      },
    ];
  },
});

const step = fc.record({
  kind: fc.constantFrom('free', 'free', 'free', 'view', 'scratch'),
  inputs: fc.array(fc.nat(), { minLength: 1, maxLength: 3 }),
  layout: fc.constantFrom(null, 'plain' as const, 'nhwc' as const),
  outputs: fc.integer({ min: 1, max: 2 }),
  channels: fc.integer({ min: 1, max: 5 }),
});

const recipe = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 14 }),
  read: fc.array(fc.nat(), { minLength: 1, maxLength: 3 }),
  gradient: fc.option(fc.nat()),
  states: fc.array(fc.nat(), { maxLength: 2 }),
});

const SHAPE = [2, 3, 3, 3];

const ARENAS = {
  parameters: planArena([{ name: 'w', shape: SHAPE, layout: 'plain' }], 2 ** 20),
  state: planArena(
    ['s0', 's1'].map((name) => ({ name, shape: SHAPE, layout: 'plain' as const })),
    2 ** 20,
  ),
};

function build({ steps, read, gradient, states }: typeof recipe extends fc.Arbitrary<infer T> ? T : never): Ir {
  const values: Value[] = [
    input('x', SHAPE),
    external('data', SHAPE, 'f32'),
    parameter('w', SHAPE),
    state('s0', SHAPE),
    state('s1', SHAPE),
  ];
  for (const { kind, inputs, layout, outputs, channels } of steps) {
    const from = inputs.map((i) => values[i % values.length]!);
    if (kind === 'scratch') values.push(scratching([from[0]!], { scratch: 50 * channels, channels })[0]);
    else values.push(...free(from, { layout, outputs, channels, scratch: 0, view: kind === 'view' }));
  }
  const fitting = values.filter(({ shape }) => shape[1] === SHAPE[1]);
  const sinks: { value: Value; sink: Sink }[] = states.map((i, s) => ({
    value: fitting[i % fitting.length]!,
    sink: { kind: 'state', name: `s${s}` },
  }));
  if (gradient !== null)
    sinks.push({
      value: fitting[gradient % fitting.length]!,
      sink: { kind: 'gradient', parameter: 'w', layout: 'plain' },
    });
  const made = values.slice(5);
  return irOf(Object.fromEntries(read.map((i, k) => [`out${k}`, made[i % made.length]!])), sinks);
}

interface Compiled {
  readonly ir: Ir;
  readonly base: ReadonlyMap<number, number>;
  readonly selection: Selection;
  readonly memory: Memory;
}

function compile(source: Ir): Compiled {
  const ir = assignLayouts(fuse(source), relayout);
  const order = schedule(ir);
  const deferral = deferSums({ ir, order }, select(ir, order, DEFAULT_CAPS), 2 ** 30);
  const { selection } = deferral;
  return { ir, base: order.base, selection, memory: planMemory(ir, order, deferral, ARENAS) };
}

const keyOf = ({ buffer, offset }: Place): string => `${refName(buffer)}+${offset}`;

/** Runs the plan on names instead of numbers; throws where a kernel would read what is not there or touch a buffer twice. */
function simulate({ ir, base, selection, memory }: Compiled): void {
  const contents = new Map<string, number | string>();
  const baseOf = (id: number): number => base.get(id) ?? id;
  for (const { id, source } of ir.values.values()) {
    if (source.kind !== 'node' && memory.places.has(id)) contents.set(keyOf(memory.places.get(id)!), id);
  }
  for (const [i, selected] of selection.entries()) {
    if (!selected) continue;
    const { node, variant } = selected;
    for (const { bind } of variant.kernels) {
      const reads = new Set<string>();
      const writes: string[] = [];
      const pending: [Place, number | string][] = [];
      for (const [name, target] of Object.entries(bind)) {
        const isScratch = 'scratch' in target;
        const place = isScratch ? memory.scratch.get(`${i}:${target.scratch}`)! : memory.places.get(target.id)!;
        const elements = isScratch ? target.elements : physicalSize(target.shape, target.layout);
        const content = isScratch ? `${i}:${target.scratch}` : baseOf(target.id);
        expect(place.bytes).toBeGreaterThanOrEqual(bytesFor(elements));
        if (place.buffer.kind === 'slab') expect(memory.slabs[place.buffer.index]!).toBeGreaterThanOrEqual(place.bytes);
        const firstUse = isScratch && !contents.has(`seen ${content}`);
        const writesIt = isScratch ? firstUse : node.outputs.includes(target.id);
        if (isScratch) contents.set(`seen ${content}`, 1);
        if (writesIt) {
          writes.push(refName(place.buffer));
          pending.push([place, content]);
        } else {
          reads.add(refName(place.buffer));
          expect(contents.get(keyOf(place)), `${node.op} reads ${name}`).toBe(content);
        }
      }
      expect(writes.filter((buffer) => reads.has(buffer))).toEqual([]);
      expect(new Set(writes).size).toBe(writes.length);
      for (const [place, content] of pending) contents.set(keyOf(place), content);
    }
  }
  for (const { value, sink } of ir.outputs) {
    const place = memory.places.get(value)!;
    if (sink.kind === 'gradient') expect(refName(place.buffer)).toBe('grad');
    if (sink.kind === 'state') expect(refName(place.buffer)).toBe('state');
    const isOldState = sink.kind === 'read' && refName(place.buffer) === 'state';
    if (!isOldState) expect(contents.get(keyOf(place)), `output ${sink.kind}`).toBe(baseOf(value));
  }
}

describe('planMemory', () => {
  test('every kernel finds what it reads, and writes no buffer that it reads', () => {
    fc.assert(
      fc.property(recipe, (r) => simulate(compile(build(r)))),
      { numRuns: 400, seed: 1 },
    );
  });

  test('the model of the memory notices values that are lost', () => {
    const [a] = free([input('x', SHAPE)], { layout: null, outputs: 1, channels: 3, scratch: 0, view: false });
    const [b] = free([a], { layout: null, outputs: 1, channels: 3, scratch: 0, view: false });
    const [c] = free([b, a], { layout: null, outputs: 1, channels: 3, scratch: 0, view: false });
    const plan = compile(irOf({ c }));
    simulate(plan);
    const places = new Map(plan.memory.places).set(b.id, plan.memory.places.get(a.id)!);
    expect(() => simulate({ ...plan, memory: { ...plan.memory, places } })).toThrow();
  });

  test('sizes are what they say', () => {
    fc.assert(
      fc.property(recipe, (r) => {
        const { memory } = compile(build(r));
        const total = memory.slabs.reduce((a, b) => a + b, 0);
        expect(memory.slabs.every((bytes) => bytes % ALIGNMENT === 0)).toBe(true);
        expect(memory.peakBytes).toBeLessThanOrEqual(total);
        expect(memory.peakBytes).toBeLessThanOrEqual(memory.unsharedBytes);
        expect(total).toBeLessThanOrEqual(memory.unsharedBytes + memory.slabs.length * ALIGNMENT);
      }),
      { numRuns: 200, seed: 2 },
    );
  });

  test('outputs that no kernel binds and nobody reads take no memory', () => {
    const [a, b] = free([input('x', SHAPE)], { layout: null, outputs: 2, channels: 3, scratch: 0, view: false });
    const { memory } = compile(irOf({ a }));
    expect([memory.places.has(a.id), memory.places.has(b!.id)]).toEqual([true, true]); // bound by the kernel
    expect(memory.slabs).toHaveLength(2);
  });
});

describe('planArena', () => {
  const tensor = (name: string, ...shape: number[]) => ({ name, shape, layout: 'plain' as const });

  test('tensors lie one after another, 256-byte aligned', () => {
    const { entries, shards } = planArena([tensor('a', 3), tensor('b', 64), tensor('c', 65)], 2 ** 20);
    expect(entries.map(({ name, shard, offset, bytes }) => [name, shard, offset, bytes])).toEqual([
      ['a', 0, 0, 16],
      ['b', 0, 256, 256],
      ['c', 0, 512, 272],
    ]);
    expect(shards).toEqual([1024]);
  });

  test('physical sizes count', () => {
    expect(planArena([{ name: 'w', shape: [5, 3, 3, 3], layout: 'hwio' }], 2 ** 20).entries[0]!.bytes).toBe(
      8 * 4 * 9 * 4,
    );
  });

  test('shards are filled in order and never cut a tensor', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 30 });
    fc.assert(
      fc.property(sizes, (list) => {
        const limit = 2048;
        const { entries, shards } = planArena(
          list.map((size, i) => tensor(`t${i}`, size)),
          limit,
        );
        expect(entries.map(({ name }) => name)).toEqual(list.map((_, i) => `t${i}`));
        let [shard, end] = [0, 0];
        for (const e of entries) {
          expect(e.offset % ALIGNMENT).toBe(0);
          if (e.shard === shard) expect(e.offset).toBe(end);
          else expect([e.shard, e.offset]).toEqual([shard + 1, 0]);
          shard = e.shard;
          end = Math.ceil((e.offset + e.bytes) / ALIGNMENT) * ALIGNMENT;
          expect(end).toBeLessThanOrEqual(shards[shard]!);
        }
        expect(shards.every((bytes) => bytes <= limit && bytes % ALIGNMENT === 0)).toBe(true);
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  test('no tensors, no shards; one that is too large is named', () => {
    expect(planArena([], 1024)).toEqual({ entries: [], shards: [] });
    expect(() => planArena([tensor('fc1.weight', 10, 100)], 1024)).toThrow(
      new DeviceError(
        'parameter "fc1.weight": needs 4000 bytes, this device binds 1024 at most. Make the layer smaller.',
      ),
    );
  });
});

test('names of buffers', () => {
  const names = [
    { kind: 'slab', index: 3 },
    { kind: 'parameters', shard: 0 },
    { kind: 'parameters', shard: 1 },
    { kind: 'gradients', shard: 0 },
    { kind: 'gradients', shard: 2 },
    { kind: 'slot', slot: 1, shard: 0 },
    { kind: 'slot', slot: 1, shard: 1 },
    { kind: 'input', name: 'x' },
    { kind: 'external', name: 'ring' },
    { kind: 'constant', index: 0 },
    { kind: 'state' },
    { kind: 'params' },
    { kind: 'step' },
  ] as const;
  expect(names.map(refName).join(' ')).toBe(
    'slab3 param param.1 grad grad.2 slot1 slot1.1 in:x ext:ring const0 state params step',
  );
});
