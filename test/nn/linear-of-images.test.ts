/** A linear layer behind flattened images keeps its weight in the order of the images' memory; nobody outside can tell. */
import { expect, test } from 'vitest';
import {
  adam,
  conv2d,
  createTrainer,
  crossEntropy,
  flatten,
  inspect,
  type Layer,
  linear,
  type Model,
  maxPool2d,
  model,
  ops,
  relu,
  type Trainer,
} from '../../src/index.ts';
import { device } from '../support/device.ts';
import { Random } from '../support/random.ts';

const INPUT = [2, 9, 9];
const BATCH = 3;

/** With `rows`, a function of the flattened images stands between, so that the layer sees rows. */
const net = (rows: boolean): Model =>
  model(INPUT, (x) => {
    const flat = flatten()(maxPool2d(2)(relu()(conv2d(8, 2)(x))));
    return linear(3)(relu()(linear(5)(rows ? ops.mulScalar(flat, 1) : flat)));
  });

const trainerOf = async (of: Model): Promise<Trainer> =>
  createTrainer(await device(), of, { loss: crossEntropy(), optimizer: adam({ lr: 0.01 }), batchSize: BATCH, seed: 3 });

const random = new Random(5);
const x = random.normal([BATCH, ...INPUT]).data;
const batch = { x: Float32Array.from(x), y: Int32Array.of(0, 2, 1) };

const close = (a: ReadonlyMap<string, { readonly data: Float32Array }>, b: typeof a, at: string): void => {
  expect([...a.keys()]).toEqual([...b.keys()]);
  for (const [name, { data }] of a)
    for (const [i, value] of data.entries()) expect(value, `${at} ${name}[${i}]`).toBeCloseTo(b.get(name)!.data[i]!, 5);
};

test('shapes, first values, outputs, gradients, updates and checkpoints are those of the layer on rows', async () => {
  const [images, rows] = [await trainerOf(net(false)), await trainerOf(net(true))];
  expect(images.model.parameters.map(({ name, shape }) => [name, shape])).toEqual(
    rows.model.parameters.map(({ name, shape }) => [name, shape]),
  );
  const [first, other] = [await images.parameters(), await rows.parameters()];
  for (const [name, { data }] of first) expect([...data], name).toEqual([...other.get(name)!.data]);
  const flat = batch.x;
  for (let step = 0; step < 3; step++) {
    for (const trainer of [images, rows]) trainer.step(batch);
    close(await images.gradients(), await rows.gradients(), `gradients of step ${step}`);
    close(await images.parameters(), await rows.parameters(), `parameters after step ${step}`);
  }
  const saved = await images.save();
  rows.load(saved);
  for (const [name, { data }] of await rows.parameters())
    expect([...data], name).toEqual([...(await images.parameters()).get(name)!.data]);
  for (const trainer of [images, rows]) trainer.step(batch);
  close(await images.parameters(), await rows.parameters(), 'after loading');
  const [a, b] = [await images.predict(flat), await rows.predict(flat)];
  for (const [i, value] of a.entries()) expect(value).toBeCloseTo(b[i]!, 5);
  images.dispose();
  rows.dispose();
});

test.each([
  ['images first', false],
  ['rows first', true],
])('one layer for images and for rows of them, %s', async (_, rowsFirst) => {
  const shared = (both: boolean): Model =>
    model(INPUT, (input) => {
      const flat = flatten()(relu()(conv2d(8, 2)(input)));
      const fc: Layer = linear(3);
      const rows = (): ReturnType<Layer> => fc(ops.mulScalar(flat, 2));
      const images = (): ReturnType<Layer> => fc(both ? flat : ops.mulScalar(flat, 1));
      return rowsFirst ? ops.add(rows(), images()) : ops.add(images(), rows());
    });
  const [mixed, plain] = [await trainerOf(shared(true)), await trainerOf(shared(false))];
  for (const trainer of [mixed, plain]) trainer.step(batch);
  close(await mixed.gradients(), await plain.gradients(), 'gradients');
  close(await mixed.parameters(), await plain.parameters(), 'parameters');
  mixed.dispose();
  plain.dispose();
});

test('one layer for images of two sizes and for rows of rows', async () => {
  const shared = (plain: boolean): Model =>
    model([8, 4, 4], (input) => {
      const fc = linear(3);
      const rows = (x: ReturnType<Layer>) => flatten()(plain ? ops.mulScalar(flatten()(x), 1) : x);
      const a = relu()(input);
      const b = ops.mulScalar(ops.reshape(a, [-1, 32, 2, 2]), 2);
      const c = ops.reshape(flatten()(a), [-1, 1, 128]);
      return ops.add(ops.add(fc(rows(a)), fc(rows(b))), ops.reshape(fc(c), [-1, 3]));
    });
  const [images, plain] = [await trainerOf(shared(false)), await trainerOf(shared(true))];
  const own = { x: random.normal([BATCH, 8, 4, 4]).data, y: batch.y };
  for (const trainer of [images, plain]) trainer.step({ ...own, x: Float32Array.from(own.x) });
  expect(images.model.parameters[0]!.images).toEqual([3, 8, 4, 4]);
  expect(plain.model.parameters[0]!.images).toBeUndefined();
  close(await images.gradients(), await plain.gradients(), 'gradients');
  images.dispose();
  plain.dispose();
});

test('on the GPU the weight is found by its strides', async () => {
  const trainer = await trainerOf(net(false));
  const inspector = inspect(trainer);
  const { shape, strides, offset, bytes, buffer } = inspector.weightsOnGpu(['fc1.weight']).get('fc1.weight')!;
  expect(shape).toEqual([5, 8, 4, 4]);
  expect(strides).toEqual([128, 1, 32, 8]);
  const { gpu } = trainer.device;
  const copy = gpu.createBuffer({ size: bytes, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = gpu.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, offset, copy, 0, bytes);
  gpu.queue.submit([encoder.finish()]);
  await copy.mapAsync(GPUMapMode.READ);
  const memory = new Float32Array(copy.getMappedRange().slice(0));
  copy.destroy();
  const { data } = (await trainer.parameters()).get('fc1.weight')!;
  const at = [3, 6, 2, 1];
  const index = at.reduce((sum, place, axis) => sum * shape[axis]! + place, 0);
  expect(memory[at.reduce((sum, place, axis) => sum + place * strides[axis]!, 0)]).toBe(data[index]);
  inspector.dispose();
  trainer.dispose();
});
