/** Statistics of training: exact counts, float64 norms, the step as it is without, delivery, memory. */
import { describe, expect, test } from 'vitest';
import { printPlan } from '../../src/compile/plan.ts';
import { requestDevice } from '../../src/gpu/device.ts';
import { binsOf } from '../../src/inspect/histogram.ts';
import { inspect } from '../../src/inspect/inspector.ts';
import { monitor } from '../../src/inspect/monitor.ts';
import type { StepStats, TensorStats } from '../../src/inspect/monitor-types.ts';
import { flatten, linear, relu, sigmoid, tanh } from '../../src/nn/layers.ts';
import { sequential } from '../../src/nn/model.ts';
import { adam } from '../../src/optim/adam.ts';
import { sgd } from '../../src/optim/sgd.ts';
import { device } from '../support/device.ts';
import { Random } from '../support/random.ts';
import { type Tensor, tensor, toFloat32 } from '../support/tensor.ts';
import { batchOf, CLASSES, convNet, quarters, trainerFor, watch } from '../train/cases.ts';
import { netOf, referenceNet } from './reference-net.ts';

const COUNT = 37;
const random = new Random(8);
const images = random.normal([COUNT, 2, 8, 8]);
const labels = random.integers([COUNT], { min: 0, max: 2 });
const batch = { x: toFloat32(images), y: Int32Array.from(labels.data) };

/** One step of the small net, and what the monitor says about it. */
async function look(options: Parameters<typeof monitor>[0] = {}, lr = 0.1) {
  const trainer = await trainerFor(netOf(), { batchSize: COUNT, optimizer: sgd({ lr }) });
  const told: StepStats[] = [];
  const watching = monitor({ every: 1, ...options, onStats: (stats) => void told.push(stats) });
  await watching.attach(trainer);
  const before = await trainer.parameters();
  trainer.step(batch);
  await watching.flush();
  const after = await trainer.parameters();
  const net = referenceNet(before, images);
  return { trainer, watching, told, before, after, net, gradients: net.lossGradients(labels) };
}

const norm = (data: ArrayLike<number>): number => Math.sqrt(Array.from(data).reduce((sum, v) => sum + v * v, 0));

function expectSpread(stats: TensorStats, { data }: Tensor, name: string): void {
  const mean = data.reduce((a, b) => a + b, 0) / data.length;
  const std = Math.sqrt(data.reduce((sum, v) => sum + (v - mean) ** 2, 0) / data.length);
  const scale = data.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  expect(stats.count, name).toBe(data.length);
  expect(stats.nonFinite, name).toBe(0);
  expect(Math.abs(stats.mean - mean) / scale, `${name} mean`).toBeLessThan(1e-6);
  expect(Math.abs(stats.std - std) / scale, `${name} std`).toBeLessThan(2e-6);
  const [min, max] = [data.reduce((a, b) => Math.min(a, b)), data.reduce((a, b) => Math.max(a, b))];
  expect(Math.abs(stats.min - min) / scale, `${name} min`).toBeLessThan(1e-5);
  expect(Math.abs(stats.max - max) / scale, `${name} max`).toBeLessThan(1e-5);
}

/** Counts of values as the GPU has them. */
function countBins(data: ArrayLike<number>, edges: Float32Array): { counts: number[]; below: number; above: number } {
  const counts = new Array<number>(edges.length - 1).fill(0);
  let [below, above] = [0, 0];
  for (const v of Array.from(data)) {
    if (v < edges[0]!) below++;
    else if (v > edges.at(-1)!) above++;
    else {
      const next = edges.findIndex((edge) => edge > v);
      const bin = next < 0 ? counts.length - 1 : next - 1;
      counts[bin] = counts[bin]! + 1;
    }
  }
  return { counts, below, above };
}

