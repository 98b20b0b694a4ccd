/** Layers that normalise: names, first values, a model that trains, keeps its statistics, uses them, saves and resumes. */
import { describe, expect, test } from 'vitest';
import { writeSafetensors } from '../../src/io/safetensors.ts';
import { conv2d, flatten, globalAvgPool2d, linear, relu } from '../../src/nn/layers.ts';
import { type Model, modelFrom, sequential } from '../../src/nn/model.ts';
import {
  batchNorm2d,
  groupNorm,
  instanceNorm2d,
  layerNorm,
  localResponseNorm,
  normMakers,
} from '../../src/nn/norm-layers.ts';
import { decodeCheckpoint, modelOf } from '../../src/train/checkpoint.ts';
import { createSession } from '../../src/train/inference.ts';
import type { Trainer } from '../../src/train/trainer.ts';
import { ArgumentError } from '../../src/util/errors.ts';
import { device } from '../support/device.ts';
import { batchOf, CLASSES, quarters, sameBytes, trainerFor } from '../train/cases.ts';

const data = quarters(70); // 5 batches of 16, the last one of 6

const block = (channels: number) => [conv2d(channels, 3, { padding: 1, bias: false }), batchNorm2d(), relu()];

const net = (): Model => sequential([1, 8, 8], [...block(6), ...block(8), flatten(), linear(CLASSES)]);

/** Of every kind one. */
const mixed = (): Model =>
  sequential(
    [1, 8, 8],
    [
      conv2d(6, 3),
      groupNorm(2),
      relu(),
      localResponseNorm(3, { alpha: 0.1 }),
      conv2d(5, 3),
      instanceNorm2d({ affine: true }),
      relu(),
      batchNorm2d({ trackRunningStats: false, affine: false, eps: 1e-3, momentum: 0.2 }),
      layerNorm([5, 4, 4]),
      globalAvgPool2d(),
      flatten(),
      layerNorm(5, { affine: false }),
      linear(CLASSES),
    ],
  );

const tensor = async (trainer: Trainer, name: string): Promise<Float32Array> =>
  (await trainer.parameters()).get(name)!.data;

describe('a model', () => {
  test("has torch's names, shapes and first values", () => {
    const specs = net().parameters.map(({ name, shape, kind, init }) => [name, shape.join(), kind, init.config.value]);
    expect(specs.filter(([name]) => String(name).startsWith('bn1.'))).toEqual([
      ['bn1.weight', '6', 'parameter', 1],
      ['bn1.bias', '6', 'parameter', 0],
      ['bn1.running_mean', '6', 'state', 0],
      ['bn1.running_var', '6', 'state', 1],
    ]);
    expect(mixed().parameters.map(({ name }) => name)).toEqual([
      ...['conv1.weight', 'conv1.bias', 'gn1.weight', 'gn1.bias', 'conv2.weight', 'conv2.bias'],
      ...['in1.weight', 'in1.bias', 'ln1.weight', 'ln1.bias', 'fc1.weight', 'fc1.bias'],
    ]);
  });

  test.each([
    ['net', net],
    ['mixed', mixed],
  ])('is made again from its description: %s', (_, make) => {
    const described = make().describe();
    expect(modelFrom(described).describe()).toEqual(described);
  });

  test('makers know every layer', () => {
    expect(Object.keys(normMakers).sort()).toEqual(
      ['batchNorm2d', 'groupNorm', 'instanceNorm2d', 'layerNorm', 'localResponseNorm'].sort(),
    );
  });

  test.each([
    ['net', net],
    ['mixed', mixed],
  ])('learns: %s', async (_, make) => {
    const trainer = await trainerFor(make());
    const before = await trainer.evaluate(data);
    await trainer.fit(data, { epochs: 20 });
    const after = await trainer.evaluate(data);
    expect(after.loss).toBeLessThan(before.loss / 2);
    trainer.dispose();
  });
});

/** A normalisation of the input itself, so that its statistics are the data's. */
const first = (): Model => sequential([3, 8, 8], [batchNorm2d({ momentum: 0.3 }), flatten(), linear(CLASSES)]);

/** Mean and unbiased variance of each channel of [n, 3, 8, 8]. */
function statisticsOf(x: Float32Array): { mean: number[]; variance: number[] } {
  const channels = [0, 1, 2].map((c) => Array.from(x).filter((_, i) => Math.floor(i / 64) % 3 === c));
  const mean = channels.map((values) => values.reduce((a, b) => a + b) / values.length);
  const variance = channels.map(
    (values, c) => values.reduce((a, b) => a + (b - mean[c]!) ** 2, 0) / (values.length - 1),
  );
  return { mean, variance };
}

function expectNear(actual: Float32Array, expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  for (const [i, v] of expected.entries()) expect(actual[i]).toBeCloseTo(v, 4);
}

