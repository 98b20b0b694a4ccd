/** Every loss and every optimizer learns something small; an optimizer is one dispatch for the model. */
import { describe, expect, test } from 'vitest';
import { type Dataset, tensorDataset } from '../../src/data/dataset.ts';
import { input } from '../../src/graph/define-op.ts';
import { conv2d, flatten, linear, logSoftmax, maxPool2d, relu, sigmoid, tanh } from '../../src/nn/layers.ts';
import {
  bce,
  bceWithLogits,
  crossEntropy,
  crossEntropyProbs,
  huber,
  klDiv,
  type Loss,
  l1,
  mse,
  nll,
  sigmoidFocal,
  smoothL1,
} from '../../src/nn/losses.ts';
import { type Model, sequential } from '../../src/nn/model.ts';
import { adagrad } from '../../src/optim/adagrad.ts';
import { adam, adamw } from '../../src/optim/adam.ts';
import { rmsprop } from '../../src/optim/rmsprop.ts';
import { sgd } from '../../src/optim/sgd.ts';
import { Random } from '../support/random.ts';
import { type OptimizerName, optimizerRule } from '../support/reference/optimizers.ts';
import { batchOf, CLASSES, convNet, quarters, trainerFor, XOR } from './cases.ts';

const mlp = (...last: Parameters<typeof sequential>[1]): Model =>
  sequential([2], [linear(8), tanh(), linear(1), ...last]);

/** Points and which of three half planes they lie in: labels that do not exclude each other. */
function halfPlanes(count: number): Dataset {
  const random = new Random(6);
  const x = Float32Array.from({ length: count * 2 }, () => random.gaussian());
  const y = new Float32Array(count * 3);
  for (let i = 0; i < count; i++) {
    const [a, b] = [x[2 * i]!, x[2 * i + 1]!];
    y.set([a > 0, b > 0, a + b > 0.3].map(Number), 3 * i);
  }
  return tensorDataset({ x, shape: [2], y });
}

/** Points in three sectors, labelled. */
function labelled(count: number): Dataset {
  const random = new Random(4);
  const x = new Float32Array(2 * count);
  const y = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const angle = 2 * Math.PI * random.next();
    x.set([Math.cos(angle), Math.sin(angle)], 2 * i);
    y[i] = Math.floor((3 * angle) / (2 * Math.PI));
  }
  return tensorDataset({ x, shape: [2], y, classes: 3 });
}

const share = (p: ArrayLike<number>, y: ArrayLike<number>): number =>
  Array.from(p).filter((v, i) => v > 0.5 === y[i]! > 0.5).length / p.length;

