/**
 * Winograd's convolution: every shape of tile, padding and channel block against the float64 reference, forward, pooled and
 * both gradients; where it is offered and where it comes first. May import src and test/support.
 */
import { describe, expect, it } from 'vitest';
import { compilePlan } from '../../src/compile/plan.ts';
import { input } from '../../src/graph/define-op.ts';
import type { Value } from '../../src/graph/types.ts';
import { convGeometry } from '../../src/ops/conv2d-geometry.ts';
import { chunksOf } from '../../src/ops/conv2d-winograd-tiles.ts';
import { forwardWins, inputWins, weightWins } from '../../src/ops/conv2d-winograd-time.ts';
import { conv2d, maxPool2d, relayout } from '../../src/ops/index.ts';
import { DEFAULT_CAPS, softwareLanes } from '../../src/util/caps.ts';
import { device } from '../support/device.ts';
import { compare } from '../support/goldens.ts';
import { Random } from '../support/random.ts';
import { referenceOp } from '../support/reference/index.ts';
import { type Case, type Expected, everyVariant, NO_ARENAS, referenceOf, rounded, rounds, run } from './conv2d-run.ts';

const OPS = ['conv2d', 'conv2dBackwardInput', 'conv2dBackwardWeight'] as const;
const POOL = { kernel: [2, 2], stride: [2, 2], padding: [0, 0, 0, 0], dilation: [1, 1], ceil_mode: false };
const pooled = (x: Value): Value => maxPool2d(x, { kernel: 2 }).y;

interface Shape {
  readonly n: number;
  readonly c: number;
  readonly o: number;
  readonly image: readonly [number, number];
  readonly padding: readonly [number, number, number, number];
}

/** Tiles cut at every side, more and fewer strips than lanes, channels around 4, 32 and 64, padding beyond the filter. */
const shapes: readonly Shape[] = [
  { n: 1, c: 4, o: 4, image: [3, 3], padding: [0, 0, 0, 0] },
  { n: 1, c: 3, o: 5, image: [1, 1], padding: [1, 1, 1, 1] },
  { n: 2, c: 7, o: 6, image: [6, 9], padding: [1, 1, 1, 1] },
  { n: 5, c: 33, o: 12, image: [5, 4], padding: [0, 2, 1, 0] },
  { n: 3, c: 12, o: 70, image: [7, 13], padding: [2, 0, 3, 4] },
  { n: 9, c: 66, o: 40, image: [8, 8], padding: [1, 1, 1, 1] },
  { n: 2, c: 5, o: 9, image: [17, 33], padding: [4, 5, 0, 1] },
  { n: 1, c: 36, o: 33, image: [2, 70], padding: [3, 3, 3, 3] },
  // In three chunks of images, and in two that meet within an image.
  { n: 331, c: 500, o: 12, image: [1, 1], padding: [1, 1, 1, 1] },
  { n: 13, c: 690, o: 10, image: [9, 10], padding: [1, 1, 1, 1] },
];

function caseOf({ n, c, o, image, padding }: Shape): Case & { readonly expected: Expected } {
  const random = new Random(n * 1000 + c * 10 + o);
  const [oh, ow] = [image[0] + padding[0] + padding[2] - 2, image[1] + padding[1] + padding[3] - 2];
  const given: Case = {
    inputs: { x: random.normal([n, c, ...image]), weight: random.normal([o, c, 3, 3]), bias: random.normal([o]) },
    upstream: random.normal([n, o, oh, ow]),
    options: { stride: [1, 1], dilation: [1, 1], groups: 1, padding },
  };
  return { ...given, expected: referenceOf(given) };
}

/** The case with a max pool behind it. */
function poolOf(shape: Shape): Case & { readonly expected: Expected } {
  const { expected: _, ...given } = caseOf(shape);
  const [pool, conv] = [referenceOp('max_pool2d'), referenceOp('conv2d')];
  const x = conv.forward(given.inputs, { ...given.options }).y!;
  const y = pool.forward({ x }, POOL).y!;
  const upstream = new Random(1).normal(y.shape);
  const dy = pool.backward!({ x }, POOL, { y: upstream }).x!;
  const expected = { ...referenceOf({ ...given, upstream: dy }), y: y.data };
  return { ...given, upstream, activation: pooled, expected };
}

async function check({ expected, ...given }: ReturnType<typeof caseOf>): Promise<void> {
  const gpu = await device();
  // Lanes that the device has, and half of them.
  for (const caps of [gpu.caps, { ...gpu.caps, subgroupMinSize: 4, subgroupMaxSize: 4 }]) {
    const used = new Set<string>();
    await everyVariant(gpu, { ...given, caps }, (result) => {
      if (!rounds(result)) return;
      for (const op of OPS) if (result.chosen[op] === 'winograd') used.add(op);
      for (const [name, values] of Object.entries(expected)) {
        const { ok, message } = compare(result.results[name]!, values, rounded(values));
        expect(ok, `${name} in ${JSON.stringify(result.chosen)}: ${message}`).toBe(true);
      }
    });
    if (softwareLanes(caps) > 0) expect([...used].sort()).toEqual([...OPS]);
  }
}

