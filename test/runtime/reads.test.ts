/** Runs whose outputs are read while later ones work: order, bounds, disposal; copies between plans; what the ring records. */
import { describe, expect, test } from 'vitest';
import { compilePlan } from '../../src/compile/plan.ts';
import { type Device, requestDevice } from '../../src/gpu/device.ts';
import { input } from '../../src/graph/define-op.ts';
import type { Value } from '../../src/graph/types.ts';
import { flatten, linear } from '../../src/nn/layers.ts';
import { sequential } from '../../src/nn/model.ts';
import { addScalar, mulScalar, relayout } from '../../src/ops/index.ts';
import { OutputReads } from '../../src/runtime/reads.ts';
import { MetricsRing } from '../../src/runtime/ring.ts';
import { type Prepared, Session } from '../../src/runtime/session.ts';
import { StateError } from '../../src/util/errors.ts';
import { device } from '../support/device.ts';
import { CLASSES, convNet, quarters, trainerFor } from '../train/cases.ts';

const NONE = { entries: [], shards: [] };

/** Outputs that are f(x) of an input x of so many numbers. */
async function prepared(on: Device, session: Session, outputs: { readonly [name: string]: Value }): Promise<Prepared> {
  const values = Object.entries(outputs).map(([name, value]) => ({ value, sink: { kind: 'read', name } as const }));
  return session.prepare(compilePlan({ outputs: values, arenas: session.arenas, caps: on.caps, relayout }));
}

describe('OutputReads', () => {
  test('gives each run its own output, in order, whatever was written since', async () => {
    const on = await device();
    const session = new Session(on, { parameters: NONE, state: NONE });
    const { live } = on.ledger;
    const [small, large] = [input('x', [2]), input('x', [70])];
    const plans = [
      await prepared(on, session, { y: mulScalar(small, 2) }),
      await prepared(on, session, { y: addScalar(large, 1) }),
    ];
    const reads = new OutputReads(session);
    const results: number[][] = [];
    let most = 0;
    for (let i = 0; i < 8; i++) {
      const wide = i % 2;
      while (reads.isFull) results.push([...(await reads.next())]);
      session.write(plans[wide]!, 'x', new Float32Array(wide ? 70 : 2).fill(i));
      reads.run(plans[wide]!, 'y');
      most = Math.max(most, reads.length);
    }
    while (reads.length > 0) results.push([...(await reads.next())]);
    expect(most).toBe(3);
    expect(results).toEqual(
      Array.from({ length: 8 }, (_, i) => (i % 2 ? new Array<number>(70).fill(i + 1) : [2 * i, 2 * i])),
    );
    reads.dispose();
    session.dispose();
    expect(on.ledger.live.buffers).toBeLessThanOrEqual(live.buffers);
  });

  test('one large output at a time', async () => {
    const on = await device();
    const session = new Session(on, { parameters: NONE, state: NONE });
    const plan = await prepared(on, session, { y: mulScalar(input('x', [9 * 2 ** 20]), 2) });
    const reads = new OutputReads(session);
    reads.run(plan, 'y');
    expect(reads.isFull).toBe(true);
    await reads.next();
    expect(reads.isFull).toBe(false);
    reads.dispose();
    session.dispose();
  });

  test('can be disposed of with outputs on their way', async () => {
    const on = await requestDevice();
    const session = new Session(on, { parameters: NONE, state: NONE });
    const plan = await prepared(on, session, { y: mulScalar(input('x', [4]), 2) });
    const reads = new OutputReads(session);
    reads.run(plan, 'y');
    reads.run(plan, 'y');
    session.dispose();
    expect(() => reads.run(plan, 'y')).toThrow(StateError);
    reads.dispose();
    await on.gpu.queue.onSubmittedWorkDone();
    expect([on.ledger.live, on.failure]).toEqual([{ buffers: 0, bytes: 0 }, null]);
    on.dispose();
  });
});