describe('losses', () => {
  test.each<[string, Loss, Model]>([
    ['mse', mse(), mlp()],
    ['bceWithLogits', bceWithLogits(), mlp()],
    ['bce', bce(), mlp(sigmoid())],
    ['l1', l1(), mlp()],
    ['smoothL1', smoothL1({ beta: 0.5 }), mlp()],
    ['huber', huber({ delta: 0.5 }), mlp()],
    ['sigmoidFocal', sigmoidFocal({ alpha: 0.5 }), mlp()],
  ])('the exclusive or with %s', async (_, loss, model) => {
    const trainer = await trainerFor(model, { loss, optimizer: adam({ lr: 0.05 }), batchSize: 4, seed: 3 });
    const before = await trainer.evaluate(XOR);
    await trainer.fit(XOR, { epochs: 300 });
    const after = await trainer.evaluate(XOR);
    expect(after.loss).toBeLessThan(before.loss / 10);
    expect(share(await trainer.predict(XOR), XOR.targets)).toBe(1);
    trainer.dispose();
  });

  test('several labels at once with bceWithLogits', async () => {
    const data = halfPlanes(200);
    const model = sequential([2], [linear(8), relu(), linear(3)]);
    const trainer = await trainerFor(model, { loss: bceWithLogits(), optimizer: adam({ lr: 0.03 }), batchSize: 20 });
    await trainer.fit(data, { epochs: 15 });
    const probabilities = await trainer.predict(data);
    expect(share(probabilities, data.targets)).toBeGreaterThan(0.96);
    expect(probabilities.every((p) => p >= 0 && p <= 1)).toBe(true);
    trainer.dispose();
  });

  test('crossEntropy on images, and with smoothing', async () => {
    for (const labelSmoothing of [0, 0.1]) {
      const trainer = await trainerFor(convNet({ p: 0.1 }), { loss: crossEntropy({ labelSmoothing }) });
      await trainer.fit(quarters(320), { epochs: 3 });
      expect((await trainer.evaluate(quarters(100, { seed: 8 }))).accuracy).toBeGreaterThan(0.95);
      trainer.dispose();
    }
  });

  test('nll of log-probabilities is the cross-entropy of logits', async () => {
    const [head, data] = [[linear(8), relu(), linear(3)], labelled(60)];
    const options = { optimizer: sgd({ lr: 0.1 }), batchSize: 20, seed: 5 };
    const a = await trainerFor(sequential([2], head), { ...options, loss: crossEntropy({ weight: [1, 2, 0.5] }) });
    const b = await trainerFor(sequential([2], [...head, logSoftmax()]), {
      ...options,
      loss: nll({ weight: [1, 2, 0.5] }),
    });
    await a.fit(data, { epochs: 3 });
    await b.fit(data, { epochs: 3 });
    const [p, q] = [await a.predict(data), await b.predict(data)];
    expect(p.every((v, i) => Math.abs(v - q[i]!) < 1e-4)).toBe(true);
    expect((await a.evaluate(data)).loss).toBeCloseTo((await b.evaluate(data)).loss, 4);
    a.dispose();
    b.dispose();
  });

  test('klDiv brings log-probabilities to the target', async () => {
    const y = Float32Array.from({ length: 96 }, (_, i) => [0.7, 0.2, 0.1][i % 3]!);
    const data = tensorDataset({ x: new Float32Array(64).fill(1), shape: [2], y });
    const trainer = await trainerFor(sequential([2], [linear(3), logSoftmax()]), {
      loss: klDiv(),
      optimizer: adam({ lr: 0.1 }),
      batchSize: 32,
    });
    await trainer.fit(data, { epochs: 100 });
    expect((await trainer.evaluate(data)).loss).toBeLessThan(1e-3);
    trainer.dispose();
  });

  test('class weights are one for each class, at least 0', () => {
    const loss = crossEntropy({ weight: [1, 2] });
    expect(() => loss.apply(input('x', [4, 3]), input('y', [4], 'i32'))).toThrow(
      'crossEntropy: 2 class weights for 3 classes (output [4,3]). Pass a number of at least 0 for each.',
    );
  });

  test('crossEntropyProbs learns the distribution that it is given', async () => {
    const wanted = [0.7, 0.2, 0.1];
    const data = tensorDataset({
      x: new Float32Array(64).fill(1),
      shape: [2],
      y: Float32Array.from({ length: 96 }, (_, i) => wanted[i % 3]!),
    });
    const model = sequential([2], [linear(3)]);
    const trainer = await trainerFor(model, { loss: crossEntropyProbs(), optimizer: adam({ lr: 0.1 }), batchSize: 32 });
    await trainer.fit(data, { epochs: 100 });
    const p = await trainer.predict(data.slice(0, 1));
    expect(Math.max(...wanted.map((v, i) => Math.abs(v - p[i]!)))).toBeLessThan(0.01);
    trainer.dispose();
  });
});