describe('running statistics', () => {
  const colours = quarters(40, { channels: 3 });

  test('follow the batches, a smaller last one too', async () => {
    const trainer = await trainerFor(first());
    let [mean, variance] = [
      [0, 0, 0],
      [1, 1, 1],
    ];
    for (const [at, size] of [
      [0, 16],
      [16, 16],
      [32, 8],
    ] as const) {
      const batch = batchOf(colours, at, size);
      const own = statisticsOf(batch.x);
      mean = mean.map((v, c) => 0.7 * v + 0.3 * own.mean[c]!);
      variance = variance.map((v, c) => 0.7 * v + 0.3 * own.variance[c]!);
      trainer.step(batch);
      expectNear(await tensor(trainer, 'bn1.running_mean'), mean);
      expectNear(await tensor(trainer, 'bn1.running_var'), variance);
    }
    const before = await trainer.save();
    await trainer.evaluate(colours);
    await trainer.predict(colours);
    expect(sameBytes(await trainer.save(), before)).toBe(true);
    trainer.dispose();
  });

  test('are what evaluation normalises by, whatever else is in the batch', async () => {
    const values = { weight: [2, 1, -1], bias: [0, 1, 0.5], running_mean: [0.5, -1, 0], running_var: [4, 0.25, 1] };
    const tensors = Object.entries(values).map(
      ([name, data]) => [`bn1.${name}`, { dtype: 'F32', shape: [3], data: Float32Array.from(data) }] as const,
    );
    const weights = writeSafetensors(new Map(tensors));
    const session = createSession(await device(), sequential([3, 8, 8], [batchNorm2d({ eps: 0 })]), { weights });
    const { x } = batchOf(colours, 0, 5);
    const y = await session.predict(x);
    const c = (i: number): number => Math.floor(i / 64) % 3;
    const expected = Array.from(x, (v, i) => {
      const [mean, variance] = [values.running_mean[c(i)]!, values.running_var[c(i)]!];
      return ((v - mean) / Math.sqrt(variance)) * values.weight[c(i)]! + values.bias[c(i)]!;
    });
    expectNear(y, expected);
    expect(Array.from(await session.predict(x.slice(0, 192)))).toEqual(Array.from(y.slice(0, 192)));
    session.dispose();
  });

  test('without them the batch normalises in evaluation too', async () => {
    const layer = batchNorm2d({ trackRunningStats: false, affine: false, eps: 0 });
    const weights = writeSafetensors(new Map());
    const session = createSession(await device(), sequential([3, 8, 8], [layer]), { weights });
    const { x } = batchOf(colours, 0, 4);
    const { mean, variance } = statisticsOf(await session.predict(x));
    expectNear(Float32Array.from(mean), [0, 0, 0]);
    expectNear(Float32Array.from(variance), [256 / 255, 256 / 255, 256 / 255]);
    session.dispose();
  });
});

describe('checkpoints', () => {
  test.each([3, 5, 7])('after step %i of 15: resumed to the same bytes as without a break', async (stop) => {
    const whole = await trainerFor(net());
    await whole.fit(data, { epochs: 3 });
    const controller = new AbortController();
    const begun = await trainerFor(net());
    const { replay } = begun;
    begun.replay = (...args) => {
      replay.apply(begun, args);
      if (begun.position.step === stop) controller.abort();
    };
    await begun.fit(data, { epochs: 3, signal: controller.signal });
    expect(begun.position.step).toBe(stop);
    const bytes = await begun.save();
    expect([...decodeCheckpoint(bytes).tensors.keys()]).toContain('bn2.running_var');
    const resumed = await trainerFor(net());
    resumed.load(bytes);
    expect(await tensor(resumed, 'bn1.running_mean')).toEqual(await tensor(begun, 'bn1.running_mean'));
    await resumed.fit(data, { epochs: 3, resume: true });
    expect(sameBytes(await resumed.save(), await whole.save())).toBe(true);
    for (const trainer of [whole, begun, resumed]) trainer.dispose();
  });

  test('a file alone predicts as the trainer does', async () => {
    const trainer = await trainerFor(net());
    await trainer.fit(data);
    const bytes = await trainer.save();
    const session = createSession(await device(), modelOf(decodeCheckpoint(bytes)), { weights: bytes });
    const { x } = batchOf(data, 0, 8);
    expect(await session.predict(x)).toEqual(await trainer.predict(x));
    session.dispose();
    trainer.dispose();
  });
});

describe('arguments', () => {
  test.each([
    [() => batchNorm2d({ momentum: 2 }), 'batchNorm2d: momentum is 2.'],
    [() => batchNorm2d({ eps: -1 }), 'batchNorm2d: eps is -1.'],
    [() => layerNorm([]), 'layerNorm: the normalized shape is [].'],
    [() => layerNorm(0), 'layerNorm: the normalized shape is [0].'],
    [() => layerNorm(4, { eps: Number.NaN }), 'layerNorm: eps is NaN.'],
    [() => groupNorm(0.5), 'groupNorm: the number of groups is 0.5.'],
    [() => groupNorm(2, { eps: -1 }), 'groupNorm: eps is -1.'],
    [() => instanceNorm2d({ eps: -1 }), 'instanceNorm2d: eps is -1.'],
    [() => localResponseNorm(0), 'localResponseNorm: the window has 0 channels.'],
  ])('%#', (call, message) => {
    expect(call).toThrow(ArgumentError);
    expect(call).toThrow(message);
  });

  test('a layer that does not fit is named', () => {
    expect(() => sequential([6, 4, 4], [groupNorm(4, { name: 'middle' })])).toThrow(
      'groupNorm "middle": 6 channels cannot be parted into 4 groups (x [1,6,4,4]).',
    );
  });
});
