/** The workgroup-memory tiles of matmul, for GPUs. Imports graph types, util, its shaders and the problem. */
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import mathText from '../../shaders/lib/math.wgsl?raw';
import problemText from '../../shaders/matmul/problem.wgsl?raw';
import sumsText from '../../shaders/matmul/sums.wgsl?raw';
import tiledText from '../../shaders/matmul/tiled.wgsl?raw';
import { epilogueParts } from '../graph/epilogue.ts';
import type { Kernel, ShaderSource, Variant } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import type { DeviceCaps } from '../util/caps.ts';
import { ceilDiv } from '../util/shape.ts';
import { type Problem, paramsOf } from './matmul-problem.ts';
import { splitOf, sumSplits } from './matmul-split.ts';

const shader: ShaderSource = {
  file: 'matmul/tiled.wgsl',
  text: tiledText,
  includes: {
    'lib/linear-id.wgsl': linearIdText,
    'lib/math.wgsl': mathText,
    'matmul/problem.wgsl': problemText,
    'matmul/sums.wgsl': sumsText,
  },
};

/** Edge of the square tile and of a thread's part of it: 64 threads each, 4.6 and 8.7 KiB of workgroup memory. */
const SMALL = { edge: 32, part: 4 } as const;
const LARGE = { edge: 64, part: 8 } as const;
type Tile = typeof SMALL | typeof LARGE;

/** Steps of k in a slab. */
const SLAB = 16;

/** Workgroups that keep a GPU busy. An estimate: a few for each of the processors of a large one. */
const ENOUGH_GROUPS = 256;

const groupsOf = ({ m, n, batches }: Problem, { edge }: Tile): number => ceilDiv(m, edge) * ceilDiv(n, edge) * batches;

function tileVariant(problem: Problem, tile: Tile, splits: number): Variant {
  const { a, b, y, bias, sums, m, n, transposeA, transposeB } = problem;
  const parts = epilogueParts(problem.epilogue);
  const { edge, part } = tile;
  const split = splitOf(problem, splits, SLAB);
  const whole = split.splits === 1;
  const kernel: Kernel = {
    shader,
    defines: {
      RANK: problem.batchAxes.length,
      BM: edge,
      BN: edge,
      BK: SLAB,
      TM: part,
      TN: part,
      A_ALONG_K: !transposeA,
      B_ALONG_N: !transposeB,
      A_VEC: transposeA && m % 4 === 0,
      B_VEC: !transposeB && n % 4 === 0,
      Y_VEC: n % 4 === 0,
      BIAS: whole && bias !== undefined,
      SPLIT: !whole,
      SUMS: sums?.of ?? 'none',
      OPERAND: parts.operand,
    },
    slots: whole ? { epilogue: parts.text } : {},
    bind: {
      a,
      b,
      y: whole ? y : { scratch: 'partial', elements: split.splits * split.splitSize },
      ...(whole ? parts.bind : {}),
      ...(whole && bias ? { bias } : {}),
      ...(whole && sums ? { sums: sums.to } : {}),
    },
    params: paramsOf(problem, split),
    workgroups: linearGroups(groupsOf(problem, tile) * split.splits, 1),
  };
  const id = `tiled${edge}${whole ? '' : '-split'}`;
  return { id, kernels: whole ? [kernel] : [kernel, sumSplits(problem, split)] };
}

/**
 * GPUs: large tiles where there are enough of them, else small ones, with k split where even those are too few and each
 * part keeps 8 slabs. Software adapters, with few cores to fill: large tiles (9 to 12 GFLOP/s on two cores, small ones 6).
 */
export function tiledVariants(problem: Problem, caps: DeviceCaps): Variant[] {
  const { m, n, k } = problem;
  const small = tileVariant(problem, SMALL, 1);
  const large = m > SMALL.edge && n > SMALL.edge ? [tileVariant(problem, LARGE, 1)] : [];
  const splits = Math.min(32, Math.floor(ENOUGH_GROUPS / groupsOf(problem, SMALL)), Math.floor(k / (8 * SLAB)));
  const split = splits > 1 ? [tileVariant(problem, SMALL, splits)] : [];
  if (caps.software || groupsOf(problem, LARGE) >= ENOUGH_GROUPS) return [...large, small, ...split];
  return [...split, small, ...large];
}
