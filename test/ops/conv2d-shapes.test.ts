/** conv2d without a GPU: padding, output size, errors, which kernels a device is offered. May import src and test/support. */
import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/compile/autodiff.ts';
import { compilePlan } from '../../src/compile/plan.ts';
import { input } from '../../src/graph/define-op.ts';
import { inScope } from '../../src/graph/trace.ts';
import type { Value } from '../../src/graph/types.ts';
import type { Conv2dOptions } from '../../src/ops/conv2d.ts';
import { add, batchNorm2d, conv2d, convOutputSize, relayout, relu, resolvePadding } from '../../src/ops/index.ts';
import { DEFAULT_CAPS, type DeviceCaps } from '../../src/util/caps.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { Random } from '../support/random.ts';
import { graph, NO_ARENAS, randomCase } from './conv2d-run.ts';

describe('variants', () => {
  const software = { ...DEFAULT_CAPS, software: true, subgroups: true, subgroupMinSize: 8, subgroupMaxSize: 8 };
  const offered = (caps: DeviceCaps, shape: { c: number; o: number; groups?: number }): Record<string, string[]> => {
    const found: Record<string, string[]> = {};
    compilePlan({
      outputs: graph(randomCase(new Random(1), shape)).map(({ name, value }) => ({
        value,
        sink: { kind: 'read', name },
      })),
      arenas: NO_ARENAS,
      caps,
      relayout,
      choose({ op }, ids) {
        found[op] = ids.map((id) => id.replace(/[\dx]+$/, ''));
        return ids[0]!;
      },
    });
    return found;
  };

  it('of a device with default limits', () => {
    expect(offered(DEFAULT_CAPS, { c: 3, o: 8 }).conv2d).toEqual(['tiled', 'direct']);
    expect(offered(DEFAULT_CAPS, { c: 1, o: 8 }).conv2d).toEqual(['direct']);
  });

  it('of grouped convolutions, on any device', () => {
    for (const caps of [DEFAULT_CAPS, software]) {
      for (const shape of [
        { c: 4, o: 8, groups: 4 },
        { c: 5, o: 5, groups: 5 },
      ]) {
        const found = offered(caps, shape);
        for (const op of ['conv2d', 'conv2dBackwardInput', 'conv2dBackwardWeight'])
          expect([found[op]![0], found[op]!.at(-1)], op).toEqual(['depthwise', 'direct']);
      }
      const first = caps.software ? 'subgroup' : 'tiled';
      const wide = offered(caps, { c: 8, o: 16, groups: 2 });
      for (const op of ['conv2d', 'conv2dBackwardInput', 'conv2dBackwardWeight'])
        expect([wide[op]![0], wide[op]!.at(-1)], op).toEqual([first, 'direct']);
      expect(offered(caps, { c: 6, o: 8, groups: 2 }).conv2d).toEqual(['direct']);
    }
  });

  it('a depthwise filter that covers too many columns is left to the direct kernel', () => {
    const x = input('x', [1, 4, 80, 80]);
    const ids: string[][] = [];
    for (const dilation of [31, 32]) {
      compilePlan({
        outputs: [
          {
            value: conv2d(x, input('w', [4, 1, 3, 3]), null, { groups: 4, dilation }),
            sink: { kind: 'read', name: 'y' },
          },
        ],
        arenas: NO_ARENAS,
        caps: DEFAULT_CAPS,
        relayout,
        choose({ op }, offers) {
          if (op === 'conv2d') ids.push([...offers]);
          return offers[0]!;
        },
      });
    }
    expect(ids).toEqual([['depthwise1', 'depthwise2', 'direct'], ['direct']]);
  });

  it('of a software adapter with subgroups', () => {
    const wide = offered(software, { c: 3, o: 8 });
    expect(wide.conv2dBackwardInput).toEqual(['subgroup', 'tiled', 'direct']);
    for (const op of ['conv2d', 'conv2dBackwardWeight'])
      expect(wide[op]!.toSorted(), op).toEqual(['direct', 'few', 'subgroup', 'tiled']);
    const grey = offered(software, { c: 1, o: 8 });
    expect(grey.conv2d).toEqual(['single', 'direct']);
    expect(grey.conv2dBackwardWeight).toEqual(['single', 'direct']);
  });

  it('blocks of pixels where taps of a row are next to each other, first where they pay', () => {
    const plan = (kernel: readonly [number, number], options: Conv2dOptions = {}) => {
      const found: Record<string, string[]> = {};
      const x = input('x', [64, 8, 14, 14]);
      const y = conv2d(x, input('w', [16, 8, ...kernel]), null, options);
      const [dx] = gradients([{ value: y, gradient: input('dy', y.shape) }], [x], { add });
      compilePlan({
        outputs: [y, dx!].map((value, i) => ({ value, sink: { kind: 'read', name: `${i}` } })),
        arenas: NO_ARENAS,
        caps: software,
        relayout,
        choose({ op }, ids) {
          found[op] = ids.map((id) => id.replace(/[\dx]+$/, ''));
          return ids[0]!;
        },
      });
      return [found.conv2d, found.conv2dBackwardInput];
    };
    const both = (first: string, second: string) => Array(2).fill([first, second, 'tiled', 'direct']);
    expect(plan([5, 5])).toEqual(both('block', 'subgroup'));
    // A filter as large as the image has a single result.
    expect(plan([14, 14])).toEqual(both('subgroup', 'block'));
    const none = Array(2).fill(['subgroup', 'tiled', 'direct']);
    for (const options of [{ stride: 2 }, { stride: [2, 1] }, { dilation: 2 }, { dilation: [1, 2] }] as const)
      expect(plan([3, 3], options), JSON.stringify(options)).toEqual(none);
    expect(plan([3, 1])).toEqual(none);
  });

  it('the kernel for images of few channels where it is faster: many channels of the result', () => {
    const first = (c: number, o: number): { [op: string]: string } => {
      const x = input('x', [32, c, 32, 32]);
      const w = input('w', [o, c, 3, 3]);
      const y = conv2d(x, w, null, { padding: 1 });
      const [dw] = gradients([{ value: y, gradient: input('dy', y.shape) }], [w], { add });
      const found: { [op: string]: string } = {};
      compilePlan({
        outputs: [y, dw!].map((value, i) => ({ value, sink: { kind: 'read', name: `${i}` } })),
        arenas: NO_ARENAS,
        caps: software,
        relayout,
        choose({ op }, ids) {
          found[op] = ids[0]!;
          return ids[0]!;
        },
      });
      return found;
    };
    expect(first(3, 64)).toMatchObject({ conv2d: 'few', conv2dBackwardWeight: 'few' });
    // Half of the lanes have channels: worth it where they are weighed against taps on lanes.
    expect(first(2, 16)).toMatchObject({ conv2dBackwardWeight: 'few' });
    expect(first(3, 4).conv2d).toMatch(/^(block|subgroup)/);
    expect(first(3, 4).conv2dBackwardWeight).toBe('subgroup1');
    for (const id of Object.values(first(5, 64))) expect(id).not.toBe('few');
  });

  it('products of matrices for 1 x 1 filters, first where tiles of them are full', () => {
    const ids = (o: number, finish: (y: Value) => Value = relu): readonly string[] => {
      let found: readonly string[] = [];
      const y = finish(conv2d(input('x', [16, 32, 16, 16]), input('w', [o, 32, 1, 1]), null));
      compilePlan({
        outputs: [{ value: y, sink: { kind: 'read', name: 'y' } }],
        arenas: NO_ARENAS,
        caps: software,
        relayout,
        choose({ op }, offers) {
          if (op === 'conv2d') found = offers.map((id) => id.replace(/[\dx]+$/, ''));
          return offers[0]!;
        },
      });
      return found;
    };
    const first = ['pointwise-subgroup', 'subgroup', 'tiled', 'direct'];
    const behind = ['subgroup', 'pointwise-subgroup', 'tiled', 'direct'];
    for (const o of [8, 16, 32, 120, 144, 256]) expect(ids(o), `${o}`).toEqual(first);
    for (const o of [12, 24, 40, 80]) expect(ids(o), `${o}`).toEqual(behind);
    const normalised = (c: number) => (y: Value) => {
      const [runningMean, runningVar] = [input('mean', [c]), input('variance', [c])];
      return batchNorm2d(y, { runningMean, runningVar }).y;
    };
    expect(ids(32, normalised(32))).toEqual(first);
    // Numbers of channels end where the channels do, a product goes on to the end of the padding.
    expect(ids(31, normalised(31))).toEqual(['subgroup', 'tiled', 'direct']);
  });

  it('of subgroups whose size varies, and of a GPU with subgroups', () => {
    expect(offered({ ...software, subgroupMaxSize: 16 }, { c: 3, o: 8 }).conv2d).toEqual(['tiled', 'direct']);
    expect(offered({ ...software, software: false }, { c: 3, o: 8 }).conv2d).toEqual(['tiled', 'direct']);
  });
});