const OPTIMIZERS = [
  sgd({ lr: 0.1 }),
  sgd({ lr: 0.05, momentum: 0.9 }),
  sgd({ lr: 0.05, momentum: 0.9, nesterov: true, weightDecay: 1e-4 }),
  sgd({ lr: 0.05, momentum: 0.5, dampening: 0.3 }),
  adam({ lr: 0.01 }),
  adam({ lr: 0.01, amsgrad: true, weightDecay: 1e-3 }),
  adamw({ lr: 0.01 }),
  rmsprop({ lr: 0.005 }),
  rmsprop({ lr: 0.005, momentum: 0.5, centered: true }),
  adagrad({ lr: 0.05 }),
  adagrad({ lr: 0.05, lrDecay: 0.01, initialAccumulatorValue: 0.1, weightDecay: 1e-3 }),
].map((optimizer) => [`${optimizer.name} ${JSON.stringify(optimizer.config)}`, optimizer] as const);

describe.each(OPTIMIZERS)('%s', (_, optimizer) => {
  const net = () => sequential([1, 8, 8], [conv2d(5, 3), relu(), maxPool2d(2), flatten(), linear(CLASSES)]);

  test('lowers the loss, in one dispatch for the model', async () => {
    const data = quarters(64);
    const trainer = await trainerFor(net(), { optimizer, batchSize: 64 });
    expect(trainer.updater.plans.update.plan.dispatches).toHaveLength(1);
    const batch = batchOf(data, 0, 64);
    trainer.step(batch);
    const before = await trainer.metrics();
    for (let i = 0; i < 30; i++) trainer.step(batch);
    const after = await trainer.metrics();
    expect(after.loss).toBeLessThan(0.8 * before.loss);
    trainer.dispose();
  });

  test('moves every parameter as the rule in float64 does, over 4 steps', async () => {
    const data = quarters(64);
    const trainer = await trainerFor(net(), { optimizer });
    const states = new Map<string, Record<string, number>[]>();
    const attrs = attrsOf(optimizer);
    const rule = optimizerRule(nameOf(optimizer), attrs);
    for (let step = 1; step <= 4; step++) {
      const before = await trainer.parameters();
      trainer.step(batchOf(data, 16 * step, 16));
      const [gradients, after] = [await trainer.gradients(), await trainer.parameters()];
      for (const [name, { data: p }] of before) {
        const state = states.get(name) ?? Array.from(p, () => ({}));
        states.set(name, state);
        const g = gradients.get(name)!.data;
        for (let i = 0; i < p.length; i++) {
          const expected = rule(p[i]!, g[i]!, step, state[i]!);
          const moved = Math.abs(expected - p[i]!);
          expect(Math.abs(after.get(name)!.data[i]! - expected)).toBeLessThan(2e-7 + 2e-4 * moved);
        }
      }
    }
    trainer.dispose();
  });

  test('leaves the padding of the arena at zero', async () => {
    const data = quarters(64);
    const trainer = await trainerFor(net(), { optimizer });
    for (let i = 0; i < 5; i++) trainer.step(batchOf(data, 16 * i, 16));
    const { session } = trainer.engine;
    const bytes = session.arenas.parameters.shards[0]!;
    const [buffer] = await session.readPlaces([{ buffer: { kind: 'parameters', shard: 0 }, offset: 0, bytes }]);
    const nonZero = new Float32Array(buffer!).filter((v) => v !== 0).length;
    const real = [...(await trainer.parameters()).values()].reduce(
      (sum, t) => sum + t.data.filter((v) => v !== 0).length,
      0,
    );
    expect(nonZero).toBe(real);
    trainer.dispose();
  });
});

const nameOf = ({ name }: { readonly name: string }): OptimizerName => {
  if (name === 'sgd' || name === 'adam' || name === 'adamw' || name === 'rmsprop' || name === 'adagrad') return name;
  throw new Error(`no reference of ${name}`);
};

/** Options under the names of the reference. */
function attrsOf({ config }: { readonly config: { readonly [name: string]: unknown } }): Record<string, unknown> {
  const snake = (name: string): string => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
  return Object.fromEntries(Object.entries(config).map(([name, value]) => [snake(name), value]));
}
