/** Sessions: replay, shared memory of plans, inputs and outputs, arenas, state, errors; the ring of metrics and the step's words. */
import { describe, expect, test } from 'vitest';
import { gradients } from '../../src/compile/autodiff.ts';
import { planArena } from '../../src/compile/place.ts';
import { compilePlan } from '../../src/compile/plan.ts';
import { type Device, requestDevice } from '../../src/gpu/device.ts';
import { external, input, parameter, state } from '../../src/graph/define-op.ts';
import type { Value } from '../../src/graph/types.ts';
import { add, addScalar, binary, mul, mulScalar, relayout, relu, sum } from '../../src/ops/index.ts';
import { MetricsRing, RING_SLOTS } from '../../src/runtime/ring.ts';
import { type Prepared, Session } from '../../src/runtime/session.ts';
import { packStep } from '../../src/runtime/step.ts';
import { compile, f32, grad, i32 } from '../../src/train/program.ts';
import { DeviceError, ShapeError, StateError } from '../../src/util/errors.ts';
import { device } from '../support/device.ts';

const NONE = { entries: [], shards: [] };

const tensors = (...names: string[]) => names.map((name) => ({ name, shape: [3], layout: 'plain' as const }));

/** A plan that reads these values, and the sinks given. */
const plan = (
  on: Device,
  session: Session,
  values: { readonly [name: string]: Value },
  sinks: Parameters<typeof compilePlan>[0]['outputs'] = [],
) =>
  compilePlan({
    outputs: [
      ...Object.entries(values).map(([name, value]) => ({ value, sink: { kind: 'read', name } as const })),
      ...sinks,
    ],
    arenas: session.arenas,
    caps: on.caps,
    relayout,
  });

const read = async (session: Session, prepared: Prepared, name: string): Promise<number[]> => [
  ...(await session.read(prepared, [name]))[0]!,
];