describe('small weights are read as uniform buffers', () => {
  const software = { ...DEFAULT_CAPS, software: true, subgroups: true, subgroupMinSize: 8, subgroupMaxSize: 8 };
  const accesses = (caps: DeviceCaps, [c, o, k]: readonly [number, number, number]): string[] => {
    const x = input('x', [8, c, 9, 9]);
    const y = conv2d(x, input('w', [o, c, k, k]), null, { stride: 2 });
    const [dx] = gradients([{ value: y, gradient: input('dy', y.shape) }], [x], { add });
    const { dispatches } = compilePlan({
      outputs: [y, dx!].map((value, i) => ({ value, sink: { kind: 'read', name: `${i}` } })),
      arenas: NO_ARENAS,
      caps,
      relayout,
    });
    return dispatches.flatMap(({ bindings }) => bindings.flatMap((b) => (b.name === 'weight' ? [b.access] : [])));
  };

  it('up to 64 KiB, on software adapters', () => {
    expect(accesses(software, [64, 64, 2])).toEqual(['uniform', 'uniform']);
    expect(accesses(software, [64, 68, 2])).toEqual(['read', 'read']);
    expect(accesses(DEFAULT_CAPS, [8, 8, 2])).toEqual(['read', 'read']);
  });
});

describe('padding and output size', () => {
  const window = { kernel: [3, 4], stride: [2, 1], dilation: [1, 2] } as const;

  it('takes every form', () => {
    expect(resolvePadding('valid', [8, 8], window)).toEqual([0, 0, 0, 0]);
    expect(resolvePadding(2, [8, 8], window)).toEqual([2, 2, 2, 2]);
    expect(resolvePadding([1, 2], [8, 8], window)).toEqual([1, 2, 1, 2]);
    expect(resolvePadding([1, 2, 3, 4], [8, 8], window)).toEqual([1, 2, 3, 4]);
  });

  it("'same' gives ceil(input / stride), with the odd one at the bottom and right", () => {
    expect(resolvePadding('same', [8, 8], window)).toEqual([0, 3, 1, 3]);
    expect(resolvePadding('same', [5, 5], { kernel: [2, 2], stride: [1, 1], dilation: [1, 1] })).toEqual([0, 0, 1, 1]);
    expect(resolvePadding('same', [9, 9], { kernel: [1, 1], stride: [3, 3], dilation: [1, 1] })).toEqual([0, 0, 0, 0]);
    for (let size = 1; size < 20; size++) {
      for (const stride of [1, 2, 3, 5]) {
        const w = { kernel: [size % 6 || 1, 3], stride: [stride, stride], dilation: [1, 2] } as const;
        const padding = resolvePadding('same', [size, size], w);
        const want = Math.ceil(size / stride);
        expect(convOutputSize([size, size], w, padding)).toEqual([want, want]);
      }
    }
  });

  it('of the output', () => {
    expect(convOutputSize([28, 28], { kernel: [5, 5], stride: [1, 1], dilation: [1, 1] }, [0, 0, 0, 0])).toEqual([
      24, 24,
    ]);
    expect(convOutputSize([7, 8], window, [0, 1, 2, 3])).toEqual([4, 6]);
  });
});

