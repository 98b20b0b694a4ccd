/** Layers and models: names, shapes, defaults, branches, shared layers, JSON and back, the summary, errors. */
import { describe, expect, test } from 'vitest';
import { constant, defineOp, input } from '../../src/graph/define-op.ts';
import type { Value } from '../../src/graph/types.ts';
import { constantInit, kaimingNormal } from '../../src/nn/init.ts';
import type { Layer } from '../../src/nn/layer.ts';
import {
  avgPool2d,
  conv2d,
  dropout,
  flatten,
  globalAvgPool2d,
  linear,
  maxPool2d,
  relu,
  softmax,
} from '../../src/nn/layers.ts';
import { bce, bceWithLogits, crossEntropy, crossEntropyProbs, mse } from '../../src/nn/losses.ts';
import { checkInput, type Model, model, modelFrom, parameterCount, sequential } from '../../src/nn/model.ts';
import { summarize } from '../../src/nn/summary.ts';
import { add, maximum, mul } from '../../src/ops/index.ts';
import { createSession } from '../../src/train/inference.ts';
import { ArgumentError, ShapeError, StateError } from '../../src/util/errors.ts';
import { device } from '../support/device.ts';
import { Random } from '../support/random.ts';
import { toFloat32 } from '../support/tensor.ts';
import { trainerFor } from '../train/cases.ts';

const names = (m: Model): string[] => m.parameters.map(({ name }) => name);

describe('names', () => {
  test('layers are numbered by kind, in the order of use', () => {
    const m = sequential(
      [1, 8, 8],
      [conv2d(2, 3), relu(), conv2d(2, 3), relu(), flatten(), linear(4), relu(), linear(2)],
    );
    expect(names(m)).toEqual([
      'conv1.weight',
      'conv1.bias',
      'conv2.weight',
      'conv2.bias',
      'fc1.weight',
      'fc1.bias',
      'fc2.weight',
      'fc2.bias',
    ]);
    expect(m.calls.map(({ name }) => name)).toEqual([
      'conv1',
      'relu1',
      'conv2',
      'relu2',
      'flatten1',
      'fc1',
      'relu3',
      'fc2',
    ]);
  });

  test('a given name is kept; two of them are an error', () => {
    const m = sequential([4], [linear(3, { name: 'head' }), linear(2)]);
    expect(names(m)).toEqual(['head.weight', 'head.bias', 'fc2.weight', 'fc2.bias']);
    expect(() => sequential([4], [linear(3, { name: 'a' }), linear(3, { name: 'a' })])).toThrow(
      new ArgumentError('model: two layers are called "a". Give one of them another name.'),
    );
    expect(() => sequential([4], [linear(3, { name: 'fc2' }), linear(3)])).toThrow('two layers are called "fc2"');
  });

  test('the same layers in two models do not know of each other', () => {
    const layers = [linear(3), relu()];
    expect(names(sequential([4], layers))).toEqual(names(sequential([7], layers)));
  });
});

