/** Models that apply ops outside of layers: described, made again from JSON, and the same for any batch. And layers of images' shapes. */
import { describe, expect, it, test } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import { recording } from '../../src/graph/trace.ts';
import type { Attrs, Json, Value } from '../../src/graph/types.ts';
import { type TensorRecord, writeSafetensors } from '../../src/io/safetensors.ts';
import { conv2d, flatten, linear } from '../../src/nn/layers.ts';
import { type Model, model, modelFrom, sequential } from '../../src/nn/model.ts';
import { savedOps } from '../../src/nn/saved-ops.ts';
import { channelShuffle, reflectionPad2d, replicationPad2d, upsample, zeroPad2d } from '../../src/nn/shape-layers.ts';
import * as ops from '../../src/ops/index.ts';
import { createSession } from '../../src/train/inference.ts';
import { ArgumentError, FormatError } from '../../src/util/errors.ts';
import { device } from '../support/device.ts';
import { Random } from '../support/random.ts';

const copyOf = (original: Model): Model => modelFrom(JSON.parse(JSON.stringify(original.describe())) as Json);

/** Predictions of a model for three samples. */
async function predict(m: Model): Promise<number[]> {
  const weights = m.parameters.map(({ name, shape }, i): [string, TensorRecord] => {
    return [name, { dtype: 'F32', shape, data: Float32Array.from(new Random(i).normal(shape).data) }];
  });
  const session = createSession(await device(), m, { weights: writeSafetensors(new Map(weights)) });
  const x = Float32Array.from(new Random(9).normal([3, ...m.inputShape]).data);
  const result = await session.predict(x);
  session.dispose();
  return [...result];
}

const branches = (): Model =>
  model([4, 6, 5], (x) => {
    const a = ops.relu(conv2d(6, 3, { padding: 1 })(x));
    const [b, c] = ops.split(a, 3, { axis: 1 }) as [Value, Value];
    const up = ops.upsample2d(b, { scaleFactor: 2, mode: 'bilinear' });
    const wide = ops.pad(ops.tanh(c), { padding: [3, 2, 3, 3], mode: 'reflect' });
    const all = ops.channelShuffle(ops.concat([up, wide, ops.leakyRelu(up, { negativeSlope: 0.2 })]), 3);
    const flat = ops.flatten(ops.slice(all, { axes: [2, 3], starts: [0, 1], ends: [12, 10], steps: [3, 4] }));
    return ops.logSoftmax(linear(5)(ops.mulScalar(flat, 0.5)));
  });

describe('a model of functions', () => {
  it('is described and made again, and predicts the same for any batch', async () => {
    const original = branches();
    const copy = copyOf(original);
    expect(copy.describe()).toEqual(original.describe());
    expect(copy.outputShape).toEqual(original.outputShape);
    for (const batch of [1, 3]) expect(copy.trace({ batch, mode: 'eval' }).output.shape).toEqual([batch, 5]);
    const results = await predict(original);
    expect(results).toHaveLength(15);
    expect(await predict(copy)).toEqual(results);
  });

  it('names what it applies', () => {
    const { steps } = branches().describe();
    const names = steps.map((step) => ('op' in step ? step.op : step.layer));
    for (const name of ['slice', 'upsample2d', 'pad', 'concat', 'reshape', 'transpose', 'relu', 'mulScalar', 'linear'])
      expect(names).toContain(name);
    const concat = steps.find((step) => 'op' in step && step.op === 'concat');
    expect(concat).toMatchObject({
      attrs: { axis: 1 },
      inputs: [expect.any(Number), expect.any(Number), expect.any(Number)],
    });
  });

  it('an op that is not listed is refused', () => {
    const m = model([1, 4, 4], (x) => ops.maxPool2d(x, { kernel: 2 }).y);
    expect(() => m.describe()).toThrow(ArgumentError);
    expect(() => m.describe()).toThrow(/"maxPool2d" outside of a layer cannot be saved/);
  });
});

/** Attributes for the ops that need some. */
const examples: { readonly [name: string]: Attrs } = {
  leakyRelu: { negativeSlope: 0.3 },
  elu: { alpha: 2 },
  celu: { alpha: 2 },
  gelu: { approximate: 'tanh' },
  softplus: { beta: 2, threshold: 10 },
  clamp: { min: -1, max: null },
  powScalar: { exponent: 3 },
  addScalar: { value: 2 },
  mulScalar: { value: 3 },
  softmax: { axis: 1 },
  logSoftmax: { axis: 1 },
  concat: { axis: 2 },
  slice: { axes: [1], starts: [0], ends: [2], steps: [1] },
  pad: { padding: [1, 0, 2, 0], mode: 'constant', value: 1 },
  upsample2d: { size: [3, 9], mode: 'nearest', alignCorners: false },
  transpose: { perm: [0, 2, 1, 3] },
  reshape: { shape: [-1, 12] },
};

