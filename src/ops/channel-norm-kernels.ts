/** Kernels of channelNorm and its gradient: how the memory is seen, cut into parts and summed. Imports graph, util and the shaders. */
import backwardInputText from '../../shaders/channel-norm/backward-input.wgsl?raw';
import backwardMergeText from '../../shaders/channel-norm/backward-merge.wgsl?raw';
import backwardSumsText from '../../shaders/channel-norm/backward-sums.wgsl?raw';
import foldText from '../../shaders/channel-norm/fold.wgsl?raw';
import forwardText from '../../shaders/channel-norm/forward.wgsl?raw';
import groupMeansText from '../../shaders/channel-norm/group-means.wgsl?raw';
import mergeText from '../../shaders/channel-norm/merge.wgsl?raw';
import momentsText from '../../shaders/channel-norm/moments.wgsl?raw';
import partText from '../../shaders/channel-norm/part.wgsl?raw';
import statisticsText from '../../shaders/channel-norm/statistics.wgsl?raw';
import treeText from '../../shaders/channel-norm/tree.wgsl?raw';
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import mathText from '../../shaders/lib/math.wgsl?raw';
import { epilogueParts } from '../graph/epilogue.ts';
import { padChannels } from '../graph/layout.ts';
import type { Epilogue, Kernel, PlanValue, Scratch, ShaderSource } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import type { DeviceCaps } from '../util/caps.ts';
import { ceilDiv, type Shape, sizeOf } from '../util/shape.ts';

const includes = {
  'channel-norm/fold.wgsl': foldText,
  'channel-norm/part.wgsl': partText,
  'channel-norm/statistics.wgsl': statisticsText,
  'channel-norm/tree.wgsl': treeText,
  'lib/linear-id.wgsl': linearIdText,
  'lib/math.wgsl': mathText,
};
const shader = (file: string, text: string): ShaderSource => ({ file: `channel-norm/${file}`, text, includes });
const momentsShader = shader('moments.wgsl', momentsText);
const mergeShader = shader('merge.wgsl', mergeText);
const forwardShader = shader('forward.wgsl', forwardText);
const backwardSumsShader = shader('backward-sums.wgsl', backwardSumsText);
const backwardMergeShader = shader('backward-merge.wgsl', backwardMergeText);
const groupMeansShader = shader('group-means.wgsl', groupMeansText);
const backwardInputShader = shader('backward-input.wgsl', backwardInputText);

/** Threads of a workgroup. */
const SIZE = 64;

/** Whose mean and variance normalise: those of the batch, of each sample, or given ones of each channel. */
export type Statistics = 'batch' | 'sample' | 'running';

/** An nhwc tensor as [samples, rows, channels], channels in `groups` of `size` that share their statistics. */
export interface NormGeometry {
  readonly samples: number;
  readonly rows: number;
  readonly channels: number;
  readonly padded: number;
  readonly groups: number;
  readonly size: number;
  /** vec4s of channels, or the single channel. */
  readonly columns: number;
  readonly eps: number;
  readonly running: boolean;
}

export function normGeometry(
  shape: Shape,
  { statistics, groups, eps }: { readonly statistics: Statistics; readonly groups: number; readonly eps: number },
): NormGeometry {
  const [n, channels, h, w] = shape as [number, number, number, number];
  const padded = padChannels(channels);
  const samples = statistics === 'sample' ? n : 1;
  const rows = (n * h * w) / samples;
  const columns = padded === 1 ? 1 : padded / 4;
  const running = statistics === 'running';
  return { samples, rows, channels, padded, groups, size: channels / groups, columns, eps, running };
}

/** Mean and 1 / deviation of every channel of every sample, padding included. */
export const statsShape = ({ samples, padded }: NormGeometry): number[] => [2, samples, padded];

/** The statistics as they are bound: by the kernel `merge`, or given. */
export type BoundStatistics =
  | { readonly stats: PlanValue }
  | { readonly running_mean: PlanValue; readonly running_var: PlanValue };

interface Parts {
  readonly share: number;
  readonly shares: number;
}

