/** What `fit` tells and in which order: callbacks, logs, schedules, history, abortion, errors of callbacks. */
import { describe, expect, test } from 'vitest';
import type { CompileProgress } from '../../src/gpu/compile-helpers.ts';
import { requestDevice } from '../../src/gpu/device.ts';
import { linear } from '../../src/nn/layers.ts';
import { crossEntropy, mse } from '../../src/nn/losses.ts';
import { sequential } from '../../src/nn/model.ts';
import { cosineAnnealingLR, lambdaLR, stepLR } from '../../src/optim/schedules.ts';
import { sgd } from '../../src/optim/sgd.ts';
import type { BatchLogs, Callback, EpochLogs } from '../../src/train/callbacks.ts';
import { progressBar } from '../../src/train/progress-bar.ts';
import { createTrainer } from '../../src/train/trainer.ts';
import { device } from '../support/device.ts';
import { batchOf, convNet, quarters, trainerFor, XOR } from './cases.ts';

/** A callback that writes down what it hears; each part a moment late, to see that it is waited for. */
function recorder(): Required<Callback> & {
  readonly heard: string[];
  readonly batches: BatchLogs[];
  readonly epochs: EpochLogs[];
} {
  const heard: string[] = [];
  const batches: BatchLogs[] = [];
  const epochs: EpochLogs[] = [];
  const later = async (text: string): Promise<void> => {
    await Promise.resolve();
    heard.push(text);
  };
  return {
    heard,
    batches,
    epochs,
    onTrainBegin: () => later('begin'),
    onCompile: () => {},
    onEpochBegin: (epoch) => later(`epoch ${epoch}`),
    onBatchEnd(logs) {
      batches.push(logs);
      return later(`batch ${logs.epoch}.${logs.batch}`);
    },
    onEpochEnd(logs) {
      epochs.push(logs);
      return later(`end ${logs.epoch}`);
    },
    onTrainEnd: () => later('done'),
  };
}

describe('callbacks', () => {
  test('come in order, onBatchEnd for every step', async () => {
    const trainer = await trainerFor(convNet());
    const [first, second] = [recorder(), recorder()];
    await trainer.fit(quarters(70), { epochs: 2, callbacks: [first, {}, second] });
    const epoch = (n: number): string[] => [`epoch ${n}`, ...[1, 2, 3, 4, 5].map((b) => `batch ${n}.${b}`), `end ${n}`];
    expect(first.heard).toEqual(['begin', ...epoch(1), ...epoch(2), 'done']);
    expect(second.heard).toEqual(first.heard);
    trainer.dispose();
  });

  test('logs of batches are those of the steps; means are weighted by samples', async () => {
    const data = quarters(70);
    const [trainer, twin] = [await trainerFor(convNet()), await trainerFor(convNet())];
    const { batches, epochs, ...callback } = recorder();
    await trainer.fit(data, { shuffle: false, callbacks: [callback] });
    let [loss, correct, samples] = [0, 0, 0];
    for (const [i, batch] of [...data.batches(16)].entries()) {
      twin.step(batch);
      const expected = await twin.metrics();
      loss += expected.loss * batch.size;
      correct += expected.accuracy * batch.size;
      samples += batch.size;
      const logs = batches[i]!;
      expect([logs.loss, logs.accuracy]).toEqual([expected.loss, expected.accuracy]);
      expect(logs.meanLoss).toBeCloseTo(loss / samples, 6);
      expect(logs.meanAccuracy).toBeCloseTo(correct / samples, 6);
      expect(logs).toMatchObject({ step: i + 1, epoch: 1, batch: i + 1, batches: 5, epochs: 1, learningRate: 0.01 });
      expect(logs.samplesPerSecond).toBeGreaterThan(0);
    }
    expect(epochs[0]!.loss).toBeCloseTo(loss / 70, 6);
    expect(epochs[0]!.accuracy).toBeCloseTo(correct / 70, 6);
    trainer.dispose();
    twin.dispose();
  });

  test('more steps in an epoch than the ring has slots: none is lost or told twice', async () => {
    const trainer = await trainerFor(convNet(), { batchSize: 2 });
    const { batches, ...callback } = recorder();
    await trainer.fit(quarters(401), { epochs: 1, callbacks: [callback] });
    expect(batches.map(({ step }) => step)).toEqual(Array.from({ length: 201 }, (_, i) => i + 1));
    const mean = batches.reduce((sum, { loss }, i) => sum + loss * (i < 200 ? 2 : 1), 0) / 401;
    expect(batches.at(-1)!.meanLoss).toBeCloseTo(mean, 5);
    trainer.dispose();
  });

  test('an error in a callback ends the training, which can then go on', async () => {
    const data = quarters(160);
    const trainer = await trainerFor(convNet());
    for (let round = 0; round < 5; round++) {
      const onBatchEnd = ({ batch }: BatchLogs): void => {
        if (batch === 3) throw new Error('enough');
      };
      await expect(trainer.fit(data, { callbacks: [{ onBatchEnd }] })).rejects.toThrow('enough');
    }
    const { epochs } = await trainer.fit(data);
    expect(Number.isFinite(epochs[0]!.loss)).toBe(true);
    trainer.dispose();
  });
});

