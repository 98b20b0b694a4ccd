/** Dropout: the very mask that the host works out, the same one for the gradient, its share, other masks for other steps and layers. */
import { describe, expect, test } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import { stridesOf } from '../../src/graph/layout.ts';
import { dropout, reshape } from '../../src/ops/index.ts';
import { f32, grad } from '../../src/train/program.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { philox } from '../../src/util/philox.ts';
import { Random } from '../support/random.ts';
import { toFloat32 } from '../support/tensor.ts';
import { asNhwc, memoryOf } from './loss-cases.ts';
import { runSteps } from './step-cases.ts';

/** Whether the element at this place in memory is kept. */
const kept = (at: number, { p, salt, seed }: { p: number; salt: number; seed: number }): boolean =>
  philox([at >>> 2, 0, salt, 0], [seed, 0])[at % 4]! >= Math.floor(p * 2 ** 32);

const ones = (count: number) => ({ x: { spec: f32(count), data: new Float32Array(count).fill(1) } });

describe('the mask is the one that the host works out', () => {
  test.each([1, 3, 4, 255, 257, 10_007])('%i elements', async (count) => {
    const options = { p: 0.3, salt: 0xdeadbeef };
    const [a] = await runSteps(ones(count), ({ x }) => ({ y: dropout(x!, options) }), [{ seed: 77 }]);
    const scale = Math.fround(1 / (1 - 0.3));
    const expected = Array.from({ length: count }, (_, i) => (kept(i, { ...options, seed: 77 }) ? scale : 0));
    expect([...a!.y!].map((v) => Math.abs(v))).toEqual(expected);
  });

  test('in nhwc, by the place in memory', async () => {
    const shape = [2, 6, 3, 5];
    const options = { p: 0.5, salt: 4 };
    const x = new Random(1).uniform(shape, { min: 1, max: 2 });
    const inputs = { x: { spec: f32(...shape), data: toFloat32(x) } };
    const [a] = await runSteps(
      inputs,
      (v) => ({ y: dropout(asNhwc(v.x!), options), m: memoryOf(dropout(asNhwc(v.x!), options)) }),
      [{ seed: 5 }],
    );
    const strides = stridesOf(shape, 'nhwc');
    let index = 0;
    for (let n = 0; n < 2; n++)
      for (let c = 0; c < 6; c++)
        for (let h = 0; h < 3; h++)
          for (let w = 0; w < 5; w++, index++) {
            const at = n * strides[0]! + c * strides[1]! + h * strides[2]! + w * strides[3]!;
            expect(a!.y![index]).toBe(kept(at, { ...options, seed: 5 }) ? 2 * x.data[index]! : 0);
          }
    expect([...a!.m!].filter((v, i) => i % 8 >= 6 && v !== 0)).toHaveLength(0);
  });
});

test('the gradient has the same mask and scale', async () => {
  const shape = [7, 31];
  const data = toFloat32(new Random(2).uniform(shape, { min: 1, max: 2 }));
  const [a] = await runSteps(
    { x: { spec: f32(...shape), data } },
    ({ x }) => {
      const y = dropout(x!, { p: 0.4, salt: 9 });
      return { y, d: grad(y, [x!], { seed: x! })[0]! };
    },
    [{ seed: 123 }],
  );
  expect(a!.d).toEqual(a!.y);
  expect([...a!.y!].some((v) => v === 0)).toBe(true);
});

test.each([0.1, 0.5, 0.9])('a share of %d is dropped, and the mean is kept', async (p) => {
  const count = 100_000;
  const results = await runSteps(ones(count), ({ x }) => ({ y: dropout(x!, { p, salt: 3 }) }), [
    { seed: 1 },
    { seed: 2 },
  ]);
  const deviation = Math.sqrt((p * (1 - p)) / count);
  for (const { y } of results) {
    const zeros = [...y!].filter((v) => v === 0).length / count;
    const mean = [...y!].reduce((a, b) => a + b, 0) / count;
    expect(Math.abs(zeros - p)).toBeLessThan(5 * deviation);
    expect(Math.abs(mean - 1)).toBeLessThan((5 * deviation) / (1 - p));
  }
});

