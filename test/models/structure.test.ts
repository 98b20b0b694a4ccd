/** The models as descriptions, without a device: names, counts, shapes, first values, JSON. */
import { describe, expect, test } from 'vitest';
import type { Json } from '../../src/graph/types.ts';
import * as models from '../../src/models/index.ts';
import { type Model, modelFrom, parameterCount } from '../../src/nn/model.ts';
import { summarize } from '../../src/nn/summary.ts';
import { ZOO } from './zoo.ts';

const inits = (model: Model) => new Map(model.parameters.map(({ name, init }) => [name, init.config]));

test('every model is in the list', () => {
  expect(Object.keys(ZOO).sort()).toEqual(Object.keys(models).sort());
});

describe.each(Object.entries(ZOO))('%s', (_, { make, small, ...known }) => {
  const model = make();

  test('has the published number of parameters, and their names', () => {
    expect(parameterCount(model)).toBe(known.parameters);
    expect(model.parameters).toHaveLength(known.tensors);
    const shapes = new Map(model.parameters.map(({ name, shape }) => [name, shape]));
    expect(Object.fromEntries(Object.keys(known.keys).map((name) => [name, shapes.get(name)]))).toEqual(known.keys);
  });

  test('has the usual shapes', () => {
    expect(model.inputShape).toEqual(known.inputShape);
    expect(model.outputShape).toEqual(known.outputShape);
  });

  test('has its shortcuts, joins and activations', () => {
    const types = model.describe().steps.map((step) => String(step.layer ?? step.op));
    const counted = Object.keys(known.counts).map((type) => [type, types.filter((t) => t === type).length]);
    expect(Object.fromEntries(counted)).toEqual(known.counts);
  });

  test('does the published work', () => {
    const products = summarize(model).filter(({ type }) => type === 'conv2d' || type === 'linear');
    const gmacs = products.reduce((sum, { flops }) => sum + flops, 0) / 2e9;
    if (known.gmacs === undefined) expect(gmacs).toBeGreaterThan(0);
    else expect(Number(gmacs.toFixed(2))).toBe(known.gmacs);
  });

  test('has a summary that counts every parameter once', () => {
    const rows = summarize(model);
    expect(rows.reduce((sum, row) => sum + row.parameters, 0)).toBe(known.parameters);
    expect(new Set(rows.filter((row) => row.parameters > 0).map(({ name }) => name)).size).toBe(
      rows.filter((row) => row.parameters > 0).length,
    );
  });

  test.each([
    ['usual size', make],
    ['small', small],
  ])('is made again from its description: %s', (_, made) => {
    const described = made().describe();
    const again = modelFrom(JSON.parse(JSON.stringify(described)) as Json);
    expect(again.describe()).toEqual(described);
    expect(again.parameters.map(({ name, shape, kind, init }) => [name, shape, kind, init.config])).toEqual(
      made().parameters.map(({ name, shape, kind, init }) => [name, shape, kind, init.config]),
    );
  });

  test('takes evaluation and other batches', () => {
    expect(model.trace({ batch: 3, mode: 'eval' }).output.shape).toEqual([3, ...known.outputShape]);
  });
});

describe('first values', () => {
  const fanOut = { name: 'kaimingNormal', mode: 'fan_out', nonlinearity: 'relu' };
  const small = { name: 'normal', mean: 0, std: 0.01 };
  const zero = { name: 'constant', value: 0 };

  test.each([
    ['vgg11', { 'features.0.weight': fanOut, 'features.0.bias': zero, 'classifier.0.weight': small }],
    ['resnet18', { 'conv1.weight': fanOut, 'fc.weight': { name: 'kaimingUniform', a: Math.sqrt(5) } }],
    ['mobilenetV2', { 'features.1.conv.1.weight': fanOut, 'classifier.1.weight': small, 'classifier.1.bias': zero }],
    ['mobilenetV3Small', { 'features.1.block.1.fc1.bias': zero, 'classifier.3.weight': small }],
    ['squeezenet1_1', { 'features.3.squeeze.weight': { name: 'kaimingUniform' }, 'classifier.1.weight': small }],
    ['densenet121', { 'features.conv0.weight': { name: 'kaimingNormal' }, 'classifier.bias': zero }],
  ])("are torchvision's: %s", (name, expected) => {
    expect(Object.fromEntries(inits(ZOO[name]!.make()))).toMatchObject(expected);
  });
});

test('mobilenet v3 has its own normalisation', () => {
  const call = models.mobilenetV3Small().calls.find(({ name }) => name === 'features.0.1');
  expect(call?.layer.config).toMatchObject({ eps: 1e-3, momentum: 0.01 });
});

test('options are taken', () => {
  expect(models.resnet18({ classes: 7, inputShape: [1, 64, 48] }).outputShape).toEqual([7]);
  expect(models.resnet18({ classes: undefined }).outputShape).toEqual([1000]);
  expect(parameterCount(models.lenet5({ inputShape: [1, 32, 32] }))).toBe(61_706);
  expect(models.unet({ inputShape: [1, 37, 50], width: 4, classes: 3 }).outputShape).toEqual([3, 37, 50]);
  expect(models.vgg11({ inputShape: [3, 32, 32], hidden: 16 }).outputShape).toEqual([1000]);
});

test('an image that is too small names the layer', () => {
  expect(() => models.densenet121({ inputShape: [3, 16, 16] })).toThrow('features.transition3.pool');
});
