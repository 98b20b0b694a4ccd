/** Layouts: sizes, strides, conversion on the host. No GPU. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  fromMemory,
  type Layout,
  memoryAxes,
  padChannels,
  physicalSize,
  sameMemory,
  stridesOf,
  toMemory,
} from '../../src/graph/layout.ts';
import { linearGroups } from '../../src/graph/workgroups.ts';
import { sizeOf } from '../../src/util/shape.ts';

const LAYOUTS: readonly Layout[] = ['plain', 'nhwc', 'hwio'];

const shapes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 4, maxLength: 4 });

test('channels are padded to a multiple of 4, but one stays one', () => {
  expect([1, 2, 3, 4, 5, 8, 9].map(padChannels)).toEqual([1, 4, 4, 4, 8, 8, 12]);
});

test('strides and sizes', () => {
  expect(stridesOf([2, 3, 4, 5], 'plain')).toEqual([60, 20, 5, 1]);
  expect(stridesOf([2, 3, 4, 5], 'nhwc')).toEqual([80, 1, 20, 4]);
  expect(stridesOf([6, 3, 2, 5], 'hwio')).toEqual([1, 8, 160, 32]);
  expect(LAYOUTS.map((layout) => physicalSize([6, 3, 2, 5], layout))).toEqual([180, 240, 320]);
});

describe.each(LAYOUTS)('%s', (layout) => {
  test('there and back gives the same; padding is zero; strides say where elements lie', () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) => i + 1);
        const memory = toMemory(data, shape, layout);
        const strides = stridesOf(shape, layout);
        const index = shape.map((size) => size - 1);
        expect(memory.length).toBe(physicalSize(shape, layout));
        expect(memory.filter((v) => v !== 0).length).toBe(data.length);
        expect(memory[index.reduce((at, i, axis) => at + i * strides[axis]!, 0)]).toBe(data.at(-1));
        expect(fromMemory(memory, shape, layout)).toEqual(data);
      }),
      { numRuns: 50, seed: 1 },
    );
  });

  test('axes in memory order have the strides of their sizes', () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const strides = stridesOf(shape, layout);
        let stride = 1;
        for (const { axis, size } of memoryAxes(shape, layout).reverse()) {
          expect(strides[axis]).toBe(stride);
          stride *= size;
        }
        expect(stride).toBe(physicalSize(shape, layout));
      }),
      { numRuns: 50, seed: 1 },
    );
  });
});

test('sameMemory is true exactly where the conversion changes nothing', () => {
  fc.assert(
    fc.property(shapes, fc.constantFrom(...LAYOUTS), fc.constantFrom(...LAYOUTS), (shape, a, b) => {
      const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) => i + 1);
      const equal = Buffer.from(toMemory(data, shape, a).buffer).equals(Buffer.from(toMemory(data, shape, b).buffer));
      return sameMemory(shape, a, b) === equal;
    }),
    { numRuns: 300, seed: 1 },
  );
});

test('integers keep their type', () => {
  expect(toMemory(Int32Array.of(-1, 2), [1, 2, 1, 1], 'nhwc')).toEqual(Int32Array.of(-1, 2, 0, 0));
  expect(fromMemory(Uint32Array.of(7, 8, 0, 0), [1, 2, 1, 1], 'nhwc')).toEqual(Uint32Array.of(7, 8));
});

test('workgroups cover the count within 65,535 an axis, with little to spare', () => {
  for (const count of [0, 1, 64, 65, 65535 * 64, 65535 * 64 + 1, 65536 * 64, 2 ** 31, 2 ** 32]) {
    const [x, y, z] = linearGroups(count, 64);
    expect(x * y * 64).toBeGreaterThanOrEqual(Math.max(1, count));
    expect(Math.max(x, y)).toBeLessThanOrEqual(65535);
    expect(x * y).toBeLessThan(Math.max(1, Math.ceil(count / 64)) + y);
    expect(z).toBe(1);
  }
});
