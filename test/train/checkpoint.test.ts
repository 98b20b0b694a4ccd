/** Saving and loading: what comes back, what is refused, and that a refusal changes nothing. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Json } from '../../src/graph/types.ts';
import { readSafetensors, type TensorRecord, writeSafetensors } from '../../src/io/safetensors.ts';
import { conv2d, flatten, linear } from '../../src/nn/layers.ts';
import { mse } from '../../src/nn/losses.ts';
import { sequential } from '../../src/nn/model.ts';
import { batchNorm2d } from '../../src/nn/norm-layers.ts';
import { adam } from '../../src/optim/adam.ts';
import { rmsprop } from '../../src/optim/rmsprop.ts';
import { sgd } from '../../src/optim/sgd.ts';
import { decodeCheckpoint, modelOf } from '../../src/train/checkpoint.ts';
import { createSession } from '../../src/train/inference.ts';
import type { Trainer } from '../../src/train/trainer.ts';
import { ArgumentError, FormatError, StateError } from '../../src/util/errors.ts';
import { sizeOf } from '../../src/util/shape.ts';
import { device } from '../support/device.ts';
import { batchOf, convNet, quarters, sameBytes, trainerFor } from './cases.ts';

const data = quarters(40);

let bytes: Uint8Array<ArrayBuffer>;
let trainer: Trainer;

beforeAll(async () => {
  const first = await trainerFor(convNet());
  await first.fit(data);
  bytes = await first.save({ extra: { classes: ['a', 'b', 'c', 'd'] } });
  first.dispose();
  trainer = await trainerFor(convNet(), { seed: 5 });
  trainer.step(batchOf(data, 0, 16));
});

afterAll(() => trainer.dispose());

/** The file with its tensors or its metadata changed. */
function changed(
  change: (tensors: Map<string, TensorRecord>, training: { [key: string]: Json }) => void,
): Uint8Array<ArrayBuffer> {
  const file = readSafetensors(bytes);
  const tensors = new Map<string, TensorRecord>();
  for (const [name, { shape, data: values }] of file.tensors) {
    if (values instanceof Float32Array) tensors.set(name, { dtype: 'F32', shape, data: values.slice() });
  }
  const training = JSON.parse(file.metadata.get('training')!);
  change(tensors, training);
  return writeSafetensors(tensors, { format: 'gabor-1', training: JSON.stringify(training) });
}

describe('save', () => {
  test('loading gives the same file again', async () => {
    const other = await trainerFor(convNet());
    other.load(bytes);
    expect(sameBytes(await other.save({ extra: { classes: ['a', 'b', 'c', 'd'] } }), bytes)).toBe(true);
    other.dispose();
  });

  test('holds weights, slots, and what made it', () => {
    const { tensors, slots, training } = decodeCheckpoint(bytes);
    expect([...tensors].map(([name, { shape }]) => [name, shape])).toEqual([
      ['conv1.weight', [6, 1, 3, 3]],
      ['conv1.bias', [6]],
      ['fc1.weight', [12, 96]],
      ['fc1.bias', [12]],
      ['fc2.weight', [4, 12]],
      ['fc2.bias', [4]],
    ]);
    expect([...slots.keys()].sort()).toEqual(['exp_avg', 'exp_avg_sq']);
    for (const values of slots.values()) expect([...values.keys()].sort()).toEqual([...tensors.keys()].sort());
    expect(training).toMatchObject({
      position: { step: 3, epoch: 1, batch: 0 },
      seed: 1,
      batchSize: 16,
      optimizer: { name: 'adam', config: { lr: 0.01, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, amsgrad: false } },
      loss: { name: 'crossEntropy', config: { labelSmoothing: 0, ignoreIndex: -100 } },
      normalization: { mean: [0.35], std: [0.25] },
      extra: { classes: ['a', 'b', 'c', 'd'] },
    });
  });

  test('the model in the file predicts what the trainer does', async () => {
    const other = await trainerFor(convNet());
    other.load(bytes);
    const session = createSession(await device(), modelOf(decodeCheckpoint(bytes)), { weights: bytes });
    expect(await session.predict(data)).toEqual(await other.predict(data));
    session.dispose();
    other.dispose();
  });
});

