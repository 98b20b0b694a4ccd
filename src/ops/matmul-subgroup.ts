/**
 * The subgroup tiles of matmul, for software adapters with subgroups of fixed size: tile height, roles of the operands and
 * split of k by a model of their cost. Imports graph types, util, its shaders and the problem.
 */
import byChannelText from '../../shaders/lib/by-channel.wgsl?raw';
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import mathText from '../../shaders/lib/math.wgsl?raw';
import problemText from '../../shaders/matmul/problem.wgsl?raw';
import subgroupText from '../../shaders/matmul/subgroup.wgsl?raw';
import sumsText from '../../shaders/matmul/sums.wgsl?raw';
import { epilogueParts } from '../graph/epilogue.ts';
import type { Kernel, ShaderSource, Variant } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { type DeviceCaps, softwareLanes } from '../util/caps.ts';
import { ceilDiv } from '../util/shape.ts';
import { type Problem, paramsOf } from './matmul-problem.ts';
import { splitOf, sumSplits } from './matmul-split.ts';

const shader: ShaderSource = {
  file: 'matmul/subgroup.wgsl',
  text: subgroupText,
  includes: {
    'lib/by-channel.wgsl': byChannelText,
    'lib/linear-id.wgsl': linearIdText,
    'lib/math.wgsl': mathText,
    'matmul/problem.wgsl': problemText,
    'matmul/sums.wgsl': sumsText,
  },
};

/** Heights of a tile: more rows use each load of b more often (35, 43, 50 GFLOP/s on large matrices) but compile longer. */
const HEIGHTS = [8, 16, 32] as const;
type Height = (typeof HEIGHTS)[number];

/** Microseconds: the first compilation (0.17, 0.18, 0.3 s), spread over 2,000 runs: small layers share a height. */
const COMPILE_SHARE: Record<Height, number> = { 8: 84, 16: 90, 32: 150 };

/** Microseconds by which swapped roles must be better, so that layers that are read alike share a kernel. */
const SWAP_SHARE = 12;

interface Tile {
  /** Rows of the tile. */
  readonly height: Height;
  /** Subgroup size; the tile is 4 times as wide. */
  readonly lanes: number;
  /** b's columns on the rows of the tile: for products with few columns. */
  readonly swapped: boolean;
  readonly splits: number;
}

/** The same product read as y^T = b^T a^T. */
function swap(problem: Problem): Problem {
  const { m, n, a, b, sums, transposeA, transposeB, batchAxes } = problem;
  return {
    ...problem,
    m: n,
    n: m,
    a: b,
    b: a,
    sums: sums && { ...sums, of: sums.of === 'a' ? 'b' : 'a' },
    transposeA: !transposeB,
    transposeB: !transposeA,
    batchAxes: batchAxes.map((axis) => ({ size: axis.size, a: axis.b, b: axis.a })),
  };
}

const isVec = (length: number): boolean => length % 4 === 0;

const groupsOf = ({ m, n, batches }: Problem, { height, lanes, splits }: Tile): number =>
  ceilDiv(m, height) * ceilDiv(n, 4 * lanes) * batches * splits;

/** Length of the index along which an operand, or y, is read: the contiguous one. */
const runs = ({ m, n, k, transposeA, transposeB }: Problem, { swapped }: Tile) => ({
  a: transposeA ? m : k,
  b: transposeB ? k : n,
  y: swapped ? m : n,
});

/**
 * Estimated microseconds: instructions of the JIT's code (264 for the load of a vec4, 480 for that of 4 scalars, 2.7 for a
 * multiply-add), at 20 a nanosecond on two cores, more where there are few workgroups to share; 40 for a dispatch. Measured on lavapipe with 8
 * lanes; on SwiftShader, with 4, no height wins throughout (up to 2x either way).
 */
function cost(problem: Problem, tile: Tile): number {
  const given = tile.swapped ? swap(problem) : problem;
  const { a, b, y } = runs(given, tile);
  const load = (run: number): number => (isVec(run) ? 264 : 480);
  const steps = ceilDiv(ceilDiv(given.k, 4), tile.splits);
  const step = (tile.height / tile.lanes) * load(a) + 4 * load(b) + tile.height * 16 * 2.7;
  const store = tile.height * load(y);
  const groups = groupsOf(given, tile);
  const second = tile.splits > 1 ? 40 + (tile.splits * given.batches * given.m * given.n) / 2000 : 0;
  return (
    40 +
    groups * 0.11 +
    ((groups * (steps * step + store)) / 20000) * (1 + 2 / groups) +
    second +
    COMPILE_SHARE[tile.height] +
    (tile.swapped ? SWAP_SHARE : 0)
  );
}