describe('numbers', () => {
  test('mean, deviation and ends of activations and their gradients', async () => {
    const { trainer, told, net, gradients } = await look();
    expect(told.length).toBe(1);
    const { layers, step } = told[0]!;
    expect(step).toBe(1);
    // flatten is the memory of the layer before it.
    expect([...layers.keys()]).toEqual(Object.keys(net.values).filter((name) => name !== 'flatten1'));
    for (const [name, { activation, gradient, shape }] of layers) {
      expect(shape).toEqual([...net.values[name]!.shape]);
      expectSpread(activation, net.values[name]!, name);
      expectSpread(gradient!, gradients[name]!, `gradient of ${name}`);
    }
    trainer.dispose();
  });

  test.each(['linear', 'symlog'] as const)(
    '%s histograms count every element once, exactly, padding lanes never',
    async (scale) => {
      const range = [-0.4, 0.5] as const;
      const { trainer, told, before } = await look({
        activations: { bins: 7, range, scale },
        gradients: { bins: 5, range: 1e-3, scale },
      });
      const { layers } = told[0]!;
      const again = await trainerFor(netOf(), { batchSize: COUNT });
      for (const [name, { data }] of before) again.engine.writeTensor(name, data);
      const values = await inspect(again).activations(batch.x);
      for (const [name, { activation, gradient }] of layers) {
        const { edges, counts, below, above } = activation.histogram;
        expect(counts.length).toBe(7);
        expect({ counts: [...counts], below, above }, name).toEqual(countBins(values.get(name)!.data, edges));
        const total =
          [...gradient!.histogram.counts].reduce((a, b) => a + b, 0) +
          gradient!.histogram.below +
          gradient!.histogram.above;
        expect(total, name).toBe(values.get(name)!.data.length);
      }
      expect(layers.get('conv1')!.activation.histogram.below).toBeGreaterThan(0);
      expect(layers.get('conv1')!.activation.histogram.above).toBeGreaterThan(0);
      again.dispose();
      trainer.dispose();
    },
  );

  test('norms of gradients, weights and updates', async () => {
    const { trainer, told, before, after, gradients } = await look();
    const { parameters } = told[0]!;
    expect([...parameters.keys()].sort()).toEqual([...before.keys()].sort());
    for (const [name, { gradientNorm, weightNorm, updateNorm, updateRatio }] of parameters) {
      const [old, now] = [before.get(name)!.data, after.get(name)!.data];
      const update = norm(Float64Array.from(now, (v, i) => v - old[i]!));
      expect(gradientNorm / norm(gradients[name]!.data), name).toBeCloseTo(1, 4);
      expect(weightNorm / norm(old), name).toBeCloseTo(1, 5);
      expect(updateNorm / update, name).toBeCloseTo(1, 5);
      expect(updateRatio / (update / norm(old)), name).toBeCloseTo(1, 5);
    }
    trainer.dispose();
  });

  test('gradients of accumulated batches are those of the update', async () => {
    const trainer = await trainerFor(netOf(), { batchSize: COUNT, optimizer: sgd({ lr: 0.5 }), accumulationSteps: 2 });
    const told: StepStats[] = [];
    const watching = monitor({ every: 1, layers: [], onStats: (stats) => void told.push(stats) });
    await watching.attach(trainer);
    trainer.step(batch);
    trainer.step({ x: batch.x.map((v) => v + 1), y: batch.y });
    await watching.flush();
    expect(told.map(({ step }) => step)).toEqual([1]);
    expect(told[0]!.layers.size).toBe(0);
    for (const [name, { gradientNorm, updateNorm }] of told[0]!.parameters)
      expect(updateNorm / (0.5 * gradientNorm), name).toBeCloseTo(1, 3);
    trainer.dispose();
  });

  test('dead units over the batch and over the window; saturated outputs', async () => {
    const model = sequential([2], [linear(4), relu(), linear(3), tanh(), linear(3), sigmoid(), linear(2)]);
    const trainer = await trainerFor(model, { batchSize: 2, optimizer: sgd({ lr: 0 }) });
    const set = (name: string, values: readonly number[]) =>
      trainer.engine.writeTensor(name, Float32Array.from(values));
    // Unit 0 follows the first input, 1 the second, 2 is dead, 3 always alive.
    set('fc1.weight', [1, 0, 0, 1, 0, 0, 0, 0]);
    set('fc1.bias', [0, 0, -1, 1]);
    set('fc2.weight', new Array<number>(12).fill(0));
    set('fc2.bias', [2, 2.2, -9]);
    set('fc3.weight', new Array<number>(9).fill(0));
    set('fc3.bias', [4.1, 4.3, -5]);
    const told: StepStats[] = [];
    const watching = monitor({ every: 1, window: 2, onStats: (stats) => void told.push(stats) });
    await watching.attach(trainer);
    const y = Int32Array.of(0, 1);
    for (const x of [
      [1, 0, 1, 0],
      [0, 0, 0, 2],
      [0, 0, -1, 0],
      [0, 0, 0, 0],
    ])
      trainer.step({ x: Float32Array.from(x), y });
    await watching.flush();
    const dead = told.map(({ layers }) => layers.get('relu1')!.dead!);
    expect(dead.map(({ share }) => share)).toEqual([0.5, 0.5, 0.75, 0.75]);
    expect(dead.map(({ windowShare }) => windowShare)).toEqual([0.5, 0.25, 0.5, 0.75]);
    expect(dead[0]!.units).toBe(4);
    // tanh(2) = 0.964, tanh(2.2) = 0.976; 2 sigmoid(4.1) - 1 = 0.967, 2 sigmoid(4.3) - 1 = 0.973.
    expect(told[0]!.layers.get('tanh1')!.saturated).toBeCloseTo(2 / 3, 10);
    expect(told[0]!.layers.get('sigmoid1')!.saturated).toBeCloseTo(2 / 3, 10);
    expect(told[0]!.layers.get('fc1')!.dead).toBeNull();
    expect(told[0]!.layers.get('relu1')!.saturated).toBeNull();
    trainer.dispose();
  });

  test('a unit of an image is a channel, and of a deep padded image too', async () => {
    const { trainer, told, net } = await look();
    const { shape, data } = net.values.relu1!;
    const [n, c, area] = [shape[0]!, shape[1]!, shape[2]! * shape[3]!];
    const dead = Array.from({ length: c }, (_, k) =>
      Array.from({ length: n }, (_, i) => data.slice((i * c + k) * area, (i * c + k + 1) * area)).every((map) =>
        map.every((v) => v <= 0),
      ),
    ).filter(Boolean).length;
    expect(told[0]!.layers.get('relu1')!.dead).toEqual({ units: 6, share: dead / 6, windowShare: dead / 6 });
    trainer.dispose();
  });

  test('what is no number is counted and left out; a large mean does not hide a small deviation', async () => {
    const trainer = await trainerFor(sequential([3], [linear(2), linear(2)]), {
      batchSize: 3,
      optimizer: sgd({ lr: 0 }),
    });
    trainer.engine.writeTensor('fc1.weight', Float32Array.of(1, 0, 0, 0, 1, 0));
    trainer.engine.writeTensor('fc1.bias', Float32Array.of(0, 0));
    const told: StepStats[] = [];
    const watching = monitor({ every: 1, layers: ['fc1'], onStats: (stats) => void told.push(stats) });
    await watching.attach(trainer);
    const y = Int32Array.of(0, 1, 0);
    trainer.step({ x: Float32Array.of(1e4, 1e4 + 1, 0, 1e4, 1e4 + 1, 0, 1e4, 1e4 + 1, 0), y });
    trainer.step({ x: Float32Array.of(1000, 1001, 0, 1000.5, Number.NaN, 0, 1000.25, Infinity, 0), y });
    await watching.flush();
    const { activation } = told[1]!.layers.get('fc1')!;
    expect(activation.count + activation.nonFinite).toBe(6);
    expect(activation.nonFinite).toBeGreaterThanOrEqual(2);
    expect(told[0]!.layers.get('fc1')!.activation).toMatchObject({
      count: 6,
      mean: 1e4 + 0.5,
      std: 0.5,
      min: 1e4,
      max: 1e4 + 1,
    });
    trainer.dispose();
  });

  test('chunks of a long tensor are joined, the same every time', async () => {
    const model = sequential([700], [linear(300), tanh(), linear(2)]);
    const x = new Random(1).normal([64, 700]);
    const run = async () => {
      const trainer = await trainerFor(model, { batchSize: 64, optimizer: sgd({ lr: 0 }) });
      const told: StepStats[] = [];
      const watching = monitor({ every: 1, onStats: (stats) => void told.push(stats) });
      await watching.attach(trainer);
      trainer.step({ x: toFloat32(x), y: new Int32Array(64) });
      await watching.flush();
      const values = await inspect(trainer).activations(toFloat32(x), ['fc1']);
      trainer.dispose();
      return { stats: told[0]!, values: values.get('fc1')! };
    };
    const [a, b] = [await run(), await run()];
    expectSpread(a.stats.layers.get('fc1')!.activation, tensor(a.values.shape, a.values.data), 'fc1');
    expect(b.stats).toEqual(a.stats);
  });
});

