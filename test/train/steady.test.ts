/** A running loop asks nothing of the GPU but its work: no object is made, memory stays as it is, and all of it is given back. */
import { describe, expect, test } from 'vitest';
import { requestDevice } from '../../src/gpu/device.ts';
import { linear, relu } from '../../src/nn/layers.ts';
import { sequential } from '../../src/nn/model.ts';
import { adam } from '../../src/optim/adam.ts';
import { sgd } from '../../src/optim/sgd.ts';
import { createSession } from '../../src/train/inference.ts';
import { compile, f32 } from '../../src/train/program.ts';
import { StateError } from '../../src/util/errors.ts';
import { device } from '../support/device.ts';
import { batchOf, CLASSES, convNet, quarters, trainerFor, watch } from './cases.ts';

const creations = (counts: ReadonlyMap<string, number>): string[] =>
  [...counts.keys()].filter((name) => /^create/.test(name) && name !== 'createCommandEncoder');

describe('calls of the device over steps 10 to 100', () => {
  test('step: one encoder, one pass, one submit, three writes; nothing is made', async () => {
    const on = await device();
    const data = quarters(64);
    const trainer = await trainerFor(convNet());
    const batches = [0, 16, 32, 48].map((first) => batchOf(data, first, 16));
    for (let i = 0; i < 10; i++) trainer.step(batches[i % 4]!);
    const { counts, stop } = watch(on);
    for (let i = 10; i < 100; i++) trainer.step(batches[i % 4]!);
    stop();
    expect(Object.fromEntries(counts)).toEqual({
      createCommandEncoder: 90,
      beginComputePass: 90,
      submit: 90,
      writeBuffer: 3 * 90, // x, y and the words of the step
    });
    expect(Number.isFinite((await trainer.metrics()).loss)).toBe(true);
    trainer.dispose();
  });

  test('fit: the same, and one write a step', async () => {
    const on = await device();
    const data = quarters(16 * 110);
    const trainer = await trainerFor(convNet());
    let watching: ReturnType<typeof watch> | null = null;
    let [from, to] = [0, 0];
    await trainer.fit(data, {
      callbacks: [
        {
          onBatchEnd({ step }) {
            if (step >= 10 && !watching) {
              watching = watch(on);
              from = trainer.position.step;
            }
            if (step === 100) {
              watching?.stop();
              to = trainer.position.step;
            }
          },
        },
      ],
    });
    const counts = watching!.counts;
    expect(to - from).toBeGreaterThan(60);
    expect(creations(counts)).toEqual([]);
    for (const name of ['createCommandEncoder', 'beginComputePass', 'submit', 'writeBuffer'])
      expect([name, counts.get(name)]).toEqual([name, to - from]);
    trainer.dispose();
  });

  test('the watch sees what is made', async () => {
    const on = await device();
    const { counts, stop } = watch(on);
    const program = await compile(on, { x: f32(4) }, ({ x }) => ({ y: x }));
    await program.run({ x: new Float32Array(4) });
    stop();
    program.dispose();
    expect(creations(counts)).toContain('createBuffer');
  });
});

