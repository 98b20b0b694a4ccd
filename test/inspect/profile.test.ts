/** Profiles cover what a step runs, add up to about its time, and leave the trainer as it was. */
import { afterAll, describe, expect, test } from 'vitest';
import { requestDevice } from '../../src/gpu/device.ts';
import { type Profile, printProfile, profile } from '../../src/inspect/profile.ts';
import { canStamp } from '../../src/inspect/timing.ts';
import { conv2d, flatten, linear, relu } from '../../src/nn/layers.ts';
import { sequential } from '../../src/nn/model.ts';
import { batchNorm2d } from '../../src/nn/norm-layers.ts';
import { adam } from '../../src/optim/adam.ts';
import { createSession } from '../../src/train/inference.ts';
import type { Trainer } from '../../src/train/trainer.ts';
import { gabor, removeFolders } from '../cli/run-cli.ts';
import { device } from '../support/device.ts';
import { batchOf, CLASSES, convNet, quarters, trainerFor } from '../train/cases.ts';

afterAll(removeFolders);

/** Labels of all dispatches of a step. */
function labelsOf({ engine, updater, options }: Trainer): string[] {
  const { accumulate, update } = updater.plans;
  const plans = [engine.describePlan({ mode: 'train', batch: options.batchSize }), accumulate?.plan, update.plan];
  return plans.flatMap((plan) => plan?.dispatches.map(({ label }) => label) ?? []);
}

function expectWhole({ rows, microseconds }: Profile, labels: readonly string[]): void {
  expect(rows.map(({ label }) => label)).toEqual(labels);
  expect(microseconds).toBeCloseTo(
    rows.reduce((sum, row) => sum + row.microseconds, 0),
    6,
  );
  expect(rows.reduce((sum, row) => sum + row.share, 0)).toBeCloseTo(1, 6);
  for (const { label, microseconds: us, bytes, flops, gflops } of rows) {
    expect(us, label).toBeGreaterThan(0);
    expect(bytes, label).toBeGreaterThan(0);
    expect(gflops, label).toBeCloseTo(flops / us / 1000, 6);
  }
}

describe('a training step', () => {
  test('every dispatch has a row, and they add up to about the time of a step', async () => {
    const wide = sequential(
      [4, 32, 32],
      [conv2d(32, 3, { padding: 1 }), relu(), conv2d(32, 3, { padding: 1 }), relu(), flatten(), linear(CLASSES)],
    );
    const trainer = await trainerFor(wide, { batchSize: 32 });
    const result = await profile(trainer, { steps: 5 });
    expect(result.method).toBe(canStamp(await device()) ? 'timestamps' : 'replay');
    expectWhole(result, labelsOf(trainer));
    expect(result.microseconds / result.stepMicroseconds).toBeGreaterThan(0.6);
    expect(result.microseconds / result.stepMicroseconds).toBeLessThan(1.7);
    // A convolution may be several dispatches, each of which is shorter than a copy.
    const sums = new Map<string, number>();
    for (const { label, microseconds } of result.rows) sums.set(label, (sums.get(label) ?? 0) + microseconds);
    const [slowest] = [...sums].sort(([, a], [, b]) => b - a);
    expect(slowest![0]).toContain('conv2d');
    trainer.dispose();
  });

  test('by repetition, where there are no time stamps', async () => {
    const on = await requestDevice({ limits: 'default' });
    expect(canStamp(on)).toBe(false);
    const trainer = await trainerFor(sequential([1, 8, 8], [flatten(), linear(CLASSES)]), {}, on);
    const result = await profile(trainer, { steps: 1 });
    expect(result.method).toBe('replay');
    expectWhole(result, labelsOf(trainer));
    await expect(profile(trainer, { method: 'timestamps' })).rejects.toThrow(/no time stamps/);
    trainer.dispose();
    expect(on.ledger.live).toEqual({ buffers: 0, bytes: 0 });
    expect(on.failure).toBeNull();
    on.dispose();
  });

  test('nothing of the trainer changes: weights, statistics, gradients, optimizer, metrics, the next steps', async () => {
    const model = () => sequential([1, 8, 8], [conv2d(4, 3), batchNorm2d(), relu(), flatten(), linear(CLASSES)]);
    const data = quarters(40);
    const results = [];
    for (const profiles of [false, true]) {
      const trainer = await trainerFor(model(), {
        optimizer: adam({ amsgrad: true }),
        ema: { decay: 0.9 },
        accumulationSteps: 2,
      });
      for (let i = 0; i < 3; i++) trainer.step(batchOf(data, 16 * i, 16));
      if (profiles) {
        await profile(trainer, { steps: 2 });
        await profile(trainer, { steps: 1, data, batch: 8 });
      }
      const [metrics, gradients] = [await trainer.metrics(), await trainer.gradients()];
      for (let i = 0; i < 3; i++) trainer.step(batchOf(data, 16 * i, 16));
      results.push({ metrics, gradients, saved: Buffer.from(await trainer.save()).toString('base64') });
      trainer.dispose();
    }
    expect(results[1]).toEqual(results[0]);
  });

  test('leaves nothing behind', async () => {
    const on = await requestDevice();
    const trainer = await trainerFor(convNet(), {}, on);
    await profile(trainer, { steps: 1 });
    const { live } = on.ledger;
    const result = await profile(trainer, { steps: 1 });
    expect(on.ledger.live).toEqual(live);
    const text = printProfile(result);
    expect(text.split('\n').length).toBe(result.rows.length + 3);
    expect(text).toMatch(/conv1\.conv2d\S* +\w+ +\d+x\d+x\d+ /);
    expect(text).toMatch(/ %$/m);
    trainer.dispose();
    expect(on.ledger.live).toEqual({ buffers: 0, bytes: 0 });
    expect(on.failure).toBeNull();
    on.dispose();
  });
});

test('a session: its prediction', async () => {
  const trainer = await trainerFor(convNet());
  const session = createSession(trainer.device, convNet(), { weights: await trainer.save(), batchSize: 8 });
  const input = new Float32Array(64).fill(0.5);
  const before = await session.predict(input);
  const result = await profile(session, { steps: 2 });
  expect(result.batch).toBe(8);
  expectWhole(
    result,
    session.engine.describePlan({ mode: 'predict', batch: 8 }).dispatches.map(({ label }) => label),
  );
  expect(await session.predict(input)).toEqual(before);
  await expect(profile(session, { steps: 0 })).rejects.toThrow(/steps is 0/);
  session.dispose();
  trainer.dispose();
});

test('gabor bench --profile prints it', async () => {
  const { code, stdout } = await gabor('bench lenet --profile --rounds 1');
  expect(code).toBe(0);
  for (const part of ['conv1.conv2d', 'optimizer.adam', 'GFLOP/s', 'batch 64']) expect(stdout).toContain(part);
  const json = await gabor('bench lenet --profile --rounds 1 --json');
  const labels: string[] = JSON.parse(json.stdout).profiles[0].rows.map(({ label }: { label: string }) => label);
  // A row for each kernel of the step: forward, gradients, update.
  for (const layer of ['conv1', 'conv2', 'fc1', 'fc2', 'fc3'])
    expect(labels.filter((label) => label.startsWith(layer)).length, layer).toBeGreaterThan(1);
  expect(labels).toEqual(expect.arrayContaining(['crossEntropy', 'optimizer.adam']));
});
