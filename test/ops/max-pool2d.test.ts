/** Max pooling against PyTorch's golden data and the float64 reference: forward, indices, gradient, in every variant. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { input } from '../../src/graph/define-op.ts';
import type { Value } from '../../src/graph/types.ts';
import { adaptiveMaxPool2d, globalMaxPool2d, maxPool2d } from '../../src/ops/max-pool2d.ts';
import { compile, f32, grad } from '../../src/train/program.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { device } from '../support/device.ts';
import { checkGolden, checkRandom, goldenPools, type PoolCase, type Pools, paddingLanes } from './pool-cases.ts';

const pools: Pools = {
  max_pool2d: (x, a) =>
    maxPool2d(x, {
      kernel: a.kernel as [number, number],
      stride: a.stride as [number, number],
      padding: a.padding as [number, number, number, number],
      dilation: a.dilation as [number, number],
      ceilMode: a.ceil_mode as boolean,
    }),
  adaptive_max_pool2d: (x, a) => adaptiveMaxPool2d(x, a.output_size as [number, number]),
  global_max_pool2d: (x) => globalMaxPool2d(x),
};

const sliding = (name: string, shape: readonly number[], attrs: object): PoolCase => ({
  name: `${name} on [${shape}]`,
  op: 'max_pool2d',
  shape,
  attrs: { kernel: [2, 2], stride: [2, 2], padding: [0, 0, 0, 0], dilation: [1, 1], ceil_mode: false, ...attrs },
});

const cases: PoolCase[] = [
  ...[1, 2, 4, 5, 8].flatMap((c) => [
    sliding('2x2', [2, c, 7, 11], {}),
    sliding('3x3/2 padded', [2, c, 13, 8], { kernel: [3, 3], padding: [1, 1, 1, 1] }),
    sliding('4x3/1', [1, c, 5, 17], { kernel: [4, 3], stride: [1, 1], padding: [2, 1, 0, 1] }),
    sliding('2x2/3 padded', [3, c, 8, 9], { stride: [3, 3], padding: [1, 0, 1, 1] }),
    sliding('dilated', [1, c, 11, 9], { kernel: [3, 2], stride: [2, 1], dilation: [2, 3], padding: [2, 2, 2, 2] }),
    sliding('ceil', [2, c, 8, 10], { kernel: [3, 3], stride: [2, 2], ceil_mode: true }),
    { name: `adaptive c=${c}`, op: 'adaptive_max_pool2d', shape: [2, c, 7, 10], attrs: { output_size: [3, 4] } },
    { name: `adaptive up c=${c}`, op: 'adaptive_max_pool2d', shape: [2, c, 2, 3], attrs: { output_size: [5, 3] } },
    { name: `global c=${c}`, op: 'global_max_pool2d', shape: [3, c, 9, 5], attrs: {} },
  ]),
  sliding('1x1', [1, 1, 1, 1], { kernel: [1, 1], stride: [1, 1] }),
  sliding('1x1/2', [1, 4, 5, 4], { kernel: [1, 1] }),
  sliding('16x16: the last size whose taps fit a byte', [1, 5, 17, 18], { kernel: [16, 16], stride: [1, 1] }),
  sliding('17x17: taps beyond a byte', [1, 5, 19, 18], { kernel: [17, 17], stride: [1, 1], padding: [3, 3, 3, 3] }),
  sliding('17x17/17', [2, 1, 37, 34], { kernel: [17, 17], stride: [17, 17] }),
  { name: 'global, taps beyond a byte', op: 'global_max_pool2d', shape: [2, 5, 19, 23], attrs: {} },
  sliding('many workgroups', [3, 6, 31, 32], {}),
];

const golden = goldenPools(pools);
const VARIANTS = ['unrolled blocks', 'loop gather'];
let devices: Record<string, Device>;

beforeAll(async () => {
  devices = { full: await device(), 'default limits': await device({ limits: 'default' }) };
});

describe.each(VARIANTS)('maxPool2d %s', (variant) => {
  test.each(golden.flatMap((c) => ['full', 'default limits'].map((on) => ({ ...c, on }))))('golden $name on $on', (c) =>
    checkGolden(devices[c.on]!, pools, c, variant).then(() => {}),
  );
  test.each(cases)('$name', (c) => checkRandom(devices.full!, pools, c, variant).then(() => {}));
  test('is what runs', async () => {
    const seen = await checkRandom(devices.full!, pools, cases[0]!, variant);
    expect([...seen].sort()).toEqual(variant.split(' ').sort());
  });
});

test('padding lanes of y, indices and dx are zero', async () => {
  for (const c of [2, 5]) {
    const lanes = await paddingLanes(devices.full!, (x) => maxPool2d(x, { kernel: 3, stride: 2, padding: 1 }), [
      2,
      c,
      6,
      7,
    ]);
    expect(lanes.length).toBeGreaterThan(100);
    expect(lanes.every((lane) => lane === 0)).toBe(true);
  }
});

test('only what is used is written', async () => {
  const bytesWritten = async (train: boolean): Promise<string[]> => {
    const program = await compile(devices.full!, { x: f32(1, 8, 4, 4), dy: f32(1, 8, 2, 2) }, ({ x, dy }) => {
      const { y } = maxPool2d(x, { kernel: 2 });
      const values: { [name: string]: Value } = train ? { y, dx: grad(y, [x], { seed: dy })[0]! } : { y };
      return values;
    });
    const { bindings } = program.plan.dispatches.find((d) => d.label === 'maxPool2d')!;
    program.dispose();
    return bindings.filter((b) => b.access === 'read_write').map((b) => `${b.name} ${b.place.bytes}`);
  };
  expect(await bytesWritten(false)).toEqual(['y 128']);
  expect(await bytesWritten(true)).toEqual(['y 128', 'codes 32']);
});

describe('options and errors', () => {
  const x = input('x', [2, 3, 6, 8]);

  test('defaults and short forms', () => {
    expect(maxPool2d(x, { kernel: 2 }).y.shape).toEqual([2, 3, 3, 4]);
    expect(maxPool2d(x, { kernel: [3, 2], stride: 1, padding: [1, 0] }).y.shape).toEqual([2, 3, 6, 7]);
    expect(maxPool2d(x, { kernel: 2, dilation: 3 }).indices).toMatchObject({ shape: [2, 3, 2, 3], dtype: 'u32' });
    expect(adaptiveMaxPool2d(x, 2).y.shape).toEqual([2, 3, 2, 2]);
    expect(globalMaxPool2d(x).y.shape).toEqual([2, 3, 1, 1]);
  });

  test.each([
    [
      'padding',
      { kernel: 3, padding: 2 },
      /padding 2 of the rows is more than half of the effective kernel size 3 .*\[2,3,6,8\]/,
    ],
    ['kernel', { kernel: [2, 9] }, /covers 9 columns, but the padded input has 8 .*\[2,3,6,8\]/],
    ['stride 0', { kernel: 2, stride: 0 }, /stride \[0,0\] is not made of integers of at least 1/],
    ['fraction', { kernel: 2.5 }, /kernel \[2\.5,2\.5\] is not made of integers/],
    ['negative padding', { kernel: 2, padding: -1 }, /padding \[-1,-1,-1,-1\] is not made of integers of at least 0/],
  ] as [string, { kernel: number }, RegExp][])('%s', (_, options, message) => {
    expect(() => maxPool2d(x, options)).toThrow(ShapeError);
    expect(() => maxPool2d(x, options)).toThrow(message);
  });

  test('a window that would step over the plane', () => {
    const small = input('x', [1, 1, 1, 9]);
    const pool = () => maxPool2d(small, { kernel: 2, dilation: [4, 1], padding: [2, 0] });
    expect(pool).toThrow(/window 0 of the rows reads only padding: kernel 2, dilation 4, padding 2 on 1 rows/);
  });

  test('rank, extent and output size', () => {
    expect(() => maxPool2d(input('x', [1, 1, 1, 600000]), { kernel: 1 })).toThrow(
      /\[1,1,1,600000\] has more than 524288/,
    );
    expect(() => maxPool2d(input('x', [3, 6, 8]), { kernel: 2 })).toThrow(
      /maxPool2d: the input \[3,6,8\] is not \[n, c, h, w\]/,
    );
    expect(() => adaptiveMaxPool2d(x, [0, 2])).toThrow(/output size \[0,2\] is not made of integers of at least 1/);
  });
});
