/** The models on a device: a few steps each, at a small size; weights by torchvision's names; evaluation. */
import { describe, expect, test } from 'vitest';
import { type TensorRecord, writeSafetensors } from '../../src/io/safetensors.ts';
import { resnet20 } from '../../src/models/index.ts';
import type { Model } from '../../src/nn/model.ts';
import { adam } from '../../src/optim/adam.ts';
import type { NamedTensor } from '../../src/train/engine.ts';
import { createSession } from '../../src/train/inference.ts';
import { sizeOf } from '../../src/util/shape.ts';
import { device } from '../support/device.ts';
import { Random } from '../support/random.ts';
import { trainerFor } from '../train/cases.ts';
import { ZOO } from './zoo.ts';

const BATCH = 4;

/** Images that differ in the brightness of their channels, and their numbers; for every pixel whether it is bright. */
function samples({ inputShape, outputShape }: Model): { x: Float32Array<ArrayBuffer>; y: Int32Array<ArrayBuffer> } {
  const random = new Random(3);
  const size = sizeOf(inputShape);
  const plane = sizeOf(inputShape.slice(1));
  const perPixel = outputShape.length > 1;
  const level = (image: number, channel: number): number => (perPixel ? 0 : 2 * Math.sin(2 * image + 1.7 * channel));
  const x = Float32Array.from(
    { length: BATCH * size },
    (_, i) => level(Math.floor(i / size), Math.floor((i % size) / plane)) + random.gaussian(),
  );
  const y = perPixel
    ? Int32Array.from({ length: BATCH * plane }, (_, i) => (x[Math.floor(i / plane) * size + (i % plane)]! > 0 ? 1 : 0))
    : Int32Array.from({ length: BATCH }, (_, i) => i);
  return { x, y };
}

/** A file as of torchvision: weights and the counters that gabor does not have. */
function fileOf(tensors: ReadonlyMap<string, NamedTensor>): Uint8Array<ArrayBuffer> {
  const records = new Map<string, TensorRecord>();
  for (const [name, { shape, data }] of tensors) {
    records.set(name, { dtype: 'F32', shape, data });
    if (name.endsWith('.running_var')) {
      const counter = name.replace('running_var', 'num_batches_tracked');
      records.set(counter, { dtype: 'I64', shape: [], data: BigInt64Array.of(1n) });
    }
  }
  return writeSafetensors(records);
}

describe.each(Object.entries(ZOO))('%s', (_, { small }) => {
  test('learns, saves its weights by name and is used with them', async () => {
    const model = small();
    const batch = samples(model);
    const trainer = await trainerFor(model, { optimizer: adam({ lr: 1e-3 }), batchSize: BATCH });
    const losses: number[] = [];
    for (let i = 0; i < 12 && !(losses.at(-1)! < 0.9 * losses[0]!); i++) {
      trainer.step(batch);
      losses.push((await trainer.metrics()).loss);
    }
    expect(losses.length).toBeGreaterThan(1);
    expect(losses.every(Number.isFinite), losses.join()).toBe(true);
    expect(losses.at(-1), losses.join()).toBeLessThan(0.9 * losses[0]!);

    const predicted = await trainer.predict(batch.x);
    expect(predicted).toHaveLength(BATCH * sizeOf(model.outputShape));
    expect(predicted.every(Number.isFinite)).toBe(true);
    const tensors = await trainer.parameters();
    trainer.dispose();
    expect([...tensors.keys()].sort()).toEqual(model.parameters.map(({ name }) => name).sort());
    const session = createSession(await device(), small(), {
      weights: fileOf(tensors),
      output: 'softmax',
      batchSize: BATCH,
    });
    expect(await session.predict(batch.x)).toEqual(predicted);
    session.dispose();
  });
});

test('the shortcuts of resnet20 pick every second pixel and pad channels on both sides', async () => {
  const model = resnet20({ classes: 64 });
  // The blocks add nothing, the first convolution copies the first channel, the last layer shows all channels.
  const value = (name: string, i: number): number => {
    if (name === 'conv1.weight') return i % 27 === 4 ? 1 : 0;
    if (name === 'fc.weight') return i % 65 === 0 ? 1 : 0;
    if (name === 'bn1.weight' || name.endsWith('running_var')) return 1;
    return 0;
  };
  const tensors = new Map(
    model.parameters.map(({ name, shape }) => [
      name,
      { shape, data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => value(name, i)) },
    ]),
  );
  const session = createSession(await device(), model, { weights: fileOf(tensors), batchSize: 1 });
  const random = new Random(9);
  const x = Float32Array.from({ length: 3 * 32 * 32 }, () => random.gaussian());
  const y = await session.predict(x);
  session.dispose();
  let mean = 0;
  for (let i = 0; i < 64; i++) mean += Math.max(0, x[Math.floor(i / 8) * 128 + (i % 8) * 4]!) / 64;
  expect(mean).toBeGreaterThan(0.1);
  y.forEach((value, channel) => {
    expect(value, `channel ${channel}`).toBeCloseTo(channel >= 24 && channel < 40 ? mean / Math.sqrt(1 + 1e-5) : 0, 4);
  });
});