describe.each(shapes)('$n images $image, $c to $o channels, padding $padding', (shape) => {
  it('against the reference', () => check(caseOf(shape)));

  const [oh, ow] = [
    shape.image[0] + shape.padding[0] + shape.padding[2],
    shape.image[1] + shape.padding[1] + shape.padding[3],
  ];
  // Two windows at least.
  if (oh > 3 && ow > 3) it('pooled', () => check(poolOf(shape)));
});

/** Odd and even sides, and tiles of the gradient that begin 2, 1 and 0 pixels before the image, or behind its first one. */
const spreads: readonly Shape[] = [
  { n: 5, c: 64, o: 64, image: [14, 15], padding: [0, 0, 0, 0] },
  { n: 10, c: 64, o: 64, image: [8, 9], padding: [1, 1, 1, 1] },
  { n: 4, c: 64, o: 64, image: [13, 14], padding: [2, 2, 1, 1] },
  { n: 5, c: 64, o: 62, image: [11, 13], padding: [3, 1, 0, 2] },
  { n: 5, c: 63, o: 60, image: [11, 13], padding: [0, 3, 3, 2] },
];

describe('the gradient of a max pool behind it is worked out as it is loaded', () => {
  it.each(spreads)('$n images $image, $c to $o channels, padding $padding', async (shape) => {
    const gpu = await device();
    const { expected, ...given } = poolOf(shape);
    for (const lanes of [8, 4]) {
      const caps = { ...gpu.caps, subgroupMinSize: lanes, subgroupMaxSize: lanes };
      if (softwareLanes(caps) === 0 || lanes > gpu.caps.subgroupMaxSize) continue;
      const { n, c, o, image, padding } = shape;
      const weight = [o, c, 3, 3] as const;
      const g = convGeometry([n, c, ...image], { stride: 1, padding, dilation: 1, groups: 1, weight }, 'conv2d');
      const result = await run(gpu, { ...given, caps }, 0);
      const wanted = inputWins(g, lanes) && weightWins(g, lanes) ? 2 : 0;
      expect(result.plan.dispatches.filter(({ label }) => label === 'maxPool2dBackward')).toHaveLength(wanted ? 0 : 1);
      const labels = new Set(result.plan.dispatches.map(({ label }) => label));
      expect([...labels].filter((label) => label.startsWith('spread'))).toHaveLength(wanted);
      if (lanes === 4) expect(wanted).toBe(2);
      for (const [name, values] of Object.entries(expected)) {
        const { ok, message } = compare(result.results[name]!, values, rounded(values));
        expect(ok, `${name}, ${lanes} lanes: ${message}`).toBe(true);
      }
    }
  });
});

it('takes large matrices in chunks of strips of tiles', () => {
  const chunksFor = ({ n, c, o, image, padding }: Shape) => {
    const weight = [o, c, 3, 3] as const;
    return chunksOf(convGeometry([n, c, ...image], { stride: 1, padding, dilation: 1, groups: 1, weight }, ''));
  };
  const [first, ...others] = shapes;
  expect(chunksFor(first!)).toEqual([{ first: 0, count: 1 }]);
  expect(others.map((shape) => chunksFor(shape).length)).toEqual([1, 1, 1, 1, 1, 1, 1, 3, 2]);
  // An image has three strips.
  expect(chunksFor(shapes.at(-1)!)).toEqual([
    { first: 0, count: 20 },
    { first: 20, count: 19 },
  ]);
});

describe('where it is used', () => {
  const software = { ...DEFAULT_CAPS, software: true, subgroups: true, subgroupMinSize: 8, subgroupMaxSize: 8 };

  it.each([
    [64, true],
    [1024, false],
  ] as const)('not where its filters are too large to bind: %i channels', (c, found) => {
    const offered: string[] = [];
    compilePlan({
      outputs: [
        {
          value: conv2d(input('x', [1, c, 4, 4]), input('w', [c, c, 3, 3]), null, { padding: 1 }),
          sink: { kind: 'read', name: 'y' },
        },
      ],
      arenas: NO_ARENAS,
      caps: software,
      relayout,
      choose({ op }, ids) {
        if (op === 'conv2d') offered.push(...ids);
        return ids[0]!;
      },
    });
    expect(offered.includes('winograd')).toBe(found);
  });

  const geometry = (n: number, [c, o]: readonly [number, number], size: number) =>
    convGeometry([n, c, size, size], { stride: 1, padding: 1, dilation: 1, groups: 1, weight: [o, c, 3, 3] }, 'conv2d');

  it.each([
    { n: 32, channels: [32, 64], size: 16, first: [true, true, true] },
    { n: 32, channels: [64, 128], size: 8, first: [true, true, true] },
    { n: 8, channels: [64, 16], size: 20, first: [false, false, true] },
    { n: 1, channels: [256, 256], size: 8, first: [false, false, false] },
    { n: 32, channels: [8, 8], size: 32, first: [false, false, false] },
    { n: 64, channels: [1, 32], size: 28, first: [false, false, false] },
  ] as const)('first where it was measured to be faster: $n images of $size, channels $channels', (shape) => {
    const g = geometry(shape.n, shape.channels, shape.size);
    expect([forwardWins(g, 8), inputWins(g, 8), weightWins(g, 8)]).toEqual(shape.first);
  });
});
