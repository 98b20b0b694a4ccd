/** Training repeats to the bit: by seed, after a resume, streamed instead of resident, in parts instead of whole. */
import { describe, expect, test } from 'vitest';
import type { Dataset } from '../../src/data/dataset.ts';
import { tensorDataset } from '../../src/data/dataset.ts';
import { conv2d, dropout, flatten, linear, relu } from '../../src/nn/layers.ts';
import { mse } from '../../src/nn/losses.ts';
import { sequential } from '../../src/nn/model.ts';
import { adam } from '../../src/optim/adam.ts';
import { cosineAnnealingLR } from '../../src/optim/schedules.ts';
import { sgd } from '../../src/optim/sgd.ts';
import type { FitOptions, Trainer, TrainerOptions } from '../../src/train/trainer.ts';
import { Random } from '../support/random.ts';
import { toFloat32 } from '../support/tensor.ts';
import { batchOf, convNet, quarters, sameBytes, trainerFor } from './cases.ts';

interface Run {
  readonly options?: Partial<TrainerOptions>;
  readonly fit?: FitOptions;
  readonly data?: Dataset;
  readonly prepare?: (trainer: Trainer) => void;
  readonly channels?: number;
}

/** Bytes of the checkpoint after a fit. */
async function trained({
  options,
  fit = {},
  data = quarters(70),
  prepare,
  channels = 1,
}: Run = {}): Promise<Uint8Array> {
  const trainer = await trainerFor(convNet({ channels }), options);
  prepare?.(trainer);
  await trainer.fit(data, fit);
  const bytes = await trainer.save();
  trainer.dispose();
  return bytes;
}

describe('seeds', () => {
  test('the same seed gives the same bytes, another one others', async () => {
    const a = await trained({ fit: { epochs: 2 } });
    expect(sameBytes(a, await trained({ fit: { epochs: 2 } }))).toBe(true);
    // The seed is in the file too, so the weights are compared.
    const weights = async (seed: number): Promise<string> => {
      const trainer = await trainerFor(convNet(), { seed });
      await trainer.fit(quarters(70));
      const text = [...(await trainer.parameters())].map(([name, { data }]) => `${name} ${data.join()}`).join('\n');
      trainer.dispose();
      return text;
    };
    expect(await weights(1)).not.toBe(await weights(2));
  });

  test('the order of the samples and the dropout follow from the seed as well', async () => {
    const initial = await trainerFor(convNet(), { seed: 1 });
    const start = await initial.save();
    initial.dispose();
    const from = async (seed: number, fit: FitOptions): Promise<string> => {
      const trainer = await trainerFor(convNet({ p: 0 }), { seed });
      trainer.load(start, { weightsOnly: true });
      await trainer.fit(quarters(70), fit);
      const { data } = (await trainer.parameters()).get('fc2.weight')!;
      trainer.dispose();
      return data.join();
    };
    expect(await from(1, {})).not.toBe(await from(2, {}));
    expect(await from(1, { shuffle: false })).toBe(await from(2, { shuffle: false }));
  });
});