describe('shapes and defaults', () => {
  test.each<[string, Layer, readonly number[], readonly number[]]>([
    ['conv2d', conv2d(5, 3), [2, 9, 9], [5, 7, 7]],
    ['conv2d same', conv2d(5, 3, { padding: 'same' }), [2, 9, 9], [5, 9, 9]],
    ['conv2d stride', conv2d(5, [3, 1], { stride: [2, 1], padding: [1, 0] }), [2, 9, 9], [5, 5, 9]],
    ['conv2d groups', conv2d(6, 3, { groups: 2, dilation: 2 }), [4, 9, 9], [6, 5, 5]],
    ['maxPool2d', maxPool2d(2), [2, 9, 9], [2, 4, 4]],
    ['maxPool2d ceil', maxPool2d(2, { ceilMode: true }), [2, 9, 9], [2, 5, 5]],
    ['maxPool2d stride', maxPool2d(3, { stride: 2, padding: 1 }), [2, 9, 9], [2, 5, 5]],
    ['avgPool2d', avgPool2d(3), [2, 9, 9], [2, 3, 3]],
    ['globalAvgPool2d', globalAvgPool2d(), [2, 9, 9], [2, 1, 1]],
    ['flatten', flatten(), [2, 9, 9], [162]],
    ['linear', linear(5), [7], [5]],
    ['linear on rows', linear(5), [4, 7], [4, 5]],
    ['relu', relu(), [3, 2], [3, 2]],
    ['dropout', dropout(), [3], [3]],
    ['softmax', softmax(), [3], [3]],
  ])('%s', (_, layer, from, to) => {
    expect(sequential(from, [layer]).outputShape).toEqual(to);
  });

  test('parameters', () => {
    const m = sequential([4, 9, 9], [conv2d(6, 3, { groups: 2 }), conv2d(2, 1, { bias: false }), flatten(), linear(3)]);
    expect(m.parameters.map(({ name, shape, layout, kind }) => [name, shape, layout, kind])).toEqual([
      ['conv1.weight', [6, 2, 3, 3], 'hwio', 'parameter'],
      ['conv1.bias', [6], 'plain', 'parameter'],
      ['conv2.weight', [2, 6, 1, 1], 'hwio', 'parameter'],
      ['fc1.weight', [3, 98], 'plain', 'parameter'],
      ['fc1.bias', [3], 'plain', 'parameter'],
    ]);
    expect(parameterCount(m)).toBe(6 * 18 + 6 + 12 + 3 * 98 + 3);
    expect(m.parameters[0]!.init.config).toMatchObject({ name: 'kaimingUniform' });
    expect(m.parameters[1]!.init.config).toEqual({ name: 'uniform', low: -1 / Math.sqrt(18), high: 1 / Math.sqrt(18) });
  });

  test('given initialisers are used', () => {
    const m = sequential([4], [linear(3, { weightInit: kaimingNormal(), biasInit: constantInit(7) })]);
    expect(m.parameters.map(({ init }) => init.config.name)).toEqual(['kaimingNormal', 'constant']);
  });

  test('dropout is in the training graph only', () => {
    const m = sequential([4], [dropout(0.5)]);
    const ops = (mode: 'train' | 'eval') => {
      const { x, output } = m.trace({ batch: 2, mode });
      return output === x;
    };
    expect([ops('train'), ops('eval')]).toEqual([false, true]);
  });
});

const unnamed = defineOp<Readonly<Record<string, never>>>({ name: 'unnamed', infer: ([x]) => [x!] });

const residual = () => {
  const block = (x: Value): Value =>
    relu()(add(x, conv2d(3, 3, { padding: 1 })(relu()(conv2d(3, 3, { padding: 1 })(x)))));
  return model([3, 6, 6], (x) => {
    const a = block(x);
    const b = mul(maxPool2d(2)(a), avgPool2d(2)(a));
    return linear(4)(flatten()(maximum(b, block(b))));
  });
};

/** Predictions of a model with the weights of a file. */
async function predictions(m: Model, weights: Uint8Array, x: Float32Array<ArrayBuffer>): Promise<Float32Array> {
  const session = createSession(await device(), m, { weights });
  const result = await session.predict(x);
  session.dispose();
  return result;
}

describe('branches', () => {
  test('train, are described, and predict the same after the way through JSON', async () => {
    const m = residual();
    const trainer = await trainerFor(m, { batchSize: 4 });
    const random = new Random(1);
    const x = toFloat32(random.normal([4, 3, 6, 6]));
    for (let i = 0; i < 3; i++) trainer.step({ x, y: Int32Array.of(0, 1, 2, 3) });
    const weights = await trainer.save();
    const expected = await trainer.predict(x);
    const again = modelFrom(JSON.parse(JSON.stringify(m.describe())));
    expect(again.describe()).toEqual(m.describe());
    expect(names(again)).toEqual(names(m));
    expect(await predictions(again, weights, x)).toEqual(expected);
    expect([...(await trainer.gradients()).values()].every(({ data }) => data.some((v) => v !== 0))).toBe(true);
    trainer.dispose();
  });

  test('the description numbers its steps', () => {
    const m = model([4], (x) => add(relu()(x), linear(4)(x)));
    expect(m.describe()).toEqual({
      inputShape: [4],
      steps: [
        { layer: 'relu', config: { name: 'relu1' }, inputs: [0] },
        { layer: 'linear', config: { outFeatures: 4, name: 'fc1', bias: true }, inputs: [0] },
        { op: 'add', attrs: {}, inputs: [1, 2] },
      ],
      output: 3,
    });
  });

  test('layers that change nothing, and a model that is its input', () => {
    const m = sequential([4], [flatten(), dropout(0), relu()]);
    expect(modelFrom(m.describe()).outputShape).toEqual([4]);
    expect(model([4], (x) => x).describe()).toEqual({ inputShape: [4], steps: [], output: 0 });
    expect(modelFrom({ inputShape: [4], steps: [], output: 0 }).outputShape).toEqual([4]);
  });
});

