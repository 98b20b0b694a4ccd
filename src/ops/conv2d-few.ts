/**
 * Kernels for images of two to four channels, on software adapters: the first layer of colour images. Lanes are output
 * channels, and what several results see of the image is broadcast. Imports graph, util, shaders, the conv2d-* that it needs.
 */
import weightText from '../../shaders/conv2d/backward-weight-few.wgsl?raw';
import forwardText from '../../shaders/conv2d/forward-few.wgsl?raw';
import type { Variant } from '../graph/types.ts';
import { ceilDiv } from '../util/shape.ts';
import { convolutionTime, STORE } from './conv2d-block.ts';
import type { ConvGeometry } from './conv2d-geometry.ts';
import {
  convParams,
  convShader,
  type ForwardValues,
  forwardKernel,
  inParts,
  type WeightValues,
} from './conv2d-shared.ts';
import { ENOUGH_GROUPS, GATHER, MULTIPLY, weightTime } from './conv2d-subgroup.ts';
import { smallOf } from './uniforms.ts';

const forward = convShader('forward-few', forwardText);
const backwardWeight = convShader('backward-weight-few', weightText);

/** vec4s of the filter in a lane: more leave the registers and the instruction cache. */
const MOST_WEIGHTS = 40;
/** Pixels of the output in a step, and the most of the input that they may see together. */
const PIXELS = 4;
const MOST_SEEN = 48;
/** Instructions to hand a pixel to all lanes. */
const BROADCAST = 8;

interface Few {
  /** Rows of the filter in a workgroup, and columns of x that a step sees in each. */
  readonly rows: number;
  readonly wide: number;
}

function fewOf({ kh, kw, c, sx, dx }: ConvGeometry): Few {
  const wide = (PIXELS - 1) * sx + (kw - 1) * dx + 1;
  const most = Math.min(Math.floor(MOST_WEIGHTS / (kw * c)), Math.floor(MOST_SEEN / wide), kh);
  // As even as can be: the last block works for rows that are not there.
  return { rows: most < 1 ? 0 : ceilDiv(kh, ceilDiv(kh, most)), wide };
}

/** Whether there is a kernel for the gradient of the weight, and whether there is one forward, which takes all rows of the filter. */
export const fewChannels = (g: ConvGeometry): { readonly weight: boolean; readonly forward: boolean } => {
  const rows = g.groups === 1 && g.cs === 4 && g.os % 4 === 0 ? fewOf(g).rows : 0;
  return { weight: rows > 0, forward: rows === g.kh };
};

function partsOf(g: ConvGeometry, blocks: number): { readonly share: number; readonly splits: number } {
  const share = ceilDiv(g.n * g.oh, ceilDiv(ENOUGH_GROUPS, blocks));
  return { share, splits: ceilDiv(g.n * g.oh, share) };
}

/** Estimated instructions of all steps; fewer workgroups than ENOUGH_GROUPS take as long as so many. */
function stepsTime(g: ConvGeometry, lanes: number, { gathers, stores }: { gathers: number; stores: number }): number {
  const { rows, wide } = fewOf(g);
  const blocks = ceilDiv(g.os / 4, lanes) * ceilDiv(g.kh, rows);
  const loads = (ceilDiv(rows * wide, lanes) + gathers) * GATHER;
  const products = rows * (wide * BROADCAST + g.kw * g.c * PIXELS * MULTIPLY);
  const idle = Math.max(1, ENOUGH_GROUPS / (blocks * partsOf(g, blocks).splits));
  return idle * blocks * g.n * g.oh * ceilDiv(g.ow, PIXELS) * (loads + products + stores * STORE);
}

/** Whether they are faster than blocks and tiles. */
export const forwardFewWins = (g: ConvGeometry, lanes: number): boolean =>
  stepsTime(g, lanes, { gathers: 0, stores: PIXELS }) < convolutionTime(g, lanes, { flipped: false });

export const weightFewWins = (g: ConvGeometry, lanes: number): boolean =>
  stepsTime(g, lanes, { gathers: PIXELS, stores: 0 }) < weightTime(g, lanes);

const stepOf = ({ kw, c, sx, dx }: ConvGeometry, { wide }: Few) => ({
  T: PIXELS,
  WIDE: wide,
  KW: kw,
  C: c,
  SX: sx,
  DX: dx,
});

export function forwardFew(g: ConvGeometry, { lanes, ...values }: ForwardValues & { lanes: number }): Variant {
  const columns = ceilDiv(g.os / 4, lanes);
  const parts = partsOf(g, columns);
  const { defines, ...rest } = forwardKernel(values);
  const kernel = {
    ...rest,
    shader: forward,
    uniform: smallOf(rest.bind),
    defines: { ...defines, ...stepOf(g, fewOf(g)), KH: g.kh, SG: lanes },
    params: convParams(g, parts),
    workgroups: [parts.splits, columns, 1] as const,
  };
  return { id: 'few', kernels: [kernel] };
}

export function weightFew(g: ConvGeometry, { lanes, x, dy, ...gradients }: WeightValues & { lanes: number }): Variant {
  const few = fewOf(g);
  const [columns, blocks] = [ceilDiv(g.os / 4, lanes), ceilDiv(g.kh, few.rows)];
  const parts = partsOf(g, columns * blocks);
  const computed = inParts(g, { ...gradients, splits: parts.splits }, ({ defines, bind }) => ({
    shader: backwardWeight,
    defines: { ...defines, ...stepOf(g, few), R: few.rows, SG: lanes, WIDTH: 4 },
    bind: { x, dy, ...bind },
    params: convParams(g, parts),
    workgroups: [parts.splits, columns, blocks],
  }));
  return { id: 'few', ...computed };
}