describe('resume', () => {
  const data = quarters(70); // 5 batches of 16, the last one of 6
  const options = { schedule: cosineAnnealingLR({ tMax: 15, per: 'step' }) };

  test.each([
    [1, adam({ lr: 0.01 })],
    [3, adam({ lr: 0.01, amsgrad: true })],
    [7, sgd({ lr: 0.05, momentum: 0.9, dampening: 0.1 })],
    [9, adam({ lr: 0.01 })],
    [10, adam({ lr: 0.01 })],
  ])('after step %i of 15: the same bytes as without a break', async (stop, optimizer) => {
    const whole = await trained({ options: { ...options, optimizer }, data, fit: { epochs: 3 } });
    const controller = new AbortController();
    const first = await trainerFor(convNet(), { ...options, optimizer });
    const { replay } = first;
    // Aborted while the step is made, as a signal from outside would.
    first.replay = (...args) => {
      replay.apply(first, args);
      if (first.position.step === stop) controller.abort();
    };
    const { aborted } = await first.fit(data, { epochs: 3, signal: controller.signal });
    expect([aborted, first.position.step]).toEqual([true, stop]);
    const bytes = await first.save();
    first.dispose();
    const second = await trainerFor(convNet(), { ...options, optimizer });
    second.load(bytes);
    expect(second.position.step).toBe(stop);
    await second.fit(data, { epochs: 3, resume: true });
    expect(second.position).toEqual({ step: 15, epoch: 3, batch: 0 });
    expect(sameBytes(await second.save(), whole)).toBe(true);
    second.dispose();
  });

  test('aborted and saved in a callback', async () => {
    const whole = await trained({ options, data, fit: { epochs: 3 } });
    const controller = new AbortController();
    const first = await trainerFor(convNet(), options);
    const onBatchEnd = ({ step }: { step: number }): void => {
      if (step === 4) controller.abort();
    };
    await first.fit(data, { epochs: 3, signal: controller.signal, callbacks: [{ onBatchEnd }] });
    expect(first.position.step).toBeLessThan(15);
    const bytes = await first.save();
    first.dispose();
    const second = await trainerFor(convNet(), options);
    second.load(bytes);
    await second.fit(data, { epochs: 3, resume: true });
    expect(sameBytes(await second.save(), whole)).toBe(true);
    second.dispose();
  });

  test('a step at a time, and across the end of an epoch: the same bytes', async () => {
    const whole = await trained({ options, data, fit: { epochs: 3 } });
    const trainer = await trainerFor(convNet(), options);
    const positions: [number, number][] = [];
    for (const maxSteps of [1, 1, 5, 3, 100]) {
      await trainer.fit(data, { epochs: 3, resume: true, maxSteps });
      positions.push([trainer.position.epoch, trainer.position.batch]);
    }
    expect(positions).toEqual([
      [0, 1],
      [0, 2],
      [1, 2],
      [2, 0],
      [3, 0],
    ]);
    expect(sameBytes(await trainer.save(), whole)).toBe(true);
    trainer.dispose();
  });

  test('epochs that are done are not done again', async () => {
    const trainer = await trainerFor(convNet(), options);
    await trainer.fit(data, { epochs: 2 });
    const before = await trainer.save();
    const { epochs } = await trainer.fit(data, { epochs: 2, resume: true });
    expect(epochs).toEqual([]);
    expect(sameBytes(await trainer.save(), before)).toBe(true);
    trainer.dispose();
  });
});

describe('a data set that is too large for the GPU', () => {
  const streamed = (trainer: Trainer): void => {
    trainer.engine.resident = () => null;
  };

  test.each([1, 2, 3])('images of %i channels: the same bits as from the GPU', async (channels) => {
    const data = quarters(70, { channels });
    const run = { data, channels, fit: { epochs: 2, validation: quarters(20, { channels, seed: 9 }) } };
    expect(sameBytes(await trained({ ...run, prepare: streamed }), await trained(run))).toBe(true);
  });

  test('rows of numbers, and their evaluation', async () => {
    const random = new Random(4);
    const data = tensorDataset({
      x: toFloat32(random.normal([50, 6])),
      shape: [6],
      y: toFloat32(random.normal([50, 2])),
    });
    const model = sequential([6], [linear(8), relu(), dropout(0.2), linear(2)]);
    const run = async (prepare: (trainer: Trainer) => void) => {
      const trainer = await trainerFor(model, { loss: mse(), batchSize: 8 });
      prepare(trainer);
      const { epochs } = await trainer.fit(data, { epochs: 2, validation: data });
      const bytes = await trainer.save();
      trainer.dispose();
      return { bytes, losses: epochs.flatMap(({ loss, valLoss }) => [loss, valLoss]) };
    };
    const [a, b] = [await run(() => {}), await run(streamed)];
    expect(b.losses).toEqual(a.losses);
    expect(sameBytes(a.bytes, b.bytes)).toBe(true);
  });

  test('one that fits lives on the GPU, one that does not is null', async () => {
    const data = quarters(70);
    const trainer = await trainerFor(convNet());
    expect(trainer.engine.resident(data)).toBe(trainer.engine.resident(data));
    Object.defineProperty(trainer.engine, 'device', {
      value: Object.create(trainer.device, { caps: { value: { ...trainer.device.caps, maxBindingBytes: 70 * 64 } } }),
    });
    expect(trainer.engine.resident(quarters(70, { seed: 3 }))).toBeNull();
    expect(trainer.engine.resident(quarters(69, { seed: 3 }))).not.toBeNull();
    trainer.dispose();
  });
});

