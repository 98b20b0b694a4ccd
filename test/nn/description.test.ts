/** Descriptions of layers and models: the way to JSON and back, and what is damaged on it. */
import { describe, expect, it, test } from 'vitest';
import type { Json } from '../../src/graph/types.ts';
import { constantInit } from '../../src/nn/init.ts';
import type { Layer } from '../../src/nn/layer.ts';
import {
  avgPool2d,
  conv2d,
  dropout,
  flatten,
  globalAvgPool2d,
  layerFrom,
  leakyRelu,
  linear,
  logSoftmax,
  maxPool2d,
  relu,
  sigmoid,
  softmax,
  tanh,
} from '../../src/nn/layers.ts';
import { modelFrom } from '../../src/nn/model.ts';
import { ArgumentError, FormatError } from '../../src/util/errors.ts';

describe('descriptions of every layer', () => {
  it.each<Layer>([
    conv2d(5, [3, 2], { stride: 2, padding: [1, 0, 1, 2], dilation: [1, 2], groups: 1, bias: false, name: 'c' }),
    conv2d(5, 3, { padding: 'same', weightInit: constantInit(1), biasInit: constantInit(2) }),
    linear(3, { bias: false }),
    maxPool2d([2, 3], { stride: 1, padding: 1, dilation: 1, ceilMode: true }),
    avgPool2d(2, { stride: 3, padding: 1, countIncludePad: false }),
    globalAvgPool2d(),
    flatten(),
    relu(),
    leakyRelu({ negativeSlope: 0.3 }),
    sigmoid(),
    tanh(),
    softmax({ axis: 1 }),
    logSoftmax(),
    dropout(0.25),
  ])('$type $config', (layer) => {
    const again = layerFrom(layer.type, JSON.parse(JSON.stringify(layer.config)));
    expect([again.type, again.config]).toEqual([layer.type, layer.config]);
  });

  test('an unknown layer', () => {
    expect(() => layerFrom('attention', {})).toThrow('model: there is no layer "attention". This version has ');
    expect(() => layerFrom('toString', {})).toThrow(ArgumentError);
  });
});

describe('damaged descriptions', () => {
  const good = { inputShape: [4], steps: [{ layer: 'relu', config: {}, inputs: [0] }], output: 1 };

  test.each<[Json, string]>([
    [null, 'it lacks inputShape, steps or output'],
    [[], 'it lacks inputShape, steps or output'],
    ['model', 'it lacks inputShape, steps or output'],
    [{ ...good, inputShape: [-4] }, 'it lacks inputShape, steps or output'],
    [{ ...good, steps: {} }, 'it lacks inputShape, steps or output'],
    [{ ...good, output: '1' }, 'it lacks inputShape, steps or output'],
    [{ ...good, output: 2 }, 'the output is number 2 of 1'],
    [{ ...good, output: -1 }, 'the output is number -1 of 1'],
    [{ ...good, steps: [7] }, 'step 0 has no inputs before it'],
    [{ ...good, steps: [{ layer: 'relu', config: {}, inputs: [] }] }, 'step 0 has no inputs before it'],
    [{ ...good, steps: [{ layer: 'relu', config: {}, inputs: [1] }] }, 'step 0 has no inputs before it'],
    [
      { ...good, steps: [{ op: 'einsum', attrs: {}, inputs: [0, 0] }] },
      'step 0 is neither a layer nor an op of this version',
    ],
    [
      { ...good, steps: [{ op: 'toString', attrs: {}, inputs: [0, 0] }] },
      'step 0 is neither a layer nor an op of this version',
    ],
    [{ ...good, steps: [{ op: 'add', attrs: {}, inputs: [0] }] }, 'step 0 gives 1 inputs to add, which takes 2'],
    [{ ...good, steps: [{ layer: 'relu', inputs: [0] }] }, 'step 0 is neither a layer nor an op of this version'],
    [{ ...good, steps: [{ layer: 'attention', config: {}, inputs: [0] }] }, 'there is no layer "attention"'],
    [{ ...good, steps: [{ layer: 'linear', config: { outFeatures: 0 }, inputs: [0] }] }, 'output features is 0'],
    [
      { ...good, inputShape: [3, 8, 8], steps: [{ layer: 'linear', config: { outFeatures: 2 }, inputs: [0] }] },
      'image batch',
    ],
    [{ ...good, inputShape: [] }, 'the input shape is []'],
    [{ ...good, steps: [{ layer: 'conv2d', config: {}, inputs: [0] }] }, 'output channels is NaN'],
  ])('%j', (json, why) => {
    expect(() => modelFrom(json)).toThrow(FormatError);
    expect(() => modelFrom(json)).toThrow(why);
  });
});