describe('memory', () => {
  test('is flat over 1,000 steps', async () => {
    const on = await device();
    const data = quarters(64);
    const trainer = await trainerFor(
      sequential(
        [1, 8, 8],
        convNet().calls.map(({ layer }) => layer),
      ),
      { batchSize: 8 },
    );
    const batches = [0, 8, 16, 24].map((first) => batchOf(data, first, 8));
    const run = async (steps: number): Promise<void> => {
      for (let i = 0; i < steps; i++) {
        trainer.step(batches[i % 4]!);
        if (i % 50 === 49) await trainer.metrics();
      }
    };
    await run(200);
    const { live, peakBytes } = on.ledger;
    const before = process.memoryUsage().rss;
    await run(1000);
    const growth = process.memoryUsage().rss - before;
    expect(on.ledger.live).toEqual(live);
    expect(on.ledger.peakBytes).toBe(peakBytes);
    expect(growth / 2 ** 20).toBeLessThan(40);
    trainer.dispose();
  });

  test('dispose gives all of it back: trainers, sessions, programs', async () => {
    const on = await requestDevice();
    const data = quarters(40);
    const trainer = await trainerFor(convNet(), { optimizer: adam({ amsgrad: true }) }, on);
    await trainer.fit(data, { validation: quarters(20, { seed: 2 }) });
    trainer.step(batchOf(data, 0, 16));
    await trainer.predict(data);
    const weights = await trainer.save();
    const session = createSession(on, convNet(), { weights });
    await session.predict(data);
    const program = await compile(on, { x: f32(4) }, ({ x }) => ({ y: x }));
    expect(on.ledger.live.buffers).toBeGreaterThan(10);
    trainer.dispose();
    session.dispose();
    program.dispose();
    expect(on.ledger.live).toEqual({ buffers: 0, bytes: 0 });
    trainer.dispose(); // a second time is nothing
    expect(on.ledger.live).toEqual({ buffers: 0, bytes: 0 });
    expect(on.failure).toBeNull();
    on.dispose();
  });

  test('a trainer that cannot be made leaves nothing behind, whatever allocation fails', async () => {
    const on = await requestDevice();
    const { create } = on.ledger;
    let failures = 0;
    for (let allowed = 0; allowed < 100; allowed++) {
      let made = 0;
      Reflect.set(on.ledger, 'create', (...args: Parameters<typeof create>) => {
        if (made++ >= allowed) throw new StateError('no more');
        return create(...args);
      });
      const result = await trainerFor(convNet(), {}, on).catch((error: unknown) => error);
      if (!(result instanceof StateError)) {
        if (result instanceof Error) throw result;
        Reflect.set(on.ledger, 'create', create);
        await trainerFor(convNet(), {}, on).then((trainer) => trainer.dispose());
        break;
      }
      failures++;
      expect(on.ledger.live, `after ${allowed} allocations`).toEqual({ buffers: 0, bytes: 0 });
    }
    Reflect.set(on.ledger, 'create', create);
    expect(failures).toBeGreaterThan(5);
    on.dispose();
  });

  test('a plan that cannot be prepared leaves nothing behind', async () => {
    const on = await requestDevice();
    const { create } = on.ledger;
    let failures = 0;
    for (let allowed = 0; allowed < 100; allowed++) {
      let made = 0;
      Reflect.set(on.ledger, 'create', (...args: Parameters<typeof create>) => {
        if (made++ >= allowed) throw new StateError('no more');
        return create(...args);
      });
      const result = await compile(on, { x: f32(4), y: f32(4) }, ({ x }) => ({ z: x })).catch(
        (error: unknown) => error,
      );
      if (!(result instanceof Error)) {
        break;
      }
      failures++;
      expect(on.ledger.live, `after ${allowed} allocations`).toEqual({ buffers: 0, bytes: 0 });
    }
    expect(failures).toBeGreaterThan(2);
    on.dispose();
  });
});

describe('after dispose', () => {
  test('every door is closed, with a StateError and without work', async () => {
    const on = await requestDevice();
    const data = quarters(40);
    const model = sequential([2], [linear(4), relu(), linear(CLASSES)]);
    const xor = { x: Float32Array.of(0, 1), y: Int32Array.of(1) };
    const trainer = await trainerFor(convNet(), { optimizer: sgd() }, on);
    const other = await trainerFor(model, {}, on);
    trainer.step(batchOf(data, 0, 16));
    other.step(xor);
    const bytes = await trainer.save();
    const session = createSession(on, convNet(), { weights: bytes });
    for (const it of [trainer, other, session]) it.dispose();
    expect(() => trainer.step(batchOf(data, 0, 16))).toThrow(StateError);
    expect(() => trainer.step(batchOf(data, 0, 5))).toThrow(StateError);
    expect(() => trainer.forwardBackward(batchOf(data, 0, 16))).toThrow(StateError);
    expect(() => trainer.load(bytes)).toThrow(StateError);
    await expect(trainer.fit(data)).rejects.toThrow(StateError);
    await expect(trainer.evaluate(data)).rejects.toThrow(StateError);
    await expect(trainer.predict(data)).rejects.toThrow(StateError);
    await expect(trainer.save()).rejects.toThrow(StateError);
    await expect(trainer.parameters()).rejects.toThrow(StateError);
    await expect(trainer.metrics()).rejects.toThrow(StateError);
    await expect(session.predict(data)).rejects.toThrow(StateError);
    await on.gpu.queue.onSubmittedWorkDone();
    expect(on.failure).toBeNull();
    expect(on.ledger.live).toEqual({ buffers: 0, bytes: 0 });
    on.dispose();
  });
});
