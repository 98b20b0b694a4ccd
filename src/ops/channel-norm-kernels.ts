/** Kernels of channelNorm and its gradient. Imports graph, util, channel-norm-parts and the shaders. */
import backwardInputText from '../../shaders/channel-norm/backward-input.wgsl?raw';
import backwardJoinedText from '../../shaders/channel-norm/backward-joined.wgsl?raw';
import backwardMergeText from '../../shaders/channel-norm/backward-merge.wgsl?raw';
import backwardSumsText from '../../shaders/channel-norm/backward-sums.wgsl?raw';
import finishText from '../../shaders/channel-norm/finish.wgsl?raw';
import foldText from '../../shaders/channel-norm/fold.wgsl?raw';
import forwardText from '../../shaders/channel-norm/forward.wgsl?raw';
import forwardJoinedText from '../../shaders/channel-norm/forward-joined.wgsl?raw';
import groupMeansText from '../../shaders/channel-norm/group-means.wgsl?raw';
import joinText from '../../shaders/channel-norm/join.wgsl?raw';
import keptText from '../../shaders/channel-norm/kept.wgsl?raw';
import mergeText from '../../shaders/channel-norm/merge.wgsl?raw';
import momentsText from '../../shaders/channel-norm/moments.wgsl?raw';
import partText from '../../shaders/channel-norm/part.wgsl?raw';
import statisticsText from '../../shaders/channel-norm/statistics.wgsl?raw';
import totalText from '../../shaders/channel-norm/tree.wgsl?raw';
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import mathText from '../../shaders/lib/math.wgsl?raw';
import treeText from '../../shaders/lib/tree.wgsl?raw';
import { epilogueParts } from '../graph/epilogue.ts';
import type { Epilogue, Kernel, PlanValue, ShaderSource, Variant } from '../graph/types.ts';
import type { DeviceCaps } from '../util/caps.ts';
import { type Shape, sizeOf } from '../util/shape.ts';
import {
  type BoundStatistics,
  joinsParts,
  lanesFor,
  type NormGeometry,
  type Parts,
  partKernel,
  partsScratch,
  pointParts,
  SIZE,
  sumParts,
  treeGroups,
} from './channel-norm-parts.ts';

const includes = {
  'channel-norm/finish.wgsl': finishText,
  'channel-norm/fold.wgsl': foldText,
  'channel-norm/join.wgsl': joinText,
  'channel-norm/kept.wgsl': keptText,
  'channel-norm/part.wgsl': partText,
  'channel-norm/statistics.wgsl': statisticsText,
  'channel-norm/tree.wgsl': totalText,
  'lib/linear-id.wgsl': linearIdText,
  'lib/math.wgsl': mathText,
  'lib/tree.wgsl': treeText,
};
const shader = (file: string, text: string): ShaderSource => ({ file: `channel-norm/${file}`, text, includes });
const momentsShader = shader('moments.wgsl', momentsText);
const mergeShader = shader('merge.wgsl', mergeText);
const forwardShader = shader('forward.wgsl', forwardText);
const backwardSumsShader = shader('backward-sums.wgsl', backwardSumsText);
const backwardMergeShader = shader('backward-merge.wgsl', backwardMergeText);
const groupMeansShader = shader('group-means.wgsl', groupMeansText);
const forwardJoinedShader = shader('forward-joined.wgsl', forwardJoinedText);
const backwardJoinedShader = shader('backward-joined.wgsl', backwardJoinedText);
const backwardInputShader = shader('backward-input.wgsl', backwardInputText);

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

/** Values of the affine part; null where there is none. */
export interface Affine {
  readonly weight: PlanValue | null;
  readonly bias: PlanValue | null;
}

/** What normalisation by the data's own statistics reads and writes. */
export interface ForwardValues extends Affine {
  readonly x: PlanValue;
  readonly y: PlanValue;
  readonly stats: PlanValue;
  readonly tracked: Tracked | null;
  readonly epilogue: Epilogue | null;
}

/** Sums of the parts; it keeps the old running statistics and the affine part for the kernels behind it. */
function momentsKernel(
  { x, tracked, weight, bias }: Pick<ForwardValues, 'x' | 'tracked'> & Affine,
  g: NormGeometry,
  parts: Parts,
): Kernel {
  const old = tracked && { running_mean: tracked.running_mean, running_var: tracked.running_var };
  return partKernel(g, parts, {
    shader: momentsShader,
    defines: { WEIGHT: weight !== null, BIAS: bias !== null, RUNNING: tracked !== null },
    bind: { x, parts: partsScratch(g, parts), ...(weight && { weight }), ...(bias && { bias }), ...old },
  });
}