describe('predict', () => {
  test('many batches give what one gives, in order, with little memory', async () => {
    const on = await requestDevice();
    const model = sequential([1, 8, 8], [flatten(), linear(CLASSES)]);
    const data = quarters(23);
    const trainers = [await trainerFor(model, { batchSize: 2 }, on), await trainerFor(model, { batchSize: 32 }, on)];
    const [pieces, whole] = [await trainers[0]!.predict(data), await trainers[1]!.predict(data)];
    expect(pieces).toHaveLength(23 * CLASSES);
    pieces.forEach((value, i) => {
      expect(value).toBeCloseTo(whole[i]!, 5);
    });
    expect(new Set(whole).size).toBeGreaterThan(50); // no two samples alike: another order would show
    const { live } = on.ledger;
    const copy = whole.slice();
    expect(await trainers[1]!.predict(data)).toEqual(copy);
    expect(on.ledger.live).toEqual(live);
    for (const trainer of trainers) trainer.dispose();
    on.dispose();
  });

  test('of numbers leaves them alone, and two at a time do not disturb each other', async () => {
    const trainer = await trainerFor(convNet(), { batchSize: 4 });
    const x = Float32Array.from({ length: 21 * 64 }, (_, i) => Math.sin(i));
    const [kept, other] = [x.slice(), x.map((value) => -value)];
    const [a, b] = await Promise.all([trainer.predict(x), trainer.predict(other)]);
    expect(x).toEqual(kept);
    expect(await trainer.predict(x)).toEqual(a);
    expect(await trainer.predict(other)).toEqual(b);
    expect(a).not.toEqual(b);
    trainer.dispose();
  });

  test('rejects where the trainer is disposed of meanwhile, and frees its memory', async () => {
    const on = await requestDevice();
    const trainer = await trainerFor(convNet(), { batchSize: 4 }, on);
    await trainer.predict(quarters(4));
    const predicting = trainer.predict(quarters(80));
    const settled = expect(predicting).rejects.toThrow(StateError);
    await new Promise((resolve) => setImmediate(resolve));
    trainer.dispose();
    await settled;
    await on.gpu.queue.onSubmittedWorkDone();
    expect([on.ledger.live, on.failure]).toEqual([{ buffers: 0, bytes: 0 }, null]);
    on.dispose();
  });
});

test('what the ring records is the value behind the plan, not what a later plan leaves there', async () => {
  const on = await device();
  const session = new Session(on, { parameters: NONE, state: NONE });
  const ring = new MetricsRing(on);
  const x = input('x', [1]);
  const first = await prepared(on, session, { loss: mulScalar(x, 3), correct: addScalar(x, 1) });
  const second = await prepared(on, session, { loss: mulScalar(x, 5) });
  for (const plan of [first, second]) session.write(plan, 'x', Float32Array.of(2));
  const work = [
    ...[first, ...ring.record(first, { slot: 1, samples: 7 })],
    ...[second, ...ring.record(second, { slot: 63, samples: 8 })],
  ];
  session.run(work);
  expect(await ring.readSlot(1)).toEqual({ loss: 6, correct: 3, samples: 7, gradientNorm: 0 });
  expect(await ring.readSlot(63)).toEqual({ loss: 10, correct: 0, samples: 8, gradientNorm: 0 });
  // A slot is used again by a batch that counts no hits.
  session.run([second, ...ring.record(second, { slot: 1, samples: 9 })]);
  const target = ring.take()!;
  session.run([{ source: ring.buffer, target }]);
  const read = ring.read(target, [63, 1]);
  ring.record(first, { slot: 1, samples: 5 }); // the next round: not what was copied
  expect(await read.collect()).toEqual([
    { loss: 10, correct: 0, samples: 8, gradientNorm: 0 },
    { loss: 10, correct: 0, samples: 9, gradientNorm: 0 },
  ]);
  ring.dispose();
  session.dispose();
});