describe('a load that is refused changes nothing', () => {
  test.each<[string, () => Uint8Array, new (message: string) => Error, string]>([
    ['an empty file', () => new Uint8Array(0), FormatError, ''],
    ['a file that is cut', () => bytes.slice(0, bytes.length - 5), FormatError, ''],
    ['a file that is no checkpoint', () => new TextEncoder().encode('not a checkpoint at all'), FormatError, ''],
    [
      'a damaged training record',
      () =>
        changed((_, training) => {
          training.seed = -1;
        }),
      FormatError,
      'checkpoint: its training record lacks the model, position, seed, batch size, optimizer or loss.',
    ],
    [
      'a weight that is missing',
      () =>
        changed((tensors) => {
          tensors.delete('fc2.bias');
        }),
      StateError,
      'load: the file has no "fc2.bias" (it has conv1.weight, conv1.bias, fc1.weight, fc1.bias, fc2.weight',
    ],
    [
      'a weight of another shape',
      () =>
        changed((tensors) => {
          tensors.set('fc2.bias', { dtype: 'F32', shape: [5], data: new Float32Array(5) });
        }),
      StateError,
      'load: "fc2.bias" is [5] in the file, [4] in the model. Load it into the model that was saved.',
    ],
    [
      'a slot that is missing',
      () =>
        changed((tensors) => {
          for (const name of [...tensors.keys()]) if (name.startsWith('optimizer.exp_avg_sq.')) tensors.delete(name);
        }),
      StateError,
      'load: the file was trained with adam, this trainer uses adam (missing exp_avg_sq).',
    ],
    [
      'a slot without one of the parameters',
      () =>
        changed((tensors) => {
          tensors.delete('optimizer.exp_avg.fc2.bias');
        }),
      StateError,
      'load: the file has no "optimizer.exp_avg.fc2.bias".',
    ],
    [
      'a slot of a parameter that the model does not have',
      () =>
        changed((tensors) => {
          tensors.set('optimizer.exp_avg.fc9.bias', { dtype: 'F32', shape: [4], data: new Float32Array(4) });
        }),
      StateError,
      'load: the file has "optimizer.exp_avg.fc9.bias", the model no "fc9.bias".',
    ],
    [
      'a slot of another shape',
      () =>
        changed((tensors) => {
          tensors.set('optimizer.exp_avg.fc2.bias', { dtype: 'F32', shape: [40], data: new Float32Array(40) });
        }),
      StateError,
      'load: "optimizer.exp_avg.fc2.bias" is [40] in the file, [4] in the model.',
    ],
  ])('%s', async (_, make, kind, message) => {
    const before = await trainer.save();
    const position = trainer.position;
    expect(() => trainer.load(make())).toThrow(kind);
    if (message) expect(() => trainer.load(make())).toThrow(message);
    expect(trainer.position).toEqual(position);
    expect(sameBytes(await trainer.save(), before)).toBe(true);
  });

  test('another model', async () => {
    const other = await trainerFor(sequential([1, 8, 8], [conv2d(4, 3, { name: 'first' }), flatten(), linear(4)]));
    const before = await other.save();
    expect(() => other.load(bytes)).toThrow('load: the file has no "first.weight" (it has conv1.weight, conv1.bias,');
    expect(sameBytes(await other.save(), before)).toBe(true);
    other.dispose();
  });

  test.each([sgd(), sgd({ momentum: 0.9 }), rmsprop(), adam({ amsgrad: true })])(
    'another optimizer: $name',
    async (optimizer) => {
      const other = await trainerFor(convNet(), { optimizer });
      const before = await other.save();
      expect(() => other.load(bytes)).toThrow(StateError);
      expect(() => other.load(bytes)).toThrow(
        `load: the file was trained with adam, this trainer uses ${optimizer.name}`,
      );
      expect(sameBytes(await other.save(), before)).toBe(true);
      // Its weights may be taken.
      other.load(bytes, { weightsOnly: true });
      expect(other.position).toEqual({ step: 0, epoch: 0, batch: 0 });
      expect([...(await other.parameters())].map(([name, t]) => [name, t.data])).toEqual(
        [...(await other.parameters()).keys()].map((name) => [name, decodeCheckpoint(bytes).tensors.get(name)!.data]),
      );
      other.dispose();
    },
  );
});

describe('another seed or batch size', () => {
  test.each([
    [{ seed: 5 }, 'load: the file was trained with seed 1, this trainer has seed 5.'],
    [{ batchSize: 8 }, 'load: the file was trained with batchSize 16, this trainer has batchSize 8.'],
    [
      { seed: 0, batchSize: 17 },
      'load: the file was trained with seed 1 and batchSize 16, this trainer has seed 0 and batchSize 17. ' +
        'Pass the same to createTrainer, or load with { weightsOnly: true }.',
    ],
  ])('%o is another run: it is refused, and its weights may be taken', async (options, message) => {
    const other = await trainerFor(convNet(), options);
    const before = await other.save();
    expect(() => other.load(bytes)).toThrow(StateError);
    expect(() => other.load(bytes)).toThrow(message);
    expect(sameBytes(await other.save(), before)).toBe(true);
    other.load(bytes, { weightsOnly: true });
    expect((await other.parameters()).get('fc1.weight')!.data).toEqual(
      decodeCheckpoint(bytes).tensors.get('fc1.weight')!.data,
    );
    other.dispose();
  });
});

