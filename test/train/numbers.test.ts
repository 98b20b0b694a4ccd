/** Numbers of a trainer against float64: gradients, partial batches, evaluation, prediction, normalisation. */
import { describe, expect, test } from 'vitest';
import { tensorDataset } from '../../src/data/dataset.ts';
import { conv2d, flatten, linear, maxPool2d, relu } from '../../src/nn/layers.ts';
import { crossEntropy } from '../../src/nn/losses.ts';
import { sequential } from '../../src/nn/model.ts';
import { sgd } from '../../src/optim/sgd.ts';
import type { NamedTensor } from '../../src/train/engine.ts';
import { createSession } from '../../src/train/inference.ts';
import { device } from '../support/device.ts';
import { Random } from '../support/random.ts';
import { type Attrs, referenceOp } from '../support/reference/index.ts';
import { reshaped, type Tensor, type Tensors, tensor, toFloat32 } from '../support/tensor.ts';
import { batchOf, CLASSES, convNet, quarters, trainerFor } from './cases.ts';

const model = () =>
  sequential([2, 8, 8], [conv2d(6, 3, { padding: 1 }), relu(), maxPool2d(2), flatten(), linear(5), relu(), linear(3)]);

type Weights = ReadonlyMap<string, NamedTensor>;

/** Loss and gradients of `model` in float64. */
function reference(weights: Weights, x: Tensor, labels: Tensor) {
  const w = (name: string): Tensor => tensor(weights.get(name)!.shape, weights.get(name)!.data);
  const convAttrs: Attrs = { stride: [1, 1], padding: [1, 1, 1, 1], dilation: [1, 1], groups: 1 };
  const poolAttrs: Attrs = { kernel: [2, 2], stride: [2, 2] };
  const run = (op: string, tensors: Tensors, attrs: Attrs = {}): Tensor => referenceOp(op).forward(tensors, attrs).y!;
  const back = (op: string, tensors: Tensors, y: Tensor, attrs: Attrs = {}) =>
    referenceOp(op).backward!(tensors, attrs, { y });
  const n = x.shape[0]!;
  const conv = { x, weight: w('conv1.weight'), bias: w('conv1.bias') };
  const c = run('conv2d', conv, convAttrs);
  const r = run('relu', { x: c });
  const p = run('max_pool2d', { x: r }, poolAttrs);
  const fc1 = { x: reshaped(p, [n, p.data.length / n]), weight: w('fc1.weight'), bias: w('fc1.bias') };
  const h = run('linear', fc1);
  const hr = run('relu', { x: h });
  const fc2 = { x: hr, weight: w('fc2.weight'), bias: w('fc2.bias') };
  const logits = run('linear', fc2);
  const lossInputs = { x: logits, target: labels };
  const loss = run('cross_entropy', lossInputs).data[0]!;
  const dLogits = back('cross_entropy', lossInputs, tensor([], [1])).x!;
  const d2 = back('linear', fc2, dLogits);
  const d1 = back('linear', fc1, back('relu', { x: h }, d2.x!).x!);
  const dPool = back('max_pool2d', { x: r }, reshaped(d1.x!, p.shape), poolAttrs).x!;
  const dc = back('conv2d', conv, back('relu', { x: c }, dPool).x!, convAttrs);
  const gradients: Record<string, Tensor> = {
    'conv1.weight': dc.weight!,
    'conv1.bias': dc.bias!,
    'fc1.weight': d1.weight!,
    'fc1.bias': d1.bias!,
    'fc2.weight': d2.weight!,
    'fc2.bias': d2.bias!,
  };
  const correct = Array.from({ length: n }, (_, i) => {
    const row = [...logits.data.slice(3 * i, 3 * i + 3)];
    return row.indexOf(Math.max(...row)) === labels.data[i];
  }).filter(Boolean).length;
  return { loss, gradients, logits, correct };
}

const largest = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((most, v, i) => Math.max(most, Math.abs(v - b[i]!)), a.length === b.length ? 0 : Infinity);

const labelsOf = (random: Random, count: number): Tensor => random.integers([count], { min: 0, max: 2 });

test.each([1, 3, 16])('gradients, loss and accuracy of a batch of %i', async (size) => {
  const random = new Random(size);
  const trainer = await trainerFor(model(), { batchSize: 16, optimizer: sgd({ lr: 0.1 }) });
  const x = random.normal([size, 2, 8, 8]);
  const labels = labelsOf(random, size);
  const before = await trainer.parameters();
  const expected = reference(before, x, labels);
  const y = Int32Array.from(labels.data);
  trainer.step({ x: toFloat32(x), y });
  const gradients = await trainer.gradients();
  expect([...gradients.keys()]).toEqual([...before.keys()]);
  for (const [name, { shape, data }] of gradients) {
    expect(shape).toEqual(before.get(name)!.shape);
    const scale = Math.max(...expected.gradients[name]!.data.map(Math.abs));
    expect(scale, name).toBeGreaterThan(0);
    expect(largest(data, expected.gradients[name]!.data) / scale, name).toBeLessThan(2e-5);
    // One step of plain SGD.
    const after = (await trainer.parameters()).get(name)!.data;
    const moved = before.get(name)!.data.map((v, i) => v - 0.1 * data[i]!);
    expect(largest(after, moved), name).toBeLessThan(1e-6);
  }
  const metrics = await trainer.metrics();
  expect(metrics.loss).toBeCloseTo(expected.loss, 5);
  expect(metrics.accuracy).toBeCloseTo(expected.correct / size, 6);
  trainer.dispose();
});