describe('Session', () => {
  test('several plans share slabs, run in one go, and keep their own inputs', async () => {
    const on = await device();
    const session = new Session(on, { parameters: NONE, state: NONE });
    const x = input('x', [3]);
    const before = on.ledger.live.buffers;
    const a = await session.prepare(plan(on, session, { y: addScalar(mulScalar(x, 2), 1) }));
    const afterFirst = on.ledger.live.buffers;
    const b = await session.prepare(plan(on, session, { y: addScalar(mulScalar(x, 10), 1) }));
    // Slabs are taken from the pool again; Params and the input are its own.
    expect(on.ledger.live.buffers - afterFirst).toBeLessThan(afterFirst - before);
    session.write(a, 'x', Float32Array.of(1, 2, 3));
    session.write(b, 'x', Float32Array.of(1, 1, 1));
    session.run([a]);
    expect(await read(session, a, 'y')).toEqual([3, 5, 7]);
    session.run([a, b]);
    expect(await read(session, b, 'y')).toEqual([11, 11, 11]);
    session.release(b);
    session.release(b);
    expect(on.ledger.live.buffers).toBe(afterFirst);
    session.dispose();
    session.dispose();
  });

  test('parameters, gradients and state live in arenas', async () => {
    const on = await device();
    const arenas = {
      parameters: planArena(tensors('v', 'w'), on.caps.maxBindingBytes),
      state: planArena(tensors('s'), on.caps.maxBindingBytes),
    };
    const session = new Session(on, arenas);
    session.allocateTraining(2);
    const [v, w, s] = [parameter('v', [3]), parameter('w', [3]), state('s', [3])];
    const x = input('x', [3]);
    const loss = sum(mul(mul(v, w), x));
    const [dv, dw] = gradients([{ value: loss }], [v, w], { add: binary.add });
    const prepared = await session.prepare(
      plan(on, session, { loss, old: addScalar(s, 0) }, [
        { value: dv!, sink: { kind: 'gradient', parameter: 'v', layout: 'plain' } },
        { value: dw!, sink: { kind: 'gradient', parameter: 'w', layout: 'plain' } },
        { value: add(s, x), sink: { kind: 'state', name: 's' } },
      ]),
    );
    const place = (kind: 'parameters' | 'gradients' | 'state', offset = 0) => ({
      buffer: kind === 'state' ? { kind } : { kind, shard: 0 },
      offset,
      bytes: 12,
    });
    session.writePlace(place('parameters'), Float32Array.of(1, 2, 3));
    session.writePlace(place('parameters', 256), Float32Array.of(10, 20, 30));
    session.writePlace(place('state'), Float32Array.of(100, 200, 300));
    session.write(prepared, 'x', Float32Array.of(1, 1, 2));
    session.run([prepared]);
    expect(await read(session, prepared, 'loss')).toEqual([10 + 40 + 180]);
    const [gv, gw, now] = await session.readPlaces([place('gradients'), place('gradients', 256), place('state')]);
    expect([gv, gw, now].map((bytes) => [...new Float32Array(bytes!)])).toEqual([
      [10, 20, 60],
      [1, 2, 6],
      [101, 201, 302],
    ]);
    expect(await read(session, prepared, 'old')).toEqual([100, 200, 300]);
    session.run([prepared]);
    expect([...new Float32Array((await session.readPlaces([place('state')]))[0]!)]).toEqual([102, 202, 304]);
    session.dispose();
  });

  test('states change places', async () => {
    const on = await device();
    const session = new Session(on, { parameters: NONE, state: planArena(tensors('s', 't'), on.caps.maxBindingBytes) });
    const [s, t] = [state('s', [3]), state('t', [3])];
    const prepared = await session.prepare(
      plan(on, session, {}, [
        { value: t, sink: { kind: 'state', name: 's' } },
        { value: addScalar(s, 1), sink: { kind: 'state', name: 't' } },
      ]),
    );
    const places = [0, 256].map((offset) => ({ buffer: { kind: 'state' } as const, offset, bytes: 12 }));
    session.writePlace(places[0]!, Float32Array.of(1, 2, 3));
    session.writePlace(places[1]!, Float32Array.of(7, 8, 9));
    session.run([prepared]);
    const bytes = await session.readPlaces(places);
    expect(bytes.map((b) => [...new Float32Array(b)])).toEqual([
      [7, 8, 9],
      [2, 3, 4],
    ]);
    expect(on.failure).toBeNull();
    session.dispose();
  });

  test('parameters in several shards', async () => {
    const on = await requestDevice();
    const arenas = { parameters: planArena(tensors('v', 'w'), 256), state: NONE };
    expect(arenas.parameters.shards).toEqual([256, 256]);
    const session = new Session(on, arenas);
    const prepared = await session.prepare(plan(on, session, { y: add(parameter('v', [3]), parameter('w', [3])) }));
    for (const shard of [0, 1])
      session.writePlace({ buffer: { kind: 'parameters', shard }, offset: 0, bytes: 12 }, Float32Array.of(1, 2, 3));
    session.run([prepared]);
    expect(await read(session, prepared, 'y')).toEqual([2, 4, 6]);
    session.dispose();
    expect(on.ledger.live).toEqual({ buffers: 0, bytes: 0 });
    on.dispose();
  });

  test('buffers of others', async () => {
    const on = await device();
    const session = new Session(on, { parameters: NONE, state: NONE });
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
    const data = on.ledger.create('data', 16, usage);
    on.gpu.queue.writeBuffer(data, 0, Float32Array.of(1, -2, 3, 0));
    const described = plan(on, session, { y: relu(external('data', [3], 'f32')) });
    await expect(session.prepare(described)).rejects.toThrow(
      new StateError("plan: there is no buffer 'data'. Pass it as an external or allocate it first."),
    );
    const prepared = await session.prepare(described, { externals: { data } });
    session.run([prepared]);
    expect(await read(session, prepared, 'y')).toEqual([1, 0, 3]);
    session.dispose();
    on.ledger.destroy(data);
  });

  test('errors', async () => {
    const on = await device();
    const session = new Session(on, { parameters: NONE, state: NONE });
    const prepared = await session.prepare(plan(on, session, { y: relu(input('x', [2, 3])) }));
    expect(() => session.write(prepared, 'x', new Float32Array(5))).toThrow(
      new StateError('input "x": 5 elements given, [2,3] needs 6. Pass a whole batch.'),
    );
    session.write(prepared, 'unread', new Float32Array(5)); // no plan reads it: nothing to do
    await expect(session.read(prepared, ['z'])).rejects.toThrow(new StateError('output "z": this plan has y.'));
    session.dispose();
    expect(() => session.run([prepared])).toThrow(new StateError('this object was disposed. Make a new one.'));
  });

  test('what the GPU complains of stops the next call', async () => {
    const on = await requestDevice();
    const session = new Session(on, { parameters: NONE, state: NONE });
    on.gpu.createBuffer({ size: 16, usage: 0 });
    await on.gpu.queue.onSubmittedWorkDone();
    expect(() => session.run([])).toThrow(DeviceError);
    expect(() => session.run([])).toThrow(/^the GPU reports: /);
    on.dispose();
  });
});

