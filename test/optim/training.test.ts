/** What a trainer makes of gradients: parameter groups, clipping, L1, accumulation, averaged weights, schedules; and that all of it is saved and resumed. */
import { describe, expect, test } from 'vitest';
import { printPlan } from '../../src/compile/plan.ts';
import { linear, tanh } from '../../src/nn/layers.ts';
import { mse } from '../../src/nn/losses.ts';
import { type Model, sequential } from '../../src/nn/model.ts';
import { adam, adamw } from '../../src/optim/adam.ts';
import { warmup } from '../../src/optim/combine.ts';
import { lamb } from '../../src/optim/lamb.ts';
import { oneCycleLR } from '../../src/optim/one-cycle.ts';
import { reduceLROnPlateau } from '../../src/optim/plateau.ts';
import { exponentialLR } from '../../src/optim/schedules.ts';
import { sgd } from '../../src/optim/sgd.ts';
import type { BatchLogs } from '../../src/train/callbacks.ts';
import { decodeCheckpoint } from '../../src/train/checkpoint.ts';
import type { NamedTensor } from '../../src/train/engine.ts';
import { createSession } from '../../src/train/inference.ts';
import type { Trainer, TrainerOptions } from '../../src/train/trainer.ts';
import { ArgumentError, StateError } from '../../src/util/errors.ts';
import { device } from '../support/device.ts';
import { batchOf, convNet, quarters, sameBytes, trainerFor } from '../train/cases.ts';

type Tensors = ReadonlyMap<string, NamedTensor>;

const data = quarters(160);
const plainNet = (): Model => convNet({ p: 0 });

/** Largest difference of all elements, relative to their size (or 1). */
function distance(a: Tensors, b: Tensors): number {
  let worst = 0;
  for (const [name, { data: x }] of a) {
    const y = b.get(name)!.data;
    for (const [i, v] of x.entries()) worst = Math.max(worst, Math.abs(v - y[i]!) / Math.max(1, Math.abs(y[i]!)));
  }
  return worst;
}

const mapped = (tensors: Tensors, change: (name: string, value: number, i: number) => number): Tensors =>
  new Map(
    [...tensors].map(([name, { shape, data }]) => [
      name,
      { shape, data: Float32Array.from(data, (v, i) => change(name, v, i)) },
    ]),
  );

const dispatches = (trainer: Trainer): number => trainer.updater.plans.update.plan.dispatches.length;

async function using<T>(options: Partial<TrainerOptions>, body: (trainer: Trainer) => Promise<T>, model = plainNet()) {
  const trainer = await trainerFor(model, options);
  try {
    return await body(trainer);
  } finally {
    trainer.dispose();
  }
}