test.each(Object.keys(savedOps))('%s makes the node of its name with its attributes', (name) => {
  const { inputs, apply, save } = savedOps[name]!;
  const attrs = examples[name] ?? {};
  const values = Array.from({ length: inputs || 3 }, (_, i) => input(`x${i}`, [2, 3, 2, 2]));
  const calls: { op: string; attrs: Attrs; inputs: number }[] = [];
  recording(
    (op, given, from, outputs) => calls.push({ op, attrs: save?.(given, outputs[0]!) ?? given, inputs: from.length }),
    () => apply(values, attrs),
  );
  expect(calls).toEqual([{ op: name, attrs: expect.objectContaining(attrs), inputs: values.length }]);
});

describe('damaged descriptions', () => {
  const make = (step: Json): Json => ({ inputShape: [2, 4, 4], steps: [step], output: 1 });
  it.each([
    ['too few inputs', { op: 'add', attrs: {}, inputs: [0] }, /gives 1 inputs to add, which takes 2/],
    ['too many', { op: 'relu', attrs: {}, inputs: [0, 0] }, /gives 2 inputs to relu, which takes 1/],
    ['no attributes', { op: 'concat', inputs: [0, 0] }, /neither a layer nor an op/],
    ['wrong attributes', { op: 'slice', attrs: { starts: 1 }, inputs: [0] }, /model description/],
    ['missing attributes', { op: 'pad', attrs: {}, inputs: [0] }, /model description/],
    ['attributes that do not fit', { op: 'upsample2d', attrs: { size: [0, 1] }, inputs: [0] }, /size \[0,1\]/],
    ['an unknown op', { op: 'toString', attrs: {}, inputs: [0] }, /neither a layer nor an op/],
  ] as [string, Json, RegExp][])('%s', (_, step, message) => {
    expect(() => modelFrom(make(step))).toThrow(FormatError);
    expect(() => modelFrom(make(step))).toThrow(message);
  });
});

describe('layers', () => {
  const layers = () => [
    zeroPad2d([1, 2, 0, -1]),
    reflectionPad2d(1),
    replicationPad2d([2, 0], { name: 'edge' }),
    upsample({ scaleFactor: [2, 1.5], mode: 'bilinear', alignCorners: true }),
    upsample({ size: 9 }),
    channelShuffle(2),
    flatten(),
  ];

  it('are PyTorch modules in size, saved and made again', async () => {
    const original = sequential([4, 5, 6], layers());
    expect(original.calls.map(({ name, output }) => [name, ...output.shape.slice(1)])).toEqual([
      ['pad1', 4, 6, 7],
      ['pad2', 4, 8, 9],
      ['edge', 4, 12, 9],
      ['upsample1', 4, 24, 13],
      ['upsample2', 4, 9, 9],
      ['shuffle1', 4, 9, 9],
      ['flatten1', 324],
    ]);
    const copy = copyOf(original);
    expect(copy.describe()).toEqual(original.describe());
    expect(await predict(copy)).toEqual(await predict(original));
  });

  it('compute their ops', async () => {
    const one = await predict(sequential([2, 4, 4], [reflectionPad2d([1, 2, 3, 0]), flatten()]));
    const two = await predict(
      model([2, 4, 4], (x) => ops.flatten(ops.pad(x, { padding: [1, 2, 3, 0], mode: 'reflect' }))),
    );
    expect(one).toEqual(two);
    const near = await predict(sequential([2, 4, 4], [upsample({ size: [5, 7] }), flatten()]));
    const same = await predict(model([2, 4, 4], (x) => ops.flatten(ops.upsample2d(x, { size: [5, 7] }))));
    expect(near).toEqual(same);
  });

  it.each([
    [() => upsample({}), /upsample: neither of size and scaleFactor given/],
    [() => upsample({ size: 2, scaleFactor: 2, name: 'up' }), /upsample "up": both of/],
    [() => sequential([1, 4, 4], [reflectionPad2d(4, { name: 'edge' })]), /pad "edge": 4 rows cannot be mirrored/],
  ])('errors %#', (make, message) => {
    expect(make).toThrow(message);
  });
});
