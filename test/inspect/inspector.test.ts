/** Activations, filters, saliency and Grad-CAM of a small net against float64, with batches that need several runs. */
import { describe, expect, test } from 'vitest';
import { type Device, requestDevice } from '../../src/gpu/device.ts';
import { readRanges } from '../../src/gpu/readback.ts';
import { inspect } from '../../src/inspect/inspector.ts';
import type { GpuTensor } from '../../src/inspect/inspector-types.ts';
import { dropout, linear, sigmoid, tanh } from '../../src/nn/layers.ts';
import { sequential } from '../../src/nn/model.ts';
import type { NamedTensor } from '../../src/train/engine.ts';
import { createSession } from '../../src/train/inference.ts';
import { ArgumentError, StateError } from '../../src/util/errors.ts';
import { Random } from '../support/random.ts';
import { type Tensor, toFloat32 } from '../support/tensor.ts';
import { batchOf, convNet, quarters, trainerFor } from '../train/cases.ts';
import { netOf, referenceNet } from './reference-net.ts';

/** A tensor read from its buffer element by element, as a shader would find them: by strides alone. */
async function readByStrides(on: Device, { buffer, offset, bytes, shape, strides }: GpuTensor): Promise<NamedTensor> {
  const [read] = await readRanges(on, [{ buffer, offset, bytes }]);
  const memory = new Float32Array(read!);
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, index) => {
    let [rest, at] = [index, 0];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis]! * (rest % shape[axis]!);
      rest = Math.floor(rest / shape[axis]!);
    }
    return memory[at]!;
  });
  return { shape, data };
}

/** Largest difference as a share of the largest value. */
function difference(actual: NamedTensor | undefined, expected: Tensor): number {
  expect(actual?.shape).toEqual([...expected.shape]);
  const scale = expected.data.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  expect(scale).toBeGreaterThan(0);
  return expected.data.reduce((most, v, i) => Math.max(most, Math.abs(v - actual!.data[i]!)), 0) / scale;
}

const COUNT = 5;
const images = new Random(3).normal([COUNT, 2, 8, 8]);
const x = toFloat32(images);

async function setUp() {
  const trainer = await trainerFor(netOf(), { batchSize: 4, seed: 4 });
  const weights = await trainer.parameters();
  return { trainer, inspector: inspect(trainer), net: referenceNet(weights, images), weights };
}

