/** Whole plans, as data: what LeNet's training compiles to is stored, so that a change of a pass or of an op shows. No GPU. */
import { expect, test } from 'vitest';
import { planArena } from '../../src/compile/place.ts';
import { compilePlan, type Plan, planTail, printPlan } from '../../src/compile/plan.ts';
import type { Chooser } from '../../src/compile/select.ts';
import { defineOp, input } from '../../src/graph/define-op.ts';
import { conv2d, flatten, linear, maxPool2d, relu } from '../../src/nn/layers.ts';
import { crossEntropy } from '../../src/nn/losses.ts';
import { type Model, sequential } from '../../src/nn/model.ts';
import { relayout } from '../../src/ops/index.ts';
import { addParts } from '../../src/train/add-parts.ts';
import { graphOf } from '../../src/train/describe.ts';
import { DEFAULT_CAPS, type DeviceCaps } from '../../src/util/caps.ts';
import { GaborError } from '../../src/util/errors.ts';
import { kernelOf } from './toy-ops.ts';

/** What llvmpipe offers on a processor with 256-bit vectors. */
const LAVAPIPE: DeviceCaps = {
  software: true,
  subgroups: true,
  subgroupMinSize: 8,
  subgroupMaxSize: 8,
  f16: true,
  maxInvocations: 1024,
  maxWorkgroupBytes: 32768,
  maxStorageBuffers: 16,
  maxBindingBytes: 134217728,
  maxWorkgroups: 65535,
};

const lenet = (): Model =>
  sequential(
    [1, 28, 28],
    [
      conv2d(6, 5, { padding: 2 }),
      relu(),
      maxPool2d(2),
      conv2d(16, 5),
      relu(),
      maxPool2d(2),
      flatten(),
      linear(120),
      relu(),
      linear(84),
      relu(),
      linear(10),
    ],
  );

const NONE = { entries: [], shards: [] };

function trainingPlan(model: Model, batch: number, { caps, choose }: { caps: DeviceCaps; choose?: Chooser }): Plan {
  const outputs = graphOf({ mode: 'train', batch }, { model, loss: crossEntropy() });
  const arenas = { parameters: planArena(model.parameters, caps.maxBindingBytes), state: NONE };
  return compilePlan({ outputs, arenas, caps, relayout, choose, addParts, join: true });
}

test.each([
  ['default', DEFAULT_CAPS],
  ['lavapipe', LAVAPIPE],
])('LeNet, training, batch 64, %s', async (name, caps) => {
  const plan = trainingPlan(lenet(), 64, { caps });
  await expect(`${printPlan(plan)}\n`).toMatchFileSnapshot(`__snapshots__/lenet-train-64-${name}.txt`);
});

