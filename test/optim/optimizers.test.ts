/** Update rules on the device against float64: those without golden data, groups and shards, cycled momentum, odd sizes. */
import { describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { constantInit } from '../../src/nn/init.ts';
import type { Model } from '../../src/nn/model.ts';
import { adadelta } from '../../src/optim/adadelta.ts';
import { adam, adamw } from '../../src/optim/adam.ts';
import { adamax } from '../../src/optim/adamax.ts';
import { lamb } from '../../src/optim/lamb.ts';
import { lion } from '../../src/optim/lion.ts';
import { nadam } from '../../src/optim/nadam.ts';
import type { Optimizer } from '../../src/optim/optimizer.ts';
import { radam } from '../../src/optim/radam.ts';
import { rmsprop } from '../../src/optim/rmsprop.ts';
import { sgd } from '../../src/optim/sgd.ts';
import { packStep } from '../../src/runtime/step.ts';
import { Engine } from '../../src/train/engine.ts';
import { type Clip, updatePlan } from '../../src/train/update.ts';
import { ArgumentError, StateError } from '../../src/util/errors.ts';
import { sizeOf } from '../../src/util/shape.ts';
import { device } from '../support/device.ts';
import { Random } from '../support/random.ts';
import { optimizerRule } from '../support/reference/optimizers.ts';

/** Sizes around a vec4 and a chunk of 8192. */
const SHAPES = [[1], [3], [5, 1], [64, 64], [8193], [2, 5000]] as const;

function parametersOnly(): Model {
  const parameters = SHAPES.map(
    (shape, i) => ({ name: `p${i}`, shape, layout: 'plain', init: constantInit(0), kind: 'parameter' }) as const,
  );
  return {
    inputShape: [1],
    outputShape: [1],
    parameters,
    calls: [],
    trace: () => {
      throw new StateError('there is no graph');
    },
    describe: () => ({ inputShape: [1], steps: [], output: 0 }),
  };
}

type Numbers = Float64Array<ArrayBuffer>;
type Update = (p: Numbers, g: Numbers, step: number, state: Record<string, Numbers>) => Numbers;

interface CompareOptions {
  readonly steps?: number;
  readonly momentum?: number;
  readonly clip?: Clip | null;
}

/** The factor that clipping brings to gradients. */
function clipFactor(gradients: readonly ArrayLike<number>[], clip: Clip | null): number {
  if (clip?.kind !== 'norm') return 1;
  const all = gradients.flatMap((g) => Array.from(g, Math.abs));
  const { order, limit } = clip;
  const sum = (of: (v: number) => number): number => all.reduce((total, v) => total + of(v), 0);
  const total =
    order === 1 ? sum((v) => v) : order === 2 ? Math.sqrt(sum((v) => v * v)) : all.reduce((a, b) => Math.max(a, b));
  return Math.min(1, limit / (total + 1e-6));
}

/** Runs steps on a device, then compares every parameter with the rule in float64. */
async function compareWith(
  on: Device,
  optimizer: Optimizer,
  update: Update,
  { steps = 4, momentum = optimizer.momentum ?? 0, clip = null }: CompareOptions = {},
): Promise<void> {
  const random = new Random(11);
  const engine = new Engine(on, parametersOnly(), {});
  engine.session.allocateTraining(optimizer.slots.length);
  // One begins at zero, as a bias does.
  const weights = SHAPES.map((shape, i) => Float64Array.from(random.normal(shape).data, (v) => (i === 2 ? 0 : v)));
  for (const [i, data] of weights.entries()) engine.writeTensor(`p${i}`, Float32Array.from(data));
  const { shards } = engine.session.arenas.parameters;
  const end4 = shards.reduce((sum, bytes) => sum + bytes / 16, 0);
  const prepared = await engine.session.prepare(updatePlan(engine, { optimizer, groups: 1, end4, clip }));
  const states = SHAPES.map((): Record<string, Numbers> => ({}));
  for (let step = 1; step <= steps; step++) {
    const gradients = SHAPES.map((shape) => random.normal(shape).data);
    const factor = clipFactor(gradients, clip);
    for (const [i, { shard, offset, bytes }] of engine.parameters.entries()) {
      const gradient = gradients[i]!;
      // Lanes behind the end of a plain tensor may hold anything: they must not count.
      const memory = new Float32Array(bytes / 4).fill(1e6);
      memory.set(gradient);
      engine.session.writePlace({ buffer: { kind: 'gradients', shard }, offset, bytes }, memory);
      weights[i] = update(
        weights[i]!,
        Float64Array.from(gradient, (v) => v * factor),
        step,
        states[i]!,
      );
    }
    const group = { end4, learningRate: optimizer.lr, weightDecay: optimizer.weightDecay ?? 0, l1: 0 };
    const scalars = optimizer.scalars?.(step, momentum);
    engine.session.run([prepared], { step: packStep({ index: step, scalars, groups: [group] }) });
  }
  const found = await engine.readTensors('values');
  for (const [i, expected] of weights.entries()) {
    const { data } = found.get(`p${i}`)!;
    expect(data.length).toBe(sizeOf(SHAPES[i]!));
    const worst = Math.max(...data.map((value, k) => Math.abs(value - expected[k]!) / (1 + Math.abs(expected[k]!))));
    expect(worst, `p${i}`).toBeLessThan(3e-6);
  }
  engine.dispose();
}

const each = (rule: (p: number, g: number, i: number) => number, p: Numbers, g: Numbers): Numbers =>
  p.map((value, i) => rule(value, g[i]!, i));

/** The update of a whole parameter from a rule for single numbers. */
const scalarUpdate =
  (name: Parameters<typeof optimizerRule>[0], attrs: Parameters<typeof optimizerRule>[1]): Update =>
  (p, g, step, state) => {
    const rule = optimizerRule(name, attrs);
    return each(
      (value, gradient, i) => {
        const own =
          step === 1 ? {} : Object.fromEntries(Object.entries(state).map(([key, values]) => [key, values[i]!]));
        const next = rule(value, gradient, step, own);
        for (const [key, v] of Object.entries(own)) {
          state[key] ??= new Float64Array(p.length);
          state[key][i] = v;
        }
        return next;
      },
      p,
      g,
    );
  };

const lionUpdate =
  ({ lr, betas: [beta1, beta2], decay }: { lr: number; betas: readonly [number, number]; decay: number }): Update =>
  (p, g, _step, state) => {
    state.m ??= new Float64Array(p.length);
    const { m } = state;
    return each(
      (value, gradient, i) => {
        const direction = Math.sign(beta1 * m[i]! + (1 - beta1) * gradient);
        m[i] = beta2 * m[i]! + (1 - beta2) * gradient;
        return value - lr * (direction + decay * value);
      },
      p,
      g,
    );
  };

const norm = (values: Numbers): number => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));

