/** oneHot against its definition; its rows, as weights, pick the rows of a matrix. */
import { expect, test } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import { mulScalar, oneHot } from '../../src/ops/index.ts';
import { compile, f32, grad, i32 } from '../../src/train/program.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { device } from '../support/device.ts';

test.each([
  [[5], 3],
  [[1], 1],
  [[2, 67], 10],
])('labels %j, %i classes; a label that is no class gives zeros', async (shape, classes) => {
  const count = shape.reduce((a, b) => a * b, 1);
  const labels = Int32Array.from({ length: count }, (_, i) => ((i * 7 + 1) % (classes + 2)) - 1);
  const program = await compile(await device(), { labels: i32(...shape) }, (v) => ({ y: oneHot(v.labels, classes) }));
  const { y } = await program.run({ labels });
  program.dispose();
  const rows = Array.from(labels, (label) => Array.from({ length: classes }, (_, k) => Number(k === label)));
  expect([...y!]).toEqual(rows.flat());
  expect(rows.flat()).toContain(1);
});

test('no gradient flows to labels', async () => {
  const program = await compile(await device(), { labels: i32(2), w: f32(2, 3) }, (v) => ({
    dw: grad(mulScalar(v.w, 2), [v.w], { seed: oneHot(v.labels, 3) })[0]!,
  }));
  const { dw } = await program.run({
    labels: Int32Array.of(2, 0),
    w: new Float32Array(6),
  });
  program.dispose();
  expect([...dw!]).toEqual([0, 0, 2, 2, 0, 0]);
});

test('errors', () => {
  expect(() => oneHot(input('x', [4]), 3)).toThrow(ShapeError);
  expect(() => oneHot(input('x', [4]), 3)).toThrow('oneHot: f32 [4] with 3 classes. Pass i32 labels');
  expect(() => oneHot(input('x', [4], 'i32'), 0)).toThrow('oneHot: i32 [4] with 0 classes.');
});