describe('history', () => {
  test('has an entry for each epoch, with the validation', async () => {
    const trainer = await trainerFor(convNet());
    const validation = quarters(30, { seed: 3 });
    const history = await trainer.fit(quarters(70), { epochs: 2, validation });
    expect(history.aborted).toBe(false);
    expect(history.epochs.map(({ epoch, step }) => [epoch, step])).toEqual([
      [1, 5],
      [2, 10],
    ]);
    const { loss, accuracy } = await trainer.evaluate(validation);
    expect([history.epochs[1]!.valLoss, history.epochs[1]!.valAccuracy]).toEqual([loss, accuracy]);
    const more = await trainer.fit(quarters(70));
    expect(more.epochs.map(({ epoch, step, valLoss }) => [epoch, step, valLoss])).toEqual([[3, 15, null]]);
    expect(trainer.position).toEqual({ step: 15, epoch: 3, batch: 0 });
    trainer.dispose();
  });

  test('no epochs, nothing done', async () => {
    const trainer = await trainerFor(convNet());
    const { heard, ...callback } = recorder();
    expect((await trainer.fit(quarters(70), { epochs: 0, callbacks: [callback] })).epochs).toEqual([]);
    expect(heard).toEqual(['begin', 'done']);
    expect(trainer.position.step).toBe(0);
    trainer.dispose();
  });

  test('accuracy is null where the loss does not classify', async () => {
    const trainer = await trainerFor(sequential([2], [linear(1)]), { loss: mse(), batchSize: 2 });
    const { batches, epochs, ...callback } = recorder();
    await trainer.fit(XOR, { callbacks: [callback], validation: XOR });
    expect(batches.map(({ accuracy, meanAccuracy }) => [accuracy, meanAccuracy])).toEqual([
      [null, null],
      [null, null],
    ]);
    expect([epochs[0]!.accuracy, epochs[0]!.valAccuracy]).toEqual([null, null]);
    expect(epochs[0]!.valLoss).toBeGreaterThan(0);
    trainer.dispose();
  });
});

describe('abortion', () => {
  test('before the first step', async () => {
    const trainer = await trainerFor(convNet());
    const { heard, ...callback } = recorder();
    const { aborted, epochs } = await trainer.fit(quarters(70), { signal: AbortSignal.abort(), callbacks: [callback] });
    expect([aborted, epochs, trainer.position.step]).toEqual([true, [], 0]);
    expect(heard).toEqual(['begin', 'done']);
    trainer.dispose();
  });

  test('within an epoch: every step that was made is told, the epoch is not ended', async () => {
    const trainer = await trainerFor(convNet());
    const controller = new AbortController();
    const { heard, batches, ...callback } = recorder();
    const stop: Callback = {
      onBatchEnd({ step }) {
        if (step === 7) controller.abort();
      },
    };
    const { aborted, epochs } = await trainer.fit(quarters(16 * 50), {
      signal: controller.signal,
      callbacks: [stop, callback],
    });
    expect([aborted, epochs]).toEqual([true, []]);
    expect(batches.map(({ step }) => step)).toEqual(Array.from({ length: trainer.position.step }, (_, i) => i + 1));
    expect(heard.at(-1)).toBe('done');
    expect(heard).not.toContain('end 1');
    trainer.dispose();
  });

  test('after it, fit begins a new epoch unless it resumes', async () => {
    const data = quarters(16 * 50);
    const trainer = await trainerFor(convNet());
    const controller = new AbortController();
    await trainer.fit(data, { signal: controller.signal, callbacks: [{ onBatchEnd: () => controller.abort() }] });
    const { step, batch } = trainer.position;
    expect(batch).toBeGreaterThan(0);
    await trainer.fit(data);
    expect(trainer.position).toEqual({ step: step + 50, epoch: 1, batch: 0 });
    trainer.dispose();
  });
});

