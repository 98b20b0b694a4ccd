/**
 * Kernels for software adapters: a subgroup is the lanes of a vector instruction, a gather from memory costs as much as a
 * hundred multiplications, a broadcast nothing. Imports graph, util, shaders, conv2d-shared.
 */
import inputText from '../../shaders/conv2d/backward-input-subgroup.wgsl?raw';
import weightText from '../../shaders/conv2d/backward-weight-subgroup.wgsl?raw';
import forwardText from '../../shaders/conv2d/forward-subgroup.wgsl?raw';
import type { Variant } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { gathersUniforms } from '../util/caps.ts';
import { ceilDiv, roundUp } from '../util/shape.ts';
import type { ConvGeometry } from './conv2d-geometry.ts';
import {
  convParams,
  convShader,
  type ForwardValues,
  forwardKernel,
  type InputValues,
  inParts,
  inputKernel,
  smallWeight,
  type WeightValues,
  wideBorder,
} from './conv2d-shared.ts';

const forward = convShader('forward-subgroup', forwardText);
const backwardInput = convShader('backward-input-subgroup', inputText);
const backwardWeight = convShader('backward-weight-subgroup', weightText);

/** Workgroups that keep the cores of a software adapter busy to the end. */
export const ENOUGH_GROUPS = 32;

/** Time of a gather and of a multiply-add of vec4s, in instructions (measured on lavapipe; only the ratio matters). */
export const GATHER = 264;
export const MULTIPLY = 11;

/** Tiles to choose from. More than 32 vec4s of results in a lane leave the registers and the instruction cache. */
const PIXELS = [1, 2, 4] as const;
const MOST_VECTORS = 8;

interface Tile {
  /** Pixels of a lane. */
  readonly pixels: number;
  /** vec4s of channels of a lane. */
  readonly vectors: number;
}

/** Time of a gather of weights: half of it where they are read as a uniform buffer. */
export const weightGather = (g: ConvGeometry, lanes: number): number =>
  gathersUniforms(lanes) && smallWeight(g) ? GATHER / 2 : GATHER;

/** The tile with the least estimated time for so many pixels (in `phases` separate sets) and vec4s of channels. */
export function chooseTile(
  lanes: number,
  { pixels, vectors, weights, phases = 1 }: Tile & { weights: number; phases?: number },
): Tile {
  let best: Tile = { pixels: 1, vectors: 1 };
  let least = Number.POSITIVE_INFINITY;
  for (let v = 1; v <= Math.min(MOST_VECTORS, vectors); v++) {
    for (const p of PIXELS) {
      const groups = ceilDiv(pixels, lanes * p) * ceilDiv(vectors, v) * phases;
      const step = p * GATHER + ceilDiv(4 * v, lanes) * weights + 4 * p * v * MULTIPLY;
      const time = Math.max(groups, ENOUGH_GROUPS) * step;
      if (time < least) {
        least = time;
        best = { pixels: p, vectors: v };
      }
    }
  }
  return best;
}

export function forwardSubgroup(g: ConvGeometry, { lanes, ...values }: ForwardValues & { lanes: number }): Variant {
  const pixels = g.n * g.oh * g.ow;
  const vectors = g.os / 4 / g.groups;
  const tile = chooseTile(lanes, { pixels, vectors, phases: g.groups, weights: weightGather(g, lanes) });
  const { defines, ...rest } = forwardKernel(values);
  const [x, y] = linearGroups(pixels, lanes * tile.pixels);
  const kernel = {
    ...rest,
    shader: forward,
    uniform: ['weight', 'bias'],
    defines: { ...defines, SG: lanes, P: tile.pixels, O4: tile.vectors },
    params: convParams(g),
    workgroups: [x, y, ceilDiv(vectors, tile.vectors) * g.groups] as const,
  };
  return { id: `subgroup${tile.pixels}x${tile.vectors}`, kernels: [kernel] };
}

export function inputSubgroup(g: ConvGeometry, { lanes, ...values }: InputValues & { lanes: number }): Variant {
  const pixels = g.n * ceilDiv(g.h, g.sy) * ceilDiv(g.w, g.sx);
  const phases = g.sy * g.sx * g.groups;
  const tile = chooseTile(lanes, { pixels, vectors: g.is / 4, phases, weights: weightGather(g, lanes) });
  const [x, y] = linearGroups(pixels, lanes * tile.pixels);
  const { defines, ...rest } = inputKernel(values);
  const kernel = {
    ...rest,
    shader: backwardInput,
    uniform: ['weight', 'bias'],
    defines: { ...defines, SG: lanes, P: tile.pixels, I4: tile.vectors, BY_IMAGE: wideBorder(g) },
    params: convParams(g),
    workgroups: [x, y, ceilDiv(g.is / 4, tile.vectors) * phases] as const,
  };
  return { id: `subgroup${tile.pixels}x${tile.vectors}`, kernels: [kernel] };
}

/** Estimated instructions of the gradient of the weight; handing 16 values to all lanes takes some too. */
export function weightTime({ n, oh, ow, kh, kw, is, os, groups }: ConvGeometry, lanes: number): number {
  const vectors = os / 4 / groups;
  const tile = ceilDiv(vectors, ceilDiv(vectors, MOST_VECTORS));
  const step = (4 + ceilDiv(4 * tile, lanes)) * GATHER + tile * (48 + 16 * MULTIPLY);
  return ceilDiv((kh * kw * is) / 4, lanes) * ceilDiv(vectors, tile) * groups * ((n * oh * ow) / 4) * step;
}

export function weightSubgroup(
  g: ConvGeometry,
  { lanes, x, dy, ...gradients }: WeightValues & { lanes: number },
): Variant {
  const vectors = g.os / 4 / g.groups;
  const blocks = ceilDiv(vectors, MOST_VECTORS);
  const tile = ceilDiv(vectors, blocks);
  const rows = ceilDiv((g.kh * g.kw * g.is) / 4, lanes);
  const pixels = g.n * g.oh * g.ow;
  // Parts cost memory and a second pass: only as many as it takes.
  const share = roundUp(ceilDiv(pixels, ceilDiv(ENOUGH_GROUPS, rows * blocks * g.groups)), 4);
  const splits = ceilDiv(pixels, share);
  const computed = inParts(g, { ...gradients, splits }, ({ defines, bind }) => ({
    shader: backwardWeight,
    defines: { ...defines, SG: lanes, O4: tile, STORED: tile % 2 === 0 ? 2 : tile, WIDTH: 4 },
    bind: { x, dy, ...bind },
    params: convParams(g, { splits, share }),
    workgroups: [rows, blocks * g.groups, splits],
  }));
  return { id: `subgroup${tile}`, ...computed };
}