describe('activations', () => {
  test('of every layer, before and after the activation that is fused into a convolution', async () => {
    const { trainer, inspector, net } = await setUp();
    expect([...inspector.layers.keys()]).toEqual([...Object.keys(net.values)]);
    const all = await inspector.activations(x);
    for (const [name, expected] of Object.entries(net.values))
      expect(difference(all.get(name), expected), name).toBeLessThan(2e-5);
    const one = await inspector.activations(x, ['conv1']);
    expect([...one.keys()]).toEqual(['conv1']);
    expect(one.get('conv1')!.data.some((v) => v < 0)).toBe(true);
    expect(difference(one.get('conv1'), net.values.conv1!)).toBeLessThan(2e-5);
    trainer.dispose();
  });

  test('a pre-activation that nobody asks for is not stored: the plan of a step stays fused', async () => {
    const { trainer, inspector } = await setUp();
    const key = { mode: 'train', batch: 4 } as const;
    const before = JSON.stringify(
      trainer.engine.describePlan(key).dispatches.map(({ label, variant }) => [label, variant]),
    );
    expect(before).toMatch(/\+relu"/);
    expect(before).not.toMatch(/\.relu"/);
    await inspector.activations(x);
    await inspector.gradCam(x);
    const after = JSON.stringify(
      trainer.engine.describePlan(key).dispatches.map(({ label, variant }) => [label, variant]),
    );
    expect(after).toBe(before);
    trainer.dispose();
  });

  test('on the GPU: strides and offset describe the buffer, and training does not touch it', async () => {
    const { trainer, inspector, net } = await setUp();
    const tensors = await inspector.onGpu(x, ['conv1', 'relu1', 'fc1']);
    expect(tensors.get('conv1')!.layout).toBe('nhwc');
    const data = quarters(32, { channels: 2 });
    const other = await trainerFor(convNet({ channels: 2 }));
    other.step(batchOf(data, 0, 16));
    await trainer.predict(new Float32Array(2 * 64 * 3).fill(0.5));
    for (const [name, tensor] of tensors)
      expect(difference(await readByStrides(trainer.device, tensor), net.values[name]!), name).toBeLessThan(2e-5);
    trainer.dispose();
    other.dispose();
  });

  test('bytes are normalised as the training data was, and a data set is taken whole', async () => {
    const data = quarters(20);
    const trainer = await trainerFor(convNet());
    await trainer.fit(data);
    const inspector = inspect(trainer);
    const [fromSet, fromBytes] = [
      await inspector.activations(data, ['conv1']),
      await inspector.activations(data.samples as Uint8Array, ['conv1']),
    ];
    expect(fromBytes.get('conv1')!.data).toEqual(fromSet.get('conv1')!.data);
    const session = createSession(trainer.device, convNet(), { weights: await trainer.save() });
    const fromSession = await inspect(session).activations(data.samples as Uint8Array, ['conv1']);
    expect(fromSession.get('conv1')!.data).toEqual(fromSet.get('conv1')!.data);
    session.dispose();
    trainer.dispose();
  });

  test('a layer applied twice has two outputs; dropout does nothing', async () => {
    const shared = linear(3, { name: 'same' });
    const trainer = await trainerFor(sequential([3], [shared, tanh(), shared, dropout(0.5), sigmoid(), linear(4)]));
    const inspector = inspect(trainer);
    const all = await inspector.activations(Float32Array.of(1, 2, 3));
    expect([...all.keys()]).toEqual(['same', 'tanh1', 'same@2', 'dropout1', 'sigmoid1', 'fc2']);
    expect(all.get('dropout1')!.data).toEqual(all.get('same@2')!.data);
    expect(all.get('same')!.data).not.toEqual(all.get('same@2')!.data);
    trainer.dispose();
  });
});

describe('weights', () => {
  test('by name, by layer, all, and averaged', async () => {
    const trainer = await trainerFor(convNet(), { ema: { decay: 0.9 } });
    const inspector = inspect(trainer);
    expect([...(await inspector.weights(['conv1.weight', 'fc2'])).keys()]).toEqual([
      'conv1.weight',
      'fc2.weight',
      'fc2.bias',
    ]);
    trainer.step(batchOf(quarters(16), 0, 16));
    const [own, averaged] = [await inspector.weights(), await inspect(trainer, { useEma: true }).weights()];
    expect(own).toEqual(await trainer.parameters());
    expect(averaged).toEqual(await trainer.parameters({ useEma: true }));
    expect(averaged.get('fc1.weight')!.data).not.toEqual(own.get('fc1.weight')!.data);
    const [a, b] = [inspector, inspect(trainer, { useEma: true })];
    const input = new Float32Array(64).fill(1);
    const outputs = [await a.activations(input, ['fc2']), await b.activations(input, ['fc2'])];
    expect(outputs[0]!.get('fc2')!.data).not.toEqual(outputs[1]!.get('fc2')!.data);
    trainer.dispose();
  });
});

describe('weights on the GPU', () => {
  test('are those of the last step without another call, by name, and averaged', async () => {
    const trainer = await trainerFor(convNet(), { ema: { decay: 0.9 } });
    const live = inspect(trainer).weightsOnGpu();
    const averaged = inspect(trainer, { useEma: true }).weightsOnGpu(['conv1.weight', 'fc1']);
    expect([...averaged.keys()]).toEqual(['conv1.weight', 'fc1.weight', 'fc1.bias']);
    expect(live.get('conv1.weight')!.layout).toBe('hwio');
    for (let i = 0; i < 2; i++) {
      trainer.step(batchOf(quarters(16), 0, 16));
      const own = await trainer.parameters();
      expect([...live.keys()]).toEqual([...own.keys()]);
      for (const [name, tensor] of live)
        expect(await readByStrides(trainer.device, tensor), name).toEqual(own.get(name));
    }
    const expected = await trainer.parameters({ useEma: true });
    for (const [name, tensor] of averaged)
      expect(await readByStrides(trainer.device, tensor), name).toEqual(expected.get(name));
    expect(() => inspect(trainer).weightsOnGpu(['conv'])).toThrow(/weightsOnGpu: there is no .* "conv"/);
    trainer.dispose();
    expect(() => inspect(trainer).weightsOnGpu()).toThrow(StateError);
  });
});

describe('explanations', () => {
  const classes = [0, 1, 2, 1, 0];

  test('saliency is the gradient of the class score', async () => {
    const { trainer, inspector, net } = await setUp();
    const { gradient, map, scores, ...rest } = await inspector.saliency(x, { classes });
    const expected = net.gradients(classes);
    expect(rest.classes).toEqual(classes);
    expect(difference(gradient, expected.x!)).toBeLessThan(2e-5);
    for (const [i, k] of classes.entries()) expect(scores[i]).toBeCloseTo(net.values.fc2!.data[i * 3 + k]!, 5);
    const own = expected.x!.data;
    expect(map.shape).toEqual([COUNT, 8, 8]);
    map.data.forEach((v, i) => {
      const at = Math.floor(i / 64) * 128 + (i % 64);
      expect(v).toBeCloseTo(Math.max(Math.abs(own[at]!), Math.abs(own[at + 64]!)), 6);
    });
    trainer.dispose();
  });

  test.each(['conv1', 'relu1', 'conv2', 'pool1'])('Grad-CAM of %s', async (layer) => {
    const { trainer, inspector, net } = await setUp();
    const cam = await inspector.gradCam(x, { classes, layer, size: 'layer' });
    expect(cam.layer).toBe(layer);
    expect(difference(cam.map, net.cam(layer, classes))).toBeLessThan(5e-5);
    trainer.dispose();
  });

  test('Grad-CAM takes the last convolution and the class of the model, and is as large as the image', async () => {
    const { trainer, inspector, net } = await setUp();
    const cam = await inspector.gradCam(x);
    expect(cam.layer).toBe('conv2');
    const best = Array.from({ length: COUNT }, (_, i) => {
      const row = [...net.values.fc2!.data.slice(3 * i, 3 * i + 3)];
      return row.indexOf(Math.max(...row));
    });
    expect(cam.classes).toEqual(best);
    expect(cam.map.shape).toEqual([COUNT, 8, 8]);
    const small = await inspector.gradCam(x, { classes: best, size: 'layer', normalize: true });
    for (let i = 0; i < COUNT; i++) {
      const most = Math.max(...small.map.data.slice(16 * i, 16 * i + 16));
      expect(most === 0 || most === 1).toBe(true);
    }
    trainer.dispose();
  });
});

describe('errors', () => {
  test('name what is there', async () => {
    const { trainer, inspector } = await setUp();
    await expect(inspector.activations(x, ['conv9'])).rejects.toThrow(/no layer "conv9".*conv1, relu1/);
    await expect(inspector.activations(new Float32Array(7))).rejects.toThrow(/activations: 7 values/);
    await expect(inspector.weights(['conv'])).rejects.toThrow(/"conv"/);
    await expect(inspector.saliency(x, { classes: 3 })).rejects.toThrow(/class 3 is not one of 0\.\.2/);
    await expect(inspector.saliency(x, { classes: [1] })).rejects.toThrow(/1 classes for 5 images/);
    await expect(inspector.gradCam(x, { layer: 'fc1' })).rejects.toThrow(/"fc1" gives \[/);
    expect(() => inspect(trainer, { useEma: true })).toThrow(StateError);
    const flat = await trainerFor(sequential([4], [linear(4)]));
    await expect(inspect(flat).gradCam(new Float32Array(4))).rejects.toThrow(ArgumentError);
    flat.dispose();
    trainer.dispose();
    await expect(inspector.activations(x)).rejects.toThrow(StateError);
  });

  test('nothing is left after dispose', async () => {
    const on = await requestDevice();
    const trainer = await trainerFor(netOf(), { batchSize: 4 }, on);
    await trainer.predict(x);
    const before = on.ledger.live;
    const inspector = inspect(trainer);
    await inspector.activations(x);
    await inspector.onGpu(x, ['conv1']);
    await inspector.saliency(x);
    await inspector.gradCam(x);
    expect(on.ledger.live.buffers).toBeGreaterThan(before.buffers);
    inspector.dispose();
    await expect(inspector.activations(x)).rejects.toThrow(StateError);
    trainer.dispose();
    expect(on.ledger.live).toEqual({ buffers: 0, bytes: 0 });
    expect(on.failure).toBeNull();
    on.dispose();
  });
});
