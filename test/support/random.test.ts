/**
 * The seeded generator: the same numbers for the same seed, and the distributions that it promises.
 */
import { expect, it } from 'vitest';
import { Random } from './random.ts';

const mean = (values: Float64Array): number => values.reduce((sum, v) => sum + v, 0) / values.length;
const deviation = (values: Float64Array): number => Math.sqrt(mean(values.map((v) => (v - mean(values)) ** 2)));

it('repeats itself for a seed and differs for another', () => {
  const draw = (seed: number) => Array.from(new Random(seed).normal([3, 4]).data);
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
  expect(new Random(1).next()).toBe(0.6270739405881613);
});

it('draws the promised distributions, in float32 numbers', () => {
  const random = new Random(3);
  const normal = random.normal([20_000], { mean: 2, std: 0.5 }).data;
  expect(mean(normal)).toBeCloseTo(2, 1);
  expect(deviation(normal)).toBeCloseTo(0.5, 1);
  expect(normal.every((v) => Math.fround(v) === v)).toBe(true);
  const uniform = random.uniform([20_000], { min: -1, max: 3 }).data;
  expect(mean(uniform)).toBeCloseTo(1, 1);
  expect(uniform.every((v) => v >= -1 && v <= 3)).toBe(true);
  expect(new Set(random.integers([1000], { min: -2, max: 2 }).data)).toEqual(new Set([-2, -1, 0, 1, 2]));
});

it('draws distinct values that keep their distance', () => {
  const values = new Random(5).distinct([4, 5], { gap: 0.1 }).data.sort();
  values.slice(1).forEach((v, i) => {
    expect(v - values[i]!).toBeCloseTo(0.1, 5);
  });
});