describe('files of other programs', () => {
  test('weights alone are taken, integers among them are left out', async () => {
    const { tensors } = decodeCheckpoint(bytes);
    const all = new Map<string, TensorRecord>();
    for (const [name, { shape, data: values }] of tensors) all.set(name, { dtype: 'F32', shape, data: values });
    all.set('bn.num_batches_tracked', { dtype: 'I32', shape: [1], data: Int32Array.of(7) });
    const file = writeSafetensors(all, {});
    const other = await trainerFor(convNet());
    other.load(file);
    expect(other.position.step).toBe(0);
    expect((await other.parameters()).get('fc1.weight')!.data).toEqual(tensors.get('fc1.weight')!.data);
    const session = createSession(await device(), convNet(), { weights: file });
    const logits = await session.predict(data); // no loss is known: no softmax
    expect(Math.abs(logits.subarray(0, 4).reduce((a, b) => a + b, 0) - 1)).toBeGreaterThan(1e-3);
    expect(() => modelOf(decodeCheckpoint(file))).toThrow(FormatError);
    other.dispose();
    session.dispose();
  });
});

describe('setParameters', () => {
  const numbers = (length: number): Float32Array<ArrayBuffer> => Float32Array.from({ length }, (_, i) => i / 8 - 3);

  test('sets what is named, in every layout, and leaves the rest', async () => {
    const model = sequential([3, 8, 8], [conv2d(6, 3), batchNorm2d(), flatten(), linear(4)]);
    const other = await trainerFor(model);
    const before = await other.parameters();
    const given = new Map(
      ['conv1.weight', 'bn1.running_var'].map((name) => {
        const { shape } = before.get(name)!;
        return [name, { shape, data: numbers(sizeOf(shape)) }];
      }),
    );
    other.setParameters(given);
    const after = await other.parameters();
    expect([...after.keys()]).toEqual([...before.keys()]);
    for (const [name, { data }] of after) expect(data, name).toEqual((given.get(name) ?? before.get(name)!).data);
    other.dispose();
  });

  test('the model computes with them, and training goes on from them', async () => {
    const model = sequential([2], [linear(1)]);
    const other = await trainerFor(model, { loss: mse(), batchSize: 2, optimizer: sgd({ lr: 0.5 }) });
    const [weight, bias] = model.parameters.map(({ name }) => name) as [string, string];
    other.setParameters(
      new Map([
        [weight, { shape: [1, 2], data: Float32Array.of(2, -1) }],
        [bias, { shape: [1], data: Float32Array.of(0.25) }],
      ]),
    );
    expect(await other.predict(Float32Array.of(1, 2, 3, 4))).toEqual(Float32Array.of(0.25, 2.25));
    other.step({ x: Float32Array.of(1, 0, 0, 1), y: Float32Array.of(1.25, 0.25) });
    // Errors 1 and -1 of two samples: the gradient of the mean square is [1, -1] and 0 for the bias.
    const { data } = (await other.parameters()).get(weight)!;
    expect(data).toEqual(Float32Array.of(1.5, -0.5));
    other.dispose();
  });

  test('refuses an unknown name and another shape, and changes nothing', async () => {
    const other = await trainerFor(convNet());
    const before = await other.save();
    const bias = { shape: [6], data: numbers(6) };
    const set = (name: string, tensor: { shape: number[]; data: Float32Array<ArrayBuffer> }) => () =>
      other.setParameters(
        new Map([
          ['conv1.bias', bias],
          [name, tensor],
        ]),
      );
    expect(set('conv9.bias', bias)).toThrow(
      new StateError(
        'setParameters: the model has no "conv9.bias". Pass some of conv1.weight, conv1.bias, fc1.weight, fc1.bias, fc2.weight, fc2.bias.',
      ),
    );
    expect(set('fc1.bias', bias)).toThrow(/"fc1.bias" is given as \[6\] with 6 values, the model has \[12\]/);
    expect(set('fc1.bias', { shape: [12], data: numbers(11) })).toThrow(/\[12\] with 11 values/);
    expect(sameBytes(await other.save(), before)).toBe(true);
    other.dispose();
  });
});

describe('createSession', () => {
  test('refuses what does not fit, and leaves nothing behind', async () => {
    const on = await device();
    const { live } = on.ledger;
    const other = sequential([1, 8, 8], [flatten(), linear(4)]);
    expect(() => createSession(on, other, { weights: bytes })).toThrow(StateError);
    expect(() => createSession(on, convNet(), { weights: new Uint8Array(3) })).toThrow(FormatError);
    expect(() => Reflect.apply(createSession, null, [on, convNet(), { weights: bytes, output: 'argmax' }])).toThrow(
      new ArgumentError('createSession: output is "argmax". Use softmax, sigmoid, none.'),
    );
    expect(on.ledger.live).toEqual(live);
  });

  test('a loss without a function of its own gives the output as it is', async () => {
    const model = sequential([2], [linear(1)]);
    const regression = await trainerFor(model, { loss: mse(), batchSize: 2 });
    const x = Float32Array.of(1, 2, 3, 4);
    const expected = await regression.predict(x);
    const session = createSession(await device(), model, { weights: await regression.save() });
    expect(await session.predict(x)).toEqual(expected);
    session.dispose();
    regression.dispose();
  });
});
