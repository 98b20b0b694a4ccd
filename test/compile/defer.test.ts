/** Sums that wait for the end of a plan: which may, where their parts lie, and what the one dispatch for all of them adds. No GPU. */
import { describe, expect, test } from 'vitest';
import { deferSums, type PartJob } from '../../src/compile/defer.ts';
import { capture, type Sink } from '../../src/compile/ir.ts';
import { assignLayouts } from '../../src/compile/layout.ts';
import { planMemory } from '../../src/compile/memory.ts';
import { ALIGNMENT, planArena } from '../../src/compile/place.ts';
import { schedule } from '../../src/compile/schedule.ts';
import { select } from '../../src/compile/select.ts';
import { defineOp, input } from '../../src/graph/define-op.ts';
import type { Value } from '../../src/graph/types.ts';
import { relayout } from '../../src/ops/index.ts';
import { addParts } from '../../src/train/add-parts.ts';
import { DEFAULT_CAPS } from '../../src/util/caps.ts';
import { Random } from '../support/random.ts';
import { kernelOf, plus } from './toy-ops.ts';

const SIZE = 100;
const PARTS = 3;

/** A sum in parts. */
const summed = defineOp<Readonly<Record<string, never>>>({
  name: 'summed',
  infer: ([x]) => [x!],
  variants({ inputs: [x], outputs: [y] }) {
    const parts = { scratch: 'parts', elements: PARTS * SIZE };
    const own = { scratch: 'own', elements: 8 };
    const make = kernelOf({ x: x!, own, parts });
    const sums = [{ output: y!, scratch: 'parts', first: 0, elements: SIZE, stride: SIZE, parts: PARTS }];
    return [{ id: 'parts', kernels: [make, kernelOf({ parts, y: y! })], deferred: { kernels: [make], sums } }];
  },
});

const sum = (x: Value): Value => summed([x], {})[0];

const NAMES = ['w0', 'w1', 'w2'] as const;
const ARENAS = {
  parameters: planArena(
    NAMES.map((name) => ({ name, shape: [SIZE], layout: 'plain' as const })),
    2 ** 20,
  ),
  state: { entries: [], shards: [] },
};
const gradient = (value: Value, parameter: string): { value: Value; sink: Sink } => ({
  value,
  sink: { kind: 'gradient', parameter, layout: 'plain' },
});
const read = (value: Value, name: string): { value: Value; sink: Sink } => ({ value, sink: { kind: 'read', name } });

function compiled(outputs: readonly { value: Value; sink: Sink }[], mostBytes = 2 ** 20) {
  const ir = assignLayouts(capture(outputs), relayout);
  const order = schedule(ir);
  const deferral = deferSums({ ir, order }, select(ir, order, DEFAULT_CAPS), mostBytes);
  const kernels = deferral.selection.map((selected) => selected?.variant.kernels.length ?? 0);
  return { deferral, kernels, memory: planMemory(ir, order, deferral, ARENAS) };
}

const x = input('x', [SIZE]);

describe('deferSums', () => {
  test('of gradients that nobody reads: parts of all of them live to the end in a buffer of their own', () => {
    const a = plus(x, x);
    const b = plus(a, a);
    const { deferral, kernels, memory } = compiled([
      gradient(sum(a), 'w0'),
      gradient(sum(b), 'w2'),
      read(plus(b, b), 'y'),
    ]);
    expect(kernels.reduce((p, q) => p + q, 0)).toBe(5);
    expect(deferral.sums).toHaveLength(2);
    const places = deferral.sums.map(({ node, scratch }) => memory.scratch.get(`${node}:${scratch}`)!);
    const [first, second] = places;
    expect(first!.buffer).toEqual(second!.buffer);
    expect(first).toMatchObject({ offset: 0, bytes: 4 * PARTS * SIZE });
    expect(second!.offset).toBeGreaterThanOrEqual(first!.bytes);
    expect(second!.offset % ALIGNMENT).toBe(0);
    // Neither values nor the other scratch of the nodes lie there, whenever they live.
    const parts = JSON.stringify(first!.buffer);
    const others = [...memory.places.values(), memory.scratch.get(`${deferral.sums[0]!.node}:own`)!];
    expect(others.filter(({ buffer }) => JSON.stringify(buffer) === parts)).toEqual([]);
    expect(first!.buffer.kind === 'slab' && memory.slabs[first!.buffer.index]).toBeGreaterThanOrEqual(
      second!.offset + second!.bytes,
    );
  });

  test.each<[string, () => { value: Value; sink: Sink }[], number]>([
    ['one alone', () => [gradient(sum(x), 'w0')], 2 ** 20],
    [
      'one that is read, by a node',
      () => {
        const w = sum(x);
        return [gradient(w, 'w0'), gradient(sum(x), 'w1'), read(plus(w, w), 'y')];
      },
      2 ** 20,
    ],
    [
      'one that is read, at the end',
      () => {
        const w = sum(x);
        return [gradient(w, 'w0'), gradient(sum(x), 'w1'), read(w, 'y')];
      },
      2 ** 20,
    ],
    ['no gradients', () => [read(sum(x), 'a'), read(sum(plus(x, x)), 'b')], 2 ** 20],
    ['more than can be bound', () => [gradient(sum(x), 'w0'), gradient(sum(x), 'w1')], 2000],
    ['nobody who would add them', () => [gradient(sum(x), 'w0'), gradient(sum(x), 'w1')], 0],
  ])('%s: every node adds its own', (_, outputs, mostBytes) => {
    const { deferral, kernels } = compiled(outputs(), mostBytes);
    expect([deferral.sums, deferral.bytes]).toEqual([[], 0]);
    expect(kernels.filter((count, i) => deferral.selection[i]?.node.op === 'summed' && count !== 2)).toEqual([]);
  });

  test('as many as can be bound, the others as before', () => {
    const outputs = NAMES.map((name) => gradient(sum(x), name));
    const { deferral, kernels } = compiled(outputs, 3000);
    expect(deferral.sums).toHaveLength(2);
    expect(kernels.reduce((p, q) => p + q, 0)).toBe(4);
  });
});