const lambUpdate =
  ({ lr, betas: [beta1, beta2], decay }: { lr: number; betas: readonly [number, number]; decay: number }): Update =>
  (p, g, step, state) => {
    state.m ??= new Float64Array(p.length);
    state.v ??= new Float64Array(p.length);
    const { m, v } = state;
    const u = each(
      (value, gradient, i) => {
        m[i] = beta1 * m[i]! + (1 - beta1) * gradient;
        v[i] = beta2 * v[i]! + (1 - beta2) * gradient * gradient;
        return m[i]! / (1 - beta1 ** step) / (Math.sqrt(v[i]! / (1 - beta2 ** step)) + 1e-6) + decay * value;
      },
      p,
      g,
    );
    const [a, b] = [norm(p), norm(u)];
    const trust = a > 0 && b > 0 ? a / b : 1;
    return p.map((value, i) => value - lr * trust * u[i]!);
  };

const profiles = [
  ['full device', {}],
  ['default limits', { limits: 'default' }],
] as const;

/** The device with bindings so small that the arena falls into shards. */
async function sharded(): Promise<Device> {
  const on = await device();
  return { ...on, caps: { ...on.caps, maxBindingBytes: 40_192 } };
}

describe.each(profiles)('against float64 on the %s', (_, options) => {
  const betas = [0.8, 0.95] as const;
  test.each<[string, Optimizer, Update]>([
    ['lion', lion({ lr: 0.01, betas, weightDecay: 0.1 }), lionUpdate({ lr: 0.01, betas, decay: 0.1 })],
    ['lamb', lamb({ lr: 0.02, betas, weightDecay: 0.05 }), lambUpdate({ lr: 0.02, betas, decay: 0.05 })],
    ['adadelta', adadelta({ weightDecay: 0.1 }), scalarUpdate('adadelta', { lr: 1, weight_decay: 0.1 })],
    ['adamax', adamax(), scalarUpdate('adamax', { lr: 0.002 })],
    ['nadam', nadam(), scalarUpdate('nadam', { lr: 0.002 })],
    ['radam', radam({ lr: 0.01 }), scalarUpdate('radam', { lr: 0.01 })],
    ['adamw', adamw({ lr: 0.01 }), scalarUpdate('adamw', { lr: 0.01 })],
  ])('%s', async (_name, optimizer, update) => {
    await compareWith(await device(options), optimizer, update, { steps: optimizer.name === 'radam' ? 8 : 4 });
  });
});

