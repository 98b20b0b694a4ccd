/**
 * Kernels for images of two to four channels, on software adapters: the first layer of colour images. Lanes are output
 * channels, and what several results see of the image is broadcast. Imports graph, util, shaders, the conv2d-* that it needs.
 */
import weightText from '../../shaders/conv2d/backward-weight-few.wgsl?raw';
import forwardText from '../../shaders/conv2d/forward-few.wgsl?raw';
import { ceilDiv } from '../util/shape.ts';
import { convolutionTime, STORE, type Weighed } from './conv2d-block.ts';
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

/** The rows of the filter that a workgroup can take; 0 where there are no such kernels. */
const rowsOf = (g: ConvGeometry): number => (g.groups === 1 && g.cs === 4 && g.os % 4 === 0 ? fewOf(g).rows : 0);

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

const stepOf = ({ kw, c, sx, dx }: ConvGeometry, { rows, wide }: Few) => ({
  T: PIXELS,
  R: rows,
  WIDE: wide,
  KW: kw,
  C: c,
  SX: sx,
  DX: dx,
});

/** Null for other images, and where the whole filter is too large for a lane. */
export function forwardFew(g: ConvGeometry, { lanes, ...values }: ForwardValues & { lanes: number }): Weighed | null {
  if (rowsOf(g) !== g.kh) return null;
  const columns = ceilDiv(g.os / 4, lanes);
  const parts = partsOf(g, columns);
  const { defines, ...rest } = forwardKernel(values);
  const kernel = {
    ...rest,
    shader: forward,
    uniform: ['weight', 'bias'],
    defines: { ...defines, ...stepOf(g, fewOf(g)), SG: lanes },
    params: convParams(g, parts),
    workgroups: [parts.splits, columns, 1] as const,
  };
  const time = stepsTime(g, lanes, { gathers: 0, stores: PIXELS });
  return {
    variant: { id: 'few', kernels: [kernel] },
    first: time < convolutionTime(g, lanes, { flipped: false }),
  };
}

/** Null for other images, and where a row of the filter is too large for a lane. */
export function weightFew(
  g: ConvGeometry,
  { lanes, x, dy, ...gradients }: WeightValues & { lanes: number },
): Weighed | null {
  if (rowsOf(g) === 0) return null;
  const few = fewOf(g);
  const [columns, blocks] = [ceilDiv(g.os / 4, lanes), ceilDiv(g.kh, few.rows)];
  const parts = partsOf(g, columns * blocks);
  const computed = inParts(g, { ...gradients, splits: parts.splits }, ({ defines, bind }) => ({
    shader: backwardWeight,
    defines: { ...defines, ...stepOf(g, few), SG: lanes, WIDTH: 4 },
    bind: { x, dy, ...bind },
    params: convParams(g, parts),
    workgroups: [parts.splits, columns, blocks],
  }));
  const time = stepsTime(g, lanes, { gathers: PIXELS, stores: 0 });
  return { variant: { id: 'few', ...computed }, first: time < weightTime(g, lanes) };
}
