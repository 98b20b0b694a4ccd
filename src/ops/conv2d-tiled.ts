/** Kernels for GPUs: tiles in workgroup memory, sums in registers. Imports graph, util, shaders, conv2d-shared. */
import inputText from '../../shaders/conv2d/backward-input-tiled.wgsl?raw';
import weightText from '../../shaders/conv2d/backward-weight-tiled.wgsl?raw';
import forwardText from '../../shaders/conv2d/forward-tiled.wgsl?raw';
import type { Variant } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
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
  type WeightValues,
  wideBorder,
} from './conv2d-shared.ts';

const forward = convShader('forward-tiled', forwardText);
const backwardInput = convShader('backward-input-tiled', inputText);
const backwardWeight = convShader('backward-weight-tiled', weightText);

/**
 * 64 threads with 4 x 4 results each, within the limits of every device: as wide as there are vec4s of channels (2, 4 or
 * 8), and the rest of the threads along the other side.
 */
const THREADS = 64;
const width = (vectors: number): number => (vectors <= 2 ? 2 : vectors <= 4 ? 4 : 8);

interface PixelTile {
  readonly [name: string]: number;
  readonly BM: number;
  readonly BN4: number;
}

function pixelTile(vectors: number): PixelTile {
  const wide = width(vectors);
  return { THREADS, BM: (4 * THREADS) / wide, BN4: wide, TM: 4, TN: 1, K4: 4 };
}

/** Pixels in a slab of the weight gradient. */
const SLAB = 16;

/** Workgroups that keep a GPU busy. */
const MANY_GROUPS = 512;

export function forwardTiled(g: ConvGeometry, values: ForwardValues): Variant {
  const vectors = g.os / 4 / g.groups;
  const tile = pixelTile(vectors);
  const { defines, ...rest } = forwardKernel(values);
  const [x, y] = linearGroups(g.n * g.oh * g.ow, tile.BM);
  const kernel = {
    ...rest,
    shader: forward,
    defines: { ...defines, ...tile },
    params: convParams(g),
    workgroups: [x, y, ceilDiv(vectors, tile.BN4) * g.groups] as const,
  };
  return { id: 'tiled', kernels: [kernel] };
}

export function inputTiled(g: ConvGeometry, values: InputValues): Variant {
  const tile = pixelTile(g.is / 4);
  const [x, y] = linearGroups(g.n * ceilDiv(g.h, g.sy) * ceilDiv(g.w, g.sx), tile.BM);
  const { defines, ...rest } = inputKernel(values);
  const kernel = {
    ...rest,
    shader: backwardInput,
    defines: { ...defines, ...tile, BY_IMAGE: wideBorder(g) },
    params: convParams(g),
    workgroups: [x, y, ceilDiv(g.is / 4, tile.BN4) * g.groups * g.sy * g.sx] as const,
  };
  return { id: 'tiled', kernels: [kernel] };
}

export function weightTiled(g: ConvGeometry, { x, dy, ...gradients }: WeightValues): Variant {
  const vectors = g.os / 4 / g.groups;
  const wide = width(vectors);
  const tile = {
    THREADS,
    BM4: THREADS / wide,
    BN4: wide,
    TM: 1,
    TN: 1,
    K: SLAB,
    BIAS_LANES: Math.min(SLAB, THREADS / wide),
  };
  const rows = ceilDiv((g.kh * g.kw * g.is) / 4, tile.BM4);
  const columns = ceilDiv(vectors, tile.BN4) * g.groups;
  const pixels = g.n * g.oh * g.ow;
  const share = roundUp(ceilDiv(pixels, ceilDiv(MANY_GROUPS, rows * columns)), tile.K);
  const splits = ceilDiv(pixels, share);
  const computed = inParts(g, { ...gradients, splits }, ({ defines, bind }) => ({
    shader: backwardWeight,
    defines: { ...defines, ...tile, WIDTH: 4 },
    bind: { x, dy, ...bind },
    params: convParams(g, { splits, share }),
    workgroups: [rows, columns, splits],
  }));
  return { id: 'tiled', ...computed };
}