describe('addParts', () => {
  /** What the shader does, with its table. */
  function simulate(rows: Uint32Array, parts: Float32Array, to: Float32Array): void {
    for (let row = 0; row < rows.length; row += 8) {
      const [from = 0, first = 0, count = 0, stride = 0, number = 0] = rows.subarray(row, row + 5);
      for (let i = 0; i < 4 * count; i++)
        for (let part = 0; part < number; part++) to[4 * first + i]! += parts[4 * (from + part * stride) + i]!;
    }
  }

  const job = (over: Partial<Omit<PartJob, 'to'>> & { shard?: number; at: number; to: number }): PartJob => {
    const { shard = 0, at, to, first = 0, elements = 4, stride = 4, parts = 1 } = over;
    return {
      ...{ first, elements, stride, parts },
      from: { buffer: { kind: 'slab', index: 7 }, offset: at, bytes: 4 * stride * parts },
      to: { buffer: { kind: 'gradients', shard }, offset: to, bytes: 4 * elements },
    };
  };

  test.each([true, false])('every element once, long ones first; on a CPU: %s', (software) => {
    const random = new Random(3);
    const parts = Float32Array.from({ length: 4096 }, () => random.integer(-9, 9));
    const jobs = [
      job({ at: 0, to: 0, elements: 276, stride: 284, parts: 5 }),
      job({ at: 0, to: 1280, first: 276, elements: 8, stride: 284, parts: 5 }),
      job({ at: 6144, to: 1536, elements: 12, stride: 12, parts: 100 }),
    ];
    const { tails, tables } = addParts(jobs, { ...DEFAULT_CAPS, software });
    expect(tails).toHaveLength(1);
    const { kernel } = tails[0]!;
    expect(kernel.bind.gradients).toEqual({ buffer: { kind: 'gradients', shard: 0 }, offset: 0, bytes: 1536 + 48 });
    expect(kernel.bind.parts).toEqual({ buffer: { kind: 'slab', index: 7 }, offset: 0, bytes: 6144 + 4800 });
    expect(kernel.params).toEqual({ jobs: tables[0]!.length / 8 });
    expect(tables[0]![4]).toBe(100);
    const size = Number(kernel.defines!.SIZE);
    for (let row = 2; row < tables[0]!.length; row += 8) expect(tables[0]![row]).toBeLessThanOrEqual(size);
    const to = new Float32Array(400);
    simulate(tables[0]!, parts, to);
    const wanted = new Float32Array(400);
    for (const { from, to: place, first, elements, stride, parts: number } of jobs)
      for (let i = 0; i < elements; i++)
        for (let part = 0; part < number; part++)
          wanted[place.offset / 4 + i]! += parts[from.offset / 4 + first + part * stride + i]!;
    expect(to).toEqual(wanted);
  });

  test('one dispatch for each shard of the gradients, each with its table', () => {
    const jobs = [job({ at: 0, to: 0, shard: 1 }), job({ at: 256, to: 0 }), job({ at: 512, to: 256, shard: 1 })];
    const { tails, tables } = addParts(jobs, DEFAULT_CAPS);
    expect(tails.map(({ kernel: { bind } }) => [bind.gradients!.buffer, bind.jobs!.buffer])).toEqual([
      [
        { kind: 'gradients', shard: 0 },
        { kind: 'table', index: 0 },
      ],
      [
        { kind: 'gradients', shard: 1 },
        { kind: 'table', index: 1 },
      ],
    ]);
    expect(tables.map(({ length }) => length / 8)).toEqual([1, 2]);
  });
});
