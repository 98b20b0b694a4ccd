/** Gradients whose parts are added at the end of the plan are those of kernels that add their own, on every family of kernels. */
import { expect, test } from 'vitest';
import { compilePlan } from '../../src/compile/plan.ts';
import { conv2d, flatten, linear, relu } from '../../src/nn/layers.ts';
import { crossEntropy } from '../../src/nn/losses.ts';
import { sequential } from '../../src/nn/model.ts';
import { relayout } from '../../src/ops/index.ts';
import { graphOf } from '../../src/train/describe.ts';
import { device } from '../support/device.ts';
import { batchOf, CLASSES, quarters, trainerFor } from './cases.ts';

const BATCH = 16;
const net = () =>
  sequential(
    [1, 8, 8],
    [
      ...[conv2d(6, 5, { padding: 2 }), relu(), conv2d(12, 3, { groups: 2 }), relu()],
      ...[conv2d(12, 3, { groups: 12, padding: 1 }), relu(), conv2d(7, 3, { bias: false }), relu()],
      ...[flatten(), linear(CLASSES)],
    ],
  );

test.each([undefined, 'default'] as const)('limits: %s', async (limits) => {
  const on = await device(limits && { limits });
  const model = net();
  const trainer = await trainerFor(model, { batchSize: BATCH }, on);
  const key = { mode: 'train', batch: BATCH } as const;
  const { session } = trainer.engine;
  const together = await trainer.engine.plan(key);
  const outputs = graphOf(key, { model, loss: crossEntropy() });
  const request = { outputs, arenas: session.arenas, caps: on.caps, relayout, join: true };
  const alone = await session.prepare(compilePlan(request), {
    inputsOf: together,
  });
  const adds = (plan: typeof alone): number =>
    plan.plan.dispatches.filter(({ file }) => /add-(parts|splits)/.test(file)).length;
  expect([adds(together), adds(alone) >= 3]).toEqual([1, true]);
  expect(together.calls.length).toBe(alone.calls.length - adds(alone) + 1);
  const { x, y } = batchOf(quarters(BATCH), 0, BATCH);
  session.write(together, 'x', x);
  session.write(together, 'y', y);
  session.run([alone]);
  const wanted = await trainer.gradients();
  for (const name of trainer.engine.parameters.map((parameter) => parameter.name))
    expect(wanted.get(name)!.data.some((value) => value !== 0)).toBe(true);
  // What was there before does not count.
  for (const { name, shard, offset, bytes } of trainer.engine.parameters) {
    expect(wanted.has(name)).toBe(true);
    session.writePlace({ buffer: { kind: 'gradients', shard }, offset, bytes }, new Float32Array(bytes / 4).fill(1e6));
  }
  session.run([together]);
  for (const [name, { data }] of await trainer.gradients()) {
    const largest = wanted.get(name)!.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    data.forEach((value, i) => {
      expect(Math.abs(value - wanted.get(name)!.data[i]!), `${name}[${i}]`).toBeLessThan(2e-6 * largest);
    });
  }
  trainer.dispose();
});