function tileVariant(original: Problem, tile: Tile): Variant {
  const { height, lanes, swapped, splits } = tile;
  const problem = swapped ? swap(original) : original;
  const { a, b, y, bias, sums, k } = problem;
  const parts = epilogueParts(problem.epilogue);
  const run = runs(problem, tile);
  const split = splitOf(problem, splits, 4);
  const whole = split.splits === 1;
  const bind: Kernel['bind'] = {
    ...{ a, b, y: whole ? y : { scratch: 'partial', elements: split.splits * split.splitSize } },
    ...(whole ? parts.bind : {}),
    ...(whole && bias ? { bias } : {}),
    ...(whole && sums ? { sums: sums.to } : {}),
  };
  const kernel: Kernel = {
    shader,
    uniform: [
      'bias',
      ...(isVec(run.a) ? ['a'] : []),
      ...(isVec(run.b) ? ['b'] : []),
      ...(isVec(run.y) ? ['operand'] : []),
    ],
    defines: {
      RANK: problem.batchAxes.length,
      TM: height,
      SG: lanes,
      A_ALONG_K: !problem.transposeA,
      B_ALONG_N: !problem.transposeB,
      Y_ALONG_N: !swapped,
      A_VEC: isVec(run.a),
      B_VEC: isVec(run.b),
      Y_VEC: isVec(run.y),
      TAIL: k % 4 !== 0,
      BIAS: whole && bias !== undefined,
      SPLIT: !whole,
      SUMS: sums?.of ?? 'none',
      OPERAND: parts.operand,
      CHANNELS: parts.channels,
    },
    slots: whole ? { epilogue: parts.text } : {},
    bind,
    params: paramsOf(problem, split),
    workgroups: linearGroups(groupsOf(problem, { ...tile, splits: split.splits }), 1),
    // Larger ones take much longer to compile together than one by one.
    joins: height <= 16,
  };
  return {
    id: `subgroup${height}${whole ? '' : '-split'}`,
    kernels: whole ? [kernel] : [kernel, sumSplits(original, split)],
  };
}

/** Parts of k worth trying: of 64 steps at least, until there is work for 64 workgroups. */
function splitsFor(problem: Problem, tile: Tile): number[] {
  const counts: number[] = [];
  // The kernel that adds parts knows no channels.
  if (problem.epilogue?.channels) return counts;
  for (let splits = 2; splits <= 32 && problem.k / splits >= 64 && groupsOf(problem, tile) * splits <= 64; splits *= 2)
    counts.push(splits);
  return counts;
}

/** Tiles of each useful height with the better roles, whole and with k split where that may pay; the cheapest first. */
export function subgroupVariants(problem: Problem, caps: DeviceCaps): Variant[] {
  const lanes = softwareLanes(caps);
  if (lanes === 0) return [];
  const cheapest = (tiles: readonly Tile[]): Tile | undefined =>
    tiles.map((tile) => ({ tile, cost: cost(problem, tile) })).sort((p, q) => p.cost - q.cost)[0]?.tile;
  const chosen = HEIGHTS.filter((height) => height >= lanes).flatMap((height) => {
    const roles = [false, true].map((swapped): Tile => ({ height, lanes, swapped, splits: 1 }));
    const useful = roles.filter(
      (t) => height === HEIGHTS[0] || height === lanes || (t.swapped ? problem.n : problem.m) > height / 2,
    );
    const split = useful.flatMap((tile) =>
      splitsFor(tile.swapped ? swap(problem) : problem, tile).map((splits) => ({ ...tile, splits })),
    );
    return [cheapest(useful), cheapest(split)].filter((tile) => tile !== undefined);
  });
  return chosen
    .map((tile) => ({ tile, cost: cost(problem, tile) }))
    .sort((p, q) => p.cost - q.cost)
    .map(({ tile }) => tileVariant(problem, tile));
}