describe('a layer that is applied twice', () => {
  const shared = () => {
    const layer = linear(4);
    return model([4], (x) => layer(relu()(layer(x))));
  };

  test('has one set of parameters, whose gradient is the sum of both', async () => {
    expect(names(shared())).toEqual(['fc1.weight', 'fc1.bias']);
    // y = w (w x) with w = a: dy/da = 2 a x.
    const layer = linear(1, { bias: false, weightInit: constantInit(3) });
    const m = model([1], (x) => layer(layer(x)));
    const trainer = await trainerFor(m, { loss: mse(), batchSize: 1 });
    trainer.forwardBackward({ x: Float32Array.of(2), y: Float32Array.of(17) });
    // (9 * 2 - 17)^2 has slope 2 (18 - 17) * 2 * 3 * 2.
    expect((await trainer.gradients()).get('fc1.weight')!.data[0]).toBeCloseTo(24, 4);
    trainer.dispose();
  });

  test('stays shared through JSON', async () => {
    const m = shared();
    const again = modelFrom(JSON.parse(JSON.stringify(m.describe())));
    expect(names(again)).toEqual(['fc1.weight', 'fc1.bias']);
    const trainer = await trainerFor(m, { loss: mse(), batchSize: 2 });
    const x = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    const weights = await trainer.save();
    expect(await predictions(again, weights, x)).toEqual(await trainer.predict(x));
    trainer.dispose();
  });
});

describe('errors', () => {
  test.each<[() => unknown, new (message: string) => Error, string]>([
    [() => conv2d(0, 3), ArgumentError, 'conv2d: the number of output channels is 0. Pass a whole number from 1.'],
    [
      () => conv2d(4, 0, { name: 'c' }),
      ArgumentError,
      'conv2d "c": the height of the kernel is 0. Pass a whole number from 1.',
    ],
    [() => conv2d(4, [3, 1.5]), ArgumentError, 'conv2d: the width of the kernel is 1.5. Pass a whole number from 1.'],
    [
      () => conv2d(4, 3, { groups: 0 }),
      ArgumentError,
      'conv2d: the number of groups is 0. Pass a whole number from 1.',
    ],
    [() => linear(-1), ArgumentError, 'linear: the number of output features is -1. Pass a whole number from 1.'],
    [() => dropout(1), ArgumentError, 'dropout: p is 1. Pass the share of elements to drop, from 0 to below 1.'],
    [
      () => sequential([3, 8, 8], [conv2d(4, 3, { groups: 2 })]),
      ShapeError,
      'conv2d "conv1": input [1,3,8,8] with 2 groups and 4 output channels. Give it [n, c, h, w], with both channel counts divisible by the groups.',
    ],
    [
      () => sequential([3, 8, 8], [linear(4)]),
      ShapeError,
      'linear "fc1": input is an image batch [1,3,8,8]. Put flatten() before it (after globalAvgPool2d() too).',
    ],
    [
      () => model([], (x) => x),
      ArgumentError,
      'model: the input shape is []. Pass the shape of one sample without the batch, such as [1, 28, 28].',
    ],
    [
      () => model([1, 0], (x) => x),
      ArgumentError,
      'model: the input shape is [1,0]. Pass the shape of one sample without the batch, such as [1, 28, 28].',
    ],
    [
      () => relu()(input('x', [1])),
      StateError,
      'relu: a layer can be applied inside a model only. Use sequential(...) or model(...), or the functions of `ops`.',
    ],
    [
      () => checkInput(sequential([4], [relu()]), [5], 'fit'),
      ShapeError,
      "fit: samples have shape [5], the model takes [4]. Use other data or change the model's input shape.",
    ],
    [
      () => model([4], (x) => unnamed([x], {})[0]).describe(),
      ArgumentError,
      'model: the op "unnamed" outside of a layer cannot be saved. Use a layer, or one of add, sub, mul, div, maximum, minimum',
    ],
    [
      () => model([4], (x) => add(x, constant(1, [4]))).describe(),
      ArgumentError,
      'model: a value comes from outside of it. Use only the input, layers and ops of it.',
    ],
  ])('%#', (make, kind, message) => {
    expect(make).toThrow(kind);
    expect(make).toThrow(message);
  });

  test('an error in one model does not disturb the next', () => {
    expect(() => sequential([3, 8, 8], [linear(4)])).toThrow(ShapeError);
    expect(names(sequential([4], [linear(2)]))).toEqual(['fc1.weight', 'fc1.bias']);
  });
});