test('masks of other steps and other layers are independent', async () => {
  const count = 100_000;
  const [a, b] = await runSteps(
    ones(count),
    ({ x }) => ({ y: dropout(x!, { p: 0.5, salt: 3 }), z: dropout(x!, { p: 0.5, salt: 4 }) }),
    [{ seed: 1 }, { seed: 2 }],
  );
  const agree = (p: ArrayLike<number>, q: ArrayLike<number>): number =>
    Array.from(p).filter((v, i) => (v === 0) === (q[i] === 0)).length / count;
  for (const [p, q] of [
    [a!.y!, b!.y!],
    [a!.y!, a!.z!],
    [a!.z!, b!.y!],
  ] as const)
    expect(Math.abs(agree(p, q) - 0.5)).toBeLessThan(5 * Math.sqrt(0.25 / count));
});

test('the same step gives the same mask', async () => {
  const [a, b] = await runSteps(ones(1000), ({ x }) => ({ y: dropout(x!, { p: 0.5, salt: 3 }) }), [
    { seed: 8 },
    { seed: 8 },
  ]);
  expect(a!.y).toEqual(b!.y);
});

test('p = 0 is the value itself; p outside of [0, 1) is refused', () => {
  const x = input('x', [2, 3]);
  expect(dropout(x, { p: 0, salt: 1 })).toBe(x);
  for (const p of [1, -0.1, 2, Number.NaN])
    expect(() => dropout(x, { p, salt: 1 })).toThrow(
      new ShapeError(`dropout: p is ${p}. Pass the share of elements to drop, from 0 to below 1.`),
    );
});

describe('what is dropped together', () => {
  const shape = [3, 6, 4, 5];
  const inputs = { x: { spec: f32(...shape), data: new Float32Array(360).fill(1) } };
  const word = (group: number): number => philox([group, 0, 7, 1], [21, 0])[0]!;
  const keep = (group: number): boolean => word(group) >= 2 ** 31;

  test.each(['plain', 'nhwc'])('channels of a sample, %s', async (layout) => {
    const options = { p: 0.5, salt: 7, per: 'channel' } as const;
    const [a] = await runSteps(
      inputs,
      ({ x }) => {
        const y = dropout(layout === 'nhwc' ? asNhwc(x!) : x!, options);
        return { y, m: memoryOf(y), d: grad(y, [x!], { seed: x! })[0]! };
      },
      [{ seed: 21 }],
    );
    const channels = layout === 'nhwc' ? 8 : 6;
    const expected = Array.from({ length: 360 }, (_, i) => {
      const [n, c] = [Math.floor(i / 120), Math.floor(i / 20) % 6];
      return keep(n * channels + c) ? 2 : 0;
    });
    expect([...a!.y!]).toEqual(expected);
    expect(a!.d).toEqual(a!.y);
    expect(new Set(expected).size).toBe(2);
    if (layout === 'nhwc') expect([...a!.m!].filter((v, i) => i % 8 >= 6 && v !== 0)).toHaveLength(0);
  });

  test('whole samples', async () => {
    const options = { p: 0.5, salt: 7, per: 'sample' } as const;
    const data = new Float32Array(64 * 15).fill(1);
    const [a] = await runSteps({ x: { spec: f32(64, 15), data } }, ({ x }) => ({ y: dropout(x!, options) }), [
      { seed: 21 },
    ]);
    const expected = Array.from({ length: 64 * 15 }, (_, i) => (keep(Math.floor(i / 15)) ? 2 : 0));
    expect([...a!.y!]).toEqual(expected);
  });

  test('a scalar has no samples', () => {
    expect(() => dropout(input('x', []), { p: 0.5, salt: 1, per: 'sample' })).toThrow(ShapeError);
  });
});

test.each(['element', 'channel', 'sample'] as const)(
  'the gradient has the mask of the result where they meet in other layouts, per %s',
  async (per) => {
    // Forward in nhwc, the gradient arrives plain: convolution, dropout, flatten.
    const shape = [2, 6, 4, 5];
    const inputs = { x: { spec: f32(...shape), data: toFloat32(new Random(3).uniform(shape, { min: 1, max: 2 })) } };
    const [a] = await runSteps(
      inputs,
      ({ x }) => {
        const y = reshape(dropout(asNhwc(x!), { p: 0.5, salt: 7, per }), [2, 120]);
        return { y, d: grad(y, [x!], { seed: reshape(x!, [2, 120]) })[0]! };
      },
      [{ seed: 21 }],
    );
    expect([...a!.d!]).toEqual([...a!.y!]);
    expect([...a!.y!].some((v) => v === 0) && [...a!.y!].some((v) => v > 0)).toBe(true);
  },
);