describe('compile', () => {
  test('runs again and again on other data', async () => {
    const program = await compile(await device(), { a: f32(2, 3), b: f32(3) }, ({ a, b }) => ({
      y: add(a, b),
      z: relu(a),
    }));
    for (const k of [1, -1, 5]) {
      const { y, z } = await program.run({ a: new Float32Array(6).fill(k), b: Float32Array.of(1, 2, 3) });
      expect([...y!]).toEqual([1 + k, 2 + k, 3 + k, 1 + k, 2 + k, 3 + k]);
      expect([...z!]).toEqual(new Array(6).fill(Math.max(0, k)));
    }
    expect(program.print()).toContain('add');
    program.dispose();
  });

  test('outputs may be inputs, constants of the graph, and twice the same', async () => {
    const program = await compile(await device(), { a: f32(3), k: i32(2) }, ({ a, k }) => {
      const y = relu(a);
      return { a, k, y, again: y };
    });
    const results = await program.run({ a: Float32Array.of(-1, 0, 1), k: Int32Array.of(-7, 8) });
    expect(Object.entries(results).map(([name, data]) => [name, ...data])).toEqual([
      ['a', -1, 0, 1],
      ['k', -7, 8],
      ['y', 0, 0, 1],
      ['again', 0, 0, 1],
    ]);
    program.dispose();
  });

  test('inputs are checked', async () => {
    const program = await compile(await device(), { a: f32(3), b: f32(3) }, ({ a, b }) => ({ y: add(a, b) }));
    const a = new Float32Array(3);
    await expect(program.run({ a })).rejects.toThrow(new StateError('run: input "b" is missing (f32 [3]). Pass a, b.'));
    await expect(program.run({ a, b: new Int32Array(3) })).rejects.toThrow(
      new StateError('run: input "b" is a Int32Array, f32 is needed. Pass a Float32Array of 3 elements.'),
    );
    await expect(program.run({ a, b: new Float32Array(2) })).rejects.toThrow(
      new StateError('input "b": 2 elements given, [3] needs 3. Pass a whole batch.'),
    );
    program.dispose();
    await expect(program.run({ a, b: a })).rejects.toThrow(StateError);
  });

  test('errors of the function come at its line', async () => {
    const on = await device();
    await expect(compile(on, { a: f32(3), b: f32(4) }, ({ a, b }) => ({ y: add(a, b) }))).rejects.toThrow(ShapeError);
    await expect(compile(on, { a: f32(3), b: f32(3) }, ({ a, b }) => ({ d: grad(sum(a), [b])[0]! }))).rejects.toThrow(
      'grad: value 0 ([3]) has no influence on the result. Leave it out.',
    );
  });

  test('a chooser that names no variant', async () => {
    const on = await device();
    const { live } = on.ledger;
    await expect(compile(on, { a: f32(3) }, ({ a }) => ({ y: relu(a) }), { choose: () => 'fastest' })).rejects.toThrow(
      'relu "": no kernel for this device (offered: vec4; wanted: fastest).',
    );
    expect(on.ledger.live).toEqual(live);
  });
});

describe('the ring of metrics', () => {
  test('copies are read in the order of the slots asked for; staging buffers come back', async () => {
    const on = await device();
    const session = new Session(on, { parameters: NONE, state: NONE });
    const ring = new MetricsRing(on, 2);
    const [a, b] = [ring.take()!, ring.take()!];
    expect(ring.take()).toBeNull();
    session.run([{ source: ring.buffer, target: a }]);
    const reading = ring.read(a, [RING_SLOTS - 1, 0]);
    expect(await reading.collect()).toEqual([
      { loss: 0, correct: 0, samples: 0, gradientNorm: 0 },
      { loss: 0, correct: 0, samples: 0, gradientNorm: 0 },
    ]);
    expect(ring.take()).toBe(a);
    expect(b).not.toBe(a);
    ring.dispose();
    session.dispose();
  });

  test('can be disposed of with a read on its way', async () => {
    const on = await requestDevice();
    const session = new Session(on, { parameters: NONE, state: NONE });
    const ring = new MetricsRing(on);
    const target = ring.take()!;
    session.run([{ source: ring.buffer, target }]);
    ring.read(target, [0]);
    ring.dispose();
    session.dispose();
    await on.gpu.queue.onSubmittedWorkDone();
    expect([on.ledger.live, on.failure]).toEqual([{ buffers: 0, bytes: 0 }, null]);
    on.dispose();
  });
});

test('the words of a step are those of lib/step.wgsl', () => {
  const words = packStep({
    index: 1,
    slot: 2,
    seed: 2 ** 32 - 1,
    shuffle: 4,
    first: 5,
    gradientScale: 0.5,
    scalars: [1, -2],
    sum: { old: 3, new: 4 },
  });
  expect([...words.slice(0, 5)]).toEqual([1, 2, 2 ** 32 - 1, 4, 5]);
  expect([...new Float32Array(words.buffer).slice(5, 14)]).toEqual([0.5, 1, -2, 0, 0, 0, 0, 3, 4]);
  expect(words.byteLength).toBe(64);
  // What a step does not say is 0 or, of factors of new gradients, 1, also where the one before said it.
  const expected = new Float32Array(16);
  expected.set([1], 5);
  expected.set([1], 13);
  expect([...packStep({})]).toEqual([...new Uint32Array(expected.buffer)]);
  // The table of groups begins at byte 256.
  const table = packStep({ groups: [{ end4: 7, learningRate: 0.5, weightDecay: 0.25, l1: 2 }] });
  expect([table.byteLength, table[64], ...new Float32Array(table.buffer, 260, 3)]).toEqual([272, 7, 0.5, 0.25, 2]);
});