describe('parameter groups', () => {
  const parameterGroups = [
    { match: ['conv1.weight'], frozen: true },
    { match: /bias$/, lr: 0.5, weightDecay: 0 },
    { match: (name: string) => name.startsWith('fc2'), lrScale: 0.1, l1: 0.3 },
  ];

  test('each has its own rate, decay and penalty, in one dispatch; frozen bits stay', () =>
    using({ optimizer: sgd({ lr: 0.2, weightDecay: 0.1 }), parameterGroups }, async (trainer) => {
      expect(dispatches(trainer)).toBe(1);
      const before = await trainer.parameters();
      trainer.step(batchOf(data, 0, 16));
      const [g, after] = [await trainer.gradients(), await trainer.parameters()];
      expect(sameBytes(bytesOf(before, 'conv1.weight'), bytesOf(after, 'conv1.weight'))).toBe(true);
      const expected = mapped(before, (name, w, i) => {
        const d = g.get(name)!.data[i]!;
        if (name === 'conv1.weight') return w;
        if (name.endsWith('bias')) return w - 0.5 * d;
        if (name.startsWith('fc2')) return w - 0.02 * (d + 0.3 * Math.sign(w) + 0.1 * w);
        return w - 0.2 * (d + 0.1 * w);
      });
      expect(distance(after, expected)).toBeLessThan(1e-6);
      expect([...after.keys()]).toEqual([...before.keys()]);
    }));

  test('frozen parameters keep their bits with momentum, decay and L1, over epochs; their gradients are not computed', async () => {
    const options = { optimizer: adamw({ lr: 0.01, weightDecay: 0.1 }), l1: 0.01, clipGradNorm: 1 };
    const frozen = [{ match: /^(conv1|fc1)/, frozen: true }];
    const labels = await using(options, async (trainer) => planLabels(trainer));
    await using({ ...options, parameterGroups: frozen }, async (trainer) => {
      const before = await trainer.parameters();
      await trainer.fit(data, { epochs: 2 });
      const after = await trainer.parameters();
      for (const name of before.keys())
        expect(sameBytes(bytesOf(before, name), bytesOf(after, name)), name).toBe(/^(conv1|fc1)/.test(name));
      for (const [name, { data: g }] of await trainer.gradients())
        if (/^(conv1|fc1)/.test(name))
          expect(
            g.every((v) => v === 0),
            name,
          ).toBe(true);
      const left = planLabels(trainer);
      expect(labels.some((label) => /conv2d.*[bB]ackward/.test(label))).toBe(true);
      expect(left.some((label) => /conv2d.*[bB]ackward|maxPool2d.*[bB]ackward/.test(label))).toBe(false);
      expect(left.length).toBeLessThan(labels.length);
    });
  });

  test('groups across shards: each has its rate, frozen ones stay', async () => {
    const on = await device();
    const small = { ...on, caps: { ...on.caps, maxBindingBytes: 16_640 } };
    const net = sequential([8], [linear(64), tanh(), linear(64), tanh(), linear(64), tanh(), linear(4)]);
    const groups = [
      { match: /fc1/, lr: 0.3 },
      { match: /fc2/, frozen: true },
      { match: /fc3.weight/, lr: 0.2 },
    ];
    const trainer = await trainerFor(net, { optimizer: sgd({ lr: 0.1 }), parameterGroups: groups }, small);
    expect(trainer.engine.session.arenas.parameters.shards.length).toBeGreaterThan(2);
    const rates: Record<string, number> = { fc1: 0.3, fc2: 0, 'fc3.weight': 0.2 };
    const before = await trainer.parameters();
    const x = new Float32Array(128).map((_, i) => Math.sin(i));
    trainer.step({ x, y: Int32Array.from({ length: 16 }, (_, i) => i % 4) });
    const [g, after] = [await trainer.gradients(), await trainer.parameters()];
    const expected = mapped(before, (name, w, i) => {
      const rate = rates[name] ?? rates[name.split('.')[0]!] ?? 0.1;
      return w - rate * g.get(name)!.data[i]!;
    });
    expect(distance(after, expected)).toBeLessThan(1e-7);
    expect(distance(after, before)).toBeGreaterThan(1e-5);
    trainer.dispose();
  });

  test('the number of dispatches does not depend on the number of groups or parameters', async () => {
    const deep = sequential([4], Array.from({ length: 20 }, () => linear(4)).concat(linear(4)));
    const groups = deep.parameters.map(({ name }, i) => ({ match: [name], lrScale: 1 + i }));
    const count = (options: Partial<TrainerOptions>, model?: Model) =>
      using(options, async (trainer) => dispatches(trainer), model);
    expect(await count({ parameterGroups: groups }, deep)).toBe(1);
    expect(await count({ parameterGroups: groups, clipGradNorm: 1, ema: { decay: 0.9 } }, deep)).toBe(3);
    expect(await count({ parameterGroups: groups, clipGradNorm: 1, optimizer: lamb() }, deep)).toBe(5);
    expect(await count({ clipGradNorm: 1, optimizer: lamb() })).toBe(5);
  });

  test.each<[string, Partial<TrainerOptions>, string]>([
    ['a name that is none', { parameterGroups: [{ match: ['conv9.weight'] }] }, 'there is no parameter "conv9.weight"'],
    ['nothing matched', { parameterGroups: [{ match: /bias/ }, { match: /bias/ }] }, 'parameterGroups[1]: matches no'],
    ['two rates', { parameterGroups: [{ match: /bias/, lr: 1, lrScale: 2 }] }, 'lr is 1 and lrScale 2'],
    ['a negative rate', { parameterGroups: [{ match: /bias/, lr: -1 }] }, 'parameterGroups[0]: lr is -1'],
    ['all frozen', { parameterGroups: [{ match: /./, frozen: true }] }, 'nothing to train'],
    ['two clippings', { clipGradNorm: 1, clipGradValue: 1 }, 'both given'],
    ['a norm that is none', { clipGradNorm: { maxNorm: 1, normType: 3 as 2 } }, 'normType is 3'],
    ['no steps', { accumulationSteps: 0 }, 'accumulationSteps is 0'],
    ['a decay above 1', { ema: { decay: 1.5 } }, 'ema.decay is 1.5'],
    ['a cycled momentum', { optimizer: sgd(), schedule: oneCycleLR({ totalSteps: 9 }) }, 'sgd has none'],
  ])('refuses %s', async (_, options, message) => {
    const made = trainerFor(plainNet(), options);
    await expect(made).rejects.toThrow(ArgumentError);
    await expect(made).rejects.toThrow(message);
  });
});