test('LeNet, training: kernels to compile, which is what the first step waits for', () => {
  const texts = (caps: DeviceCaps): Set<string> =>
    new Set(trainingPlan(lenet(), 64, { caps }).dispatches.map(({ shader }) => shader.code));
  expect(texts(LAVAPIPE).size).toBeLessThanOrEqual(17);
  expect(texts(DEFAULT_CAPS).size).toBeLessThanOrEqual(18);
  // On llvmpipe a store takes 10 ms to compile: tiles store in loops.
  const stores = [...texts(LAVAPIPE)].map((code) => code.match(/\b(put|put_weight|finish)\(/g)?.length ?? 0);
  expect(Math.max(...stores)).toBeLessThanOrEqual(9);
});

test('a plan is the same every time', () => {
  const [a, b] = [0, 1].map(() => trainingPlan(lenet(), 8, { caps: DEFAULT_CAPS }));
  expect(JSON.stringify(a)).toBe(JSON.stringify(b));
});

test.each([
  ['default', DEFAULT_CAPS],
  ['lavapipe', LAVAPIPE],
])('shaders do not depend on the batch, %s: other batches need no new pipelines', (_, caps) => {
  // The variants of one batch are forced on the other, where both offer them.
  const chosen = new Map<string, string>();
  const first = trainingPlan(lenet(), 64, { caps });
  const codes = new Set(
    first.dispatches.map(({ file, shader, variant, label }) => {
      chosen.set(label, variant);
      return `${file} ${shader.code}`;
    }),
  );
  let compared = 0;
  for (const { file, shader, variant, label } of trainingPlan(lenet(), 60, { caps }).dispatches) {
    if (chosen.get(label) !== variant) continue;
    compared++;
    expect(codes.has(`${file} ${shader.code}`), `${label} ${variant}`).toBe(true);
  }
  expect(compared).toBeGreaterThan(first.dispatches.length / 2);
});

test('no dispatch binds a buffer twice where it writes it, and all offsets are aligned', () => {
  for (const caps of [DEFAULT_CAPS, LAVAPIPE]) {
    for (const { label, bindings } of trainingPlan(lenet(), 64, { caps }).dispatches) {
      const storage = bindings.filter(({ access }) => access !== 'uniform');
      const written = storage
        .filter(({ access }) => access === 'read_write')
        .map(({ place }) => JSON.stringify(place.buffer));
      for (const buffer of written) {
        const uses = storage.filter(({ place }) => JSON.stringify(place.buffer) === buffer);
        const writers = uses.filter(({ access }) => access === 'read_write').length;
        expect(uses.length, label).toBe(writers);
      }
      expect(bindings.every(({ place }) => place.offset % 256 === 0 && place.bytes % 16 === 0)).toBe(true);
      expect(storage.length).toBeLessThanOrEqual(caps.maxStorageBuffers);
    }
  }
});

test('fusion: relu has no kernel of its own where a convolution comes before it', () => {
  const labels = trainingPlan(lenet(), 64, { caps: DEFAULT_CAPS }).dispatches.map(({ label }) => label);
  expect(labels.filter((label) => /(conv2d|maxPool2d)\+relu/.test(label))).toHaveLength(2);
  expect(labels.filter((label) => /\.relu$/.test(label))).toEqual([]);
});

test('slabs are shared: far less than the sum of all values', () => {
  const { memory } = trainingPlan(lenet(), 64, { caps: DEFAULT_CAPS });
  expect(memory.slabBytes).toBeLessThan(0.75 * memory.unsharedBytes);
  expect(memory.slabBytes).toBeLessThan(1.35 * memory.peakBytes);
});

test('inputs are listed once, and only those that are read', () => {
  const plan = trainingPlan(lenet(), 3, { caps: DEFAULT_CAPS });
  expect(plan.inputs.map(({ name, shape, dtype, layout }) => [name, shape, dtype, layout])).toEqual([
    ['x', [3, 1, 28, 28], 'f32', 'plain'],
    ['y', [3], 'i32', 'plain'],
  ]);
  expect(plan.outputs.map(({ name }) => name)).toEqual(['loss', 'correct']);
});

test('a kernel that binds what its node does not own is an error of the op', () => {
  const stray = defineOp<Readonly<Record<string, never>>>({
    name: 'stray',
    infer: ([x]) => [x!],
    variants: ({ inputs: [x] }) => [
      {
        id: 'only',
        kernels: [
          {
            ...kernelOf({ z: { ...x!, id: -7 } }),
            shader: { file: 'stray.wgsl', text: '@group(0) @binding(0) var<storage> z: array<f32>;', includes: {} },
          },
        ],
      },
    ],
  });
  const [value] = stray([input('x', [4])], {});
  const request = { arenas: { parameters: NONE, state: NONE }, caps: DEFAULT_CAPS, relayout };
  expect(() => compilePlan({ ...request, outputs: [{ value, sink: { kind: 'read', name: 'y' } }] })).toThrow(
    new GaborError('stray "": a bound value has no place. Bind only inputs, outputs and scratch of the node.'),
  );
});

test('an empty tail is an empty plan', () => {
  const plan = planTail([], DEFAULT_CAPS);
  expect([plan.dispatches, plan.slabs, plan.uniforms.length]).toEqual([[], [], 0]);
  expect(printPlan(plan)).toContain('0 slabs, 0 bytes');
});
