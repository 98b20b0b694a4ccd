/** Shapes, the counter-based generator, the shuffle. No GPU. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GaborError, ShapeError } from '../../src/util/errors.ts';
import { hashText, philox, randomStream } from '../../src/util/philox.ts';
import { broadcastShapes, ceilDiv, normalizeAxis, roundUp, rowMajorStrides, show } from '../../src/util/shape.ts';
import { halfBits, shuffled, streamKey } from '../../src/util/shuffle.ts';

describe('shape', () => {
  test('arithmetic', () => {
    expect([ceilDiv(0, 4), ceilDiv(1, 4), ceilDiv(4, 4), ceilDiv(5, 4)]).toEqual([0, 1, 1, 2]);
    expect([roundUp(0, 256), roundUp(1, 256), roundUp(256, 256)]).toEqual([0, 256, 256]);
    expect(rowMajorStrides([2, 3, 4])).toEqual([12, 4, 1]);
    expect(rowMajorStrides([])).toEqual([]);
    expect(show([1, 28])).toBe('[1,28]');
  });

  test.each([
    [
      [2, 3],
      [2, 3],
      [2, 3],
    ],
    [[2, 1], [3], [2, 3]],
    [[], [4], [4]],
    [
      [5, 1, 7],
      [6, 1],
      [5, 6, 7],
    ],
    [[], [], []],
    [[0], [1], [0]],
  ])('%j and %j broadcast to %j', (a, b, result) => {
    expect(broadcastShapes(a, b, 'add')).toEqual(result);
    expect(broadcastShapes(b, a, 'add')).toEqual(result);
  });

  test('sizes that do not broadcast are named', () => {
    expect(() => broadcastShapes([2, 3, 5], [4, 5], 'add "x"')).toThrow(
      new ShapeError(
        'add "x": sizes 3 and 4 do not broadcast (shapes [2,3,5] and [4,5], axis -2 from the end). Make them equal or one of them 1.',
      ),
    );
  });

  test('axes', () => {
    expect([normalizeAxis(-1, 3, ''), normalizeAxis(0, 3, ''), normalizeAxis(-3, 3, '')]).toEqual([2, 0, 0]);
    for (const axis of [3, -4, 0.5, Number.NaN])
      expect(() => normalizeAxis(axis, 3, 'sum')).toThrow(
        `sum: axis ${axis} is not an axis of a tensor of rank 3. Use -3..2.`,
      );
  });
});

test('errors are told apart and keep their cause', () => {
  const cause = new Error('deep');
  const error = new ShapeError('wrong', { cause });
  expect([error instanceof GaborError, error.name, error.cause]).toEqual([true, 'ShapeError', cause]);
});

describe('philox', () => {
  // The known-answer file of Random123, https://github.com/DEShawResearch/random123/blob/main/tests/kat_vectors
  test.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ] as const)('counter %j, key %j', (counter, key, expected) => {
    expect(philox([...counter], [...key])).toEqual(expected);
  });

  test('streams repeat, and differ by seed and stream', () => {
    const take = (seed: number, stream: number) => {
      const { word } = randomStream(seed, stream);
      return Array.from({ length: 9 }, word).join();
    };
    expect(take(1, 2)).toBe(take(1, 2));
    expect(new Set([take(1, 2), take(2, 2), take(1, 3), take(2 ** 32 + 1, 2)]).size).toBe(4);
  });

  test('uniform and normal have their moments', () => {
    const { uniform, normal } = randomStream(3, hashText('weight'));
    const count = 20_000;
    const u = Array.from({ length: count }, uniform);
    const z = Array.from({ length: count }, normal);
    const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / count;
    expect(Math.min(...u)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...u)).toBeLessThan(1);
    expect(Math.abs(mean(u) - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12 / count));
    expect(Math.abs(mean(z))).toBeLessThan(5 / Math.sqrt(count));
    expect(Math.abs(mean(z.map((v) => v * v)) - 1)).toBeLessThan(5 * Math.sqrt(2 / count));
    expect(u.every((v) => Math.fround(v) === v)).toBe(true);
    expect(z.every(Number.isFinite)).toBe(true);
  });

  test('texts hash as FNV-1a does', () => {
    expect([hashText(''), hashText('a'), hashText('foobar')]).toEqual([0x811c9dc5, 0xe40c292c, 0xbf9cf968]);
  });
});

describe('shuffle', () => {
  const order = (count: number, key: number): number[] =>
    Array.from({ length: count }, (_, i) => shuffled(i, count, key));

  test('is a permutation for every count up to 70 and for some larger ones', () => {
    for (const count of [...Array.from({ length: 70 }, (_, i) => i + 1), 255, 256, 257, 1000, 4097, 60_000]) {
      for (const key of [0, 1, 0xffffffff]) expect(new Set(order(count, key)).size, `${count} ${key}`).toBe(count);
    }
  });

  test('is a permutation for any count and key', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 0, max: 2 ** 32 - 1 }), (count, key) => {
        const at = order(count, key);
        return new Set(at).size === count && at.every((i) => i >= 0 && i < count);
      }),
      { numRuns: 100, seed: 1 },
    );
  });

  test('the domain holds the count, and is at most four times as large', () => {
    for (const count of [1, 2, 4, 5, 16, 17, 65536, 65537, 2 ** 31]) {
      expect(4 ** halfBits(count)).toBeGreaterThanOrEqual(count);
      expect(4 ** halfBits(count)).toBeLessThanOrEqual(Math.max(4, 4 * count));
    }
  });

  test('keys give other orders, without a pattern', () => {
    const count = 10_000;
    const a = order(count, streamKey(1, 1));
    const b = order(count, streamKey(1, 3));
    const same = a.filter((at, i) => at === b[i]).length;
    const fixed = a.filter((at, i) => at === i).length;
    expect(same).toBeLessThan(12); // 1 expected
    expect(fixed).toBeLessThan(12);
    // Rank correlation with the order itself: 0 within five deviations.
    const middle = (count - 1) / 2;
    const r = a.reduce((sum, at, i) => sum + (at - middle) * (i - middle), 0) / ((count * (count * count - 1)) / 12);
    expect(Math.abs(r)).toBeLessThan(5 / Math.sqrt(count));
  });

  test('stream keys differ between steps, epochs and seeds', () => {
    const keys = [0, 1, 2, 2 ** 31].flatMap((seed) =>
      Array.from({ length: 1000 }, (_, stream) => streamKey(seed, stream)),
    );
    expect(new Set(keys).size).toBe(keys.length);
  });
});