describe('evaluate', () => {
  test.each([1, 7, 16, 50])('%i samples: the means of float64, partial batches weighted as they are', async (count) => {
    const random = new Random(count);
    const x = random.normal([count, 2, 8, 8]);
    const labels = labelsOf(random, count);
    const trainer = await trainerFor(model(), { batchSize: 16 });
    const expected = reference(await trainer.parameters(), x, labels);
    const data = tensorDataset({ x: toFloat32(x), shape: [2, 8, 8], y: Int32Array.from(labels.data), classes: 3 });
    const result = await trainer.evaluate(data);
    expect(result.samples).toBe(count);
    expect(result.loss).toBeCloseTo(expected.loss, 5);
    expect(result.accuracy).toBeCloseTo(expected.correct / count, 6);
    trainer.dispose();
  });

  test('more batches than the ring has slots', async () => {
    const data = quarters(300);
    const [small, large] = [
      await trainerFor(convNet(), { batchSize: 2 }),
      await trainerFor(convNet(), { batchSize: 300 }),
    ];
    const [a, b] = [await small.evaluate(data), await large.evaluate(data)];
    expect(a.accuracy).toBeCloseTo(b.accuracy, 6);
    expect(a.loss).toBeCloseTo(b.loss, 5);
    small.dispose();
    large.dispose();
  });

  test('dropout is off, and evaluating changes nothing', async () => {
    const data = quarters(40);
    const trainer = await trainerFor(convNet({ p: 0.9 }));
    const before = await trainer.save();
    expect(await trainer.evaluate(data)).toEqual(await trainer.evaluate(data));
    expect(await trainer.save()).toEqual(before);
    trainer.dispose();
  });
});

describe('predict', () => {
  test('any number of samples gives the same rows as one at a time, and they are probabilities', async () => {
    const data = quarters(37);
    const trainer = await trainerFor(convNet(), { batchSize: 16 });
    await trainer.fit(data);
    const all = await trainer.predict(data);
    expect(all).toHaveLength(37 * CLASSES);
    for (const at of [0, 1, 15, 16, 31, 32, 36]) {
      const one = await trainer.predict(data.slice(at, at + 1));
      const row = all.subarray(at * CLASSES, (at + 1) * CLASSES);
      expect(largest(one, row)).toBeLessThan(1e-6);
      expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
    }
    for (const count of [1, 2, 3, 16, 17, 33])
      expect(largest(await trainer.predict(data.slice(0, count)), all.subarray(0, count * CLASSES))).toBeLessThan(1e-6);
    trainer.dispose();
  });

  test('softmax of the logits of float64', async () => {
    const random = new Random(2);
    const x = random.normal([5, 2, 8, 8]);
    const trainer = await trainerFor(model());
    const { logits } = reference(await trainer.parameters(), x, labelsOf(random, 5));
    const expected = referenceOp('softmax').forward({ x: logits }, { axis: 1 }).y!;
    expect(largest(await trainer.predict(toFloat32(x)), expected.data)).toBeLessThan(1e-6);
    trainer.dispose();
  });

  test('bytes are normalised as the training data was; before training, only divided by 255', async () => {
    const data = quarters(20);
    const bytes = data.samples as Uint8Array;
    const trainer = await trainerFor(convNet());
    const plain = Float32Array.from(bytes, (v) => v / 255);
    expect(largest(await trainer.predict(bytes), await trainer.predict(plain))).toBeLessThan(1e-5);
    await trainer.fit(data);
    const { x } = batchOf(data, 0, 20);
    expect(await trainer.predict(bytes)).toEqual(await trainer.predict(data));
    expect(await trainer.predict(x)).toEqual(await trainer.predict(data));
    expect(
      largest(
        x,
        Float32Array.from(bytes, (v) => (v / 255 - 0.35) / 0.25),
      ),
    ).toBeLessThan(1e-6);
    trainer.dispose();
  });

  test('a session predicts the same, and knows normalisation and softmax from the file', async () => {
    const data = quarters(37);
    const trainer = await trainerFor(convNet());
    await trainer.fit(data);
    const weights = await trainer.save();
    const session = createSession(await device(), convNet(), { weights, batchSize: 16 });
    expect(await session.predict(data)).toEqual(await trainer.predict(data));
    expect(await session.predict(data.samples as Uint8Array)).toEqual(await trainer.predict(data));
    const raw = createSession(await device(), convNet(), { weights, output: 'none' });
    const logits = tensor([37, CLASSES], await raw.predict(data));
    const softmax = referenceOp('softmax').forward({ x: logits }, { axis: 1 }).y!;
    expect(largest(await trainer.predict(data), softmax.data)).toBeLessThan(1e-6);
    trainer.dispose();
    session.dispose();
    raw.dispose();
  });

  test('bad samples are refused', async () => {
    const trainer = await trainerFor(convNet());
    for (const length of [0, 63, 65])
      await expect(trainer.predict(new Float32Array(length))).rejects.toThrow(
        `predict: ${length} values are not a whole number of samples of [1,8,8] (64 each). Pass whole samples.`,
      );
    await expect(trainer.predict(quarters(3, { channels: 2 }))).rejects.toThrow(
      'predict: samples have shape [2,8,8], the model takes [1,8,8]. Use data of that shape.',
    );
    trainer.dispose();
  });
});

test('the loss of a batch with labels that do not count is the mean over the others', async () => {
  const random = new Random(3);
  const x = random.normal([4, 2, 8, 8]);
  const trainer = await trainerFor(model(), { loss: crossEntropy({ ignoreIndex: -1 }) });
  const { loss } = reference(
    await trainer.parameters(),
    tensor([2, 2, 8, 8], x.data.slice(0, 256)),
    tensor([2], [0, 2]),
  );
  trainer.forwardBackward({ x: toFloat32(x), y: Int32Array.of(0, 2, -1, -1) });
  expect((await trainer.metrics()).loss).toBeCloseTo(loss, 5);
  trainer.dispose();
});