const planLabels = (trainer: Trainer): string[] =>
  trainer.engine.describePlan({ mode: 'train', batch: 16 }).dispatches.map(({ label }) => label);

function bytesOf(tensors: Tensors, name: string): Uint8Array {
  const { data } = tensors.get(name)!;
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

describe('clipping', () => {
  const sizes = (tensors: Tensors): number[] => [...tensors.values()].flatMap(({ data }) => Array.from(data, Math.abs));
  const norms = {
    1: (all: number[]) => all.reduce((a, b) => a + b, 0),
    2: (all: number[]) => Math.hypot(...all),
    inf: (all: number[]) => Math.max(...all),
  };

  test.each([
    ['1-norm', 1, norms[1], 0.5],
    ['2-norm', 2, norms[2], 0.01],
    ['2-norm, larger than the gradients', 2, norms[2], 100],
    ['largest', Number.POSITIVE_INFINITY, norms.inf, 1e-3],
  ] as const)('%s against float64; the norm is among the metrics', (_, normType, normOf, maxNorm) =>
    using({ optimizer: sgd({ lr: 1 }), clipGradNorm: { maxNorm, normType } }, async (trainer) => {
      expect(dispatches(trainer)).toBe(3);
      const before = await trainer.parameters();
      trainer.forwardBackward(batchOf(data, 0, 16));
      expect((await trainer.metrics()).gradientNorm).toBeNull();
      trainer.applyGradients();
      const [g, after] = [await trainer.gradients(), await trainer.parameters()];
      const total = normOf(sizes(g));
      const scale = Math.min(1, maxNorm / (total + 1e-6));
      expect((await trainer.metrics()).gradientNorm! / total).toBeCloseTo(1, 5);
      const expected = mapped(before, (name, w, i) => w - scale * g.get(name)!.data[i]!);
      expect(distance(after, expected)).toBeLessThan(2e-7);
    }),
  );

  test('by value', () =>
    using({ optimizer: sgd({ lr: 1 }), clipGradValue: 0.01 }, async (trainer) => {
      expect(dispatches(trainer)).toBe(1);
      const before = await trainer.parameters();
      trainer.step(batchOf(data, 0, 16));
      const [g, after] = [await trainer.gradients(), await trainer.parameters()];
      expect(norms.inf(sizes(g))).toBeGreaterThan(0.01);
      const clip = (v: number): number => Math.min(0.01, Math.max(-0.01, v));
      expect(
        distance(
          after,
          mapped(before, (name, w, i) => w - clip(g.get(name)!.data[i]!)),
        ),
      ).toBeLessThan(2e-7);
      expect((await trainer.metrics()).gradientNorm).toBeNull();
    }));

  test('fit tells the norm of every step', () =>
    using({ clipGradNorm: 0.1 }, async (trainer) => {
      const logs: BatchLogs[] = [];
      await trainer.fit(data, { callbacks: [{ onBatchEnd: (log) => void logs.push(log) }] });
      expect(logs.length).toBe(10);
      for (const { gradientNorm } of logs) expect(gradientNorm).toBeGreaterThan(0);
      expect(logs.at(-1)!.gradientNorm).toBe((await trainer.metrics()).gradientNorm);
    }));
});

describe('accumulation', () => {
  /** Weights after three steps of 32 samples, in batches of these sizes. */
  const train = (sizes: readonly number[], options: Partial<TrainerOptions>) =>
    using({ optimizer: adam({ lr: 0.01 }), clipGradNorm: 0.5, ...options }, async (trainer) => {
      let first = 0;
      for (let step = 0; step < 3; step++) {
        for (const size of sizes) {
          trainer.step(batchOf(data, first, size));
          first += size;
        }
      }
      expect(trainer.position.step).toBe(3);
      return { weights: await trainer.parameters(), norm: (await trainer.metrics()).gradientNorm! };
    });

  test('two batches of 16, and 24 with 8, are one of 32 within rounding', async () => {
    const whole = await train([32], { batchSize: 32 });
    for (const [sizes, batchSize] of [
      [[16, 16], 16],
      [[24, 8], 24],
    ] as const) {
      const parts = await train(sizes, { batchSize, accumulationSteps: 2 });
      expect(distance(parts.weights, whole.weights)).toBeLessThan(2e-5);
      expect(parts.norm / whole.norm).toBeCloseTo(1, 4);
    }
  });

  test('in fit: steps of several batches, and what is left at the end of an epoch', () =>
    using({ batchSize: 16, accumulationSteps: 4, optimizer: sgd({ lr: 0.1 }) }, async (trainer) => {
      const steps: number[] = [];
      await trainer.fit(data, { epochs: 2, callbacks: [{ onBatchEnd: ({ step }) => void steps.push(step) }] });
      expect(steps).toEqual([0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 6]);
      expect([trainer.position.step, trainer.passes]).toEqual([6, 20]);
      const twin = await trainerFor(plainNet(), { batchSize: 64, optimizer: sgd({ lr: 0.1 }) });
      await twin.fit(data, { epochs: 2 });
      expect(distance(await trainer.parameters(), await twin.parameters())).toBeLessThan(1e-5);
      twin.dispose();
    }));

  test('by hand: gradients are the average, whatever waits is applied', () =>
    using({ batchSize: 16, accumulationSteps: 8, optimizer: sgd({ lr: 1 }) }, async (trainer) => {
      const before = await trainer.parameters();
      for (const first of [0, 16, 32]) trainer.forwardBackward(batchOf(data, first, 16));
      const average = await trainer.gradients();
      expect(trainer.updater.waiting).toBe(3);
      trainer.applyGradients();
      const expected = mapped(before, (name, w, i) => w - average.get(name)!.data[i]!);
      expect(distance(await trainer.parameters(), expected)).toBeLessThan(1e-6);
      expect(() => trainer.applyGradients()).toThrow(StateError);
      await using({ batchSize: 48, optimizer: sgd({ lr: 1 }) }, async (twin) => {
        twin.forwardBackward(batchOf(data, 0, 48));
        expect(distance(average, await twin.gradients())).toBeLessThan(1e-6);
      });
    }));

  test('dropout differs between the batches of a step', () =>
    using(
      { accumulationSteps: 2, batchSize: 16 },
      async (trainer) => {
        const losses: number[] = [];
        for (let i = 0; i < 2; i++) {
          trainer.forwardBackward(batchOf(data, 0, 16));
          losses.push((await trainer.metrics()).loss);
        }
        expect(losses[0]).not.toBe(losses[1]);
      },
      convNet({ p: 0.5 }),
    ));
});

describe('averaged weights', () => {
  const ema = { decay: 0.9 };

  test('follow the weights as in float64, in the same dispatch', () =>
    using({ ema, optimizer: adam({ lr: 0.05 }) }, async (trainer) => {
      expect(dispatches(trainer)).toBe(1);
      const average = new Map([...(await trainer.parameters())].map(([name, { data }]) => [name, Array.from(data)]));
      for (let step = 0; step < 6; step++) {
        trainer.step(batchOf(data, 16 * step, 16));
        for (const [name, { data }] of await trainer.parameters())
          for (const [i, w] of data.entries()) average.get(name)![i] = 0.9 * average.get(name)![i]! + 0.1 * w;
      }
      const found = await trainer.parameters({ useEma: true });
      expect(
        distance(
          found,
          mapped(found, (name, _, i) => average.get(name)![i]!),
        ),
      ).toBeLessThan(1e-6);
      expect(distance(found, await trainer.parameters())).toBeGreaterThan(1e-3);
    }));

  test('evaluate, predict, fit, save and sessions use them when asked', () =>
    using({ ema, optimizer: adam({ lr: 0.05 }) }, async (trainer) => {
      const { epochs } = await trainer.fit(data, { epochs: 2, validation: data, useEma: true });
      const { x } = batchOf(data, 0, 20);
      const [own, averaged] = [await trainer.predict(x), await trainer.predict(x, { useEma: true })];
      expect(own).not.toEqual(averaged);
      const evaluation = await trainer.evaluate(data, { useEma: true });
      expect(epochs.at(-1)).toMatchObject({ valLoss: evaluation.loss, valAccuracy: evaluation.accuracy });
      expect((await trainer.evaluate(data)).loss).not.toBe(evaluation.loss);
      const [full, light] = [await trainer.save(), await trainer.save({ useEma: true })];
      const twin = await trainerFor(plainNet(), {});
      twin.load(light, { weightsOnly: true });
      expect(await twin.predict(x)).toEqual(averaged);
      expect(() => twin.load(light)).toThrow(StateError);
      twin.dispose();
      const on = await device();
      for (const [weights, useEma, expected] of [
        [full, false, own],
        [full, true, averaged],
        [light, true, averaged],
        [light, false, averaged],
      ] as const) {
        const session = createSession(on, plainNet(), { weights, useEma, batchSize: 16 });
        expect(await session.predict(x)).toEqual(expected);
        session.dispose();
      }
    }));

  test('are refused where there are none', () =>
    using({}, async (trainer) => {
      await expect(trainer.evaluate(data, { useEma: true })).rejects.toThrow('Pass ema: { decay } to createTrainer.');
      await expect(trainer.fit(data, { validation: data, useEma: true })).rejects.toThrow(StateError);
      expect(trainer.position.step).toBe(0);
      const weights = await trainer.save();
      const on = await device();
      expect(() => createSession(on, plainNet(), { weights, useEma: true })).toThrow(StateError);
    }));
});

test('everything at once keeps to the default limits', async () => {
  const on = await device({ limits: 'default' });
  const common = { ema: { decay: 0.9 }, clipGradNorm: 1, accumulationSteps: 2, l1: 0.01 };
  const parameterGroups = [{ match: /bias/, lrScale: 2 }];
  for (const optimizer of [lamb(), adam({ amsgrad: true })]) {
    const trainer = await trainerFor(plainNet(), { ...common, optimizer, parameterGroups }, on);
    await trainer.fit(data, { epochs: 1, validation: data, useEma: true });
    expect(Number.isFinite((await trainer.metrics()).loss)).toBe(true);
    expect(on.failure).toBeNull();
    trainer.dispose();
  }
});

describe('schedules', () => {
  test('rates of groups follow, each from its own', () =>
    using(
      {
        optimizer: sgd({ lr: 1 }),
        schedule: exponentialLR({ gamma: 0.5, per: 'step' }),
        parameterGroups: [{ match: /bias/, lr: 0.1 }],
      },
      async (trainer) => {
        trainer.step(batchOf(data, 0, 16));
        const before = await trainer.parameters();
        trainer.step(batchOf(data, 16, 16));
        const [g, after] = [await trainer.gradients(), await trainer.parameters()];
        const expected = mapped(before, (name, w, i) => w - (/bias/.test(name) ? 0.05 : 0.5) * g.get(name)!.data[i]!);
        expect(distance(after, expected)).toBeLessThan(1e-6);
        expect(trainer.learningRate).toBe(0.25);
      },
    ));

  test('oneCycleLR moves the momentum of the update', () =>
    using(
      {
        optimizer: sgd({ lr: 0.1, momentum: 0.5 }),
        schedule: oneCycleLR({ totalSteps: 4, pctStart: 0.5, annealStrategy: 'linear' }),
      },
      async (trainer) => {
        // Rates: 0.004, 0.1, ...; momentum 0.95, 0.85, ...
        const w0 = await trainer.parameters();
        trainer.step(batchOf(data, 0, 16));
        const [g1, w1] = [await trainer.gradients(), await trainer.parameters()];
        expect(
          distance(
            w1,
            mapped(w0, (name, w, i) => w - 0.004 * g1.get(name)!.data[i]!),
          ),
        ).toBeLessThan(1e-6);
        trainer.step(batchOf(data, 16, 16));
        const [g2, w2] = [await trainer.gradients(), await trainer.parameters()];
        const expected = mapped(w1, (name, w, i) => w - 0.1 * (0.85 * g1.get(name)!.data[i]! + g2.get(name)!.data[i]!));
        expect(distance(w2, expected)).toBeLessThan(1e-6);
      },
    ));

  test('a plateau is seen by fit, after every epoch', () =>
    using({ optimizer: sgd({ lr: 0 }), schedule: reduceLROnPlateau({ patience: 0, factor: 0.5 }) }, async (trainer) => {
      // Nothing changes, so the first metric is the best and each one after it cuts.
      await expect(trainer.fit(data)).rejects.toThrow('follows valLoss, but there is no validation');
      await trainer.fit(data, { epochs: 3, validation: data });
      expect(decodeCheckpoint(await trainer.save()).training!.update!.schedule).toMatchObject({
        name: 'reduceLROnPlateau',
        state: { cuts: 2, bad: 0 },
      });
    }));
});

describe('a resumed run has the bytes of one without a break', () => {
  const cases: readonly [string, Partial<TrainerOptions>][] = [
    [
      'groups',
      {
        parameterGroups: [
          { match: /conv/, frozen: true },
          { match: /bias/, lr: 0.1, weightDecay: 0.1 },
        ],
        l1: 0.01,
      },
    ],
    ['clipping', { clipGradNorm: 0.1 }],
    ['accumulation', { accumulationSteps: 3 }],
    ['averaged weights', { ema: { decay: 0.9 } }],
    ['a plateau', { schedule: reduceLROnPlateau({ monitor: 'loss', patience: 0, threshold: 0.5 }) }],
    ['one cycle', { schedule: oneCycleLR({ totalSteps: 30 }) }],
    ['warm-up', { schedule: warmup(exponentialLR({ gamma: 0.9, per: 'step' }), { count: 10 }) }],
    [
      'all of it, with lamb',
      {
        ...{ optimizer: lamb({ lr: 0.02, weightDecay: 0.01 }), accumulationSteps: 2, ema: { decay: 0.8 } },
        ...{ clipGradNorm: 1, l1: 0.001, parameterGroups: [{ match: /fc2/, lrScale: 3 }] },
      },
    ],
  ];

  test.each(cases)('%s', async (_, options) => {
    const net = convNet({ p: 0.3 });
    const whole = await using(
      options,
      async (trainer) => {
        await trainer.fit(data, { epochs: 3 });
        return trainer.save();
      },
      net,
    );
    // At the end of an epoch, and in the middle of one: with accumulation, in the middle of a step.
    for (const at of [10, 14]) {
      const bytes = await using(
        options,
        async (trainer) => {
          const abort = new AbortController();
          const { replay } = trainer;
          let count = 0;
          trainer.replay = (...args) => {
            replay.apply(trainer, args);
            if (++count === at) abort.abort();
          };
          await trainer.fit(data, { epochs: 3, signal: abort.signal });
          return trainer.save();
        },
        net,
      );
      await using(
        options,
        async (trainer) => {
          trainer.load(bytes);
          expect(sameBytes(await trainer.save(), bytes)).toBe(true);
          await trainer.fit(data, { epochs: 3, resume: true });
          expect(sameBytes(await trainer.save(), whole)).toBe(true);
        },
        net,
      );
    }
  });

  test('other frozen parameters, or gradients that cannot wait, are refused', async () => {
    const frozen = { parameterGroups: [{ match: /conv/, frozen: true }] };
    const bytes = await using(frozen, (trainer) => trainer.save());
    const waiting = await using({ accumulationSteps: 2 }, async (trainer) => {
      trainer.step(batchOf(data, 0, 16));
      return trainer.save();
    });
    await using({}, async (trainer) => {
      expect(() => trainer.load(bytes)).toThrow('was trained with conv1.bias, conv1.weight frozen');
      expect(() => trainer.load(waiting)).toThrow('gradients of 1 batches that wait');
      trainer.load(bytes, { weightsOnly: true });
    });
  });
});

test('L1 drives weights that do nothing to zero, and the printed plan shows one update', async () => {
  const model = sequential([3], [linear(4), tanh(), linear(1)]);
  await using(
    { loss: mse(), optimizer: sgd({ lr: 0.01 }), l1: 1, batchSize: 4 },
    async (trainer) => {
      expect(printPlan(trainer.updater.plans.update.plan)).toContain('optimizer.sgd');
      const batch = { x: new Float32Array(12), y: new Float32Array(4) };
      for (let i = 0; i < 100; i++) trainer.step(batch);
      for (const { data } of (await trainer.parameters()).values())
        for (const w of data) expect(Math.abs(w)).toBeLessThan(0.011);
    },
    model,
  );
});
