/** What does not fit into memory is refused before anything is allocated, with the numbers and a batch that does fit. */
import { describe, expect, test } from 'vitest';
import { type Device, requestDevice } from '../../src/gpu/device.ts';
import { needOf } from '../../src/train/fits.ts';
import { DeviceError } from '../../src/util/errors.ts';
import { device } from '../support/device.ts';
import { batchOf, convNet, quarters, trainerFor } from './cases.ts';

const MIB = 2 ** 20;

/** A device with a budget in which a batch of 256 of `convNet` fits and one of 1024 does not. */
async function small<T>(use: (on: Device) => Promise<T>): Promise<T> {
  const on = await requestDevice({ memoryBudget: 1 * MIB });
  try {
    return await use(on);
  } finally {
    expect(on.failure).toBeNull();
    on.dispose();
  }
}

async function refusal(call: () => unknown): Promise<string> {
  try {
    await call();
  } catch (error) {
    expect(error).toBeInstanceOf(DeviceError);
    return (error as DeviceError).message;
  }
  throw new Error('nothing was refused');
}

test('what is counted is what preparing allocates', async () => {
  const trainer = await trainerFor(convNet());
  const { session } = trainer.engine;
  const { ledger } = await device();
  for (const batch of [8, 64, 33]) {
    const need = needOf(
      trainer.engine.describePlan({ mode: 'train', batch }),
      session.pool.map(({ size }) => size),
    );
    const before = ledger.live.bytes;
    trainer.engine.planNow({ mode: 'train', batch });
    expect(ledger.live.bytes - before).toBe(need.total);
    expect(need.activations + need.inputs + need.others).toBe(need.total);
    expect(need.activations).toBe(batch === 33 ? 0 : need.activations); // the slabs of 64 are there
    expect(need.largest).toBeLessThanOrEqual(need.total);
  }
  trainer.dispose();
});

describe('a batch that does not fit', () => {
  test('createTrainer: the numbers, and a batch with accumulationSteps that does fit', async () => {
    await small(async (on) => {
      const message = await refusal(() => trainerFor(convNet(), { batchSize: 1024 }, on));
      expect(message).toMatch(
        /^batch of 1024: a training step needs \d+\.\d MiB of GPU memory \(activations \d+\.\d MiB, inputs \d+\.\d MiB\), 0\.\d MiB of the budget of 1\.0 MiB are in use\. Use batchSize \d+ with accumulationSteps \d+ for an update like this, a smaller model, or raise memoryBudget of requestDevice\.$/,
      );
      expect(on.ledger.live).toEqual({ buffers: 0, bytes: 0 });
      const [, batchSize, accumulationSteps] = /batchSize (\d+) with accumulationSteps (\d+)/
        .exec(message)!
        .map(Number);
      expect(batchSize! * accumulationSteps!).toBe(1024);
      const trainer = await trainerFor(convNet(), { batchSize, accumulationSteps }, on);
      await trainer.fit(quarters(512), { epochs: 1 });
      expect(on.ledger.peakBytes).toBeLessThanOrEqual(MIB);
      trainer.dispose();
    });
  });

  test('step, fit and predict: nothing is allocated', async () => {
    await small(async (on) => {
      const trainer = await trainerFor(convNet(), { batchSize: 16 }, on);
      const { live } = on.ledger;
      const data = quarters(1024);
      expect(await refusal(() => trainer.step(batchOf(data, 0, 1024)))).toContain(
        'batch of 1024: a training step needs',
      );
      const message = await refusal(() => trainer.engine.plan({ mode: 'predict', batch: 4096 }));
      expect(message).toMatch(/^batch of 4096: a prediction needs .* Use batchSize \d+, a smaller model, or raise/);
      expect(on.ledger.live).toEqual(live);
      trainer.step(batchOf(data, 0, 16));
      expect((await trainer.metrics()).loss).toBeGreaterThan(0);
      trainer.dispose();
    });
  });

  test('a limit of the device: the first word is that of the kernel', async () => {
    const on = await device({ limits: 'default' });
    // 16,777,216 images of 64 numbers: 4 GiB, bound at once.
    const message = await refusal(() => trainerFor(convNet(), { batchSize: 2 ** 24 }, on));
    expect(message).toMatch(
      /^batch of 16777216: .* bytes, this device binds \d+ at most\. Use batchSize \d+ with accumulationSteps \d+/,
    );
  });

  test('a model that does not fit: no batch is suggested', async () => {
    const on = await requestDevice({ memoryBudget: 20_000 });
    const message = await refusal(() => trainerFor(convNet(), {}, on));
    expect(message).not.toContain('batchSize');
    expect(message).toContain('memoryBudget');
    expect(on.ledger.live).toEqual({ buffers: 0, bytes: 0 });
    on.dispose();
  });
});