const blocksOf = ({ columns }: NormGeometry): number => ceilDiv(columns, SIZE);

/** Threads that share the rows of a column. */
const lanesOf = ({ columns }: NormGeometry): number => Math.floor(SIZE / Math.min(columns, SIZE));

/** Parts for sums: enough workgroups for every core, 8 rows and more for a thread; and few enough to be summed in turn. */
function sumParts(g: NormGeometry, { software }: DeviceCaps): Parts {
  const wanted = ceilDiv(software ? 32 : 1024, g.samples * blocksOf(g));
  const least = 8 * lanesOf(g);
  const share = Math.min(Math.max(ceilDiv(g.rows, wanted), least), 2048);
  return { share, shares: ceilDiv(g.rows, share) };
}

/** Parts for pointwise work: a few rows for each thread, which pay for what it reads about its column. */
function pointParts(g: NormGeometry): Parts {
  const share = 8 * lanesOf(g);
  return { share, shares: ceilDiv(g.rows, share) };
}

/** A kernel with a thread for some rows of a column. */
function partKernel(
  g: NormGeometry,
  parts: Parts,
  { defines = {}, ...rest }: Omit<Kernel, 'workgroups' | 'params'>,
): Kernel {
  const { samples, rows, columns, channels, eps } = g;
  const blocks = blocksOf(g);
  return {
    ...rest,
    defines: { SIZE, VEC: g.padded > 1, ...defines },
    params: { samples, rows, columns, blocks, ...parts, channels, eps },
    workgroups: linearGroups(samples * blocks * parts.shares, 1),
  };
}

/** Threads for one sum of so many terms. */
function lanesFor(terms: number): number {
  if (terms <= 4) return 1;
  return terms <= 64 ? 8 : SIZE;
}

const treeGroups = (count: number, lanes: number): [number, number, number] => linearGroups(count, SIZE / lanes);

const partsScratch = (g: NormGeometry, { shares }: Parts): Scratch => ({
  scratch: 'parts',
  elements: g.samples * shares * 2 * g.padded,
});

/** Running statistics, old and new. */
export interface Tracked {
  readonly running_mean: PlanValue;
  readonly running_var: PlanValue;
  readonly new_mean: PlanValue;
  readonly new_var: PlanValue;
  readonly momentum: number;
}

/** Shares of the old variance and of the batch's biased one in the new: a single value has none, then the old one stays. */
function varianceShares(count: number, momentum: number): { keep: number; take: number } {
  if (count < 2) return { keep: 1, take: 0 };
  return { keep: 1 - momentum, take: (momentum * count) / (count - 1) };
}

/** Mean and 1 / deviation of x, and the new running statistics. */
export function statisticsKernels(
  { x, stats, tracked }: { readonly x: PlanValue; readonly stats: PlanValue; readonly tracked: Tracked | null },
  g: NormGeometry,
  caps: DeviceCaps,
): Kernel[] {
  const parts = sumParts(g, caps);
  const scratch = partsScratch(g, parts);
  const lanes = lanesFor(g.size * parts.shares);
  const { samples, rows, groups, size, channels, padded, eps } = g;
  const { momentum = 0, ...values } = tracked ?? {};
  const merge: Kernel = {
    shader: mergeShader,
    defines: { SIZE, LANES: lanes, TRACK: tracked !== null },
    bind: { parts: scratch, stats, ...values },
    params: {
      ...{ samples, rows, groups, size, channels, padded, eps, momentum },
      ...parts,
      ...varianceShares(rows * size, momentum),
    },
    workgroups: treeGroups(samples * groups, lanes),
  };
  return [partKernel(g, parts, { shader: momentsShader, bind: { x, parts: scratch } }), merge];
}

/** Values of the affine part; null where there is none. */
export interface Affine {
  readonly weight: PlanValue | null;
  readonly bias: PlanValue | null;
}