describe('shards', () => {
  test.each<[string, Optimizer, Update]>([
    ['adam', adam({ lr: 0.01 }), scalarUpdate('adam', { lr: 0.01 })],
    ['lamb', lamb({ lr: 0.02 }), lambUpdate({ lr: 0.02, betas: [0.9, 0.999], decay: 0 })],
  ])('%s', async (_name, optimizer, update) => {
    const on = await sharded();
    const engine = new Engine(on, parametersOnly(), {});
    expect(engine.session.arenas.parameters.shards.length).toBe(3);
    engine.dispose();
    await compareWith(on, optimizer, update);
  });
});

describe('clipping by norm: tails do not count, shards do', () => {
  const plain: Update = (p, g) => p.map((value, i) => value - 0.5 * g[i]!);
  test.each([1, 2, Number.POSITIVE_INFINITY] as const)('norm %d', async (order) => {
    const clip = { kind: 'norm', order, limit: 0.1 } as const;
    for (const on of [await device(), await device({ limits: 'default' }), await sharded()])
      await compareWith(on, sgd({ lr: 0.5 }), plain, { clip });
    await compareWith(await sharded(), lamb({ lr: 0.02 }), lambUpdate({ lr: 0.02, betas: [0.9, 0.999], decay: 0 }), {
      clip: { ...clip, limit: 5 },
    });
  });
});

describe('a cycled momentum takes the place of the own one', () => {
  test.each<[string, Optimizer, Update]>([
    ['sgd', sgd({ lr: 0.01, momentum: 0.5 }), scalarUpdate('sgd', { lr: 0.01, momentum: 0.7 })],
    [
      'nesterov',
      sgd({ momentum: 0.5, nesterov: true }),
      scalarUpdate('sgd', { lr: 0.01, momentum: 0.7, nesterov: true }),
    ],
    ['rmsprop', rmsprop({ momentum: 0.5 }), scalarUpdate('rmsprop', { lr: 0.01, momentum: 0.7 })],
    ['adam', adam(), scalarUpdate('adam', { lr: 0.001, betas: [0.7, 0.999] })],
    ['adamax', adamax(), scalarUpdate('adamax', { lr: 0.002, betas: [0.7, 0.999] })],
    ['radam', radam(), scalarUpdate('radam', { lr: 0.001, betas: [0.7, 0.999] })],
    ['lamb', lamb(), lambUpdate({ lr: 0.001, betas: [0.7, 0.999], decay: 0 })],
    ['lion', lion(), lionUpdate({ lr: 1e-4, betas: [0.7, 0.99], decay: 0 })],
  ])('%s', async (_name, optimizer, update) => {
    await compareWith(await device(), optimizer, update, { momentum: 0.7, steps: 3 });
  });
});

test('lamb takes three dispatches, others one, for any number of parameters', async () => {
  const engine = new Engine(await device(), parametersOnly(), {});
  const count = (optimizer: Optimizer): number => {
    engine.session.allocateTraining(optimizer.slots.length);
    return updatePlan(engine, { optimizer, groups: 1, end4: 10_000 }).dispatches.length;
  };
  expect([count(lamb()), count(adam()), count(lion())]).toEqual([3, 1, 1]);
  engine.dispose();
});

test("nadam's numbers do not depend on what was asked before", () => {
  const [a, b] = [nadam(), nadam()];
  const rising = [1, 2, 3, 4, 5].map((step) => a.scalars!(step, 0));
  const falling = [5, 4, 3, 2, 1].map((step) => b.scalars!(step, 0));
  expect(falling.reverse()).toEqual(rising);
});

test.each<[string, () => Optimizer]>([
  ['lr is -1', () => lion({ lr: -1 })],
  ['betas[1] is 1', () => lamb({ betas: [0.9, 1] })],
  ['eps is 0', () => adamax({ eps: 0 })],
  ['rho is 2', () => adadelta({ rho: 2 })],
  ['weightDecay is NaN', () => radam({ weightDecay: Number.NaN })],
  ['momentumDecay is -1', () => nadam({ momentumDecay: -1 })],
])('refuses: %s', (message, make) => {
  expect(make).toThrow(ArgumentError);
  expect(make).toThrow(message);
});
