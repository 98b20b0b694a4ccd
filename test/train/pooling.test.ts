/**
 * Whole steps of nets with pools: a plan in which functions change places with pools, pools move into convolutions and values
 * are stored as they are read gives the loss and gradients of one in which each layer's output is stored, as the monitor asks.
 */
import { expect, test } from 'vitest';
import * as functions from '../../src/nn/activation-layers.ts';
import * as nn from '../../src/nn/layers.ts';
import { type Model, sequential } from '../../src/nn/model.ts';
import { batchNorm2d } from '../../src/nn/norm-layers.ts';
import { layerCalls } from '../../src/train/describe.ts';
import { Random } from '../support/random.ts';
import { toFloat32 } from '../support/tensor.ts';
import { trainerFor } from './cases.ts';

const { conv2d, relu, maxPool2d, avgPool2d, flatten, linear } = nn;

const nets: { readonly [name: string]: () => Model } = {
  'LeNet, odd sizes': () =>
    sequential(
      [1, 27, 23],
      [
        ...[conv2d(6, 5, { padding: 2 }), relu(), maxPool2d(2), conv2d(16, 5), relu(), maxPool2d(2)],
        ...[flatten(), linear(20), relu(), linear(10)],
      ],
    ),
  'windows that overlap, padding, three channels': () =>
    sequential(
      [3, 17, 15],
      [
        ...[conv2d(8, 3), relu(), maxPool2d(3, { stride: 2, padding: 1 }), conv2d(12, 3, { padding: 1 }), nn.tanh()],
        ...[maxPool2d(2, { ceilMode: true }), flatten(), linear(10)],
      ],
    ),
  'functions that are not 0 at 0, and channels to pad': () =>
    sequential(
      [1, 16, 16],
      [
        ...[
          conv2d(6, 3),
          nn.sigmoid(),
          maxPool2d(2),
          conv2d(10, 3),
          functions.softplus(),
          maxPool2d(2),
          flatten(),
          linear(10),
        ],
      ],
    ),
  'a convolution behind the pool, and averages': () =>
    sequential(
      [3, 16, 16],
      [
        ...[conv2d(8, 3, { padding: 1 }), maxPool2d(2), relu(), conv2d(16, 3, { padding: 1 }), batchNorm2d(), relu()],
        ...[maxPool2d(2), conv2d(8, 3), nn.leakyRelu(), avgPool2d(2), flatten(), linear(10)],
      ],
    ),
  'flattened without a pool': () =>
    sequential([3, 8, 8], [conv2d(6, 3), relu(), flatten(), linear(16), functions.gelu(), linear(10)]),
  'pools of pools': () =>
    sequential([1, 20, 20], [conv2d(8, 3), relu(), maxPool2d(2), maxPool2d([1, 3]), flatten(), relu(), linear(10)]),
};

test.each(Object.entries(nets))('%s', async (_, net) => {
  const model = net();
  const trainer = await trainerFor(model, { batchSize: 5 });
  const { engine } = trainer;
  const { session } = engine;
  const key = { mode: 'train', batch: 5 } as const;
  const layers = [...layerCalls(model.calls).keys()];
  const random = new Random(5);
  const x = toFloat32(random.normal([5, ...model.inputShape]));
  const y = Int32Array.from({ length: 5 }, () => random.integer(0, 9));
  const results = async (watched: boolean) => {
    const plan = engine.describePlan(key, watched ? { layers, tail: () => [] } : undefined);
    const prepared = await session.prepare(plan);
    session.write(prepared, 'x', x);
    session.write(prepared, 'y', y);
    session.run([prepared]);
    const [loss] = await session.read(prepared, ['loss']);
    const gradients = await engine.readTensors('gradients');
    return { plan, loss: loss![0]!, gradients };
  };
  const [apart, fused] = [await results(true), await results(false)];
  expect(fused.plan.dispatches.length).toBeLessThan(apart.plan.dispatches.length);
  expect(Math.abs(fused.loss - apart.loss)).toBeLessThan(1e-6 * Math.abs(apart.loss));
  for (const [name, { data }] of apart.gradients) {
    const found = fused.gradients.get(name)!.data;
    const largest = data.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    expect(largest, name).toBeGreaterThan(0);
    // Sums of at most 5 x 27 x 23 products in another order.
    for (const [i, v] of data.entries()) expect(Math.abs(found[i]! - v), name).toBeLessThan(1e-5 * largest);
  }
  trainer.dispose();
});
