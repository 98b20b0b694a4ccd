/** Metrics of evaluate, against counting on the host; scores of classes against numbers worked out by hand. */
import { describe, expect, test } from 'vitest';
import { imageDataset, tensorDataset } from '../../src/data/dataset.ts';
import { flatten, linear } from '../../src/nn/layers.ts';
import { crossEntropy, mse } from '../../src/nn/losses.ts';
import { sequential } from '../../src/nn/model.ts';
import { classificationReport, confusionMatrix, topK } from '../../src/train/metrics.ts';
import type { Trainer } from '../../src/train/trainer.ts';
import { ArgumentError } from '../../src/util/errors.ts';
import { Random } from '../support/random.ts';
import { convNet, quarters, sameBytes, trainerFor, XOR } from './cases.ts';

/** Outputs from the largest; of equal ones the first is the larger. */
const ranking = (outputs: Float32Array): number[] =>
  [...outputs.keys()].sort((a, b) => outputs[b]! - outputs[a]! || a - b);

async function onHost(trainer: Trainer, data: ReturnType<typeof quarters>, classes: number) {
  const outputs = await trainer.predict(data);
  const counts = new Uint32Array(classes * classes);
  const hits = new Array<number>(classes + 1).fill(0);
  for (let r = 0; r < data.count; r++) {
    const order = ranking(outputs.subarray(r * classes, (r + 1) * classes));
    const label = data.targets[r]!;
    counts[label * classes + order[0]!]!++;
    for (let k = order.indexOf(label) + 1; k <= classes; k++) hits[k]!++;
  }
  return { counts, shares: hits.map((n) => n / data.count) };
}

describe.each([true, false])('data on the GPU: %s', (resident) => {
  test('top-k and confusion matrix are what the host counts, over full and other batches', async () => {
    const trainer = await trainerFor(convNet(), { batchSize: 16 });
    await trainer.fit(quarters(70));
    if (!resident) trainer.engine.resident = () => null;
    for (const count of [1, 16, 70, 1300]) {
      const data = quarters(count, { seed: count });
      const { counts, shares } = await onHost(trainer, data, 4);
      const plain = await trainer.evaluate(data);
      const result = await trainer.evaluate(data, { metrics: [topK(1), confusionMatrix(), topK(3), topK(4)] });
      expect(result).toMatchObject(plain);
      expect(result.topK).toEqual({ 1: plain.accuracy, 3: shares[3], 4: 1 });
      expect(result.confusionMatrix).toEqual({ classes: 4, counts });
      expect(result.topK![1]).toBe(shares[1]);
      expect(classificationReport(result.confusionMatrix!).accuracy).toBeCloseTo(plain.accuracy, 12);
      expect(plain).not.toHaveProperty('topK');
    }
    trainer.dispose();
  });
});

test('more classes than a workgroup has threads', async () => {
  const random = new Random(2);
  const images = Uint8Array.from({ length: 150 * 16 }, () => random.integer(0, 255));
  const labels = Array.from({ length: 150 }, () => random.integer(0, 129));
  const data = imageDataset({ images, labels, shape: [1, 4, 4], classes: 130 });
  const trainer = await trainerFor(sequential([1, 4, 4], [flatten(), linear(130)]), { batchSize: 64 });
  const { counts, shares } = await onHost(trainer, data, 130);
  const { topK: top, confusionMatrix: matrix } = await trainer.evaluate(data, {
    metrics: [confusionMatrix(), topK(5)],
  });
  expect(top).toEqual({ 5: shares[5] });
  expect(sameBytes(new Uint8Array(matrix!.counts.buffer), new Uint8Array(counts.buffer))).toBe(true);
  trainer.dispose();
});

