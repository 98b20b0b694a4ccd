/** First layers: kernels for images of a single channel on software adapters. Imports graph, util, shaders, conv2d-shared. */
import weightText from '../../shaders/conv2d/backward-weight-single.wgsl?raw';
import forwardText from '../../shaders/conv2d/forward-single.wgsl?raw';
import pooledText from '../../shaders/conv2d/forward-single-pool.wgsl?raw';
import type { Kernel, Variant } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { ceilDiv } from '../util/shape.ts';
import type { ConvGeometry } from './conv2d-geometry.ts';
import {
  convParams,
  convShader,
  type ForwardValues,
  forwardKernel,
  inParts,
  type WeightValues,
} from './conv2d-shared.ts';
import { ENOUGH_GROUPS } from './conv2d-subgroup.ts';

const forward = convShader('forward-single', forwardText);
const pooled = convShader('forward-single-pool', pooledText);
const backwardWeight = convShader('backward-weight-single', weightText);

/** The unrolled text has so many multiply-adds of vec4s for each pixel at most: more do not fit the instruction cache. */
const MOST_PRODUCTS = 128;
/** The same of a kernel that pools, for each of the four results of a pixel. */
const MOST_POOLED = 50;
/** vec4s that the weight gradient sums in a lane. */
const MOST_SUMS = 50;

/** Filters whose taps are written out one by one. */
export const singleChannel = ({ groups, cs, os, kh, kw, dx }: ConvGeometry): boolean =>
  groups === 1 && cs === 1 && os % 4 === 0 && kh * kw <= MOST_SUMS && dx * kw <= 16;

/** The sliding window of a pixel. */
function window({ kh, kw, sx, dx }: ConvGeometry): Record<string, number> {
  const width = (kw - 1) * dx + 1;
  return { KH: kh, KW: kw, SX: sx, DX: dx, CARRY: Math.max(0, width - sx), WINDOW: width };
}

/** vec4s of channels for each lane: all in blocks of equal size, none with more products than allowed. */
function blocksOf({ os, kh, kw }: ConvGeometry, most: number): { blocks: number; size: number } {
  const vectors = os / 4;
  const blocks = ceilDiv(vectors, Math.min(8, Math.max(1, Math.floor(most / (kh * kw)))));
  return { blocks, size: ceilDiv(vectors, blocks) };
}

type OnLanes = ForwardValues & { readonly lanes: number };

/** What differs between the kernels with and without a pool; rows and columns are those of what is stored. */
interface Sliding {
  readonly shader: Kernel['shader'];
  readonly most: number;
  readonly rows: number;
  readonly columns: number;
  readonly window: Record<string, number>;
}

function slidingVariant(g: ConvGeometry, { lanes, ...values }: OnLanes, sliding: Sliding): Variant {
  const { shader, most, rows, columns, window: seen } = sliding;
  const { blocks, size } = blocksOf(g, most);
  const share = ceilDiv(columns, ceilDiv(ENOUGH_GROUPS * lanes, rows * blocks));
  const splits = ceilDiv(columns, share);
  const { defines, ...rest } = forwardKernel(values);
  const [x, y] = linearGroups(rows * splits, lanes);
  const kernel = {
    ...rest,
    shader,
    uniform: ['weight', 'bias'],
    defines: { ...defines, ...seen, SG: lanes, O4: size },
    params: convParams(g, { splits, share }),
    workgroups: [x, y, blocks] as const,
  };
  return { id: `single${size}`, kernels: [kernel] };
}

export const forwardSingle = (g: ConvGeometry, values: OnLanes): Variant =>
  slidingVariant(g, values, {
    shader: forward,
    most: MOST_PRODUCTS,
    rows: g.n * g.oh,
    columns: g.ow,
    window: window(g),
  });

/** The window of a pooled pixel: two results beside and two above each other. */
function pooledWindow({ kh, kw, sy, sx, dy, dx }: ConvGeometry): Record<string, number> {
  const width = (kw - 1) * dx + 1 + sx;
  const [ROWS, CARRY] = [(kh - 1) * dy + 1 + sy, Math.max(0, width - 2 * sx)];
  return { KH: kh, KW: kw, SY: sy, SX: sx, DY: dy, DX: dx, ROWS, CARRY, WINDOW: width };
}

export const forwardSinglePool = (g: ConvGeometry, values: OnLanes): Variant =>
  slidingVariant(g, values, {
    shader: pooled,
    most: MOST_POOLED,
    rows: g.n * Math.floor(g.oh / 2),
    columns: Math.floor(g.ow / 2),
    window: pooledWindow(g),
  });

export function weightSingle(
  g: ConvGeometry,
  { lanes, x, dy, codes, ...gradients }: WeightValues & { lanes: number },
): Variant {
  const { blocks, size } = blocksOf(g, MOST_SUMS);
  const rows = g.n * g.oh;
  const share = ceilDiv(rows, ceilDiv(ENOUGH_GROUPS * lanes, blocks));
  const splits = ceilDiv(rows, share);
  const computed = inParts(g, { ...gradients, splits }, ({ defines, bind }) => ({
    shader: backwardWeight,
    defines: { ...defines, ...window(g), SG: lanes, O4: size, WIDTH: 4, SPREAD: codes !== null },
    bind: { x, dy, ...(codes && { codes }), ...bind },
    params: convParams(g, { splits, share }),
    workgroups: linearGroups(splits * blocks, lanes),
  }));
  return { id: `single${size}`, ...computed };
}