/** What the kernel that writes new running statistics binds and is told for them. */
function tracking(tracked: Tracked | null, { rows, size }: NormGeometry) {
  const { new_mean, new_var, momentum = 0 } = tracked ?? {};
  return {
    bind: { ...(new_mean && { new_mean }), ...(new_var && { new_var }) },
    params: { momentum, ...varianceShares(rows * size, momentum) },
  };
}

/** Parts, what they make together, and y: three kernels. */
function forwardApart(v: ForwardValues, g: NormGeometry, caps: DeviceCaps): Kernel[] {
  const parts = sumParts(g, caps);
  const { x, stats, tracked } = v;
  const lanes = lanesFor(g.size * parts.shares);
  const { samples, rows, groups, size, channels, padded, eps } = g;
  const { bind, params } = tracking(tracked, g);
  const merge: Kernel = {
    shader: mergeShader,
    defines: { SIZE, LANES: lanes, TRACK: tracked !== null },
    bind: { parts: partsScratch(g, parts), stats, ...bind },
    params: { samples, rows, groups, size, channels, padded, eps, ...parts, ...params },
    workgroups: treeGroups(samples * groups, lanes),
  };
  const moments = momentsKernel({ x, tracked, weight: null, bias: null }, g, parts);
  return [moments, merge, normaliseKernel({ ...v, statistics: { stats } }, g)];
}

/** The same in two: each workgroup of the second joins the parts itself. Null where that does not pay. */
function forwardJoined(v: ForwardValues, g: NormGeometry, caps: DeviceCaps): Kernel[] | null {
  const parts = sumParts(g, caps);
  if (!joinsParts(g, parts, caps)) return null;
  const { x, y, stats, tracked } = v;
  const epilogue = epilogueParts(v.epilogue);
  const { bind, params } = tracking(tracked, g);
  const joined = partKernel(g, parts, {
    shader: forwardJoinedShader,
    defines: { TRACK: tracked !== null, OPERAND: epilogue.operand },
    slots: { epilogue: epilogue.text },
    bind: { parts: partsScratch(g, parts), x, y, stats, ...bind, ...epilogue.bind },
    ...(tracked && { params }),
  });
  return [momentsKernel(v, g, parts), joined];
}

/** Variants of normalisation by the data's own statistics, best first. */
export function forwardVariants(v: ForwardValues, g: NormGeometry, caps: DeviceCaps): Variant[] {
  const joined = forwardJoined(v, g, caps);
  return [...(joined ? [{ id: 'joined', kernels: joined }] : []), { id: 'parts', kernels: forwardApart(v, g, caps) }];
}

/** y by statistics that are there. */
export function normaliseKernel(
  {
    x,
    y,
    statistics,
    weight,
    bias,
    epilogue,
  }: Omit<ForwardValues, 'stats' | 'tracked'> & {
    readonly statistics: BoundStatistics;
  },
  g: NormGeometry,
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
    defines: { RUNNING: g.running, KEEP: false, WEIGHT: false },
    bind: { dy, x, parts: scratch, ...statistics },
  });
  return [first, merge, ...(grouped ? [groupMeans] : [])];
}

/** Sums of parts, and a kernel whose workgroups join them: for a gradient of x by its own statistics. Null where that does not pay. */
function backwardJoined(v: BackwardValues, g: NormGeometry, caps: DeviceCaps): Kernel[] | null {
  const { dy, x, dx, statistics, weight, dweight, dbias } = v;
  const parts = sumParts(g, caps);
  const one = g.samples === 1 || !(dweight || dbias);
  if (!dx || !('stats' in statistics) || !one || !joinsParts(g, parts, caps)) return null;
  const scratch = partsScratch(g, parts);
  const sums = partKernel(g, parts, {
    shader: backwardSumsShader,
    defines: { RUNNING: false, KEEP: true, WEIGHT: weight !== null },
    bind: { dy, x, parts: scratch, ...statistics, ...(weight && { weight }) },
  });
  const input = partKernel(g, parts, {
    shader: backwardJoinedShader,
    defines: { DWEIGHT: dweight !== null, DBIAS: dbias !== null },
    bind: { parts: scratch, ...statistics, dy, x, dx, ...(dweight && { dweight }), ...(dbias && { dbias }) },
  });
  return [sums, input];
}

/** The gradients that are wanted, best first. */
export function backwardVariants(v: BackwardValues, g: NormGeometry, caps: DeviceCaps): Variant[] {
  const joined = backwardJoined(v, g, caps);
  return [...(joined ? [{ id: 'joined', kernels: joined }] : []), { id: 'parts', kernels: backwardApart(v, g, caps) }];
}

function backwardApart(v: BackwardValues, g: NormGeometry, caps: DeviceCaps): Kernel[] {
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