test('of equal outputs the first counts; labels to be ignored are left out', async () => {
  const model = sequential([2], [linear(4)]);
  const trainer = await trainerFor(model, { loss: crossEntropy({ ignoreIndex: 3 }), batchSize: 4 });
  for (const { name, shape } of trainer.engine.parameters)
    trainer.engine.writeTensor(name, new Float32Array(shape.reduce((a, b) => a * b)));
  const data = tensorDataset({ x: new Float32Array(8), shape: [2], y: Int32Array.of(0, 1, 2, 1), classes: 4 });
  const { topK: top, confusionMatrix: matrix } = await trainer.evaluate(data, {
    metrics: [topK(1), topK(2), topK(3), confusionMatrix()],
  });
  expect(top).toEqual({ 1: 0.25, 2: 0.75, 3: 1 });
  expect([...matrix!.counts]).toEqual([1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
  trainer.dispose();
});

test('the last class is one of those before others; batches of more samples than a workgroup has threads', async () => {
  const trainer = await trainerFor(sequential([2], [linear(4)]), { batchSize: 100 });
  trainer.engine.writeTensor('fc1.weight', new Float32Array(8));
  trainer.engine.writeTensor('fc1.bias', Float32Array.of(0, 0, 0, 1));
  const y = Int32Array.from({ length: 200 }, (_, i) => (i % 100 < 70 ? (i % 100) % 3 : 3));
  const data = tensorDataset({ x: new Float32Array(400), shape: [2], y, classes: 4 });
  const { topK: top } = await trainer.evaluate(data, { metrics: [topK(1), topK(2), topK(3)] });
  expect(top).toEqual({ 1: 60 / 200, 2: 108 / 200, 3: 154 / 200 });
  trainer.dispose();
});

test('evaluation with metrics changes nothing of the training', async () => {
  const [a, b] = [await trainerFor(convNet()), await trainerFor(convNet())];
  for (const trainer of [a, b]) {
    await trainer.fit(quarters(70));
    if (trainer === b) await trainer.evaluate(quarters(30), { metrics: [confusionMatrix()] });
    await trainer.fit(quarters(70));
  }
  expect(sameBytes(await a.save(), await b.save())).toBe(true);
  const { buffers } = a.device.ledger.live;
  a.dispose();
  b.dispose();
  const gone = await trainerFor(convNet());
  gone.dispose();
  expect(a.device.ledger.live.buffers).toBeLessThan(buffers);
});

test('scores of classes by hand (sklearn.metrics.classification_report)', () => {
  // True classes 0, 1, 2, 3; the last one never occurs, class 2 is never predicted.
  const counts = Uint32Array.of(5, 1, 0, 0, 2, 6, 0, 2, 1, 3, 0, 0, 0, 0, 0, 0);
  const { accuracy, classes, macroAvg, weightedAvg } = classificationReport({ classes: 4, counts });
  expect(accuracy).toBe(11 / 20);
  expect(classes).toEqual([
    { precision: 5 / 8, recall: 5 / 6, f1Score: 10 / 14, support: 6 },
    { precision: 6 / 10, recall: 6 / 10, f1Score: 12 / 20, support: 10 },
    { precision: 0, recall: 0, f1Score: 0, support: 4 },
    { precision: 0, recall: 0, f1Score: 0, support: 0 },
  ]);
  expect(macroAvg).toMatchObject({ support: 20 });
  expect(macroAvg.precision).toBeCloseTo((5 / 8 + 0.6) / 4, 12);
  expect(macroAvg.recall).toBeCloseTo((5 / 6 + 0.6) / 4, 12);
  expect(weightedAvg.recall).toBeCloseTo(11 / 20, 12);
  expect(weightedAvg.f1Score).toBeCloseTo((6 * (10 / 14) + 10 * 0.6) / 20, 12);
  expect(classificationReport({ classes: 2, counts: new Uint32Array(4) }).accuracy).toBe(0);
});

describe('what cannot be', () => {
  test('k out of range', async () => {
    expect(() => topK(0)).toThrow(new ArgumentError('topK: k is 0. Pass a whole number from 1.'));
    const trainer = await trainerFor(convNet());
    await expect(trainer.evaluate(quarters(8), { metrics: [topK(5)] })).rejects.toThrow(
      'topK: k is 5, the model has 4 outputs. Use 4 at most.',
    );
    trainer.dispose();
  });

  test('a loss without labels', async () => {
    const trainer = await trainerFor(sequential([2], [linear(1)]), { loss: mse(), batchSize: 4 });
    await expect(trainer.evaluate(XOR, { metrics: [confusionMatrix()] })).rejects.toThrow(
      'evaluate: confusionMatrix of mse with outputs [1]. Use a loss with labels and one output for each class.',
    );
    trainer.dispose();
  });
});