test('a slice that is evaluated again and again takes memory once', async () => {
  const data = quarters(70);
  const trainer = await trainerFor(convNet());
  const first = await trainer.evaluate(data.slice(10, 60));
  const { live } = trainer.device.ledger;
  for (let i = 0; i < 3; i++) expect((await trainer.evaluate(data.slice(10, 60))).loss).toBe(first.loss);
  expect(trainer.device.ledger.live).toEqual(live);
  expect(data.slice(10, 61)).not.toBe(data.slice(10, 60));
  trainer.dispose();
});

describe('step in parts', () => {
  test('forwardBackward and applyGradients are step', async () => {
    const data = quarters(48);
    const [whole, parts] = [await trainerFor(convNet()), await trainerFor(convNet())];
    for (let i = 0; i < 5; i++) {
      const batch = batchOf(data, 16 * i, 16);
      whole.step(batch);
      parts.forwardBackward(batch);
      const early = await parts.metrics();
      parts.applyGradients();
      expect(await parts.metrics()).toEqual(early);
      expect(await whole.metrics()).toEqual(early);
    }
    expect(sameBytes(await whole.save(), await parts.save())).toBe(true);
    whole.dispose();
    parts.dispose();
  });

  test('forwardBackward alone changes no weight; applyGradients needs it, each time', async () => {
    const data = quarters(48);
    const trainer = await trainerFor(convNet());
    expect(() => trainer.applyGradients()).toThrow(
      'applyGradients: there are no gradients. Call forwardBackward first.',
    );
    const before = await trainer.save();
    trainer.forwardBackward(batchOf(data, 0, 16));
    expect(sameBytes(await trainer.save(), before)).toBe(true);
    trainer.applyGradients();
    expect(sameBytes(await trainer.save(), before)).toBe(false);
    expect(() => trainer.applyGradients()).toThrow('applyGradients: there are no gradients.');
    trainer.dispose();
  });

  test('steps over an epoch in order are fit without shuffling', async () => {
    const data = quarters(70);
    const [a, b] = [await trainerFor(convNet()), await trainerFor(convNet())];
    await a.fit(data, { shuffle: false });
    for (const batch of data.batches(16)) b.step(batch);
    const values = async (trainer: Trainer) =>
      [...(await trainer.parameters()).values()].map(({ data: d }) => d.join());
    expect(await values(b)).toEqual(await values(a));
    expect(b.position).toEqual({ step: 5, epoch: 0, batch: 0 });
    a.dispose();
    b.dispose();
  });

  test('metrics are those of the last step, also after an evaluation', async () => {
    const data = quarters(16 * 70);
    const trainer = await trainerFor(convNet());
    expect.assertions(2);
    await expect(trainer.metrics()).rejects.toThrow('metrics: no step was made. Call step first.');
    trainer.step(batchOf(data, 0, 16));
    const before = await trainer.metrics();
    await trainer.evaluate(data);
    expect(await trainer.metrics()).toEqual(before);
    trainer.dispose();
  });
});

test('a layer with several shapes of batches in between does not disturb the others', async () => {
  const data = quarters(64);
  const model = () => sequential([1, 8, 8], [conv2d(4, 3), relu(), flatten(), linear(4)]);
  const [a, b] = [await trainerFor(model()), await trainerFor(model())];
  for (let i = 0; i < 4; i++) {
    a.step(batchOf(data, 16 * i, 16));
    b.step(batchOf(data, 16 * i, 16));
    await b.predict(data);
    await b.evaluate(data.slice(0, 7));
  }
  expect(sameBytes(await a.save(), await b.save())).toBe(true);
  a.dispose();
  b.dispose();
});
