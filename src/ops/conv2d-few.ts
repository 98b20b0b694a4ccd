/**
 * The gradient of the weight for images of two to four channels, on software adapters: the first layer of colour images.
 * Imports graph, util, shaders, conv2d-shared, conv2d-subgroup.
 */
import fewText from '../../shaders/conv2d/backward-weight-few.wgsl?raw';
import type { Variant } from '../graph/types.ts';
import { ceilDiv } from '../util/shape.ts';
import type { ConvGeometry } from './conv2d-geometry.ts';
import { convParams, convShader, inParts, type WeightValues } from './conv2d-shared.ts';
import { ENOUGH_GROUPS, GATHER, MULTIPLY, weightTime } from './conv2d-subgroup.ts';

const shader = convShader('backward-weight-few', fewText);

/** vec4s of sums in a lane: more leave the registers and the instruction cache. */
const MOST_SUMS = 40;
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

const fewOf = ({ kh, kw, c, sx, dx }: ConvGeometry): Few => {
  const wide = (PIXELS - 1) * sx + (kw - 1) * dx + 1;
  const most = Math.min(Math.floor(MOST_SUMS / (kw * c)), Math.floor(MOST_SEEN / wide), kh);
  // As even as can be: the last block works for rows that are not there.
  return { rows: most < 1 ? 0 : ceilDiv(kh, ceilDiv(kh, most)), wide };
};

/** Whether there is such a kernel. */
export const fewChannels = (g: ConvGeometry): boolean =>
  g.groups === 1 && g.cs === 4 && g.os % 4 === 0 && fewOf(g).rows > 0;

/** Whether it is faster than that of conv2d-subgroup.ts, by instructions. */
export function fewWins(g: ConvGeometry, lanes: number): boolean {
  const { rows, wide } = fewOf(g);
  const blocks = ceilDiv(g.os / 4, lanes) * ceilDiv(g.kh, rows);
  const gathers = (ceilDiv(rows * wide, lanes) + PIXELS) * GATHER;
  const products = rows * (wide * BROADCAST + g.kw * g.c * PIXELS * MULTIPLY);
  return blocks * g.n * g.oh * ceilDiv(g.ow, PIXELS) * (gathers + products) < weightTime(g, lanes);
}

export function weightFew(g: ConvGeometry, { lanes, x, dy, ...gradients }: WeightValues & { lanes: number }): Variant {
  const { rows, wide } = fewOf(g);
  const [columns, blocks] = [ceilDiv(g.os / 4, lanes), ceilDiv(g.kh, rows)];
  const share = ceilDiv(g.n * g.oh, ceilDiv(ENOUGH_GROUPS, columns * blocks));
  const splits = ceilDiv(g.n * g.oh, share);
  const tile = { T: PIXELS, R: rows, WIDE: wide, KW: g.kw, C: g.c, SX: g.sx, DX: g.dx, WIDTH: 4 };
  const computed = inParts(g, { ...gradients, splits }, ({ defines, bind }) => ({
    shader,
    defines: { ...defines, ...tile, SG: lanes },
    bind: { x, dy, ...bind },
    params: convParams(g, { splits, share }),
    workgroups: [splits, columns, blocks],
  }));
  return { id: 'few', ...computed };
}
