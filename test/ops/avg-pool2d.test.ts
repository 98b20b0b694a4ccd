/** Average pooling against PyTorch's golden data and the float64 reference: forward and gradient, in every variant. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { input } from '../../src/graph/define-op.ts';
import { adaptiveAvgPool2d, avgPool2d, globalAvgPool2d } from '../../src/ops/avg-pool2d.ts';
import { compile, f32 } from '../../src/train/program.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { device } from '../support/device.ts';
import { Random } from '../support/random.ts';
import { toFloat32 } from '../support/tensor.ts';
import { checkGolden, checkRandom, goldenPools, type PoolCase, type Pools, paddingLanes } from './pool-cases.ts';

const pools: Pools = {
  avg_pool2d: (x, a) => ({
    y: avgPool2d(x, {
      kernel: a.kernel as [number, number],
      stride: a.stride as [number, number],
      padding: a.padding as [number, number, number, number],
      ceilMode: a.ceil_mode as boolean,
      countIncludePad: a.count_include_pad as boolean,
      divisorOverride: a.divisor_override as number | null,
    }),
  }),
  adaptive_avg_pool2d: (x, a) => ({ y: adaptiveAvgPool2d(x, a.output_size as [number, number]) }),
  global_avg_pool2d: (x) => ({ y: globalAvgPool2d(x) }),
};

const sliding = (name: string, shape: readonly number[], attrs: object): PoolCase => ({
  name: `${name} on [${shape}]`,
  op: 'avg_pool2d',
  shape,
  attrs: {
    kernel: [2, 2],
    stride: [2, 2],
    padding: [0, 0, 0, 0],
    ceil_mode: false,
    count_include_pad: true,
    divisor_override: null,
    ...attrs,
  },
});

const padded = { kernel: [3, 3], padding: [1, 1, 1, 1] };
const cases: PoolCase[] = [
  ...[1, 2, 4, 5, 8].flatMap((c) => [
    sliding('2x2', [2, c, 7, 11], {}),
    sliding('3x3/2 padded', [2, c, 13, 8], padded),
    sliding('3x3/2 padded, padding not counted', [2, c, 13, 8], { ...padded, count_include_pad: false }),
    sliding('4x3/1', [1, c, 5, 17], { kernel: [4, 3], stride: [1, 1], padding: [2, 1, 0, 1] }),
    sliding('2x2/3 padded', [3, c, 8, 9], { stride: [3, 3], padding: [1, 0, 1, 1] }),
    sliding('ceil', [2, c, 8, 10], { kernel: [3, 3], ceil_mode: true }),
    sliding('divisor', [2, c, 6, 7], { padding: [1, 1, 1, 1], divisor_override: 2.5 }),
    { name: `adaptive c=${c}`, op: 'adaptive_avg_pool2d', shape: [2, c, 7, 10], attrs: { output_size: [3, 4] } },
    { name: `adaptive up c=${c}`, op: 'adaptive_avg_pool2d', shape: [2, c, 2, 3], attrs: { output_size: [5, 3] } },
    { name: `global c=${c}`, op: 'global_avg_pool2d', shape: [3, c, 9, 5], attrs: {} },
  ]),
  ...[8, 12, 28, 36].map((c) => ({ name: `global c=${c}`, op: 'global_avg_pool2d', shape: [3, c, 17, 19], attrs: {} })),
  sliding('1x1', [1, 1, 1, 1], { kernel: [1, 1], stride: [1, 1] }),
  sliding('many workgroups', [3, 6, 31, 32], {}),
];

const golden = goldenPools(pools);
const VARIANTS = ['unrolled blocks', 'loop gather', 'plane gather'];
let devices: Record<string, Device>;

beforeAll(async () => {
  devices = { full: await device(), 'default limits': await device({ limits: 'default' }) };
});

describe.each(VARIANTS)('avgPool2d %s', (variant) => {
  test.each(golden.flatMap((c) => ['full', 'default limits'].map((on) => ({ ...c, on }))))('golden $name on $on', (c) =>
    checkGolden(devices[c.on]!, pools, c, variant).then(() => {}),
  );
  test.each(cases)('$name', (c) => checkRandom(devices.full!, pools, c, variant).then(() => {}));
  test('is what runs', async () => {
    const c = cases.find(({ op }) => op === (variant.startsWith('plane') ? 'global_avg_pool2d' : 'avg_pool2d'))!;
    const seen = await checkRandom(devices.full!, pools, c, variant);
    expect([...seen].sort()).toEqual(variant.split(' ').sort());
  });
});

test.each(['loop', 'plane'])('a large plane with a mean far from zero keeps its digits: %s', async (variant) => {
  const x = new Random(3).normal([1, 5, 128, 128], { mean: 30 });
  const program = await compile(devices.full!, { x: f32(...x.shape) }, (v) => ({ y: globalAvgPool2d(v.x) }), {
    choose: (_, ids) => ids.find((id) => id === variant) ?? ids[0]!,
  });
  const { y } = await program.run({ x: toFloat32(x) });
  program.dispose();
  for (let c = 0; c < 5; c++) {
    const exact = x.data.subarray(c * 16384, (c + 1) * 16384).reduce((a, b) => a + b, 0) / 16384;
    expect(Math.abs(y![c]! - exact) / exact).toBeLessThan(1e-6);
  }
});

test('padding lanes of y and dx are zero', async () => {
  for (const pool of [avgPool2d, globalAvgPool2d]) {
    const lanes = await paddingLanes(
      devices.full!,
      (x) => ({ y: pool(x, { kernel: 3, stride: 2, padding: 1, divisorOverride: 2 }) }),
      [2, 5, 6, 7],
    );
    expect(lanes.length).toBeGreaterThan(100);
    expect(lanes.every((lane) => lane === 0)).toBe(true);
  }
});

describe('options and errors', () => {
  const x = input('x', [2, 3, 6, 8]);

  test('defaults and short forms', () => {
    expect(avgPool2d(x, { kernel: 2 }).shape).toEqual([2, 3, 3, 4]);
    expect(avgPool2d(x, { kernel: [3, 2], stride: 1, padding: [1, 0] }).shape).toEqual([2, 3, 6, 7]);
    expect(adaptiveAvgPool2d(x, [4, 1]).shape).toEqual([2, 3, 4, 1]);
    expect(globalAvgPool2d(x).shape).toEqual([2, 3, 1, 1]);
  });

  test.each([
    [
      'padding',
      { kernel: 2, padding: [0, 2] },
      /padding 2 of the columns is more than half of the effective kernel size 2 .*\[2,3,6,8\]/,
    ],
    ['kernel', { kernel: 9 }, /covers 9 rows, but the padded input has 6 .*\[2,3,6,8\]/],
    ['divisor', { kernel: 2, divisorOverride: 0 }, /divisorOverride 0 cannot divide/],
    ['fraction', { kernel: 2, stride: 1.5 }, /stride \[1\.5,1\.5\] is not made of integers/],
  ] as [string, { kernel: number }, RegExp][])('%s', (_, options, message) => {
    expect(() => avgPool2d(x, options)).toThrow(ShapeError);
    expect(() => avgPool2d(x, options)).toThrow(message);
  });

  test('rank', () => {
    expect(() => globalAvgPool2d(input('x', [6, 8]))).toThrow(
      /globalAvgPool2d: the input \[6,8\] is not \[n, c, h, w\]/,
    );
  });
});
