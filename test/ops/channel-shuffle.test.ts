/** channelShuffle against its definition, with its gradient: the shuffle with the other number of groups. */
import { expect, test } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import { channelShuffle } from '../../src/ops/index.ts';
import { compile, f32, grad } from '../../src/train/program.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { device } from '../support/device.ts';
import { Random } from '../support/random.ts';
import { asNhwc } from './loss-cases.ts';

test.each([
  [[2, 6, 3, 2], 2],
  [[1, 8, 2, 3], 4],
  [[2, 9, 1, 2], 3],
  [[2, 5, 2, 2], 1],
  [[3, 4], 2],
])('%j in %i groups', async (shape, groups) => {
  const [n, c] = shape as [number, number];
  const plane = shape.slice(2).reduce((a, b) => a * b, 1);
  const data = Float32Array.from(new Random(4).normal(shape).data);
  const program = await compile(await device(), { x: f32(...shape), dy: f32(...shape) }, (v) => {
    const y = channelShuffle(shape.length === 4 ? asNhwc(v.x) : v.x, groups);
    return { y, dx: grad(y, [v.x], { seed: v.dy })[0]! };
  });
  const { y, dx } = await program.run({ x: data, dy: data });
  program.dispose();
  const shuffled = (count: number): number[] =>
    Array.from(data, (_, i) => {
      const [image, channel] = [Math.floor(i / (c * plane)), Math.floor(i / plane) % c];
      const from = (channel % count) * (c / count) + Math.floor(channel / count);
      return data[(image * c + from) * plane + (i % plane)]!;
    });
  expect(n).toBeGreaterThan(0);
  expect([...y!]).toEqual(shuffled(groups));
  expect([...dx!]).toEqual(shuffled(c / groups));
});

test('errors', () => {
  const make = () => channelShuffle(input('x', [2, 6, 3, 3]), 4);
  expect(make).toThrow(ShapeError);
  expect(make).toThrow(
    'channelShuffle: 4 groups do not divide the channels of [2,6,3,3]. Give it [n, c, ...] and a divisor of c.',
  );
});