describe('schedules', () => {
  const rates = async (schedule: Parameters<typeof trainerFor>[1]): Promise<number[]> => {
    const trainer = await trainerFor(convNet(), { optimizer: sgd({ lr: 0.1 }), batchSize: 32, ...schedule });
    const { batches, ...callback } = recorder();
    await trainer.fit(quarters(70), { epochs: 3, callbacks: [callback] });
    trainer.dispose();
    return batches.map(({ learningRate }) => learningRate);
  };

  test('by epoch: all batches of an epoch have one rate', async () => {
    const schedule = stepLR({ stepSize: 2, gamma: 0.5 });
    expect(await rates({ schedule })).toEqual([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05]);
  });

  test('by step', async () => {
    const schedule = cosineAnnealingLR({ tMax: 8, per: 'step' });
    const expected = Array.from({ length: 9 }, (_, i) => schedule.at(i, 0.1));
    expect(await rates({ schedule })).toEqual(expected);
    expect(expected.at(-1)).toBeCloseTo(0, 12);
  });

  test('the rate is what the GPU uses: with 0 nothing moves', async () => {
    const data = quarters(32);
    const trainer = await trainerFor(convNet(), {
      optimizer: sgd({ lr: 0.1 }),
      schedule: lambdaLR((step, lr) => (step < 2 ? 0 : lr), { per: 'step' }),
    });
    const weights = async () => [...(await trainer.parameters()).values()].map((t) => t.data.join()).join();
    const before = await weights();
    trainer.step(batchOf(data, 0, 16));
    trainer.step(batchOf(data, 16, 16));
    expect(await weights()).toBe(before);
    expect(trainer.learningRate).toBe(0.1);
    trainer.step(batchOf(data, 0, 16));
    expect(await weights()).not.toBe(before);
    trainer.dispose();
  });
});

test('kernels are counted while they are compiled, once, and nothing is computed', async () => {
  const own = await requestDevice();
  const make = () =>
    createTrainer(own, convNet(), { loss: crossEntropy(), optimizer: sgd({ lr: 0.1 }), batchSize: 16, seed: 1 });
  const [told, untold] = [await make(), await make()];
  const heard: CompileProgress[] = [];
  const callbacks = [
    progressBar({ plain: true, print: () => {} }),
    { onCompile: (at: CompileProgress) => void heard.push(at) },
  ];
  await told.fit(quarters(32), { callbacks });
  const count = heard.length;
  expect(count).toBeGreaterThan(5);
  expect(heard).toEqual(Array.from({ length: count }, (_, i) => ({ ready: i + 1, kernels: count })));
  await told.fit(quarters(32), { callbacks });
  expect(heard).toHaveLength(count);
  await untold.fit(quarters(32), { epochs: 2 });
  expect(await told.parameters()).toEqual(await untold.parameters());
  for (const trainer of [told, untold]) trainer.dispose();
  own.dispose();
});

test('the progress bar as lines', async () => {
  const lines: string[] = [];
  const trainer = await trainerFor(convNet());
  const callbacks = [progressBar({ plain: true, interval: 0, print: (line) => lines.push(line) })];
  await trainer.fit(quarters(70), { callbacks, validation: quarters(20) });
  // Kernels that an earlier test compiled are not announced again.
  const epochs = lines.filter((line) => !line.startsWith('compiling'));
  expect(epochs).toHaveLength(6);
  expect(epochs[0]).toMatch(/^epoch 1\/1, batch 1\/5/);
  expect(epochs[5]).toMatch(
    /^epoch 1: loss \d\.\d{4}, accuracy \d+\.\d\d %; test loss \d\.\d{4}, accuracy \d+\.\d\d %; \d+\.\d s$/,
  );
  trainer.dispose();
});

test('no error of the device was left unseen', async () => {
  const on = await device();
  await on.gpu.queue.onSubmittedWorkDone();
  expect(on.failure).toBeNull();
});