export function forwardKernel(
  {
    x,
    y,
    statistics,
    weight,
    bias,
  }: { readonly x: PlanValue; readonly y: PlanValue; readonly statistics: BoundStatistics } & Affine,
  g: NormGeometry,
  epilogue: Epilogue | null,
): Kernel {
  const parts = epilogueParts(epilogue);
  return partKernel(g, pointParts(g), {
    shader: forwardShader,
    defines: { RUNNING: g.running, WEIGHT: weight !== null, BIAS: bias !== null, OPERAND: parts.operand },
    slots: { epilogue: parts.text },
    bind: { x, y, ...parts.bind, ...statistics, ...(weight && { weight }), ...(bias && { bias }) },
  });
}

/** What the gradient reads, and what of it is wanted (null: not). */
export interface BackwardValues {
  readonly dy: PlanValue;
  readonly x: PlanValue;
  readonly statistics: BoundStatistics;
  readonly weight: PlanValue | null;
  readonly dx: PlanValue | null;
  readonly dweight: PlanValue | null;
  readonly dbias: PlanValue | null;
}

/** Sums over pixels: gradients of weight and bias; and, where dx depends on them, means in scratch `means`. */
function sumKernels(v: BackwardValues, g: NormGeometry, caps: DeviceCaps): Kernel[] {
  const { dy, x, statistics, weight, dweight, dbias } = v;
  const parts = sumParts(g, caps);
  const scratch = partsScratch(g, parts);
  const { samples, channels, padded, eps, groups, size, rows } = g;
  const MEANS = v.dx !== null && !g.running;
  const grouped = MEANS && size > 1;
  const elements = 2 * samples * padded;
  const means = { scratch: 'means', elements };
  const sums = grouped ? { scratch: 'sums', elements } : means;
  const lanes = lanesFor(samples === 1 ? parts.shares : samples);
  const merge: Kernel = {
    shader: backwardMergeShader,
    defines: {
      ...{ SIZE, LANES: lanes, SINGLE: samples === 1, RUNNING: g.running, MEANS },
      ...{ WEIGHT: weight !== null, DWEIGHT: dweight !== null, DBIAS: dbias !== null },
    },
    bind: {
      parts: scratch,
      ...('stats' in statistics ? statistics : { running_var: statistics.running_var }),
      ...(weight && { weight }),
      ...(MEANS && { means: sums }),
      ...(dweight && { dweight }),
      ...(dbias && { dbias }),
    },
    params: { samples, shares: parts.shares, channels, padded, eps, scale: grouped ? 1 : 1 / rows },
    workgroups: treeGroups(padded, lanes),
  };
  const groupLanes = lanesFor(size);
  const groupMeans: Kernel = {
    shader: groupMeansShader,
    defines: { SIZE, LANES: groupLanes },
    bind: { sums, means },
    params: { samples, groups, size, channels, padded, scale: 1 / (rows * size) },
    workgroups: treeGroups(samples * groups, groupLanes),
  };
  const first = partKernel(g, parts, {
    shader: backwardSumsShader,
    defines: { RUNNING: g.running },
    bind: { dy, x, parts: scratch, ...statistics },
  });
  return [first, merge, ...(grouped ? [groupMeans] : [])];
}

/** The gradients that are wanted. */
export function backwardKernels(v: BackwardValues, g: NormGeometry, caps: DeviceCaps): Kernel[] {
  const { dy, x, dx, statistics, weight } = v;
  const needsSums = v.dweight !== null || v.dbias !== null || (dx !== null && !g.running);
  const kernels = needsSums ? sumKernels(v, g, caps) : [];
  if (!dx) return kernels;
  const means = { scratch: 'means', elements: 2 * g.samples * g.padded };
  const input = partKernel(g, pointParts(g), {
    shader: backwardInputShader,
    defines: { RUNNING: g.running, WEIGHT: weight !== null },
    bind: { dy, dx, ...statistics, ...(weight && { weight }), ...(!g.running && { x, means }) },
  });
  return [...kernels, input];
}

/** Rough count of operations an element, for the summary. */
export const normFlops = (shape: Shape, perElement: number): number => perElement * sizeOf(shape);