describe('training beside it', () => {
  test('weights are the same bits with and without a monitor', async () => {
    const weights = [];
    for (const callbacks of [[], [monitor({ every: 3 })]]) {
      const trainer = await trainerFor(convNet(), { optimizer: adam({ lr: 0.01 }), clipGradNorm: 1 });
      const { epochs } = await trainer.fit(quarters(16 * 10 + 5), { epochs: 2, callbacks });
      weights.push({ epochs: epochs.map(({ loss }) => loss), all: await trainer.parameters() });
      trainer.dispose();
    }
    expect(weights[1]).toEqual(weights[0]);
  });

  test('fit tells the steps in order and leaves nothing', async () => {
    const on = await device();
    const trainer = await trainerFor(convNet());
    const data = quarters(16 * 10 + 5);
    await trainer.fit(data, { callbacks: [monitor({ every: 1 })] }); // the pool of slabs may grow once
    const { live } = on.ledger;
    const steps: number[] = [];
    const watching = monitor({ every: 4, onStats: async ({ step }) => void steps.push(step) });
    await trainer.fit(data, { epochs: 3, callbacks: [watching] });
    expect(steps).toEqual([12, 16, 20, 24, 28, 32, 36, 40, 44]);
    expect(on.ledger.live).toEqual(live);
    expect(trainer.engine.watcher).toBeNull();
    trainer.dispose();
  });

  test('how often it looks may change between two steps', async () => {
    const trainer = await trainerFor(convNet());
    const some = batchOf(quarters(16), 0, 16);
    const steps: number[] = [];
    const watching = monitor({ every: 1, onStats: ({ step }) => void steps.push(step) });
    await watching.attach(trainer);
    for (let step = 1; step <= 12; step++) {
      if (step === 3) watching.every = 5;
      trainer.step(some);
    }
    await watching.flush();
    expect(steps).toEqual([1, 2, 5, 10]);
    expect(() => (watching.every = 0.5)).toThrow(/every is 0.5/);
    expect(watching.every).toBe(5);
    watching.dispose();
    trainer.dispose();
  });

  test('a step that is not looked at runs the plan that it runs without a monitor', async () => {
    const on = await device();
    const trainer = await trainerFor(convNet());
    const key = { mode: 'train', batch: 16 } as const;
    const before = printPlan(trainer.engine.describePlan(key));
    const watching = monitor({ every: 50 });
    await watching.attach(trainer);
    expect(printPlan(trainer.engine.describePlan(key))).toBe(before);
    const plan = await trainer.engine.plan(key);
    expect(watching.begin(plan, { step: 49, applies: true })).toBeNull();
    expect(watching.begin(plan, { step: 50, applies: false })).toBeNull();
    const some = batchOf(quarters(16), 0, 16);
    trainer.step(some);
    const { counts, stop } = watch(on);
    for (let step = 2; step < 50; step++) trainer.step(some);
    stop();
    expect(Object.fromEntries(counts)).toEqual({
      createCommandEncoder: 48,
      beginComputePass: 48,
      submit: 48,
      writeBuffer: 3 * 48,
    });
    trainer.step(some);
    await watching.flush();
    const again = watch(on);
    for (let step = 51; step <= 100; step++) trainer.step(some);
    again.stop();
    // One step of these was looked at: one more submit, and nothing made, since its buffers are there.
    expect(Object.fromEntries(again.counts)).toEqual({
      createCommandEncoder: 51,
      beginComputePass: 51,
      submit: 51,
      writeBuffer: 150,
    });
    trainer.dispose();
  });

  test('what onStats throws comes out of fit, and the next fit is well', async () => {
    const trainer = await trainerFor(convNet());
    const bad = monitor({
      every: 2,
      onStats: () => {
        throw new RangeError('no');
      },
    });
    await expect(trainer.fit(quarters(64), { callbacks: [bad] })).rejects.toThrow(RangeError);
    bad.dispose();
    const steps: number[] = [];
    await trainer.fit(quarters(64), {
      callbacks: [monitor({ every: 2, onStats: ({ step }) => void steps.push(step) })],
    });
    expect(steps).toEqual([6, 8]);
    trainer.dispose();
  });

  test('dispose of the trainer takes the monitor along, with steps on their way', async () => {
    const on = await requestDevice();
    const trainer = await trainerFor(sequential([1, 8, 8], [flatten(), linear(CLASSES)]), {}, on);
    const watching = monitor({ every: 1 });
    await watching.attach(trainer);
    for (let i = 0; i < 5; i++) trainer.step(batchOf(quarters(16), 0, 16));
    trainer.dispose();
    await watching.flush();
    expect(on.ledger.live).toEqual({ buffers: 0, bytes: 0 });
    await on.gpu.queue.onSubmittedWorkDone();
    expect(on.failure).toBeNull();
    on.dispose();
  });
});

describe('arguments', () => {
  test('are checked', async () => {
    expect(() => monitor({ every: 0 })).toThrow(/every is 0/);
    expect(() => monitor({ saturation: 2 })).toThrow(/saturation is 2/);
    expect(() => monitor({ activations: { bins: 2000 } })).toThrow(/2000 bins/);
    expect(() => monitor({ gradients: { range: [1, 1] } })).toThrow(/range is 1 to 1/);
    const trainer = await trainerFor(convNet());
    await expect(monitor({ layers: ['x'] }).attach(trainer)).rejects.toThrow(/no layer "x"/);
    const first = monitor();
    await first.attach(trainer);
    await first.attach(trainer);
    await expect(monitor().attach(trainer)).rejects.toThrow(/looked at already/);
    first.dispose();
    first.dispose();
    trainer.dispose();
  });

  test('edges', () => {
    expect([...binsOf({ bins: 4, range: 2 }, '').edges]).toEqual([-2, -1, 0, 1, 2]);
    const { edges: symlog } = binsOf({ bins: 4, range: [-99, 99], scale: 'symlog', threshold: 1 }, '');
    expect([...symlog].map((v) => Math.round(v * 1e4) / 1e4)).toEqual([-99, -9, 0, 9, 99]);
  });
});
