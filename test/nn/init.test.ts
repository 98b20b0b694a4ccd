/** Initialisers: ranges and moments, gains and fans, independence of names, defaults, and the way to JSON and back. No GPU. */
import { describe, expect, it, test } from 'vitest';
import {
  calculateGain,
  constantInit,
  defaultBias,
  defaultWeight,
  fans,
  type Initializer,
  initializerFrom,
  initialValues,
  kaimingNormal,
  kaimingUniform,
  normalInit,
  orthogonal,
  truncNormal,
  uniformInit,
  xavierNormal,
  xavierUniform,
} from '../../src/nn/init.ts';
import { ArgumentError } from '../../src/util/errors.ts';
import type { Shape } from '../../src/util/shape.ts';

const SHAPE = [64, 32, 5, 5]; // fan in 800, fan out 1600
const COUNT = 64 * 800;

const draw = (init: Initializer, { shape = SHAPE as Shape, seed = 1, name = 'w' } = {}): Float32Array =>
  initialValues(init, shape, { seed, name });

function moments(values: Float32Array): { mean: number; std: number; fourth: number; most: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const power = (k: number): number => values.reduce((sum, v) => sum + (v - mean) ** k, 0) / values.length;
  return {
    mean,
    std: Math.sqrt(power(2)),
    fourth: power(4) / power(2) ** 2,
    most: values.reduce((m, v) => Math.max(m, Math.abs(v)), 0),
  };
}

describe('uniform ones fill their range evenly', () => {
  it.each<[string, Initializer, number]>([
    ['xavierUniform', xavierUniform(), Math.sqrt(6 / 2400)],
    ['xavierUniform with a gain', xavierUniform({ gain: 5 / 3 }), (5 / 3) * Math.sqrt(6 / 2400)],
    ['kaimingUniform', kaimingUniform(), Math.sqrt(2) * Math.sqrt(3 / 800)],
    ['kaimingUniform, fan_out', kaimingUniform({ mode: 'fan_out' }), Math.sqrt(2) * Math.sqrt(3 / 1600)],
    ['kaimingUniform, linear', kaimingUniform({ nonlinearity: 'linear' }), Math.sqrt(3 / 800)],
    ['the default weight', defaultWeight, 1 / Math.sqrt(800)],
    ['the default bias', defaultBias(SHAPE), 1 / Math.sqrt(800)],
    ['uniform', uniformInit({ low: -0.5, high: 0.5 }), 0.5],
  ])('%s', (_, init, bound) => {
    const { mean, std, fourth, most } = moments(draw(init));
    expect(most).toBeLessThanOrEqual(bound * (1 + 1e-6));
    expect(most).toBeGreaterThan(0.999 * bound);
    expect(Math.abs(mean)).toBeLessThan((5 * bound) / Math.sqrt(3 * COUNT));
    expect(std / (bound / Math.sqrt(3))).toBeCloseTo(1, 2);
    expect(fourth).toBeCloseTo(9 / 5, 1);
  });
});

describe('normal ones have their deviation', () => {
  it.each<[string, Initializer, number, number]>([
    ['xavierNormal', xavierNormal(), 0, Math.sqrt(2 / 2400)],
    ['kaimingNormal', kaimingNormal({ nonlinearity: 'relu' }), 0, Math.sqrt(2 / 800)],
    ['kaimingNormal, leaky', kaimingNormal({ a: 1, mode: 'fan_out' }), 0, Math.sqrt(1 / 1600)],
    ['normal', normalInit({ mean: 3, std: 0.1 }), 3, 0.1],
  ])('%s', (_, init, center, deviation) => {
    const { mean, std, fourth } = moments(draw(init));
    expect(Math.abs(mean - center)).toBeLessThan((5 * deviation) / Math.sqrt(COUNT));
    expect(std / deviation).toBeCloseTo(1, 1.7);
    expect(fourth).toBeCloseTo(3, 0.7);
  });
});

test('constants, and the defaults of uniform and normal', () => {
  expect([...draw(constantInit(0.25), { shape: [3] })]).toEqual([0.25, 0.25, 0.25]);
  const u = moments(draw(uniformInit()));
  expect(u.mean).toBeCloseTo(0.5, 1.7);
  expect(moments(draw(normalInit())).std).toBeCloseTo(1, 1.7);
});