describe('errors', () => {
  const wrong = (x: readonly number[], weight: readonly number[], options: Conv2dOptions & { bias?: number } = {}) => {
    const bias = options.bias === undefined ? null : input('bias', [options.bias]);
    return () => inScope('conv1', () => conv2d(input('x', x), input('weight', weight), bias, options));
  };
  const x = [128, 3, 28, 28];
  const messages: readonly (readonly [string, () => unknown, string])[] = [
    [
      'channels',
      wrong(x, [32, 1, 3, 3]),
      'input has 3 channels, the filter takes 1 (input [128,3,28,28], weight [32,1,3,3]). Set',
    ],
    [
      'channels of groups',
      wrong([1, 6, 8, 8], [4, 2, 3, 3], { groups: 2 }),
      'input has 6 channels, 2 groups of the filter take 2 each',
    ],
    ['groups and input', wrong([1, 3, 8, 8], [4, 2, 3, 3], { groups: 2 }), '2 groups do not divide 3 input channels'],
    ['groups and output', wrong([1, 4, 8, 8], [3, 2, 3, 3], { groups: 2 }), '2 groups do not divide 3 output channels'],
    ['rank of the input', wrong([3, 28, 28], [32, 3, 3, 3]), 'input has rank 3, not 4'],
    ['rank of the weight', wrong(x, [32, 3, 3]), 'weight has rank 3, not 4'],
    ['filter too large', wrong([1, 3, 4, 4], [8, 3, 5, 3]), 'the filter covers 5x3 pixels, the padded input has 4x4'],
    [
      'dilated too large',
      wrong([1, 3, 4, 6], [8, 3, 3, 3], { dilation: 3, padding: [1, 0] }),
      'the filter covers 7x7 pixels, the padded input has 6x6',
    ],
    ['stride 0', wrong(x, [8, 3, 3, 3], { stride: 0 }), 'stride is [0,0]'],
    ['fractional stride', wrong(x, [8, 3, 3, 3], { stride: [1, 1.5] }), 'stride is [1,1.5]'],
    ['dilation 0', wrong(x, [8, 3, 3, 3], { dilation: 0 }), 'dilation is [0,0]'],
    ['negative padding', wrong(x, [8, 3, 3, 3], { padding: [0, -1] }), 'padding is [0,-1]'],
    ['no groups', wrong(x, [8, 3, 3, 3], { groups: 0 }), 'groups is [0]'],
    ['bias', wrong(x, [8, 3, 3, 3], { bias: 7 }), 'bias has shape [7], the filter gives 8 channels'],
  ];
  it.each(messages)('%s', (_, call, message) => {
    expect(call).toThrow(ShapeError);
    expect(call).toThrow(`conv2d "conv1": `);
    expect(call).toThrow(message);
  });
});