describe('summary', () => {
  test('shapes, parameters, work and memory of each layer', () => {
    const m = sequential([1, 8, 8], [conv2d(6, 3, { padding: 1 }), relu(), maxPool2d(2), flatten(), linear(10)]);
    const rows = summarize(m);
    expect(rows.map(({ name, type, outputShape, parameters }) => [name, type, outputShape, parameters])).toEqual([
      ['conv1', 'conv2d', [6, 8, 8], 60],
      ['relu1', 'relu', [6, 8, 8], 0],
      ['pool1', 'maxPool2d', [6, 4, 4], 0],
      ['flatten1', 'flatten', [96], 0],
      ['fc1', 'linear', [10], 970],
    ]);
    expect(rows.reduce((sum, row) => sum + row.parameters, 0)).toBe(parameterCount(m));
    // Two operations for each product, channels in memory padded to 8.
    expect(rows[0]!.flops).toBeGreaterThanOrEqual(2 * 9 * 6 * 64);
    expect(rows[0]!.flops).toBeLessThanOrEqual(2 * 10 * 6 * 64);
    expect(rows[4]!.flops).toBeGreaterThanOrEqual(2 * 96 * 10);
    expect([rows[0]!.bytes, rows[4]!.bytes]).toEqual([8 * 64 * 4, 40]);
  });

  test('shared layers count once', () => {
    const layer = linear(4);
    const rows = summarize(model([4], (x) => layer(layer(x))));
    expect(rows.map(({ name, parameters }) => [name, parameters])).toEqual([
      ['fc1', 20],
      ['fc1', 0],
    ]);
  });
});

describe('losses', () => {
  test('targets', () => {
    expect(crossEntropy().target([8, 10])).toEqual({ shape: [8], dtype: 'i32' });
    expect(crossEntropy().target([8, 10, 4, 4])).toEqual({ shape: [8, 4, 4], dtype: 'i32' });
    for (const loss of [mse(), bce(), bceWithLogits(), crossEntropyProbs()])
      expect(loss.target([8, 3])).toEqual({ shape: [8, 3], dtype: 'f32' });
    expect(() => crossEntropy().target([8])).toThrow(
      new ShapeError(
        "crossEntropy: the model's output is [8]. It must be [n, classes]: add flatten() and linear(classes).",
      ),
    );
  });

  test('names and configurations', () => {
    expect(
      [crossEntropy({ labelSmoothing: 0.1 }), crossEntropyProbs(), bce(), bceWithLogits(), mse()].map(
        ({ name, config }) => [name, config],
      ),
    ).toEqual([
      ['crossEntropy', { labelSmoothing: 0.1, ignoreIndex: -100 }],
      ['crossEntropyProbs', { labelSmoothing: 0 }],
      ['bce', {}],
      ['bceWithLogits', {}],
      ['mse', {}],
    ]);
  });
});