test('gains', () => {
  const gains = (['linear', 'sigmoid', 'tanh', 'relu', 'selu', 'leaky_relu'] as const).map((name) =>
    calculateGain(name),
  );
  expect(gains).toEqual([1, 1, 5 / 3, Math.SQRT2, 3 / 4, Math.sqrt(2 / (1 + 0.01 ** 2))]);
  expect(calculateGain('leaky_relu', 1)).toBe(1);
});

test('fans', () => {
  expect(fans([10, 20])).toEqual({ fanIn: 20, fanOut: 10 });
  expect(fans([64, 32, 5, 5])).toEqual({ fanIn: 800, fanOut: 1600 });
  expect(() => fans([10])).toThrow(
    new ArgumentError('init: a fan needs at least 2 axes, the shape is [10]. Use constant or uniform for vectors.'),
  );
});

test('values follow from seed and name alone', () => {
  const init = defaultWeight;
  expect(draw(init)).toEqual(draw(init));
  expect(draw(init, { name: 'v' })).not.toEqual(draw(init));
  expect(draw(init, { seed: 2 })).not.toEqual(draw(init));
  const [a, b] = [draw(init), draw(init, { name: 'v' })];
  const product = a.reduce((sum, v, i) => sum + v * b[i]!, 0) / COUNT / (moments(a).std * moments(b).std);
  expect(Math.abs(product)).toBeLessThan(5 / Math.sqrt(COUNT));
});

describe('a config makes the same initialiser again', () => {
  it.each<Initializer>([
    constantInit(2),
    uniformInit({ low: -1, high: 3 }),
    normalInit({ mean: 1, std: 2 }),
    kaimingUniform({ a: 2, mode: 'fan_out' }),
    kaimingUniform(),
    kaimingNormal({ nonlinearity: 'relu' }),
    xavierUniform({ gain: 2 }),
    xavierNormal(),
  ])('$config', (init) => {
    const again = initializerFrom(JSON.parse(JSON.stringify(init.config)));
    expect(again.config).toEqual(init.config);
    expect(draw(again, { shape: [4, 5] })).toEqual(draw(init, { shape: [4, 5] }));
  });

  test('an unknown name', () => {
    expect(() => initializerFrom({ name: 'fancy' })).toThrow(
      new ArgumentError('init: there is no initialiser "fancy". Use constant, uniform, normal, kaiming or xavier.'),
    );
  });
});

describe('truncated normal', () => {
  test('lies in its range, with the moments of the cut curve', () => {
    const values = draw(truncNormal({ mean: 1, std: 2, a: -1, b: 3 }));
    const { mean, std } = moments(values);
    expect(values.every((v) => v >= -1 && v <= 3)).toBe(true);
    expect(mean).toBeCloseTo(1, 1);
    // Of a normal curve cut at one deviation on both sides: 0.5396 deviations.
    expect(std).toBeCloseTo(2 * 0.5396, 1);
  });

  test('refuses a range that is hardly ever hit', () => {
    expect(() => truncNormal({ a: 9, b: 10 })).toThrow(ArgumentError);
  });

  test('goes to JSON and back', () => {
    const init = truncNormal({ std: 0.02 });
    expect(draw(initializerFrom(init.config))).toEqual(draw(init));
  });
});

describe('orthogonal', () => {
  it.each<[number[]]>([[[8, 3, 3, 3]], [[40, 5]], [[6, 6]]])('%j', (shape) => {
    const values = draw(orthogonal({ gain: 2 }), { shape });
    const [rows, columns] = [shape[0]!, values.length / shape[0]!];
    const wide = rows < columns;
    const at = (vector: number, i: number): number => values[wide ? vector * columns + i : i * columns + vector]!;
    const [count, length] = wide ? [rows, columns] : [columns, rows];
    for (let p = 0; p < count; p++)
      for (let q = 0; q < count; q++) {
        const dot = Array.from({ length }, (_, i) => at(p, i) * at(q, i)).reduce((a, b) => a + b, 0);
        expect(dot).toBeCloseTo(p === q ? 4 : 0, 5);
      }
  });

  test('goes to JSON and back, and needs two axes', () => {
    const init = orthogonal({ gain: 3 });
    expect(draw(initializerFrom(init.config))).toEqual(draw(init));
    expect(() => draw(init, { shape: [3] })).toThrow(ArgumentError);
  });
});
